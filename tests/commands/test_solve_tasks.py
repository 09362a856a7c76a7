"""`redraft solve` for mazes, and for tasks of one's own that nothing can judge."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import mentions, refused

import redraft.backends.torch
import redraft.solve.load
from redraft.backends.protocol import Draft
from redraft.models import TRMConfig, build_model
from redraft.tasks import get_task
from redraft.tasks.maze.task import Maze
from redraft.weights.io import save_weights

Run = Callable[..., tuple[int, str, str]]

TASK = Maze(4, 5)
DRAWN = "S.#..\n..#..\n.##..\n....G"
LINE = TASK.format(TASK.parse(DRAWN))
DONE = TASK.format(TASK.parse("S.#..\no.#..\no##..\nooooG"))
OWN = '''
from redraft.tasks import Puzzle, Verdict
from redraft.tasks.sudoku.task import Sudoku

class Letters(Sudoku):
    """4x4 grids of the letters a to e, whatever they mean."""

    judges = False
    comment = "//"

    def parse(self, text):
        return super().parse(text.translate(str.maketrans("abcde", "01234")))

    def format(self, grid):
        return "".join("abcde"[cell] for cell in grid.ravel())

    def read(self, lines, name):
        return [Puzzle(question=self.parse(line), place=f"{name}, line {i}") for i, line in enumerate(lines, 1)]

    def validate(self, question):
        pass

    def check(self, question, answer):
        return Verdict(solved=False, reason="has no rules")

TASK = Letters(4)
'''


class Stepper:
    """Stands for any stepper: a maze is right from the second step on, a grid of letters is all `b` from the first.

    A grid that begins with `c` never halts.
    """

    recursions = 1

    def __init__(self, model: object, *, device: object = "cpu") -> None:
        pass

    def start(
        self, inputs: np.ndarray, puzzle_ids: np.ndarray, tries: np.ndarray | None = None
    ) -> list[tuple[np.ndarray, int]]:
        return [(row, 0) for row in inputs]

    def step(
        self, state: list[tuple[np.ndarray, int]], recursions: int | None = None
    ) -> tuple[list[tuple[np.ndarray, int]], Draft]:
        state = [(row, steps + 1) for row, steps in state]
        tokens, logits = zip(*(self.draft(row, steps) for row, steps in state), strict=True)
        return state, Draft(np.stack(tokens), np.array(logits, np.float32))

    def draft(self, row: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
        if len(row) == 16:
            return np.full_like(row, 2), -3.0 if row[0] == 3 else 3.0
        right = TASK.encode(TASK._searcher.answer(TASK.decode(row)[None])[0])[0]
        return (right, 3.0) if steps >= 2 else (row, -3.0)

    def select(self, state: list[tuple[np.ndarray, int]], rows: np.ndarray) -> list[tuple[np.ndarray, int]]:
        return [state[row] for row in rows]

    def join(self, first: list, second: list) -> list:
        return first + second


def saved(folder: Path, task: str, vocab_size: int, seq_len: int) -> Path:
    config = TRMConfig(
        vocab_size=vocab_size, seq_len=seq_len, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp",
        positions="none", puzzle_positions=0,
    )  # fmt: skip
    save_weights(folder, build_model(config), task=task, card={})
    return folder


@pytest.fixture
def maze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(redraft.backends.torch, "TorchStepper", Stepper)
    monkeypatch.setattr(redraft.solve.load, "NumpyStepper", Stepper)
    return saved(tmp_path / "maze", "maze-4x5", 6, 20)


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(redraft.backends.torch, "TorchStepper", Stepper)
    monkeypatch.setattr(redraft.solve.load, "NumpyStepper", Stepper)
    monkeypatch.chdir(tmp_path)
    module = f"own_{abs(hash(tmp_path))}"
    (tmp_path / f"{module}.py").write_text(OWN)
    return saved(tmp_path / "letters", f"{module}:TASK", 6, 16)


class TestMazes:
    @pytest.mark.parametrize("text", [LINE, LINE.replace(" ", "."), DRAWN])
    @pytest.mark.parametrize("name", [[], ["maze"], ["maze-4x5"]])
    def test_written_out(self, run: Run, maze: Path, text: str, name: list[str]) -> None:
        done = TASK.draw(TASK.parse(DONE)) + "\n" if text == DRAWN else DONE
        assert run("solve", *name, text, "--weights", maze) == (0, done + "\n", "")

    def test_file(self, run: Run, maze: Path, tmp_path: Path) -> None:
        (tmp_path / "mazes.txt").write_text(f"; mine\n{DRAWN}\n\n{LINE}\n")
        status, out, err = run("solve", "maze", "-f", tmp_path / "mazes.txt", "--weights", maze)
        assert (status, out.splitlines()) == (0, ["S.#..", "o.#..", "o##..", "ooooG", "", DONE])
        assert err.startswith("2 of 2 ")
        assert run("make", "maze-4x5", 3, "-o", tmp_path / "made.csv")[0] == 0
        status, out, _ = run("solve", "-f", tmp_path / "made.csv", "--weights", maze)
        made = TASK.make(3, 0)
        assert (status, out.splitlines()) == (0, [TASK.format(answer) for answer in made.answers])

    def test_unsolved_and_bad_mazes_are_no_answers(self, run: Run, maze: Path) -> None:
        status, out, err = run("solve", LINE, LINE.replace("G", "S"), "--weights", maze, "--max-steps", 1)
        assert status == 2 and out.startswith("; ") and LINE in out and len(out.splitlines()) == 1
        mentions(out, "1 step")
        assert "'S #" in err
        mentions(err, "2 S")

    def test_json(self, run: Run, maze: Path) -> None:
        plain = json.loads(run("solve", LINE, "--weights", maze, "--json")[1])
        assert (plain["status"], plain["answer"], plain["steps"]) == ("solved", DONE, 2)

    @pytest.mark.parametrize("ending", ["svg", "png"])
    def test_picture(self, run: Run, maze: Path, tmp_path: Path, ending: str) -> None:
        file = tmp_path / f"maze.{ending}"
        assert run("solve", LINE, "--weights", maze, "--picture", file) == (0, DONE + "\n", "")
        content = file.read_bytes()
        assert content.startswith(b"<svg" if ending == "svg" else b"\x89PNG")
        if ending == "svg":
            assert b"step 2" in content and b"95%" in content and b"step 1" not in content

    @pytest.mark.parametrize(
        ("arguments", "parts"),
        [
            (["sudoku", LINE], ("maze-4x5", "sudoku")),
            (["maze-10x10", LINE], ("maze-4x5", "maze-10x10")),
            (["maze-3x3", LINE], (4, 64, "3x3")),
            ([LINE, LINE, "--picture", "x.svg"], ("--picture", 2)),
            ([LINE, "--picture", "x.jpg"], ("--picture x.jpg", ".svg", ".png")),
            ([LINE, "--picture", "nowhere/x.svg"], "nowhere/x.svg"),
        ],
    )
    def test_mistakes(
        self, run: Run, maze: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
    ) -> None:
        monkeypatch.chdir(maze.parent)
        refused(run("solve", *arguments, "--weights", "maze"), parts)
        assert [path.name for path in maze.parent.iterdir()] == ["maze"]

    def test_a_drawn_maze_of_any_size_has_weights(self, run: Run) -> None:
        """One in a line may be of any shape, so that its size cannot be told."""
        for arguments in ([LINE], ["maze", DRAWN], [DRAWN]):
            status, out, _ = run("solve", *arguments)
            assert (status == 0 and "S" in out) if arguments[-1] == DRAWN else status == 2
        refused(run("solve", "maze", "S.."), 4, 64)


class TestTasksThatNothingJudges:
    def test_an_answer_that_halted_is_printed_with_its_probability(self, run: Run, letters: Path) -> None:
        status, out, err = run("solve", "abcd" * 4, "--weights", letters)
        assert (status, err) == (0, "") and out.startswith("bbcd" * 4 + "  // ") and len(out.splitlines()) == 1
        mentions(out, "95%")
        status, out, err = run("solve", "abcd" * 4, "cbcd" * 4, "--weights", letters, "--max-steps", 3)
        assert status == 1 and err.startswith("1 of 2 ")
        assert out.splitlines()[1].startswith("// ")
        mentions(out.splitlines()[1], "cbcd" * 4, "3 steps", "5%")

    def test_json(self, run: Run, letters: Path, tmp_path: Path) -> None:
        (tmp_path / "in.txt").write_text("abcd" * 4 + "\n" + "cbcd" * 4 + "\n")
        status, out, _ = run("solve", "-f", "in.txt", "--weights", letters, "--json", "--max-steps", 2)
        halted, unhalted = map(json.loads, out.splitlines())
        assert status == 1
        assert (halted["status"], halted["answer"], halted["steps"]) == ("halted", "bbcd" * 4, 1)
        assert (unhalted["status"], unhalted["draft"], "answer" in unhalted) == ("unhalted", "cbcd" * 4, False)
        assert halted["message"] == unhalted["message"] != ""

    @pytest.mark.parametrize("ending", ["svg", "png"])
    def test_picture_of_letters(self, run: Run, letters: Path, ending: str) -> None:
        assert run("solve", "abcd" * 4, "--weights", letters, "--picture", f"x.{ending}")[0] == 0
        assert Path(f"x.{ending}").stat().st_size > 1000

    def test_a_word_that_is_neither_task_nor_puzzle(self, run: Run, letters: Path) -> None:
        refused(run("solve", "chess", "--weights", letters), "'chess'")


def test_the_task_of_the_weights_is_known_to_all(letters: Path) -> None:
    from redraft.solve.load import open_weights

    assert not get_task(open_weights(letters).task).judges
