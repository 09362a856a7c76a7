"""Sudoku of 4x4, 6x6 and 9x9 cells: reads, makes, checks and augments puzzles.

Grids hold 0 for a blank and 1..size for digits; tokens are padding 0, blank 1, digit d as d + 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import permutations, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError, DataError, PuzzleError
from redraft.tasks import sudoku_search
from redraft.tasks.base import Examples, Grid, Puzzle, Task, Tokens, Verdict

BLANKS = ".0_·"
SEPARATORS = dict.fromkeys([*map(ord, " \t\r\n\f\v|!-+=,;\"'\ufeff\u00a0"), *range(0x2500, 0x2580)])
COLUMNS = {  # what a CSV may call its columns
    "question": ("question", "puzzle", "quizzes"),
    "answer": ("answer", "solution", "solutions"),
    "rating": ("rating",),
}
FEWEST = {4: 4, 6: 8, 9: 17}  # clues a puzzle with one solution needs at least
REACHED = {4: 4, 6: 8, 9: 22}  # clues that random digging reaches in reasonable time: 1 try in 4, 200 and 25
TRIES = 3000
BLOCK_BYTES = 1 << 24  # of a data file, handled at once
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Clash(NamedTuple):
    """A digit that stands `times` times in one `unit`."""

    unit: str
    digit: int
    times: int


class Sudoku(Task):
    """Sudoku with `size` digits; boxes are 2x2 (size 4), 2 rows x 3 columns (6) or 3x3 (9)."""

    def __init__(self, size: int) -> None:
        if size not in sudoku_search.BOXES:
            raise ConfigError(f"Sudoku sizes are {', '.join(map(str, sudoku_search.BOXES))}; got {size}")
        self.size = self.height = self.width = size
        self.name = f"sudoku-{size}x{size}"
        self.vocab_size = size + 2

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns of a box."""
        return sudoku_search.BOXES[self.size]

    # text
    def parse(self, text: str) -> Grid:
        """The grid (size, size) int8 in `text`: one line of cells, or a drawing with separators; raises PuzzleError."""
        cells = _cells(text)
        if len(cells) != self.seq_len:
            rows = [row for row in map(_cells, text.splitlines()) if row]
            if len(rows) == self.size:
                r = next(r for r, row in enumerate(rows) if len(row) != self.size)
                raise PuzzleError(f"row {r + 1}: expected {self.size} cells, got {len(rows[r])}")
            drawn = f" ({self.size} rows of {self.size}; got {len(rows)} rows)" if len(rows) > 1 else ""
            raise PuzzleError(f"expected {self.seq_len} characters, got {len(cells)}{drawn}")
        digits = [0 if cell in BLANKS else "123456789".find(cell) + 1 or -1 for cell in cells]
        for i, digit in enumerate(digits):
            if not 0 <= digit <= self.size:
                raise PuzzleError(self._bad_character(cells[i], i))
        return np.array(digits, dtype=np.int8).reshape(self.size, self.size)

    def format(self, grid: Grid) -> str:
        """The grid as one line, blanks as dots."""
        return "".join("." if digit == 0 else str(digit) for digit in np.asarray(grid).ravel().tolist())

    def read(self, lines: Iterable[str], name: str) -> list[Puzzle | PuzzleError]:
        """All puzzles of a text: one a line, CSV with or without a header, or drawn over several lines.

        Formats may be mixed; blank lines and lines starting with `#` divide drawings. Places are `NAME, line N`.
        """
        found: list[Puzzle | PuzzleError] = []
        columns: dict[str, int] | None = None  # of the CSV header, once there is one
        drawing: list[str] = []
        started = 0

        def add(fields: dict[str, str], line: int) -> None:
            place = f"{name}, line {line}"
            try:
                found.append(self._puzzle(fields, place))
            except PuzzleError as error:
                found.append(PuzzleError(error.message, place))

        def close() -> None:
            if drawing:
                add({"question": "\n".join(drawing)}, started)
                drawing.clear()

        for number, raw in enumerate(lines, 1):
            line = raw.strip().lstrip("\ufeff")
            if not line or line.startswith("#"):
                close()
                continue
            fields = _fields(line)
            header = _header(fields)
            cells = _cells(line)
            if header is not None:
                close()
                columns = header
            elif columns is not None and len(fields) > 1:
                add({key: fields[k] if k < len(fields) else "" for key, k in columns.items()}, number)
            elif len(fields) > 1 and len(_cells(fields[0])) > self.size:  # CSV without a header
                close()
                add(dict(zip(("question", "answer"), fields, strict=False)), number)
            elif not cells:
                continue  # a ruled line of a drawing
            elif len(cells) < 2 * self.size:
                started = started if drawing else number
                drawing.append(line)
                if len(drawing) == self.size:
                    close()
            else:
                close()
                add({"question": line}, number)
        close()
        return found

    def _puzzle(self, fields: dict[str, str], place: str) -> Puzzle:
        question = self.parse(fields["question"])
        answer, rating = None, None
        if text := fields.get("answer", "").strip():
            try:
                answer = self.parse(text)
            except PuzzleError as error:
                raise PuzzleError(f"answer: {error.message}") from None
            if reason := self.check(question, answer).reason:
                raise PuzzleError(f"answer: {reason}")
        if text := fields.get("rating", "").strip():
            try:
                rating = float(text)
            except ValueError:
                raise PuzzleError(f"rating '{text}' is not a number") from None
        return Puzzle(question=question, answer=answer, rating=rating, place=place)

    def _bad_character(self, character: str, i: int) -> str:
        where = f"cell {i + 1} (row {i // self.size + 1}, column {i % self.size + 1})"
        return f"character '{character}' at {where} is not a digit 1-{self.size} or a blank ({' '.join(BLANKS)})"

    # files
    def load(self, path: str, *, split: str = "train", limit: int | None = None) -> Examples:
        """Puzzles with answers from a file, a folder with `{split}.csv`, or `hf:owner/name` on the Hugging Face Hub.

        A CSV has the columns question and answer, maybe rating. Puzzles without answers are answered by search.
        Raises DataError with file and line for anything that is not a puzzle with its right answer.
        """
        file = _download(path[3:], split) if path.startswith("hf:") else Path(path)
        if file.is_dir():
            files = [file / f"{split}.csv", file / f"{split}.txt"]
            if not any(each.is_file() for each in files):
                raise DataError(f"{file}: neither {files[0].name} nor {files[1].name} in this folder")
            file = next(each for each in files if each.is_file())
        try:
            head, start = _head(file)
            columns = _header(head)
            if columns is None and len(head) > 1 and len(_cells(head[0])) > self.size:
                columns, start = {"question": 0, "answer": 1}, start - 1
            if columns is None and len(head) > 1 and any(map(str.isalpha, "".join(head))):
                expected = " or ".join(COLUMNS["question"])
                raise DataError(f"{file}, line {start}: no column named {expected}; got {', '.join(head)}")
            if columns is not None and "answer" in columns:
                parts = list(self._csv(file, start, columns, len(head), limit))
                if parts:
                    questions, answers, ratings = map(np.concatenate, zip(*parts, strict=True))
                    return Examples(questions=questions, answers=answers, ratings=ratings)
            else:
                with file.open(encoding="utf-8-sig", errors="replace") as lines:
                    if puzzles := self.read(lines, str(file))[:limit]:
                        return self._answered(puzzles)
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror or error}") from None
        raise DataError(f"{file}: no puzzles in this file")

    def _answered(self, puzzles: list[Puzzle | PuzzleError]) -> Examples:
        good: list[Puzzle] = []
        for puzzle in puzzles:
            if isinstance(puzzle, PuzzleError):
                raise DataError(str(puzzle))
            good.append(puzzle)
        questions = np.stack([puzzle.question for puzzle in good])
        ratings = np.array([np.nan if puzzle.rating is None else puzzle.rating for puzzle in good], np.float32)
        answers = np.stack([puzzle.question if puzzle.answer is None else puzzle.answer for puzzle in good])
        rows = np.array([i for i, puzzle in enumerate(good) if puzzle.answer is None], np.int64)
        counts, solved, guesses = sudoku_search.solve_many(questions[rows])
        for row in rows[counts != 1]:
            try:
                self.validate(questions[row])
            except PuzzleError as error:
                raise DataError(f"{good[row].place}: {error.message}") from None
        answers[rows] = solved
        ratings[rows] = np.where(np.isnan(ratings[rows]), guesses, ratings[rows])
        return Examples(questions=questions, answers=answers, ratings=ratings)

    def _csv(
        self, file: Path, start: int, columns: dict[str, int], width: int, limit: int | None
    ) -> Iterator[tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.float32]]]:
        """The rows after line `start` of a CSV, many at a time and never as Python objects: files have millions."""
        left = -1 if limit is None else max(limit, 0)
        for data, before in _blocks(file):
            buffer = np.frombuffer(data, np.uint8)
            ends = np.flatnonzero(buffer == ord("\n"))
            begins = np.concatenate([[0], ends[:-1] + 1])
            lines = before + 1 + np.arange(len(ends))
            keep = (lines > start) & (ends > begins) & (buffer[begins] != ord("#"))
            begins, ends, lines = (each[keep][: None if left < 0 else left] for each in (begins, ends, lines))
            if not len(lines):
                continue
            commas = np.flatnonzero(buffer == ord(","))
            first = np.searchsorted(commas, begins)
            got = np.searchsorted(commas, ends) - first + 1
            if (bad := np.flatnonzero(got != width)).size:
                raise DataError(f"{file}, line {lines[bad[0]]}: expected {width} columns, got {got[bad[0]]}")
            inner = commas[first[:, None] + np.arange(width - 1)]
            edges = np.concatenate([begins[:, None] - 1, inner, ends[:, None]], axis=1)
            spans = {key: (edges[:, k] + 1, edges[:, k + 1] - edges[:, k] - 1) for key, k in columns.items()}
            questions = self._csv_grids(buffer, *spans["question"], file, lines, "question")
            answers = self._csv_grids(buffer, *spans["answer"], file, lines, "answer")
            if (bad := np.flatnonzero(~self.check_many(questions, answers))).size:
                reason = self.check(questions[bad[0]], answers[bad[0]]).reason
                raise DataError(f"{file}, line {lines[bad[0]]}: answer: {reason}")
            ratings = np.full(len(lines), np.nan, np.float32)
            if "rating" in spans:
                ratings = _csv_numbers(buffer, *spans["rating"], file, lines)
            yield questions, answers, ratings
            if left >= 0 and (left := left - len(lines)) == 0:
                return

    def _csv_grids(
        self,
        buffer: NDArray[np.uint8],
        begins: NDArray[np.int64],
        lengths: NDArray[np.int64],
        file: Path,
        lines: NDArray[np.int64],
        column: str,
    ) -> NDArray[np.int8]:
        if (bad := np.flatnonzero(lengths != self.seq_len)).size:
            row = bad[0]
            raise DataError(
                f"{file}, line {lines[row]}: {column}: expected {self.seq_len} characters, got {lengths[row]}"
            )
        values = np.full(256, -1, np.int8)
        values[[ord(blank) for blank in BLANKS if blank.isascii()]] = 0
        values[ord("1") : ord("1") + self.size] = np.arange(1, self.size + 1)
        cells = buffer[begins[:, None] + np.arange(self.seq_len)]
        grids: NDArray[np.int8] = values[cells]
        if (grids < 0).any():
            row, i = np.argwhere(grids < 0)[0]
            raise DataError(f"{file}, line {lines[row]}: {column}: {self._bad_character(chr(cells[row, i]), i)}")
        return grids.reshape(-1, self.size, self.size)

    # tokens
    def encode(self, grids: NDArray[np.int8]) -> Tokens:
        """Grids (..., size, size) to tokens (..., L) int16: blank 1, digit d as d + 1."""
        return (np.asarray(grids, np.int16) + 1).reshape(*np.shape(grids)[:-2], self.seq_len)

    def decode(self, tokens: NDArray[np.integer]) -> NDArray[np.int8]:
        """Tokens (..., L) to grids (..., size, size) int8; padding and unknown tokens become blanks."""
        tokens = np.asarray(tokens)
        digits = np.where((tokens > 1) & (tokens < self.vocab_size), tokens - 1, 0)
        return digits.astype(np.int8).reshape(*tokens.shape[:-1], self.size, self.size)

    # rules
    def validate(self, question: Grid) -> None:
        """Raises PuzzleError when givens clash, when there is no solution, or when there are several."""
        if problem := self._not_a_grid(question):
            raise PuzzleError(problem)
        if clash := self._clash(question):
            raise PuzzleError(f"{COUNTS[clash.times]} {clash.digit}s in {clash.unit}")
        solutions = sudoku_search.solve(question)[0]
        if solutions == 0:
            raise PuzzleError("no solution")
        if solutions > 1:
            raise PuzzleError("more than one solution")

    def check(self, question: Grid, answer: Grid) -> Verdict:
        """Judges an answer: it keeps the givens, no unit has a digit twice, no cell is blank."""
        if problem := self._not_a_grid(answer):
            return Verdict(solved=False, reason=problem)
        changed = np.argwhere((question != 0) & (question != answer))
        if len(changed):
            row, column = changed[0] + 1
            return Verdict(solved=False, reason=f"changes the given at row {row}, column {column}")
        if clash := self._clash(answer):
            return Verdict(solved=False, reason=f"{clash.unit} has {COUNTS[clash.times]} {clash.digit}s")
        if blanks := np.count_nonzero(answer == 0):
            return Verdict(solved=False, reason="1 cell is blank" if blanks == 1 else f"{blanks} cells are blank")
        return Verdict(solved=True)

    def check_many(self, questions: NDArray[np.int8], answers: NDArray[np.int8]) -> NDArray[np.bool_]:
        """`check` without reasons for (N, size, size) questions and answers: solved (N,)."""
        solved = np.empty(len(questions), dtype=bool)
        for start in range(0, len(questions), 1 << 16):  # in parts: millions at once would take gigabytes
            part = slice(start, start + (1 << 16))
            question, answer = questions[part], answers[part]
            good = (((question == 0) | (question == answer)) & (answer >= 1) & (answer <= self.size)).all((1, 2))
            bits = np.left_shift(1, np.clip(answer, 1, self.size).astype(np.int16) - 1, dtype=np.int16)
            tall, wide = self.block
            boxes = bits.reshape(-1, self.size // tall, tall, self.size // wide, wide).swapaxes(2, 3)
            full = (1 << self.size) - 1
            for units in (bits, bits.swapaxes(1, 2), boxes.reshape(-1, self.size, self.size)):
                good &= (np.bitwise_or.reduce(units, axis=2) == full).all(1)
            solved[part] = good
        return solved

    def wrong_cells(self, question: Grid, grid: Grid) -> NDArray[np.bool_]:
        """Cells (size, size) that break a rule: givens that were changed, and digits that stand twice in a unit."""
        wrong: NDArray[np.bool_] = (question != 0) & (question != grid)
        for _, cells in self._units():
            digits = grid[cells]
            twice = np.flatnonzero(np.bincount(digits.ravel(), minlength=self.size + 1) > 1)
            wrong[cells] |= np.isin(digits, twice[twice > 0])
        return wrong

    def _not_a_grid(self, grid: Grid) -> str:
        if np.shape(grid) != (self.size, self.size):
            return f"the grid has shape {np.shape(grid)}, expected {(self.size, self.size)}"
        outside = np.argwhere((grid < 0) | (grid > self.size))
        if len(outside):
            row, column = outside[0]
            value = grid[row, column]
            return f"{value} at row {row + 1}, column {column + 1} is not a digit 1-{self.size} or a blank (0)"
        return ""

    def _units(self) -> Iterator[tuple[str, tuple[slice, slice]]]:
        tall, wide = self.block
        for i in range(self.size):
            yield f"row {i + 1}", (slice(i, i + 1), slice(None))
        for i in range(self.size):
            yield f"column {i + 1}", (slice(None), slice(i, i + 1))
        for r, c in product(range(0, self.size, tall), range(0, self.size, wide)):
            name = f"the box at rows {r + 1}-{r + tall}, columns {c + 1}-{c + wide}"
            yield name, (slice(r, r + tall), slice(c, c + wide))

    def _clash(self, grid: Grid) -> Clash | None:
        for unit, cells in self._units():
            times = np.bincount(grid[cells].ravel(), minlength=self.size + 1)
            times[0] = 0
            if times.max() > 1:
                digit = int(times.argmax())
                return Clash(unit, digit, int(times[digit]))
        return None

    # data
    def make(self, count: int, seed: int, clues: int | None = None) -> Examples:
        """`count` puzzles with one solution: minimal (no clue can be spared), or with `clues` clues.

        Ratings are the guesses a search needs, 0 where singles suffice. Puzzle i depends on (seed, i) alone, so a
        longer run begins with the shorter one. There are few 4x4 puzzles, so large sets of them repeat some.
        Raises ConfigError for a number of clues out of reach.
        """
        tries, least = 1, REACHED[self.size]
        if clues is not None:
            if not least <= clues < self.seq_len:
                known = f"; no puzzle has fewer than {FEWEST[self.size]}" if clues < FEWEST[self.size] else ""
                raise ConfigError(f"{self.name}: clues must lie in {least}-{self.seq_len - 1}, got {clues}{known}")
            tries = TRIES
        made = sudoku_search.make(self.size, count, seed, clues, tries=tries)
        if clues is not None and count and (most := np.count_nonzero(made.questions, axis=(1, 2)).max()) > clues:
            raise ConfigError(f"{self.name}: {clues} clues not reached in {tries} tries; {most} were")
        return Examples(questions=made.questions, answers=made.answers, ratings=made.guesses.astype(np.float32))

    def augment(self, inputs: Tokens, labels: Tokens, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
        """A random Sudoku symmetry for each row of inputs and labels (B, L).

        Digits are renamed; bands, rows in a band, stacks and columns in a stack change places; square boxes are
        transposed half of the time. Padding, blanks and ignored labels keep their value and move with their cell.
        """
        size, batch = self.size, len(inputs)
        rows, columns = _line_orders(size, self.block[0]), _line_orders(size, self.block[1])
        row = rows[rng.integers(len(rows), size=batch)]  # (B, size)
        column = columns[rng.integers(len(columns), size=batch)]
        source = row[:, :, None] * size + column[:, None, :]  # (B, size, size): the cell each cell comes from
        if self.block[0] == self.block[1]:
            source = np.where(rng.integers(2, size=(batch, 1, 1)) == 1, source.swapaxes(1, 2), source)
        source = source.reshape(batch, self.seq_len)
        names = np.zeros((batch, self.vocab_size), inputs.dtype)
        names[:, 1] = 1
        names[:, 2:] = np.argsort(rng.random((batch, size)), axis=1) + 2

        def move(tokens: Tokens) -> Tokens:
            moved = np.take_along_axis(tokens, source, axis=1)
            named = np.take_along_axis(names, np.maximum(moved, 0), axis=1)
            return np.where(moved < 0, moved, named)

        return move(inputs), move(labels)

    # pictures
    def symbols(self, grid: Grid) -> list[list[str]]:
        """Rows of one-character cells, a blank as `·`."""
        return [["·" if digit == 0 else str(digit) for digit in row] for row in np.asarray(grid).tolist()]


def sudoku_for(texts: Sequence[str]) -> Sudoku:
    """The Sudoku whose size the texts (puzzles, or whole files of them) have; raises PuzzleError if it is unclear."""
    by_cells = {size * size: size for size in sudoku_search.BOXES}
    sizes: list[int] = []
    for text in texts:
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        parts = (_cells(part) for line in lines for part in (line, *_fields(line)))
        whole = _cells("\n".join(lines))
        size = by_cells.get(len(whole)) or next(
            (by_cells[len(part)] for part in parts if len(part) in by_cells and set(part) <= {*BLANKS, *"123456789"}),
            None,
        )
        if size is None:  # several drawings: take the length of a row
            size = next((length for line in lines if (length := len(_cells(line))) in sudoku_search.BOXES), None)
        if size is None:
            raise PuzzleError(f"expected 16, 36 or 81 characters (4x4, 6x6 or 9x9 Sudoku), got {len(whole)}")
        sizes.append(size)
    if not sizes:
        raise PuzzleError("no puzzle given")
    for i, size in enumerate(sizes):
        if size != sizes[0]:
            raise PuzzleError(f"puzzle {i + 1} is {size}x{size} but puzzle 1 is {sizes[0]}x{sizes[0]}; give one size")
    return Sudoku(sizes[0])


def _cells(text: str) -> str:
    return text.translate(SEPARATORS)


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.replace('"', "").split(",")]


def _header(fields: Sequence[str]) -> dict[str, int] | None:
    """Which column is which in a CSV header; None when no field names the puzzle."""
    names = [field.lower() for field in fields]
    found = {key: names.index(name) for key, known in COLUMNS.items() for name in known if name in names}
    return found if "question" in found else None


def _head(file: Path) -> tuple[list[str], int]:
    """Fields and number of the first line with content."""
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                return _fields(line.strip()), number
    raise DataError(f"{file}: the file is empty")


def _blocks(file: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines of a file, about BLOCK_BYTES at a time and ending in a newline, and the lines before them."""
    before, rest = 0, b""
    with file.open("rb") as stream:
        while True:
            chunk = stream.read(BLOCK_BYTES)
            data = rest + (chunk or b"\n")
            cut = data.rfind(b"\n") + 1
            data, rest = data[:cut], data[cut:]
            data = data.replace(b"\r\n", b"\n").replace(b'"', b"").replace("·".encode(), b".")
            if data:
                yield data, before
            before += data.count(b"\n")
            if not chunk:
                return


def _csv_numbers(
    buffer: NDArray[np.uint8],
    begins: NDArray[np.int64],
    lengths: NDArray[np.int64],
    file: Path,
    lines: NDArray[np.int64],
) -> NDArray[np.float32]:
    width = max(int(lengths.max()), 3)
    at = np.arange(width)
    inside = at < lengths[:, None]
    letters = np.where(inside, buffer[np.where(inside, begins[:, None] + at, 0)], 0).astype(np.uint8)
    letters[lengths == 0, :3] = np.frombuffer(b"nan", np.uint8)
    texts = letters.view(f"S{width}")[:, 0]
    try:
        return texts.astype(np.float32)
    except ValueError:
        for text, line in zip(texts.tolist(), lines.tolist(), strict=True):
            try:
                float(text)
            except ValueError:
                shown = text.decode(errors="replace")
                raise DataError(f"{file}, line {line}: rating '{shown}' is not a number") from None
        raise


@cache
def _line_orders(size: int, block: int) -> NDArray[np.int16]:
    """All orders of rows (or columns) that keep blocks of `block` lines together: (orders, size)."""
    orders = [
        [band * block + line for band, lines in zip(bands, inner, strict=True) for line in lines]
        for bands in permutations(range(size // block))
        for inner in product(permutations(range(block)), repeat=size // block)
    ]
    return np.array(orders, dtype=np.int16)


def _download(name: str, split: str) -> Path:
    """`{split}.csv` of a data set on the Hugging Face Hub."""
    instead = f"give the path of a CSV file or of a folder with {split}.csv instead of hf:{name}"
    try:
        hub = import_module("huggingface_hub")
    except ImportError:
        needs = "needs the package huggingface_hub (pip install huggingface_hub)"
        raise DataError(f"hf:{name} {needs}; {instead}") from None
    try:
        return Path(hub.hf_hub_download(name, f"{split}.csv", repo_type="dataset"))
    except Exception as error:  # the hub raises its own, httpx's, requests' and the system's errors
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"hf:{name}: cannot be downloaded ({first}); {instead}") from None
