"""Own grids through the commands: pairs become data, a model, an evaluation and answers."""

import json
from pathlib import Path

import pytest
from helpers.failing import mentions

from redraft.cli import main

CHECKER = """
def check(question, answer):
    return answer == [row[::-1] for row in question] or "is not the mirror image"
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A built folder of 3x3 grids of a and b; the answer is the mirror image."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mirrored.py").write_text(CHECKER)
    grids = [format(number, "09b").translate({48: "a", 49: "b"}) for number in range(0, 512, 7)]
    rows = [[grid[:3], grid[3:6], grid[6:]] for grid in grids]
    lines = ["input,output", *("/".join(r) + "," + "/".join(line[::-1] for line in r) for r in rows)]
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    assert main(["data", "build", "pairs.csv", "-o", "mirror", "--checker", "mirrored:check"]) == 0
    return "mirror"


def test_from_pairs_to_answers(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", data, "--size", "nano", "--tiny", "-o", "run", "--threads", "1"]) == 0
    mentions(capsys.readouterr().err, f"redraft eval run {data}")
    config = json.loads(Path("run/best/config.json").read_text())
    assert config["task"]["kind"] == "grids" and config["task"]["alphabet"] == ["a", "b"]

    assert main(["eval", "run", data, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["puzzles"] == 8 and set(figures["grades"]) == {"broken", "solved"}

    Path("questions.txt").write_text("aab/bab/abb\nabc/aaa/bbb\n")
    assert main(["solve", "--weights", "run", "-f", "questions.txt", "--json"]) == 2, "one of them cannot be read"
    answered, unread = map(json.loads, capsys.readouterr().out.splitlines())
    assert answered["question"] == "aab/bab/abb" and answered["status"] in ("solved", "unsolved")
    assert unread["status"] == "error" and "questions.txt, line 2" in unread["place"]

    assert main(["train", "--resume", "run"]) == 0, "the task is found in the data"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["mirror", "--size", "huge"], ("size", "nano, tiny, paper", "'huge'")),
        (["mirror", "--size"], ("--size", "value")),
        (["mirror/train"], "mirror/train"),
        (["sudoku-4x4", "--size", "nano"], ("size", "folder")),
        (["nowhere"], "'nowhere'"),
    ],
)
def test_mistakes(arguments: list[str], parts: object, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *arguments]) == 2
    mentions(capsys.readouterr().err, parts)
    assert not Path("runs").exists()


def test_a_resumed_run_whose_data_is_gone(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", data, "--tiny", "-o", "run", "--threads", "1"]) == 0
    Path(data).rename("elsewhere")
    capsys.readouterr()
    assert main(["train", "--resume", "run"]) == 2
    mentions(capsys.readouterr().err, "mirror", "--data.train")
    assert main(["train", "--resume", "run", "--data.train", "elsewhere"]) == 0, "which holds what it is judged by, too"
    assert main(["train", "--resume", "run"]) == 0
