"""The load test asks everything once, checks every answer, and notices one that is not its own."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.serve import _require_own
from redraft.errors import RedraftError
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
MADE = TASK.make(2, 0)
QUESTIONS = [TASK.format(each) for each in MADE.questions]
ANSWERS = [TASK.format(each) for each in MADE.answers]


@pytest.mark.slow
def test_a_small_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "serve.json"
    assert main(["serve", "--requests", "8", "--clients", "1", "3", "-o", str(file)]) == 0
    found = json.loads(file.read_text())
    rows = found["serve"]["rows"]
    assert [(row["batch_size"], row["clients"], row["answers"]) for row in rows] == [
        ("auto", 1, 8), ("auto", 3, 8), ("1", 1, 8), ("1", 3, 8),
    ]  # fmt: skip
    assert found["machine"]["cpu"] and "requests/s" in capsys.readouterr().out


@pytest.mark.parametrize("options", [("--requests", "0"), ("--clients", "0"), ("--clients", "9999")])
def test_loads_that_cannot_be_meant(options: tuple[str, ...]) -> None:
    assert main(["serve", *options]) == 2


def test_an_answer_to_another_question_is_noticed() -> None:
    assert _require_own(TASK, QUESTIONS[0], {"question": QUESTIONS[0], "status": "solved", "answer": ANSWERS[0]})
    assert not _require_own(TASK, QUESTIONS[0], {"question": QUESTIONS[0], "status": "unsolved"})
    for result in (
        {"question": QUESTIONS[1], "status": "solved", "answer": ANSWERS[1]},
        {"question": QUESTIONS[0], "status": "solved", "answer": ANSWERS[1]},
    ):
        with pytest.raises(RedraftError):
            _require_own(TASK, QUESTIONS[0], result)
