"""Puzzles in words, and the many ways in which language models write a grid."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.failing import raises

from redraft.compare.llm.prompts import script_for
from redraft.errors import ConfigError
from redraft.tasks import get_task
from redraft.tasks.arc.task import crop
from redraft.tasks.grids.task import Grids, GridSpec

SUDOKU = get_task("sudoku-4x4")
ANSWER = "1 2 3 4\n3 4 1 2\n2 1 4 3\n4 3 2 1"
RIGHT = SUDOKU.parse("1234341221434321")
READ = [
    ("as asked", ANSWER),
    ("characters", ANSWER.replace(" ", "")),
    ("one line", ANSWER.replace(" ", "").replace("\n", "")),
    ("commas", ANSWER.replace(" ", ", ")),
    ("prose and a fence", f"Sure! Here are 2 steps.\n\n```text\n{ANSWER}\n```\nI hope that helps. 4"),
    ("a fence cut off", f"```\n{ANSWER}"),
    ("drawn", "+---+---+\n|1 2|3 4|\n|3 4|1 2|\n+---+---+\n|2 1|4 3|\n|4 3|2 1|\n+---+---+"),
    ("blank lines between boxes", "1 2 3 4\n3 4 1 2\n\n2 1 4 3\n4 3 2 1"),
    ("a table", "| 1 | 2 | 3 | 4 |\n|---|---|---|---|\n| 3 | 4 | 1 | 2 |\n| 2 | 1 | 4 | 3 |\n| 4 | 3 | 2 | 1 |"),
    ("JSON", "Answer: [[1,2,3,4],[3,4,1,2],[2,1,4,3],[4,3,2,1]]"),
    ("JSON over lines", '{"grid": [\n  [1, 2, 3, 4],\n  [3, 4, 1, 2],\n  [2, 1, 4, 3],\n  [4, 3, 2, 1]\n]}'),
    ("Python", "[['1','2','3','4'],\n ['3','4','1','2'],\n ['2','1','4','3'],\n ['4','3','2','1']]"),
    ("labelled", "Row 1: 1 2 3 4\nRow 2: 3 4 1 2\n**Row 3:** 2 1 4 3\nrow 4. 4 3 2 1"),
    ("bold", "\n".join(f"**{row}**" for row in ANSWER.split("\n"))),
    ("Windows", ANSWER.replace("\n", "\r\n")),
    ("thinking before", f"<think>\n{ANSWER[::-1]}\n</think>\n{ANSWER}"),
    ("a draft before", f"First try:\n{ANSWER[::-1]}\nNo. Better:\n{ANSWER}"),
    ("two in a row", f"{ANSWER[::-1]}\n{ANSWER}"),
    ("the question after", f"{ANSWER}\n\nThe puzzle was\n\n1 . . .\n. . . .\n. . . .\n. . . 1"),
]


@pytest.mark.parametrize(("what", "reply"), READ, ids=[what for what, _ in READ])
def test_a_grid_is_found(what: str, reply: str) -> None:
    found = script_for(SUDOKU).read(reply)
    assert found is not None, reply
    np.testing.assert_array_equal(found, RIGHT)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot solve this.",
        "1 2 3 4\n3 4 1 2\n2 1 4 3",
        "1 2 3 4\n3 4 1 2\n2 1 4 .\n4 3 2 1",
        "1 2 3 4\n3 4 1 2\n2 1 4 5\n4 3 2 1",
        "1 2 3\n3 4 1\n2 1 4\n4 3 2",
        f"<think>\n{ANSWER}",
        "[[1,2,3,4],[3,4,1",
        "1 2 3 4\nthen\n3 4 1 2\nthen\n2 1 4 3\nthen\n4 3 2 1",
    ],
)
def test_no_complete_grid(reply: str) -> None:
    assert script_for(SUDOKU).read(reply) is None


@pytest.mark.parametrize("name", ["sudoku-6x6", "sudoku-9x9", "maze-8x8", "maze-5x7"])
def test_what_is_written_is_read(name: str) -> None:
    task = get_task(name)
    script = script_for(task)
    for question, answer in zip(*(getattr(task.make(3, 1), key) for key in ("questions", "answers")), strict=True):
        found = script.read(f"So:\n{script.write(answer)}\n")
        assert found is not None and task.check(question, found)
        prompt = script.prompt(question)
        assert script.write(question) in prompt and f"{task.height} lines of {task.width} cells" in prompt
        assert script.write(answer) not in prompt


def test_a_maze_keeps_its_walls() -> None:
    task = get_task("maze-4x4")
    grid = script_for(task).read("# Answer\nRow 1: # . # #\nRow 2: S o o #\n# # o #\n# # G .\n")
    assert grid is not None
    np.testing.assert_array_equal(grid, task.parse("#.##\nSoo#\n##o#\n##G."))


def test_the_boxes_of_a_sudoku_are_told() -> None:
    assert "box of 2 rows by 3 columns" in script_for(get_task("sudoku-6x6")).prompt(np.zeros((6, 6), np.int8))


class TestArc:
    script = script_for(get_task("arc"))

    @pytest.mark.parametrize(
        ("reply", "grid"),
        [
            ("The output:\n```\n1 0\n0 1\n2 2\n```\nin 3 steps", [[1, 0], [0, 1], [2, 2]]),
            ("[[1,0],[0,1]]", [[1, 0], [0, 1]]),
            ("First 3 3\n3 3\n3 3\n\nthen\n\n102\n201", [[1, 0, 2], [2, 0, 1]]),
            ("```\n5\n```", [[5]]),
            ("```\n1 1\n```\nwas the input, and so\n```\n4 4\n4 4\n```\n7", [[4, 4], [4, 4]]),
        ],
    )
    def test_any_size(self, reply: str, grid: list[list[int]]) -> None:
        found = self.script.read(reply)
        assert found is not None and crop(found).tolist() == grid

    @pytest.mark.parametrize("reply", ["no grid", "1 2\n" * 31, "1 " * 31, "a b\nc d"])
    def test_none(self, reply: str) -> None:
        assert self.script.read(reply) is None

    def test_demonstrations_come_first(self) -> None:
        pair = np.array([[1, 2]], np.uint8), np.array([[2], [1]], np.uint8)
        prompt = self.script.prompt(np.array([[3, 4]]), [pair, pair])
        assert prompt.index("Example 1, input:\n1 2\n\nExample 1, output:\n2\n1") < prompt.index("Example 2, input:")
        assert "Input:\n3 4\n" in prompt


def test_own_symbols() -> None:
    spec = GridSpec(name="own", alphabet=("|", "[", "10", "x"), height=2, width=3)
    task = Grids(spec)
    script = script_for(task)
    grid = task.parse("| [ 10/x x |")
    assert script.write(grid) == "| [ 10\nx x |"
    found = script.read("Here:\n| [ 10\nx x |")
    assert found is not None
    np.testing.assert_array_equal(found, grid)


def test_a_task_without_words() -> None:
    with raises(ConfigError, "other"):
        script_for(SimpleNamespace(name="other"))  # type: ignore[arg-type]
