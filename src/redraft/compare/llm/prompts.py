"""Prompts of puzzles for a language model, and the grid in its reply.

How a reply is read: hidden thinking (`<think>…</think>`) is left out. A row is a line of nothing but symbols, with
spaces, commas, bars or quotes between them or with none, maybe after `Row 3:`. Where the size of the grid is known, the
last rows that make one count, blank and ruled lines between them or not; where it is not, the last unbroken block of
rows of one length, in the last fenced block that has one. JSON lists of lists are rows too. Of several grids the last
counts, so a model may think aloud first. What has no such grid is unreadable, and so wrong.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from redraft.errors import ConfigError
from redraft.tasks import Grid, Task
from redraft.tasks.arc.files import COLOURS
from redraft.tasks.arc.task import Arc
from redraft.tasks.base import OUTSIDE
from redraft.tasks.grids.task import Grids
from redraft.tasks.maze.task import Maze
from redraft.tasks.sudoku.cells import SIGNS, digits_of
from redraft.tasks.sudoku.task import Sudoku

SHOWN = 3  # solved examples of own puzzles, whose rules are in no prompt

_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCED = re.compile(r"```[^\n]*\n(.*?)(?:```|\Z)", re.DOTALL)
_LISTS = re.compile(r"\[\s*\[[^{}]*?\]\s*\]")
_LABEL = re.compile(r"^[\s*|-]*(?:row|line)\s*\d+[\s*]*[:.)]", re.IGNORECASE)
_BETWEEN = " \t,|[](){}'\"`*;"  # may stand around symbols, unless they are symbols themselves
_RULED = set("-=+|:_─═┼╋│┃━┌┐└┘├┤┬┴╔╗╚╝╠╣╦╩╬║ \t")


@dataclass(frozen=True)
class Script:
    """The prompt of a task.

    Attributes:
        rules: its first part.
        symbols: of a cell of value 0, 1, …
        height, width: of an answer; the largest one if they vary.
        varies: whether answers differ in size.
        blank: the symbol that no complete answer holds, if any.
        needs_examples: whether the rules follow only from examples.
    """

    rules: str
    symbols: tuple[str, ...]
    height: int
    width: int
    varies: bool = False
    blank: str = ""
    needs_examples: bool = False

    def prompt(self, question: Grid, examples: Sequence[tuple[Grid, Grid]] = ()) -> str:
        """The prompt of a question, with solved `examples` before it; grids (H, W) of the task's symbols."""
        parts = [self.rules]
        for number, (asked, answer) in enumerate(examples, 1):
            parts += [
                f"Example {number}, input:\n{self.write(asked)}",
                f"Example {number}, output:\n{self.write(answer)}",
            ]
        parts.append(f"{'Input' if examples else 'Puzzle'}:\n{self.write(question)}")
        size = "" if self.varies else f": {self.height} lines of {self.width} cells"
        parts.append(f"End your reply with the whole answer grid{size}, a space between cells, and nothing after it.")
        return "\n\n".join(parts) + "\n"

    def write(self, grid: Grid) -> str:
        """The grid as lines of cells with spaces between them."""
        rows = ([self.symbols[cell] for cell in row if cell != OUTSIDE] for row in np.asarray(grid).tolist())
        return "\n".join(" ".join(row) for row in rows if row)

    def read(self, reply: str) -> Grid | None:
        """The last complete grid of a reply, (H, W) int8 on the task's canvas; None if there is none."""
        text = _THINKING.sub("", reply).replace("\r", "")
        for part in [*reversed(_FENCED.findall(text)), text] if self.varies else [text]:
            rows = self._last(self._lines(_LISTS.sub(_unlisted, part)))
            if rows is not None:
                grid = np.full((self.height, self.width), OUTSIDE, np.int8)
                grid[: len(rows), : len(rows[0])] = rows
                return grid
        return None

    def _last(self, lines: list[list[int] | None]) -> list[list[int]] | None:
        """The rows of the last grid; None in `lines` divides blocks."""
        found, block = None, list[list[int]]()
        for row in [*lines, None]:
            if not self.varies and row is not None and len(row) == self.height * self.width > self.width:
                found, block = [row[start : start + self.width] for start in range(0, len(row), self.width)], []
            elif row is not None and (not block or len(row) == len(block[0])):
                block.append(row)
            else:
                found = self._whole(block) or found
                block = [] if row is None else [row]
        return found

    def _whole(self, block: list[list[int]]) -> list[list[int]] | None:
        """The grid of a block of rows of one length, or of its last rows if the size is known."""
        if self.varies:
            fits = 1 <= len(block) <= self.height and len(block[0]) <= self.width
            return block if fits else None
        return block[-self.height :] if len(block) >= self.height and len(block[0]) == self.width else None

    def _lines(self, text: str) -> list[list[int] | None]:
        """The lines that are rows, as values, and None for others that divide blocks."""
        values = {symbol: i for i, symbol in enumerate(self.symbols) if symbol != self.blank}
        single = {symbol for symbol in values if len(symbol) == 1}
        around = "".join(each for each in _BETWEEN if each not in values)
        apart = re.compile(f"[{re.escape(around)}]+")
        found: list[list[int] | None] = []
        for line in text.split("\n"):
            cells = [cell for cell in apart.split(_LABEL.sub("", line)) if cell]
            if cells and not all(cell in values for cell in cells) and set("".join(cells)) <= single:
                cells = [*"".join(cells)]
            if cells and all(cell in values for cell in cells):
                found.append([values[cell] for cell in cells])
            elif line.strip() == "," or (not self.varies and set(line) <= _RULED):
                continue  # between the rows of a grid
            else:
                found.append(None)
        return found


def script_for(task: Task) -> Script:
    """The prompt of this task; raises ConfigError for a kind of task without one."""
    if isinstance(task, Sudoku):
        tall, wide = task.block
        rules = (
            f"Solve this {task.size}x{task.size} Sudoku. Replace every dot by a digit from {digits_of(task.size)} so "
            f"that each row, each column and each box of {tall} rows by {wide} columns has every digit once. There is "
            "exactly one solution."
        )
        return Script(rules, tuple(SIGNS[: task.size + 1]), task.height, task.width, blank=".")
    if isinstance(task, Maze):
        rules = (
            "Find a shortest path through this maze from S to G. # is a wall and . a free cell; a step goes up, down, "
            "left or right to a cell that is no wall. Answer with the same grid in which every cell of the path "
            "between S and G is o instead of a dot, and nothing else is changed."
        )
        return Script(rules, ("#", ".", "S", "G", "o"), task.height, task.width)
    if isinstance(task, Arc):
        rules = (
            "Each example is an input grid and the output grid that one and the same rule makes of it. Cells are "
            "colours, written as digits from 0 to 9. Find the rule, and apply it to the last input. The output may be "
            "of another size than the input."
        )
        symbols = tuple(map(str, range(COLOURS)))
        return Script(rules, symbols, task.height, task.width, varies=True, needs_examples=True)
    if isinstance(task, Grids):
        rules = (
            "Each example is an input grid and the output grid that belongs to it by the rules of a puzzle. Find the "
            f"rules, and give the output for the last input. Cells are written as {' '.join(task.about.alphabet)}"
        )
        return Script(
            rules, task.about.alphabet, task.height, task.width, varies=task.about.varies, needs_examples=True
        )
    raise ConfigError(
        f"{task.name}: expected Sudoku, mazes, ARC or puzzles of own grids; there is no prompt for this task"
    )


def _unlisted(found: re.Match[str]) -> str:
    """A JSON list of lists as lines, set apart from the text around it; other text as it is."""
    try:
        rows = json.loads(found[0])
    except ValueError:
        return found[0].replace("],", "\n")
    return "\n\n" + "\n".join(" ".join(map(str, row)) for row in rows) + "\n\n"
