"""Families of tasks that differ in size alone: the family and the size of puzzles, from the puzzles themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, tee
from typing import NamedTuple

from redraft.errors import PuzzleError, RedraftError
from redraft.tasks.base import Task
from redraft.tasks.maze.task import Maze
from redraft.tasks.maze.text import MazeText, is_maze_line
from redraft.tasks.reading.records import Record, records
from redraft.tasks.sudoku.task import Sudoku
from redraft.tasks.sudoku.text import SudokuText

LOOKED_AT = 200  # lines in which the family is looked for


class Family(NamedTuple):
    """Tasks that differ in size alone.

    Attributes:
        kind: their class.
        task: the task of a number of rows and columns; raises ConfigError where there is none.
        notation: reads puzzles of any size.
    """

    kind: type[Task]
    task: Callable[[int, int], Task]
    notation: SudokuText | MazeText

    def of(self, record: Record) -> Task | None:
        """The task of a record's puzzle, even of one with a mistake in it; None where its size is unclear."""
        size = None if record.question is None else self.notation.size_of(record.question)
        return None if size is None else self.task(*size)

    def mistake(self, value: object) -> str:
        """The reason why a value is no puzzle; empty for a puzzle."""
        try:
            self.notation.grid(value)
        except PuzzleError as error:
            return error.message
        return ""


SUDOKU = SudokuText()
FAMILIES = {
    "sudoku": Family(Sudoku, lambda height, _: Sudoku(height), SUDOKU),
    "maze": Family(Maze, Maze, MazeText()),
}


def family_in(lines: Iterable[str]) -> str:
    """The family of the first lines of a text: `maze` where a line is plainly of a maze, else `sudoku`."""
    for line in lines:
        if SUDOKU.holds(line):
            return "sudoku"
        if is_maze_line(line):
            return "maze"
    return "sudoku"


def of_lines(lines: Iterable[str], name: str, family: str | None) -> tuple[Task, Iterator[Record]]:
    """The task of the first puzzle whose size is clear, and the records of the text, that puzzle's among them.

    Without a family, the first lines decide it. Raises PuzzleError, the first one met, where no puzzle has a size.
    """
    if family is None:
        ahead, lines = tee(lines)
        family = family_in(islice(ahead, LOOKED_AT))
    return of_records(records(lines, name, FAMILIES[family].notation), name, family)


def of_records(found: Iterator[Record], name: str, family: str) -> tuple[Task, Iterator[Record]]:
    """The same for records that the family's notation has read."""
    passed: list[Record] = []
    for record in found:
        passed.append(record)
        if (task := FAMILIES[family].of(record)) is not None:
            return task, chain(passed, found)
    for record in passed:
        if mistake := record.error or FAMILIES[family].mistake(record.question):
            raise PuzzleError(mistake, record.place if name else "")
    raise PuzzleError(f"no puzzles; {FAMILIES[family].mistake('').removesuffix(', got 0')}", name)


def of_texts(texts: Sequence[str], family: str | None) -> Task:
    """The task of the first text, a puzzle or a whole file each, whose size is clear; raises PuzzleError."""
    errors: list[RedraftError] = []
    for text in texts:
        try:
            return of_lines(text.splitlines(), "", family)[0]
        except RedraftError as error:
            errors.append(error)
    raise errors[0] if errors else PuzzleError("no puzzle given; expected at least one")
