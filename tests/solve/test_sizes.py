"""Weights of a local network on boards of another size than their own; other weights refuse them in one sentence."""

from pathlib import Path

import pytest

import redraft
from redraft.cli import main
from redraft.errors import WeightsError
from redraft.models import LocalConfig, TRMConfig, build_model
from redraft.solve.load import load, open_stepper
from redraft.solve.resolve import resolve
from redraft.tasks import get_task
from redraft.weights.io import save_weights

SMALL, LARGE = get_task("maze-5x5"), get_task("maze-9x7")
PUZZLE = LARGE.format(LARGE.make(1, 0).questions[0])
DRAWN = "\n".join(PUZZLE[i : i + 7] for i in range(0, 63, 7))


@pytest.fixture
def local(tmp_path: Path) -> str:
    """Random weights of a local network for mazes of 5x5, whose card advises 20 steps, and a restart after 8."""
    model = build_model(LocalConfig(vocab_size=6, seq_len=25, grid_width=5, hidden_size=8, n=2, notes=5))
    save_weights(tmp_path / "local", model, task=SMALL.spec, card={"solve": {"max_steps": 20, "restart": 8}})
    return str(tmp_path / "local")


@pytest.fixture
def fixed(tmp_path: Path) -> str:
    """Random weights of a mixer, which has a weight for every cell."""
    shape = {"hidden_size": 16, "width_multiple": 8, "n": 1, "T": 1, "puzzle_positions": 0}
    model = build_model(TRMConfig(vocab_size=6, seq_len=25, mixer="mlp", positions="none", **shape))  # type: ignore[arg-type]
    save_weights(tmp_path / "fixed", model, task=SMALL.spec, card={})
    return str(tmp_path / "fixed")


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_the_same_weights_open_for_another_size(local: str, backend: str) -> None:
    opened = open_stepper(local, backend=backend, task=LARGE)  # type: ignore[arg-type]
    assert opened.task == "maze-9x7"
    assert opened.habits("rules")[:2] == (32, 13), "20 steps for 5 + 5, so 32 for 9 + 7; 8, so 13"
    assert open_stepper(local, backend=backend).habits("rules")[:2] == (20, 8)  # type: ignore[arg-type]
    tokens = LARGE.encode(LARGE.make(2, 1).questions)
    state, draft = opened.stepper.step(opened.stepper.start(tokens, 0 * tokens[:, 0]))
    assert draft.tokens.shape == (2, 63) and opened.stepper.logits(state).shape == (2, 63, 6)


@pytest.mark.parametrize("inputs", [[PUZZLE], ["maze", DRAWN], ["maze-9x7", PUZZLE]], ids=["bare", "family", "named"])
def test_puzzles_decide_the_size(local: str, inputs: list[str]) -> None:
    if inputs == [PUZZLE]:
        inputs = [DRAWN]
    meant = resolve(inputs, None, local)
    assert (meant.task.name, meant.weights) == ("maze-9x7", local)
    [puzzle] = meant.entries
    assert not isinstance(puzzle, Exception)


def test_solves_and_evaluates_another_size(local: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["solve", "--weights", local, DRAWN, "--max-steps", "2"]) in (0, 1)
    assert load(local, task="maze-9x7").task.name == "maze-9x7"
    assert redraft.evaluate(local, "make:3@1", task="maze-9x7", steps=2, quiet=True).figures["puzzles"] == 3
    capsys.readouterr()
    assert main(["eval", local, "make:3@1", "--task", "maze-6x6", "--steps", "2", "--json"]) == 0
    assert '"puzzles": 3' in capsys.readouterr().out


def test_weights_that_know_every_cell_refuse_another_size(fixed: str) -> None:
    for use in (lambda: resolve(["maze-9x7", PUZZLE], None, fixed), lambda: open_stepper(fixed, task=LARGE)):
        with pytest.raises(WeightsError, match="trained for maze-5x5, but these puzzles are maze-9x7"):
            use()


@pytest.mark.parametrize(
    "inputs",
    [
        [
            "sudoku-4x4",
            "1...............",
        ],
        ["sudoku", "1..............."],
    ],
)
def test_another_kind_of_puzzle_is_refused(local: str, inputs: list[str]) -> None:
    with pytest.raises(WeightsError, match="trained for maze-5x5, but these puzzles are sudoku"):
        resolve(inputs, None, local)


@pytest.mark.parametrize(("size", "count"), [("5x9", 4), ("12x12", 2)])
def test_the_bundled_weights_solve_mazes_of_any_size(size: str, count: int) -> None:
    task = get_task(f"maze-{size}")
    made = task.make(count, 7)
    text = task.format(made.questions[0])
    assert resolve([task.name, text], None, None).weights == "maze-30x30"
    answers = load("maze-30x30", backend="numpy", task=task).solve_many(list(made.questions))
    assert all(answer.solved for answer in answers)
