"""Consoles, tables and progress displays that cut nothing, on a terminal of any width or without one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from io import StringIO

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.progress import Progress, ProgressColumn
from rich.table import Column, Table
from rich.text import Text

WIDE = 100_000  # columns where there is no terminal
LEAST = 20  # columns; a narrower terminal wraps lines itself
USUAL = 80
COMPACT = (0, 1, 0, 0)  # padding of a table without rules


class _Console(Console):
    """A console that raises BrokenPipeError where the reader of its output has gone away, instead of exiting."""

    def on_broken_pipe(self) -> None:
        raise  # called while a BrokenPipeError is handled


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console as wide as its terminal or COLUMNS; without either as wide as needed."""
    found = _Console(stderr=stderr, quiet=quiet)
    asked = os.environ.get("COLUMNS", "")
    if asked.isdigit() and int(asked) > 0:
        width = max(LEAST, int(asked))
    elif found.is_terminal:
        width = USUAL if asked == "0" else max(LEAST, found.width)
    else:
        width = found.width if found.is_jupyter else WIDE
    return found if width == found.width else _Console(stderr=stderr, quiet=quiet, width=width)


def live(to: Console) -> bool:
    """True if a display there may change in place: on a terminal, and in a notebook that has ipywidgets."""
    return to.is_terminal or (to.is_jupyter and find_spec("ipywidgets") is not None)


def text_of(show: Callable[[Console], None]) -> str:
    """The output of a function that prints to a console, as plain text."""
    recorder = _recorder()
    show(recorder)
    return recorder.export_text()


def html_of(show: Callable[[Console], None]) -> str:
    """The same as HTML with its colours, for notebooks."""
    recorder = _recorder()
    show(recorder)
    return recorder.export_html(inline_styles=True, code_format="<pre style='line-height:1.3'>{code}</pre>")


def _recorder() -> Console:
    return Console(file=StringIO(), record=True, width=120, force_jupyter=False)


def figure_words(value: float) -> str:
    """A number with three significant digits, thousands separated by commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def print_table(table: Table, to: Console) -> None:
    """Prints a table below its title: as it is; without rules where that is too wide; or else one line per cell.

    Cells wrap at spaces, except in columns with `no_wrap`.
    """
    if table.title is not None:
        to.print(table.title, style="italic", highlight=False, markup=False, soft_wrap=True)
        table.title = None
    fits = _fit(table, to)
    if not fits:
        table.box, table.padding, table.pad_edge, table.collapse_padding = None, COMPACT, False, True
        fits = _fit(table, to)
    if fits:
        to.print(table)
        return
    for line in _stacked(table, to):
        to.print(line, highlight=False, soft_wrap=True)


def _fit(table: Table, to: Console) -> bool:
    """Sets the widths of columns so that no word is broken; False if there is no room for that."""
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
    """The least and the greatest useful width of a column: those of its longest word and its longest line."""
    wide = to.options.update(max_width=WIDE)
    sizes = [Measurement.get(to, wide, cell) for cell in (column.header, *column.cells)]
    most = max(size.maximum for size in sizes)
    return most if column.no_wrap else max(size.minimum for size in sizes), most


def _stacked(table: Table, to: Console) -> Iterator[Text]:
    """Each row as its first cell that is not empty, then a line for each other one."""
    names = [_line(column.header, to) for column in table.columns]
    width = max(len(name) for name in names)
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        filled = [(name, line) for name, line in zip(names, (_line(cell, to) for cell in cells), strict=True) if line]
        for number, (name, line) in enumerate(filled):
            yield Text(f"{name} {line}".strip(), "bold") if number == 0 else Text(f"  {name:<{width}} {line}")


def _line(cell: RenderableType, to: Console) -> str:
    text = to.render_str(cell) if isinstance(cell, str) else cell
    return " ".join(str(text).split())


class Fitting(Progress):
    """A progress display that leaves out columns of `spare`, in their order, where not all fit."""

    def __init__(
        self, *columns: ProgressColumn, spare: Sequence[ProgressColumn], to: Console, disable: bool = False
    ) -> None:
        self._all, self._spare, self._to = columns, tuple(spare), to
        super().__init__(*columns, console=to, transient=True, disable=disable)

    def get_renderables(self) -> Iterable[RenderableType]:
        for left_out in range(len(self._spare) + 1):
            self.columns = tuple(column for column in self._all if column not in self._spare[:left_out])
            table = self.make_tasks_table(self.tasks)
            if Measurement.get(self._to, self._to.options.update(max_width=WIDE), table).maximum <= self._to.width:
                break
        yield table
