"""Grids of your own: any puzzle whose question and answer are grids of symbols, described by a `GridSpec`.

Grids (H, W) hold places in the alphabet from 0, and OUTSIDE beyond a grid that is smaller than the canvas.
Tokens of grids of one size: padding 0 (not used), symbol s as s + 1; a label of padding is IGNORE. Where sizes vary,
tokens are those of `tasks.canvas`.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError, DataError, PuzzleError, RedraftError
from redraft.naming import function
from redraft.scopes import scope_members
from redraft.tasks import canvas
from redraft.tasks.base import OUTSIDE, Examples, Grid, Puzzle, Task, Tokens, Verdict
from redraft.tasks.grids import files as grid_files
from redraft.tasks.grids import symmetries as grid_symmetries
from redraft.tasks.grids.text import GridText, Rows, folded, require_symbol, rows_of, text_of, without_gaps
from redraft.tasks.reading import puzzles

NO_SYMBOL = "?"  # how a cell of a draft that is no symbol is written
LETTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase + "".join(map(chr, range(0x391, 0x450)))

Checker = Callable[[list[list[str]], list[list[str]]], object]  # returns True, False or a reason


@dataclass(frozen=True, kw_only=True)
class GridSpec:
    """The description of a puzzle of grids.

    Attributes:
        name: of the task.
        alphabet: symbols of the grids, mostly one character each; a number of several digits is one symbol too.
        height, width: of the canvas, at most 30 x 30 or 900 cells.
        varies: whether some grids are smaller than the canvas.
        symmetries: changes of question and answer alike that keep a right answer right: any of `dihedral` (all eight
            of the square), `rotate`, `flip-h` (left to right), `flip-v` (upside down), `transpose`, and `symbols:abc`
            or `symbols:10,11,12` for symbols that may change places with one another.
        scopes: families of cells that rules hold in, by the names in `redraft.scopes`, such as `rows` and `columns`.
        checker: `module:function` that judges answers, see `Grids.check`; None where only labels can judge.
        blank: the symbol of an open cell, where an answer keeps all other cells of its question; else None.
    """

    kind: Literal["grids"] = "grids"
    name: str
    alphabet: tuple[str, ...]
    height: int
    width: int
    varies: bool = False
    symmetries: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    checker: str | None = None
    blank: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("grids: expected a name")
        if not 1 <= len(self.alphabet) <= grid_files.MOST_SYMBOLS or len(set(self.alphabet)) < len(self.alphabet):
            most = grid_files.MOST_SYMBOLS
            raise ConfigError(f"{self.name}: expected 1 to {most} different symbols, got {len(self.alphabet)}")
        for symbol in self.alphabet:
            try:
                require_symbol(symbol)
            except PuzzleError as error:
                raise ConfigError(f"{self.name}: alphabet: {error.message}") from None
        if min(self.height, self.width) < 1 or self.height * self.width > grid_files.MOST_CELLS:
            most = grid_files.MOST_CELLS
            raise ConfigError(f"{self.name}: expected 1 to {most} cells, got {self.height} x {self.width}")
        if grid_symmetries.understood(self.symmetries, self.alphabet).turns and self.height != self.width:
            raise ConfigError(
                f"{self.name}: symmetries: {', '.join(self.symmetries)} make rows of columns, which needs a square; "
                f"got {self.height} x {self.width}; flip-h and flip-v do without"
            )
        if self.blank is not None and self.blank not in self.alphabet:
            raise ConfigError(f"{self.name}: blank: {self.blank!r} is not in the alphabet {' '.join(self.alphabet)}")
        for name in self.scopes:
            scope_members(name, height=self.height, width=self.width)


class Grids(Task):
    """A puzzle whose questions and answers are grids, as its `GridSpec` describes it."""

    notation: GridText

    def __init__(self, spec: GridSpec) -> None:
        self.about = spec
        self.name, self.height, self.width = spec.name, spec.height, spec.width
        self.symmetries = grid_symmetries.understood(spec.symmetries, spec.alphabet)
        self.scopes = spec.scopes
        self._first = canvas.FIRST if spec.varies else 1  # token of the first symbol
        self.vocab_size = self._first + len(spec.alphabet)
        self._index = {symbol: i for i, symbol in enumerate(spec.alphabet)}
        self._drawn = _drawn(spec.alphabet, spec.blank)
        what = "a function that judges answers"
        self._checker: Checker | None = (
            None if spec.checker is None else function(spec.checker, "question", "answer", what=what)
        )
        self.judges = self._checker is not None
        self.notation = GridText(self, varies=spec.varies)

    @property
    def spec(self) -> dict[str, Any]:
        """The `GridSpec` as JSON has it."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self.about)))
        return values

    @property
    def open_token(self) -> int | None:
        return None if self.about.blank is None else self._first + self._index[self.about.blank]

    @property
    def interchangeable(self) -> range:
        """Tokens of the largest class of symbols that may change places, where they stand side by side."""
        symbols = max((sorted(each) for each in self.symmetries.classes), key=len, default=[])
        tokens = range(self._first + symbols[0], self._first + symbols[-1] + 1) if symbols else range(0)
        return tokens if len(tokens) == len(symbols) else range(0)

    # text
    def parse(self, text: str) -> Grid:
        """The grid (H, W) int8 written in `text`, in the forms of `rows_of`; raises PuzzleError.

        A grid of the canvas's size may also stand in a single row, all its cells one after the other.
        """
        return self.grid(rows_of(text))

    def board(self, value: object) -> Grid:
        """The grid (H, W) int8 of a board: text or lists of symbols, None for a blank, or an array of places in the
        alphabet; raises PuzzleError."""
        if puzzles.is_array_of_symbols(value):
            return super().board(value)
        return self.grid(rows_of(value if self.about.blank is None else without_gaps(value, self.about.blank)))

    def grid(self, rows: Rows) -> Grid:
        """Rows of symbols as a grid (H, W) int8; raises PuzzleError naming row and column."""
        height, width, varies = self.height, self.width, self.about.varies
        rows = rows if varies else folded(rows, height, width)
        got = len(rows), len(rows[0])
        if got != (height, width) and (not varies or got[0] > height or got[1] > width):
            raise PuzzleError(f"expected {'at most ' * varies}{height} x {width} cells, got {got[0]} x {got[1]}")
        grid = np.full((height, width), OUTSIDE, np.int8)
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                if cell not in self._index:
                    known = " ".join(self.about.alphabet)
                    raise PuzzleError(f"row {r + 1}, column {c + 1}: {cell!r} is not in the alphabet {known}")
                grid[r, c] = self._index[cell]
        return grid

    def cells(self, grid: Grid) -> list[list[str]]:
        """The symbols of a grid, row by row; `?` where a draft has none."""
        height, width = self._size(grid)
        names = [*self.about.alphabet, NO_SYMBOL]  # OUTSIDE is -1
        return [[names[cell] for cell in row] for row in np.asarray(grid)[:height, :width].tolist()]

    def format(self, grid: Grid) -> str:
        """The grid as one line, rows divided by `/`; empty for a draft without a grid."""
        cells = self.cells(grid)
        if not cells or not cells[0]:
            return ""
        line = text_of(cells)
        lone = len(cells) == 1 < self.height and not line.startswith("[")
        return line + "/" if lone else line  # a grid of one row, no line of a drawing

    def draw(self, grid: Grid) -> str:
        """The grid as plain text, a line for each row."""
        cells = self.cells(grid)
        between = "" if all(len(cell) == 1 for row in cells for cell in row) else " "
        return "\n".join(between.join(row) for row in cells)

    def read(self, lines: Iterable[str], name: str) -> Iterator[Puzzle | PuzzleError]:
        """The puzzles of a text: a line each, drawn with blank lines between, JSONL, JSON, or a CSV with a header."""
        return puzzles.read(self, self.notation, lines, name)

    def load(self, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
        """Pairs from a CSV, JSONL or JSON file, or a folder: its `{split}.csv` (or .jsonl …), else all such files.

        Raises DataError with file and line for what is not a pair of this task, or has a wrong answer.
        """
        source = split_of(Path(path), split) or Path(path)
        survey = grid_files.Survey(alphabet=self.about.alphabet, canvas=(self.height, self.width, self.about.varies))
        rows = survey.add(source, limit=limit)
        examples, _ = grid_files.encode(
            source, rows, alphabet=self.about.alphabet, height=self.height, width=self.width
        )
        self.require_right(examples, source)
        return examples

    def require_right(self, examples: Examples, source: Path) -> None:
        """Raises DataError with file and line for the first of a source's pairs with a wrong answer, by the checker."""
        if not self.judges:
            return
        for row, (question, answer) in enumerate(zip(examples.questions, examples.answers, strict=True)):
            try:
                reason = self.check(question, answer).reason
            except RedraftError as error:
                reason = str(error)
            if reason:
                raise DataError(f"{grid_files.place_of(source, row)}: output: {reason}")

    # tokens
    def encode(self, grids: NDArray[np.int8]) -> Tokens:
        if self.about.varies:
            return canvas.encode(grids)
        grids = np.asarray(grids)
        tokens = np.where(grids >= 0, grids.astype(np.int16) + self._first, 0)
        return tokens.astype(np.int16).reshape(*grids.shape[:-2], self.seq_len)

    @property
    def token_names(self) -> tuple[str, ...]:
        return ("<pad>", "<end>")[: self._first] + self.about.alphabet

    def encode_labels(self, grids: NDArray[np.int8]) -> Tokens:
        """Answers (..., H, W) to labels (..., L): tokens, and IGNORE beyond a grid and its end markers."""
        return canvas.labels_of(self.encode(grids))

    def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.int8]:
        """Tokens (..., L) to grids (..., H, W) int8, OUTSIDE where a token stands for no symbol.

        Where sizes vary, a grid is the largest rectangle of symbols in the top left corner; the tallest of equals.
        """
        if self.about.varies:
            return canvas.decode(tokens, self.height, self.width, vocab_size=self.vocab_size, of_equals="tallest")
        tokens = np.asarray(tokens).reshape(*np.shape(tokens)[:-1], self.height, self.width)
        known = (tokens >= self._first) & (tokens < self.vocab_size)
        return np.where(known, tokens - self._first, OUTSIDE).astype(np.int8)

    # rules
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError unless the question is a grid of symbols; whether it has a solution is not known."""
        if problem := self._not_a_grid(question):
            raise PuzzleError(problem)

    def check(self, question: Grid, answer: Grid) -> Verdict:
        """Judges an answer by the checker `function(question, answer)`, which gets lists of rows of symbols.

        It returns True or an empty text for a right answer, False or a reason for a wrong one. Where sizes vary, the
        size of an answer may be wrong too. Raises RedraftError where the checker raises an exception or returns
        anything else.
        """
        if problem := self._not_a_grid(answer):
            return Verdict(solved=False, reason=problem)
        if self._checker is None:
            return Verdict(solved=False, reason=f"{self.name} has no rules to judge an answer by")
        try:
            found = self._checker(self.cells(question), self.cells(answer))
        except (Exception, SystemExit) as error:
            where = f"on question {self.format(question)} and answer {self.format(answer)}"
            raise RedraftError(f"{self.about.checker} raised {type(error).__name__}: {error}, {where}") from error
        if isinstance(found, str):
            return Verdict(solved=not found, reason=found)
        if not isinstance(found, bool | np.bool_):
            raise RedraftError(f"{self.about.checker}: expected True, False or a reason, got {found!r}")
        return Verdict(solved=bool(found), reason="" if found else f"{self.about.checker} says it is wrong")

    def _not_a_grid(self, grid: Grid) -> str:
        if np.shape(grid) != (self.height, self.width):
            return f"the grid has shape {np.shape(grid)}, expected {(self.height, self.width)}"
        height, width = self._size(grid)
        inside = np.zeros((self.height, self.width), bool)
        inside[:height, :width] = True
        symbols = (grid >= 0) & (grid < len(self.about.alphabet))
        odd = np.argwhere(symbols != inside)
        if len(odd):
            row, column = odd[0]
            return f"no symbol of the alphabet at row {row + 1}, column {column + 1}"
        return "" if height and width else "there is no grid"

    def _size(self, grid: Grid) -> tuple[int, int]:
        if not self.about.varies:
            return self.height, self.width
        return int((grid[:, 0] >= 0).sum()), int((grid[0] >= 0).sum())

    # data
    def make(self, count: int, seed: int) -> Examples:
        raise ConfigError(
            f"{self.name}: puzzles of your own cannot be made here; give a file, or a folder built of one"
        )

    @property
    def views(self) -> NDArray[np.intp]:
        """The declared symmetries of the square; where grids vary in size, the usual order alone."""
        cells = np.arange(self.seq_len).reshape(self.height, self.width)
        moves = (0,) if self.about.varies else self.symmetries.moves
        return np.stack([canvas.turn(cells, move).ravel() for move in moves])

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random one of the declared symmetries for each row of inputs and labels (B, L)."""
        if not self.symmetries:
            return inputs, labels
        moves = rng.choice(np.array(self.symmetries.moves), size=len(inputs))
        names = grid_symmetries.random_names(self.symmetries, len(self.about.alphabet), len(inputs), rng)

        def view(tokens: Tokens) -> NDArray[np.int8]:
            moved = grid_symmetries.move(self.decode(tokens), moves, varies=self.about.varies)
            return canvas.rename(moved, names)

        return self.encode(view(inputs)), self.encode_labels(view(labels))

    # pictures
    def symbols(self, grid: Grid) -> list[list[str]]:
        """Rows of one-character cells, a dot as `·`; a longer symbol as a letter, nothing beyond the grid."""
        return [[self._drawn[cell] for cell in row] for row in np.asarray(grid).tolist()]


def split_of(folder: Path, split: str) -> Path | None:
    """The file of a folder that holds the pairs of a split, as `train.csv` or `test.jsonl`; None without one."""
    files = [folder / f"{split}{ending}" for ending in grid_files.ENDINGS]
    return next((file for file in files if file.is_file()), None)


def _drawn(alphabet: tuple[str, ...], blank: str | None) -> list[str]:
    """One character for each symbol, `·` for the blank (or a dot), and a space for OUTSIDE at the end."""
    blank = "." if blank is None else blank
    free = (letter for letter in LETTERS if letter not in alphabet)
    drawn = [symbol if len(symbol) == 1 else next(free) for symbol in alphabet]
    if blank in alphabet and "·" not in drawn:
        drawn[alphabet.index(blank)] = "·"
    return [*drawn, " "]
