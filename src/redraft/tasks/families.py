"""Families of tasks, whose puzzles tell by themselves how large they are, and lines that tell which family is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from redraft.errors import PuzzleError, RedraftError
from redraft.tasks.base import Task
from redraft.tasks.maze.task import Maze
from redraft.tasks.maze.text import MazeText, is_maze_line
from redraft.tasks.reading.records import Record, records
from redraft.tasks.sudoku.task import Sudoku
from redraft.tasks.sudoku.text import SudokuText

LOOKED_AT = 200  # lines that may tell what is meant


@dataclass(frozen=True)
class Family:
    """Tasks that differ in their size alone.

    Attributes:
        kind: their class.
        notation: reads puzzles of any size.
    """

    kind: type[Sudoku] | type[Maze]
    notation: SudokuText | MazeText

    def task(self, height: int, width: int) -> Task:
        """The task of a size; raises ConfigError where there is none."""
        return Sudoku(height) if issubclass(self.kind, Sudoku) else Maze(height, width)

    def of(self, record: Record) -> Task | None:
        """The task that a record's puzzle is of, be there a mistake in it; None where that cannot be told."""
        size = None if record.question is None else self.notation.size_of(record.question)
        return None if size is None else self.task(*size)


FAMILIES = {"sudoku": Family(Sudoku, SudokuText()), "maze": Family(Maze, MazeText())}


def family_in(lines: Iterable[str]) -> str:
    """The family that the first lines of a text tell: `maze` where they are plainly of a maze, else `sudoku`."""
    for line in lines:
        if FAMILIES["sudoku"].notation.holds(line):  # type: ignore[union-attr]
            return "sudoku"
        if is_maze_line(line):
            return "maze"
    return "sudoku"


def of_lines(lines: Iterable[str], name: str, family: str | None) -> tuple[Task, Iterator[Record]]:
    """The task of the first puzzle that tells its size, and the records of the text, that puzzle's among them.

    Without a family, the first lines tell it. Raises PuzzleError, the first one met, where no puzzle has a size.
    """
    lines = iter(lines)
    looked_at: list[str] = []
    if family is None:

        def seen() -> Iterator[str]:
            for line in lines:
                looked_at.append(line)
                yield line
                if len(looked_at) >= LOOKED_AT:
                    return

        family = family_in(seen())
    return of_records(records(chain(looked_at, lines), name, FAMILIES[family].notation), name, family)


def of_records(found: Iterator[Record], name: str, family: str) -> tuple[Task, Iterator[Record]]:
    """The same for records that the family's notation has read."""
    passed: list[Record] = []
    for record in found:
        passed.append(record)
        if (task := FAMILIES[family].of(record)) is not None:
            return task, chain(passed, found)
    raise _no_size(passed, name, family)


def of_texts(texts: Sequence[str], family: str | None) -> Task:
    """The task of the first of some texts, a puzzle or a whole file each, that tells its size; raises PuzzleError."""
    errors: list[RedraftError] = []
    for text in texts:
        try:
            return of_lines(text.splitlines(), "", family)[0]
        except RedraftError as error:
            errors.append(error)
    raise errors[0] if errors else PuzzleError("no puzzle given; expected at least one")


def _no_size(passed: Sequence[Record], name: str, family: str) -> PuzzleError:
    for record in passed:
        place = record.place if name else ""
        if record.error:
            return PuzzleError(record.error, place)
        try:
            FAMILIES[family].notation.grid(record.question)
        except PuzzleError as error:
            return PuzzleError(error.message, place)
    try:
        FAMILIES[family].notation.grid("")
    except PuzzleError as error:
        return PuzzleError(f"no puzzles; {error.message.removesuffix(', got 0')}", name)
    raise AssertionError("an empty text is no puzzle")
