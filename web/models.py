"""Writes what the page solves with, and what its tests compare with: run from the root of a checkout.

    python web/models.py             # models and puzzles of the page, and the vectors of redraft-js
    python web/models.py sudoku-9x9  # of one model, and the vectors
    python web/models.py --vectors   # the vectors alone

Models are exported from the bundled weights, puzzles are made and rated, vectors are drafts and answers of Python on
the same graphs, and the guesses of a search.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

import redraft
from redraft.backends.onnx import open_exported
from redraft.solve.search import GuessTree
from redraft.solve.solver import Solver
from redraft.tasks import get_task

ROOT = Path(__file__).resolve().parents[1]
MODELS = ROOT / "src/redraft/serve/page/models"
VECTORS = ROOT / "web/redraft-js/test/vectors.json"
GUESSES = ROOT / "web/redraft-js/test/guesses.json"
PER_LEVEL = 40  # puzzles of a difficulty
BUNDLED = ("sudoku-4x4", "sudoku-6x6", "sudoku-9x9", "maze-8x8")


def vectors(name: str) -> dict[str, Any]:
    """Answers of Python with an exported model, draft by draft, and judgements of right and wrong answers."""
    folder = MODELS / name
    config = json.loads((folder / "config.json").read_text())
    stepper = open_exported(folder, config["onnx"])
    task = get_task(config["task"])
    habits = config["card"].get("solve", {})
    solver = Solver(stepper, task, **({"max_steps": 16} | habits))
    made = redraft.make(task, 400 if task.seq_len < 81 else 80, seed=17)  # hard ones differ where runtimes round
    answers = solver.solve_many([puzzle.question for puzzle in made])
    order = sorted(range(len(answers)), key=lambda i: (-answers[i].tries, -answers[i].steps, i))
    chosen = [*order[:6], *order[len(order) // 2 : len(order) // 2 + 4], *order[-2:]]
    return {
        "model": name,
        "solved": [
            {
                "question": task.format(made[i].question),
                "answer": answers[i].text,
                "status": answers[i].to_dict()["status"],
                "steps": answers[i].steps,
                "tries": answers[i].tries,
                "halt_probability": round(answers[i].halt_probability, 4),
                "drafts": [task.format(step.grid) for step in answers[i].trace],
            }
            for i in chosen
        ],
        "rules": list(judged(task, made)),
    }


def searched() -> dict[str, Any]:
    """The guesses that Python's search makes of a puzzle, for attempts that end with made-up logits."""
    task = get_task("sudoku-6x6")
    question = task.make(1, seed=17).questions[0]
    tree, made = GuessTree(task, question), []
    for attempt in range(120):
        places = np.arange(task.seq_len * task.vocab_size, dtype=np.uint64)
        scrambled = (places * 2654435761 + attempt * 40503 * 65536) % 2**32 // 65536  # exact in every language
        made.append(tree.next(scrambled.astype(np.float32).reshape(task.seq_len, task.vocab_size)))
    return {"question": task.format(question), "guesses": made}


def judged(task: redraft.Task, made: list[redraft.Puzzle]) -> Any:
    """Answers, right and spoilt, with what the rules say of them."""
    rng = np.random.default_rng(3)
    for number, puzzle in enumerate(made[:60]):
        assert puzzle.answer is not None
        answer = puzzle.answer.copy()
        for _ in range(number % 4):
            cell = tuple(int(rng.integers(side)) for side in answer.shape)
            answer[cell] = int(rng.integers(0, task.vocab_size - 1))
        verdict = task.check(puzzle.question, answer)
        yield {
            "question": task.format(puzzle.question),
            "answer": task.format(answer),
            "solved": bool(verdict),
            "reason": verdict.reason,
            "wrong": np.flatnonzero(task.wrong_cells(puzzle.question, answer)).tolist(),
        }


def puzzles(name: str) -> dict[str, list[str]]:
    """Questions for the page by difficulty: clues and the guesses that a search needs, or the length of the path."""
    task = get_task(name)
    made = task.make(3000, seed=2026)
    if name.startswith("maze"):
        low, high = np.quantile(made.ratings, (0.4, 0.8))
        levels = {"easy": made.ratings <= low, "medium": (made.ratings > low) & (made.ratings <= high)}
        chosen = {level: made.questions[rows] for level, rows in levels.items()}
        chosen["hard"] = made.questions[made.ratings > high]
    else:
        many = made.ratings >= (3 if task.seq_len < 81 else 10)
        easy = redraft.make(task, PER_LEVEL, seed=2026, clues=task.seq_len * 4 // 9)
        chosen = {"easy": np.stack([puzzle.question for puzzle in easy]), "medium": made.questions[made.ratings == 0]}
        chosen |= {"hard": made.questions[(made.ratings > 0) & ~many], "extreme": made.questions[many]}
    return {level: [task.format(each) for each in found[:PER_LEVEL]] for level, found in chosen.items() if len(found)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the page's models and the vectors of redraft-js.")
    parser.add_argument("models", nargs="*", default=BUNDLED, help="which models to export; if not given, all")
    parser.add_argument("--vectors", action="store_true", help="the vectors alone")
    args = parser.parse_args()
    for name in () if args.vectors else args.models:
        shutil.rmtree(MODELS / name, ignore_errors=True)
        redraft.export(name, MODELS / name)
        (MODELS / name / "puzzles.json").write_text(json.dumps(puzzles(name), indent=0) + "\n")
    GUESSES.write_text(json.dumps(searched(), separators=(",", ":")) + "\n")
    VECTORS.write_text(json.dumps([vectors(name) for name in BUNDLED], separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
