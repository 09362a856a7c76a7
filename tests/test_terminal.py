"""Whatever the width, every figure is there as a whole; progress always says how long it will take."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.table import Table
from rich.text import Text

from redraft import terminal
from redraft.terminal import Fitting, print_table

NAME = "runs/a_rather_long_name_seed_0"
ROWS = [("1", NAME, "100.00%", "83.89% to 100.00%"), ("16", f"{NAME}1\ntrm, 89,185 parameters", "99.95%", "0.1% to 1%")]


def printed(width: int, *, title: str | None = None) -> str:
    table = Table("step", "weights", "exact", "95 %", title=title)
    table.columns[3].no_wrap = True
    for row in ROWS:
        table.add_row(*row)
    out = io.StringIO()
    print_table(table, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [1000, 100, 90, 80, 79, 70, 60, 50, 40, 20, 5])
def test_nothing_is_cut(width: int) -> None:
    text = printed(width, title="After each [supervision] step")
    assert text.startswith("After each [supervision] step\n") and "…" not in text
    for figure in ("83.89% to 100.00%", "100.00%", "99.95%", NAME, f"{NAME}1", "89,185", "parameters", "16"):
        assert figure in text, figure


def test_a_layout_for_every_width() -> None:
    """With lines; words broken off; without lines, as wide as it must be; a line a cell."""
    layouts = {width: printed(width) for width in range(20, 120)}
    for width, text in layouts.items():
        if "  exact" not in text:
            assert max(map(len, text.splitlines())) <= width
    assert "┃ step ┃" in layouts[119] and "━" not in layouts[68] and "step" in layouts[68]
    assert layouts[40].splitlines()[:4] == [
        "step 1",
        f"  weights {NAME}",
        "  exact   100.00%",
        "  95 %    83.89% to 100.00%",
    ]


def test_markup_and_texts_in_cells() -> None:
    table = Table("", "name")
    table.add_row(Text("a\nb", "bold"), "[bold]c[/bold]")
    out = io.StringIO()
    print_table(table, Console(file=out, width=4))
    assert out.getvalue() == "a b\n  name c\n"


@pytest.mark.parametrize(
    ("columns", "width"),
    [(None, terminal.WIDE), ("", terminal.WIDE), ("0", terminal.WIDE), ("wide", terminal.WIDE), ("72", 72), ("3", 20)],
)
def test_without_a_terminal_it_is_as_wide_as_needed(
    monkeypatch: pytest.MonkeyPatch, columns: str | None, width: int
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert terminal.console().width == width
    assert terminal.console(stderr=True).width == width


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    for columns, width in (("72", 72), ("3", 20), ("0", 80)):
        monkeypatch.setenv("COLUMNS", columns)
        assert terminal.console().width == width
    for name in ("dumb", ""):
        monkeypatch.setenv("TERM", name)
        assert terminal.console().width > 0


def test_a_reader_that_has_gone_away_is_left_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    with pytest.raises(BrokenPipeError):
        terminal.console().print("text")


@pytest.fixture
def shown() -> Callable[[int], str]:
    """What a display of progress shows at a width."""

    def at(width: int) -> str:
        out = io.StringIO()
        to = Console(file=out, width=width, force_terminal=True, color_system=None)
        bar, loss, rate = BarColumn(bar_width=24), TextColumn("loss 1.234"), TextColumn("1,234 examples/s")
        columns = (TextColumn("step 12"), bar, loss, rate, TextColumn("1:02:03"))
        progress = Fitting(*columns, spare=(rate, bar, loss), to=to)
        progress.add_task("", total=100)
        to.print(progress)
        return " ".join(out.getvalue().replace("━", "").split())

    return at


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (80, "step 12 loss 1.234 1,234 examples/s 1:02:03"),
        (60, "step 12 loss 1.234 1:02:03"),
        (40, "step 12 loss 1.234 1:02:03"),
        (20, "step 12 1:02:03"),
    ],
)
def test_progress_leaves_out_what_is_needed_least(shown: Callable[[int], str], width: int, line: str) -> None:
    assert shown(width) == line


def test_progress_measures_every_time(shown: Callable[[int], str]) -> None:
    assert shown(20) != shown(80)


def test_what_is_printed_as_text_and_as_html() -> None:
    def show(console: Console) -> None:
        console.print("[bold]a < b[/bold]")

    assert terminal.text_of(show) == "a < b\n"
    html = terminal.html_of(show)
    assert html.startswith("<pre") and "font-weight: bold" in html and "a &lt; b" in html


def test_a_notebook_shows_what_moves_only_with_ipywidgets(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Console(force_jupyter=True)
    for there in (False, True):
        monkeypatch.setattr(terminal, "find_spec", lambda name, there=there: there or None)
        assert terminal.live(notebook) == there
    assert not terminal.live(Console(force_terminal=False)) and terminal.live(Console(force_terminal=True))
