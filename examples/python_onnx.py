"""Solves a puzzle with an exported model by ONNX Runtime and NumPy alone: python python_onnx.py FOLDER PUZZLE

FOLDER is what `redraft export` writes. PUZZLE has a character per cell, row by row. Prints the answer and what came of
it: `solved` and `unsolved` by the rules of Sudoku and mazes, `halted` and `unhalted` by the halting head, for other
tasks. Exits with 0 for an answer, 1 for none, 2 for a puzzle that cannot be read.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort


class Model:
    """An exported folder, open: the graph, its description, and how its model card says it solves best."""

    def __init__(self, folder):
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.task, self.onnx = str(described["task"]), described["onnx"]
        self.habits = described["card"].get("solve", {})
        self.tokens, self.width = self.onnx["tokens"], self.onnx["width"]
        self.graph = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        self.inputs = [each.name for each in self.graph.get_inputs()]
        self.outputs = [each.name for each in self.graph.get_outputs()]
        size = len(self.onnx["y"])
        stored = folder / "starts.f32"  # what restarts begin with: y and z each
        self.starts = np.fromfile(stored, "<f4").reshape(-1, 2, size) if stored.exists() else np.empty((0, 2, size))

    def start(self, attempt=0):
        """The states y and z before the first step, the same vector at every position; attempt 0 as in training."""
        vectors = np.float32([self.onnx["y"], self.onnx["z"]])
        if attempt > 0 and len(self.starts):
            vectors = np.float32(self.starts[(attempt - 1) % len(self.starts)])
        return [np.broadcast_to(vector, (1, *self.onnx["positions"], len(vector))) for vector in vectors]

    def run(self, tokens, states):
        """One run of the graph: states, logits (cells, tokens), and the margin by which the halting head is sure."""
        fed = {"tokens": tokens[None], "puzzle_ids": np.zeros(1, np.int64), "y": states[0], "z": states[1]}
        values = self.graph.run(self.outputs, {name: fed[name] for name in self.inputs})
        found = dict(zip(self.outputs, values, strict=True))
        margin = found["halt_logit"][0] - found.get("continue_logit", [0])[0] - self.onnx["halt_above"]
        return (found["y_next"], found["z_next"]), found["logits"][0], margin

    def read(self, puzzle):
        """The tokens of a puzzle (cells,). A dot is a blank, in a maze a free cell."""
        signs = puzzle.replace(".", " ") if " " in self.tokens else puzzle
        cells = self.onnx["height"] * self.width
        if len(signs) != cells or not set(signs) <= set(self.tokens):
            raise ValueError(f"expected {cells} cells of {' '.join(self.tokens[1:])}, got {puzzle!r}")
        return np.array([self.tokens.index(sign) for sign in signs])

    def write(self, tokens):
        return "".join(self.tokens[token] if token else "." for token in tokens)


def is_right(puzzle, answer):
    size = round(len(puzzle) ** 0.5)
    high = int(size**0.5)  # rows of a box
    wide = size // high
    units = {}
    for cell, digit in enumerate(answer):
        row, column = divmod(cell, size)
        for unit in (("row", row), ("column", column), ("box", row // high, column // wide)):
            units.setdefault(unit, set()).add(digit)
    kept = all(given in (".", digit) for given, digit in zip(puzzle, answer, strict=True))
    return kept and all(unit == set("123456789"[:size]) for unit in units.values())


def is_shortest_path(maze, answer, width):
    """True if the cells `o` are a shortest path and nothing else in the maze has changed."""

    def steps(grid, walls):
        reached, edge, distance = set(), {grid.index("S")}, 0
        while edge and grid.index("G") not in edge:
            reached |= edge
            beside = {cell + side for cell in edge for side in (-1, 1) if (cell + side) // width == cell // width}
            near = beside | {cell + side for cell in edge for side in (-width, width)}
            edge = {cell for cell in near if 0 <= cell < len(grid) and grid[cell] not in walls} - reached
            distance += 1
        return distance if edge else None

    kept = all(before == after or (before, after) == (" ", "o") for before, after in zip(maze, answer, strict=True))
    return kept and steps(maze, "#") == steps(answer, "# ") == answer.count("o") + 1


def guesses(tokens, logits, blank):
    """Cells to fill for further attempts, with tokens: least certain cell first, second-best token before best."""
    logits = logits.copy()
    logits[:, [0, blank]] = -np.inf  # padding and the blank are no symbols
    best = np.argsort(-logits, axis=1, kind="stable")[:, :2]
    first, second = np.take_along_axis(logits, best, 1).T
    blanks = np.flatnonzero(tokens == blank)
    order = blanks[np.argsort((first - second)[blanks], kind="stable")]
    return [(cell, token) for cell in order for token in best[cell, ::-1]]


def solve(model, puzzle):
    """The answer, its status, and the steps and attempts it took."""
    tokens = model.read(puzzle)
    question = model.write(tokens)
    sudoku, maze = model.task.startswith("sudoku"), model.task.startswith("maze")
    blank = model.tokens.index(".") if sudoku else None
    judged = sudoku or maze
    parts = model.onnx["parts"]
    most = model.habits.get("max_steps", 16) if judged else 16
    restart = model.habits.get("restart", 0) if judged else 0
    asked, states, attempt, left = tokens, model.start(), 1, []
    for run in range(1, most * parts + 1):
        states, logits, margin = model.run(asked, states)
        drafted = logits.argmax(-1)
        answer = model.write(drafted)
        if judged:  # by the rules, which may hold after any run
            filled = model.write(np.where(tokens == blank, drafted, tokens)) if sudoku else answer
            if is_right(question, filled) if sudoku else is_shortest_path(question, filled, model.width):
                return filled, "solved", -(-run // parts), attempt
        elif run % parts == 0 and margin > 0:  # the head knows only the ends of steps
            return answer, "halted", run // parts, attempt
        if restart and run % (restart * parts) == 0 and run < most * parts:
            if attempt == 1 and sudoku and model.habits.get("guess"):
                left = guesses(tokens, logits, blank)
            asked = tokens.copy()
            if left:  # as at first, with one more cell given
                cell, token = left.pop(0)
                asked[cell], states = token, model.start()
            else:
                states = model.start(attempt)
            attempt += 1
    return answer, "unsolved" if judged else "unhalted", most, attempt


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print("usage: python python_onnx.py FOLDER PUZZLE", file=sys.stderr)
        sys.exit(2)
    try:
        answer, status, steps, attempts = solve(Model(Path(sys.argv[1])), sys.argv[2])
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(answer)
    print(f"{status} (steps: {steps}, attempts: {attempts})")
    sys.exit(status.startswith("un"))
