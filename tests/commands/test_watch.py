"""Boards in the terminal: tiles where cells are known by their colour, plain symbols where there are no colours."""

import io
import re

import numpy as np
import pytest
from helpers.failing import mentions
from rich.console import Console

from redraft.commands.answers import print_answer, verdict_line, watch
from redraft.draw.terminal import has_colours
from redraft.solve.answer import Answer, TraceStep
from redraft.tasks import Grid, Task, Verdict, get_task
from redraft.tasks.maze.task import FILLS, Maze

TASK = Maze(4, 5)
QUESTION = TASK.parse("S.#..\n..#..\n.##..\n....G")
DONE = TASK.parse("S.#..\no.#..\no##..\nooooG")


class Unjudged(Maze):
    """Mazes that nothing can judge."""

    judges = False


def answer(*drafts: Grid, sure: float = 0.97, task: Task = TASK) -> Answer:
    return Answer(
        task=task,
        question=QUESTION,
        grid=drafts[-1],
        verdict=task.check(QUESTION, drafts[-1]),
        steps=len(drafts),
        halt_probability=sure,
        trace=tuple(TraceStep(grid=draft, halt_probability=0.5) for draft in drafts),
    )


def terminal(**options: object) -> Console:
    defaults: dict[str, object] = {"force_terminal": True, "color_system": "truecolor", "width": 80, "height": 24}
    return Console(file=io.StringIO(), **{**defaults, **options})  # type: ignore[arg-type]


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def backgrounds(text: str, fill: str) -> int:
    """How many tiles of a colour there are in what a terminal got."""
    red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
    return text.count(f"48;2;{red};{green};{blue}m")


def test_cells_are_tiles_on_a_terminal() -> None:
    console = terminal()
    print_answer(answer(DONE), console)
    text = printed(console)
    assert [backgrounds(text, FILLS[symbol]) for symbol in range(5)] == [8, 22, 2, 2, 6]
    assert text.count("mS ") == text.count("mG ") == 2
    lines = [line for line in text.splitlines() if "48;2" in line]
    assert "o " not in "".join(lines)
    assert len(lines) == 4, "question and answer side by side"


def test_narrow_terminals_have_boards_one_under_the_other() -> None:
    console = terminal(width=16)
    print_answer(answer(DONE), console)
    assert len([line for line in printed(console).splitlines() if "48;2" in line]) == 8


def test_symbols_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, dumb = terminal(force_terminal=False), terminal(color_system=None)
    monkeypatch.setenv("NO_COLOR", "1")
    for console in (pipe, dumb, terminal()):
        assert not has_colours(console)
        print_answer(answer(DONE), console)
        plain = re.sub(r"\x1b\[[\d;]*m", "", printed(console))
        assert plain.count("S · # · ·") == 2 and "48;2" not in printed(console)
    monkeypatch.delenv("NO_COLOR")
    assert has_colours(terminal())


def test_watch_tells_what_a_maze_gives() -> None:
    console = terminal()
    watch(answer(QUESTION, DONE), console, delay=0, max_steps=16)
    text = printed(console)
    mentions(text, "4x5", "step 2", 16, "6 cells", "50%")
    mentions(text.rstrip().splitlines()[-1], "2 steps")


def test_a_board_taller_than_the_terminal_takes_half_the_lines() -> None:
    console = terminal(height=6)
    watch(answer(DONE), console, delay=0, max_steps=16)
    lines = [line for line in printed(console).splitlines() if "▀" in line]
    assert {line.count("▀") for line in lines} == {5} and len(lines) % 2 == 0


def test_watch_marks_what_breaks_a_rule_and_counts_tries() -> None:
    task = get_task("sudoku-4x4")
    made = task.make(1, 0)
    question, done = made.questions[0], made.answers[0]
    clash = np.where(question == 0, 1, question).astype(np.int8)
    steps = [TraceStep(grid=clash, halt_probability=0.1), TraceStep(grid=done, halt_probability=0.9, attempt=2)]
    console = terminal(color_system="standard")
    watch(
        Answer(
            task=task,
            question=question,
            grid=done,
            verdict=Verdict(solved=True),
            steps=2,
            halt_probability=0.9,
            tries=2,
            trace=tuple(steps),
        ),
        console,
        delay=0,
        max_steps=16,
    )
    text = printed(console)
    assert text.splitlines()[0].count("\x1b[") >= 4 and "41m" in text.splitlines()[0], "the legend, in its colours"
    before, after = text[: text.index("step 1")], text[text.index("step 1") :]
    assert "41m1" in before and "41m" not in after, "white on red: breaks a rule"
    assert "second try" in after and "try" not in before


@pytest.mark.parametrize(
    ("sure", "parts"),
    [
        (0.97, ("1 step", "97%")),
        (0.03, ("1 step", "3%")),
    ],
)
def test_what_nothing_judges_is_not_called_solved(sure: float, parts: tuple[str, ...]) -> None:
    line = verdict_line(answer(DONE, sure=sure, task=Unjudged(4, 5))).plain
    assert "solved" not in line
    mentions(line, parts)


def test_an_unsolved_puzzle_says_why() -> None:
    longer = np.where(QUESTION == 1, 4, QUESTION).astype(np.int8)
    line = verdict_line(answer(longer)).plain
    mentions(line, "1 step", "S")
    solved = Answer(
        task=TASK, question=QUESTION, grid=DONE, verdict=Verdict(solved=True), steps=2, halt_probability=0.1
    )
    mentions(verdict_line(solved).plain, "2 steps")
