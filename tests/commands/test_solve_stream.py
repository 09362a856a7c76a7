"""`redraft solve` as others call it: answers to a pipe as it comes, what is done is kept, readers that go away."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.failing import mentions

from redraft.cli import main

PUZZLE = "6.......14..........4.1.1....2..3.5."
ANSWER = "642135531426315264264513156342423651"
SOLVE = [sys.executable, "-m", "redraft", "solve", "sudoku", "-f"]

Run = Callable[..., tuple[int, str, str]]


def started(*arguments: str, **streams: object) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        [*SOLVE, *arguments], **{"stdin": pipe, "stdout": pipe, "stderr": pipe} | streams
    )


def test_a_pipe_is_answered_line_by_line_until_the_reader_goes_away() -> None:
    process = started("-")
    assert process.stdin and process.stdout and process.stderr
    for _ in range(2):
        process.stdin.write(f"{PUZZLE}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline().decode().strip() == ANSWER, "although more may come"
    process.stdout.close()
    assert process.wait(60) == 141, "found out without another answer to write"
    assert b"Traceback" not in process.stderr.read()
    process.stdin.close()
    process.stderr.close()


def test_interrupted_it_keeps_what_is_done(tmp_path: Path) -> None:
    file = tmp_path / "answers.csv"
    process = started("-", "-o", str(file))
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(f"{PUZZLE}\n{PUZZLE}\n".encode())
    process.stdin.flush()
    until = time.monotonic() + 60
    while not (file.exists() and file.read_text().count("\n") == 3) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and b"interrupted: 2 of 2 solved" in said
    assert [row["answer"] for row in csv.DictReader(io.StringIO(file.read_text()))] == [ANSWER] * 2


@pytest.mark.slow
def test_a_file_is_read_only_as_far_as_its_answers_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text(f"{PUZZLE}\n" * 20_000)
    process = started(str(tmp_path / "many.txt"))
    assert process.stdout and process.stderr
    assert process.stdout.readline().decode().strip() == ANSWER
    process.stdout.close()
    assert process.wait(60) == 141
    process.communicate()


def test_errors_stand_in_their_place_and_are_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ruined.txt"
    file.write_text(f"{PUZZLE[:-1]}\n" * 50 + f"{PUZZLE}\n")
    assert main(["solve", "sudoku-6x6", "-f", str(file)]) == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 51 and out.splitlines()[-1] == ANSWER
    assert out.splitlines()[0].startswith(f"# {file}, line 1: ")
    mentions(out.splitlines()[0], 36, 35)
    said = err.splitlines()
    assert len(said) == 22 and said[-2].startswith("redraft solve: ")
    mentions(said[-2], 30)
    assert said[-1].startswith("1 of 51 ")
    mentions(said[-1], 50)


def test_answers_come_in_the_order_of_the_puzzles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Puzzles that take longer hold up those behind them on the way out, not on the way in."""
    assert main(["make", "sudoku-6x6", "40", "-o", str(tmp_path / "made.csv")]) == 0
    assert main(["solve", "-f", str(tmp_path / "made.csv"), "--batch-size", "7"]) == 0
    answers = [row["answer"] for row in csv.DictReader(io.StringIO((tmp_path / "made.csv").read_text()))]
    assert capsys.readouterr().out.split() == answers


def test_what_solve_writes_every_command_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.csv"
    assert main(["solve", PUZZLE, "123", "-o", str(answers)]) == 2
    capsys.readouterr()
    assert main(["solve", "-f", str(answers)]) == 0
    assert capsys.readouterr().out.split() == [ANSWER]
    assert main(["eval", "sudoku-6x6", str(answers), "--steps", "1"]) == 0
    mentions(capsys.readouterr().out, "1 puzzles")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_one_too(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = started(str(pipe), stdin=subprocess.DEVNULL)
    assert process.stdout and process.stderr
    with pipe.open("w") as writer:
        writer.write(f"{PUZZLE}\n")
        writer.flush()
        assert process.stdout.readline().decode().strip() == ANSWER
    assert process.wait(60) == 0
    process.communicate()
