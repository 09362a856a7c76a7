"""`redraft solve` as people use it, and as they misuse it."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.failing import mentions, refused

import redraft.weights
from redraft.cli import main
from redraft.commands import answers as shown
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
MADE = TASK.make(6, 0)
QUESTIONS = [TASK.format(question) for question in MADE.questions]
ANSWERS = [TASK.format(answer) for answer in MADE.answers]
NEVER = QUESTIONS[5]  # the puzzle that the stand-in for a model does not solve; see conftest.py

Run = Callable[..., tuple[int, str, str]]


class Stdin(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")


@pytest.mark.usefixtures("foreseen")
class TestInput:
    """Ways to give puzzles."""

    def test_written_out(self, run: Run, weights: Path) -> None:
        assert run("solve", QUESTIONS[0], "--weights", weights) == (0, ANSWERS[0] + "\n", "")
        status, out, err = run("solve", *QUESTIONS[:2], "--weights", weights)
        assert (status, out.split()) == (0, ANSWERS[:2]) and err.startswith("2 of 2 ")

    @pytest.mark.parametrize("order", ["task options puzzle", "options task puzzle", "task puzzle options"])
    @pytest.mark.parametrize("name", ["sudoku", "sudoku-4x4"])
    def test_options_may_stand_anywhere(self, run: Run, weights: Path, order: str, name: str) -> None:
        parts = {"task": [name], "options": ["--weights", weights], "puzzle": QUESTIONS[:1]}
        assert run("solve", *(word for part in order.split() for word in parts[part])) == (0, ANSWERS[0] + "\n", "")

    def test_puzzles_between_options(self, run: Run, weights: Path) -> None:
        status, out, _ = run("solve", QUESTIONS[0], "--weights", weights, QUESTIONS[1], "--max-steps", 9, QUESTIONS[2])
        assert (status, out.split()) == (0, ANSWERS[:3])

    def test_other_blanks_and_a_drawing(self, run: Run, weights: Path) -> None:
        drawn = "\n".join(QUESTIONS[0][i : i + 4] for i in range(0, 16, 4))
        for text in (QUESTIONS[0].replace(".", "0"), QUESTIONS[0].replace(".", "_"), drawn):
            _, out, _ = run("solve", text, "--weights", weights)
            assert "".join(out.split()) == ANSWERS[0] and out.count("\n") == (5 if text == drawn else 1)

    def test_file(self, run: Run, weights: Path, tmp_path: Path) -> None:
        (tmp_path / "puzzles.txt").write_text("# mine\n" + "\n".join(QUESTIONS[:3]) + "\n\n")
        status, out, err = run("solve", "-f", tmp_path / "puzzles.txt", "--weights", weights)
        assert (status, out.split()) == (0, ANSWERS[:3])
        assert err.startswith("3 of 3 ")

    def test_csv(self, run: Run, weights: Path, tmp_path: Path) -> None:
        lines = [f"me,{q},{a}" for q, a in zip(QUESTIONS[:3], ANSWERS[:3], strict=True)]
        (tmp_path / "puzzles.csv").write_text("\n".join(["source,question,answer", *lines]))
        assert run("solve", "-f", tmp_path / "puzzles.csv", "--weights", weights)[1].split() == ANSWERS[:3]

    def test_standard_input(self, run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", Stdin("\n".join(QUESTIONS[:2]).encode()))
        assert run("solve", "-f", "-", "--weights", weights)[1].split() == ANSWERS[:2]
        monkeypatch.setattr(sys, "stdin", Stdin("\n".join(QUESTIONS[:2]).encode("utf-16")))
        assert run("solve", "-f", "-", "--weights", weights)[1].split() == ANSWERS[:2]
        monkeypatch.setattr(sys, "stdin", Stdin(QUESTIONS[0][:-1].encode() + b"\xff\n" + QUESTIONS[1].encode()))
        status, out, err = run("solve", "-f", "-", "--weights", weights)
        assert (status, out.splitlines()[1]) == (2, ANSWERS[1])
        mentions(err, "standard input, line 1", "UTF-8")
        monkeypatch.setattr(sys, "stdin", None)
        refused(run("solve", "-f", "-", "--weights", weights), "standard input")

    def test_what_make_writes(self, run: Run, weights: Path, tmp_path: Path) -> None:
        assert run("make", "sudoku-4x4", 4, "-o", tmp_path / "made.csv")[0] == 0
        assert run("solve", "-f", tmp_path / "made.csv", "--weights", weights)[1].split() == ANSWERS[:4]


@pytest.mark.usefixtures("foreseen")
class TestOutput:
    """Answers, and how they are shown."""

    def test_unsolved_puzzles_are_never_shown_as_answers(self, run: Run, weights: Path) -> None:
        status, out, err = run("solve", QUESTIONS[0], NEVER, "--weights", weights)
        assert status == 1 and err.startswith("1 of 2 ")
        answer, other = out.splitlines()
        assert answer == ANSWERS[0]
        assert other.startswith("# ")
        mentions(other, NEVER, "16 steps", "given")

    def test_too_few_steps(self, run: Run, weights: Path) -> None:
        assert run("solve", QUESTIONS[2], "--weights", weights, "--max-steps", 2)[0] == 1
        assert run("solve", QUESTIONS[2], "--weights", weights, "--max-steps", 3)[0] == 0

    @pytest.mark.parametrize(
        ("options", "steps"), [([], 3), (["--halt", "head"], 3), (["--halt", "never"], 16), (["--no-halt"], 16)]
    )
    def test_halting(self, run: Run, weights: Path, options: list[str], steps: int) -> None:
        status, out, _ = run("solve", QUESTIONS[2], "--weights", weights, "--json", *options)
        assert (status, json.loads(out)["steps"]) == (0, steps)

    def test_json(self, run: Run, weights: Path) -> None:
        status, out, _ = run("solve", QUESTIONS[1], NEVER, "12", "--weights", weights, "--json", "--max-steps", 4)
        assert status == 2
        solved, unsolved, error = map(json.loads, out.splitlines())
        assert solved == {
            "place": "",
            "question": QUESTIONS[1],
            "status": "solved",
            "answer": ANSWERS[1],
            "steps": 2,
            "tries": 1,
            "halt_probability": 0.952574,
            "message": "",
            "trace": [
                {"draft": "1" * 16, "halt_probability": 0.047426, "attempt": 1},
                {"draft": ANSWERS[1], "halt_probability": 0.952574, "attempt": 1},
            ],
        }
        assert (unsolved["status"], unsolved["draft"], "answer" in unsolved) == (
            "unsolved",
            "1" * 16,
            False,
        )
        assert unsolved["message"] and len(unsolved["trace"]) == 4
        mentions(error.pop("message"), 16, 2)
        assert error == {"place": "'12'", "status": "error"}

    def test_json_tells_which_try_a_draft_belongs_to(self, run: Run, weights: Path) -> None:
        _, out, _ = run("solve", NEVER, "--weights", weights, "--json", "--restart", 2, "--max-steps", 5)
        found = json.loads(out)
        assert found["tries"] == 3 and [draft["attempt"] for draft in found["trace"]] == [1, 1, 2, 2, 3]

    def test_csv(self, run: Run, weights: Path, tmp_path: Path) -> None:
        file = tmp_path / "answers.csv"
        status, out, err = run("solve", QUESTIONS[1], NEVER, "12", "--weights", weights, "-o", file)
        assert (status, out) == (2, "")
        mentions(err, 1, file)
        solved, unsolved, error = csv.DictReader(io.StringIO(file.read_text()))
        assert (solved["status"], solved["answer"], solved["draft"], solved["steps"]) == ("solved", ANSWERS[1], "", "2")
        assert (unsolved["status"], unsolved["answer"], unsolved["draft"]) == ("unsolved", "", "1" * 16)
        assert (error["status"], error["answer"]) == ("error", "")
        mentions(error["message"], 16, 2)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["answers.csv", "weights"]

    def test_an_older_csv_is_kept_until_there_is_an_answer(self, run: Run, weights: Path, tmp_path: Path) -> None:
        file = tmp_path / "answers.csv"
        file.write_text("old\n")
        assert (
            run("solve", QUESTIONS[0], "--weights", weights, "-o", file, "--dtype", "int8", "--device", "cuda")[0] == 2
        )
        assert file.read_text() == "old\n"
        assert run("solve", QUESTIONS[0], "--weights", weights, "-o", file)[0] == 0
        assert file.read_text().startswith("place,question")

    def test_csv_on_standard_output(
        self, run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        status, out, _ = run("solve", QUESTIONS[1], "--weights", weights, "-o", "-")
        (row,) = csv.DictReader(io.StringIO(out))
        assert (status, row["answer"]) == (0, ANSWERS[1]) and not (tmp_path / "-").exists()

    def test_watch_without_a_terminal_prints_each_step(self, run: Run, weights: Path) -> None:
        status, out, _ = run("solve", QUESTIONS[2], "--weights", weights, "--watch", "--delay", "9")
        assert status == 0
        assert out.index("┌") < out.index("step 1") < out.index("step 2") < out.index("step 3")
        assert out.count("┌") == 4
        mentions(out, "3 steps")
        status, out, _ = run("solve", NEVER, "--weights", weights, "--watch", "--max-steps", "1")
        assert status == 1
        mentions(out, "1 step", "given")

    def test_on_a_terminal_few_puzzles_are_drawn(
        self, run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        status, out, err = run("solve", QUESTIONS[0], NEVER, "999", "--weights", weights)
        assert status == 2 and out.count("┌") == 4
        mentions(out, "1 step", "16 steps")
        assert "999" not in out and err.count("'999'") == 1, "told once"
        mentions(err, 16)
        monkeypatch.setattr(shown, "BOARDS", 1)
        assert run("solve", *QUESTIONS[:2], "--weights", weights)[1].split() == ANSWERS[:2]


BAD: tuple[tuple[str, object], ...] = (
    ("123", (16, 3)),
    (QUESTIONS[0][:-1] + "x", ("'x'", "cell 16 (row 4, column 4)", "1-4")),
    ("11" + "." * 14, ("1s", "row 1")),
    ("12....34" + "." * 8, "no solution"),
    ("1" + "." * 15, "more than one"),
)


@pytest.mark.usefixtures("foreseen")
class TestPuzzlesThatCannotBeSolved:
    def test_each_is_named_and_the_good_ones_still_answered(self, run: Run, weights: Path, tmp_path: Path) -> None:
        file = tmp_path / "mixed.txt"
        lines = [QUESTIONS[0], *(text for text, _ in BAD[1:]), QUESTIONS[1]]
        file.write_text("\n".join(lines) + "\n")
        status, out, err = run("solve", "-f", file, "--weights", weights)
        assert status == 2
        first, *bad, last = out.splitlines()
        assert (first, last) == (ANSWERS[0], ANSWERS[1])
        assert all(line.startswith(f"# {file}, line ") for line in bad), "no line that looks like an answer"
        *told, tally = err.splitlines()
        assert len(told) == 4
        for number, (line, (_, parts)) in enumerate(zip(told, BAD[1:], strict=True), start=2):
            assert line.startswith(f"redraft solve: {file}, line {number}: ")
            mentions(line, parts)
        assert tally.startswith("2 of 6 ")
        mentions(tally, 4)

    @pytest.mark.parametrize(("text", "parts"), BAD)
    def test_alone(self, run: Run, weights: Path, text: str, parts: object) -> None:
        result = run("solve", text, "--weights", weights)
        assert result[2].startswith(f"redraft solve: {text!r}: ")
        refused(result, parts)

    def test_too_short_a_line(self, run: Run, weights: Path, tmp_path: Path) -> None:
        file = tmp_path / "short.txt"
        file.write_text(f"{QUESTIONS[0]}\n{QUESTIONS[1][:-1]}\n")
        status, out, err = run("solve", "-f", file, "--weights", weights)
        assert (status, out.splitlines()[0]) == (2, ANSWERS[0])
        mentions(err, f"{file}, line 2", 16, 15)


MISTAKES: list[tuple[list[str], object]] = [
    ([], "-f"),
    (["sudoku-4x4"], "-f"),
    (["-f", "nowhere.txt"], ("nowhere.txt", "No such file or directory")),
    (["-f", "."], "Is a directory"),
    (["-f", "empty.txt"], "empty.txt"),
    (["-f", "comments.txt"], "comments.txt"),
    (["-f", "binary.bin"], ("binary.bin", "text")),
    (["empty.txt"], "-f empty.txt"),
    (["chess", QUESTIONS[0]], ("'chess'", "sudoku-4x4")),
    (["sudoku-9x9", QUESTIONS[0]], ("weights", "sudoku-4x4", "sudoku-9x9")),
    ([QUESTIONS[0], "--weights", "nowhere"], ("nowhere", "weights")),
    ([QUESTIONS[0], "--weights", "empty.txt"], ("empty.txt", "folder")),
    ([QUESTIONS[0], "--device", "gpu"], ("'gpu'", "auto, cpu, cuda")),
    ([QUESTIONS[0], "--max-steps", "0"], ("--max-steps", 1, 0)),
    ([QUESTIONS[0], "--budget", "0"], ("budget", "at least 1 step", "50ms", "'0'")),
    ([QUESTIONS[0], "--budget", "0.5"], ("budget", "'0.5'")),
    ([QUESTIONS[0], "--budget", "soon"], ("budget", "'soon'")),
    ([QUESTIONS[0], "--budget", "9", "--max-steps", "9"], ("--budget", "--max-steps")),
    ([QUESTIONS[0], "--batch-size", "0"], ("--batch-size", 1, "auto", 0)),
    ([QUESTIONS[0], "--backend", "numpy", "--dtype", "bfloat16"], ("numpy", "float32", "cpu")),
    ([QUESTIONS[0], "--dtype", "int8", "--device", "cuda"], ("'cuda'", "int8")),
    ([QUESTIONS[0], "--guess", "True"], ("--guess True", "--halt rules")),
    ([QUESTIONS[0], "--guess", "True", "--restart", "4", "--halt", "head"], ("--guess True", "--halt rules")),
    ([QUESTIONS[0], "--backend", "onnx"], ("weights", "model.onnx", "backend onnx")),
    ([QUESTIONS[0], "--delay", "-1"], ("--delay", 0, -1)),
    ([QUESTIONS[0], "--json", "--watch"], ("--json", "--watch", "-o")),
    ([QUESTIONS[0], "-o", "nowhere/answers.csv"], "nowhere/answers.csv"),
    ([QUESTIONS[0], "-o", "."], "folder"),
    ([QUESTIONS[0], "--dtype", "float16"], "float16"),
    ([QUESTIONS[0], "--halt", "maybe"], "maybe"),
    ([QUESTIONS[0], "--wacth"], "--wacth"),
    ([QUESTIONS[0], "--max-steps"], "--max-steps"),
]


@pytest.mark.parametrize(("arguments", "parts"), MISTAKES, ids=[" ".join(each) or "none" for each, _ in MISTAKES])
def test_mistakes(
    run: Run, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "comments.txt").write_text("# nothing\n# at all\n")
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)))
    chosen = [] if "--weights" in arguments else ["--weights", "weights"]
    refused(run("solve", *chosen, *arguments), parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["binary.bin", "comments.txt", "empty.txt", "weights"]


def test_weights_that_ship(run: Run, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --weights, the size of the puzzle decides."""
    monkeypatch.setattr(redraft.weights, "_HERE", weights.parent)
    refused(run("solve", QUESTIONS[0]), "sudoku-4x4", "weights")
    weights.rename(weights.parent / "sudoku-4x4")
    for name in ([], ["sudoku"], ["sudoku-4x4"]):
        assert run("solve", *name, QUESTIONS[0], "--max-steps", "1")[0] == 1, "untrained, but it runs"
    refused(run("solve", "." * 36), "sudoku-6x6")
    refused(run("solve", "." * 35), 16, 36, 81)


def test_without_weights_named_a_bad_puzzle_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The shipped weights are chosen by the first puzzle that has a size; the others are answered or named."""
    good = "..31..5.....16......2.......5.....46"
    assert main(["solve", "sudoku", "123", good, "." * 81]) == 2
    printed = capsys.readouterr()
    assert "643125521463164532352614436251215346" in printed.out
    mentions(printed.err, "'123'", 36, 3, 81)


class TestHint:
    """One cell instead of the answer."""

    def test_it_is_an_open_cell_of_the_answer(self, run: Run) -> None:
        made = get_task("sudoku-6x6").make(2, 3)
        questions = [get_task("sudoku-6x6").format(question) for question in made.questions]
        status, out, err = run("solve", *questions, "--hint", "--backend", "numpy")
        assert status == 0 and err == "" and len(out.splitlines()) == 2
        for line, question, answer in zip(out.splitlines(), made.questions, made.answers, strict=True):
            found = re.search(r"row (\d), column (\d): (\d)  # .*% sure in the first draft, checked by the rules", line)
            assert found is not None
            row, column, value = map(int, found.groups())
            assert question[row - 1, column - 1] == 0 and answer[row - 1, column - 1] == value

    def test_what_has_no_hint_says_so(self, run: Run) -> None:
        full = get_task("sudoku-6x6").format(get_task("sudoku-6x6").make(1, 3).answers[0])
        refused(run("solve", full, "--hint", "--backend", "numpy"), "filled in")
        refused(run("solve", "maze-8x8", "S" + " " * 62 + "G", "--hint"), "--hint")
        refused(run("solve", QUESTIONS[0], "--hint", "--json"), "--hint")
