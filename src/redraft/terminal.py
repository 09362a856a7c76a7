"""Consoles, tables and progress of which nothing is cut, however narrow a terminal is, or where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.progress import Progress, ProgressColumn
from rich.table import Column, Table
from rich.text import Text

WIDE = 100_000  # columns, where there is no terminal: a program may read it
LEAST = 20  # columns below which a terminal is left to break lines by itself
USUAL = 80
COMPACT = (0, 1, 0, 0)  # padding of a table without lines


class _Console(Console):
    """One that leaves it to the command what to do where the reader of its output has gone away."""

    def on_broken_pipe(self) -> None:
        raise  # it is called while a BrokenPipeError is handled


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console as wide as its terminal or COLUMNS; without either as wide as needed."""
    found = _Console(stderr=stderr, quiet=quiet)
    asked = os.environ.get("COLUMNS", "")
    if asked.isdigit() and int(asked) > 0:
        width = max(LEAST, int(asked))
    elif found.is_terminal:
        width = USUAL if asked == "0" else max(LEAST, found.width)
    else:
        width = WIDE
    return found if width == found.width else _Console(stderr=stderr, quiet=quiet, width=width)


def print_table(table: Table, to: Console) -> None:
    """Prints a table, its title above it: whole, without lines where it is too wide, or else a line a cell.

    Words may be broken off at spaces, but for columns with `no_wrap`.
    """
    if table.title is not None:
        to.print(table.title, style="italic", highlight=False, markup=False, soft_wrap=True)
        table.title = None
    if _fit(table, to):
        to.print(table)
        return
    table.box, table.padding, table.pad_edge, table.collapse_padding = None, COMPACT, False, True
    if _fit(table, to):
        to.print(table)
        return
    for line in _stacked(table, to):
        to.print(line, highlight=False, soft_wrap=True)


def _fit(table: Table, to: Console) -> bool:
    """Gives columns the widths at which all words are whole; False where there is no room for that."""
    ranges = [_range(column, to) for column in table.columns]
    wide = to.options.update(max_width=WIDE)
    around = Measurement.get(to, wide, table).maximum - sum(most for _, most in ranges)
    spare = to.width - around - sum(least for least, _ in ranges)
    if spare < 0:
        return False
    if spare < sum(most - least for least, most in ranges):
        wanting = sorted(zip(table.columns, ranges, strict=True), key=lambda each: each[1][1] - each[1][0])
        for left, (column, (least, most)) in zip(range(len(wanting), 0, -1), wanting, strict=True):
            column.width = least + min(spare // left, most - least)
            spare -= column.width - least
    return True


def _range(column: Column, to: Console) -> tuple[int, int]:
    """The widths of a column's longest word and of its longest line; the latter twice where it may not be broken."""
    wide = to.options.update(max_width=WIDE)
    sizes = [Measurement.get(to, wide, cell) for cell in (column.header, *column.cells)]
    most = max(size.maximum for size in sizes)
    return most if column.no_wrap else max(size.minimum for size in sizes), most


def _stacked(table: Table, to: Console) -> Iterator[Text]:
    """Each row as its first cell that says something, and below it a line for each other cell."""
    names = [_line(column.header, to) for column in table.columns]
    width = max(len(name) for name in names)
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        said = [(name, line) for name, line in zip(names, (_line(cell, to) for cell in cells), strict=True) if line]
        for number, (name, line) in enumerate(said):
            yield Text(f"{name} {line}".strip(), "bold") if number == 0 else Text(f"  {name:<{width}} {line}")


def _line(cell: RenderableType, to: Console) -> str:
    text = to.render_str(cell) if isinstance(cell, str) else cell
    return " ".join(str(text).split())


class Fitting(Progress):
    """A display of progress that leaves out columns, the least needed first, where they do not all fit."""

    def __init__(
        self, *columns: ProgressColumn, spare: Sequence[ProgressColumn], to: Console, disable: bool = False
    ) -> None:
        """`spare`: those of the columns that may be left out, in this order."""
        self._all, self._spare, self._to = columns, tuple(spare), to
        super().__init__(*columns, console=to, transient=True, disable=disable)

    def get_renderables(self) -> Iterable[RenderableType]:
        for left_out in range(len(self._spare) + 1):
            self.columns = tuple(column for column in self._all if column not in self._spare[:left_out])
            table = self.make_tasks_table(self.tasks)
            if Measurement.get(self._to, self._to.options.update(max_width=WIDE), table).maximum <= self._to.width:
                break
        yield table
