"""`redraft.load`: names that ship, folders, runs, and what it says of anything else."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import redraft
import redraft.backends.choose
import redraft.device
import redraft.solve.load
import redraft.weights
from redraft.backends.numpy.stepper import NumpyStepper
from redraft.backends.torch import TorchStepper
from redraft.config import to_dict
from redraft.errors import ConfigError, RedraftError, WeightsError
from redraft.kernels import amx, int8
from redraft.models import DirectConfig, Model, TRMConfig, build_model
from redraft.solve.load import load, open_stepper, open_weights, task_of
from redraft.solve.opened import Habits, Opened
from redraft.solve.supply import Supply
from redraft.tasks import get_task
from redraft.weights.io import save_weights

TINY = TRMConfig(
    vocab_size=6, seq_len=16, hidden_size=16, width_multiple=8, n=1, T=1, mixer="mlp", positions="none",
    puzzle_positions=0,
)  # fmt: skip

CONFIG = {"kind": "trm", **to_dict(TINY)}


def write(folder: Path, *, seed: int = 0, task: str = "sudoku-4x4") -> Model:
    model = build_model(TINY, seed=seed)
    save_weights(folder, model, task=task, card={"summary": f"seed {seed}"})
    return model


def weights_of(model: Model) -> torch.Tensor:
    return model.get_parameter("answer_head.weight").detach()


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights that stands for the one in the package."""
    monkeypatch.setattr(redraft.weights, "_HERE", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_by_name(shipped: Path) -> None:
    write(shipped / "sudoku-4x4", seed=3)
    assert redraft.weights.names() == ["sudoku-4x4"]
    assert redraft.weights.summary("sudoku-4x4") == "seed 3"
    solver = redraft.load("sudoku-4x4", max_steps=2)
    assert solver.task.name == "sudoku-4x4" and solver.max_steps == 2
    question = solver.task.make(1, 0).questions[0]
    answer = solver.solve(question)
    assert answer.steps == len(answer.trace) == 2
    assert answer.solved == solver.task.check(question, answer.grid).solved


def test_by_folder_or_file(tmp_path: Path) -> None:
    model = write(tmp_path / "mine", seed=4)
    for place in (tmp_path / "mine", str(tmp_path / "mine"), tmp_path / "mine" / "model.safetensors"):
        assert torch.equal(weights_of(open_weights(place).model), weights_of(model))
    assert load(tmp_path / "mine", dtype="bfloat16").stepper.model.config.dtype == "bfloat16"  # type: ignore[attr-defined]


def test_of_a_run_the_best_before_the_last(tmp_path: Path) -> None:
    last = write(tmp_path / "run" / "last", seed=5)
    assert torch.equal(weights_of(open_weights(tmp_path / "run").model), weights_of(last))
    best = write(tmp_path / "run" / "best", seed=6)
    assert torch.equal(weights_of(open_weights(tmp_path / "run").model), weights_of(best))


def test_unknown_name(shipped: Path) -> None:
    with pytest.raises(WeightsError, match=r"nothing: .*folder.* none"):
        load("nothing")
    write(shipped / "sudoku-4x4")
    with pytest.raises(WeightsError, match=r"nothing: .* sudoku-4x4"):
        load("nothing")


def test_a_folder_without_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"config\.json: .*folder .*config\.json .*model\.safetensors"):
        load(tmp_path)


def test_a_file_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "puzzles.csv").write_text("question\n")
    with pytest.raises(WeightsError, match=r"puzzles\.csv: .*file.*folder"):
        load(tmp_path / "puzzles.csv")


def test_options(tmp_path: Path) -> None:
    write(tmp_path / "mine")
    with pytest.raises(ConfigError, match=r"dtype: .*auto, float32, bfloat16, int8.*'float16'"):
        load(tmp_path / "mine", dtype="float16")
    with pytest.raises(ConfigError, match="device 'gpu'"):
        load(tmp_path / "mine", device="gpu")
    with pytest.raises(ConfigError, match="max_steps"):
        load(tmp_path / "mine", max_steps=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "jax"}, "backend: .*auto, torch, numpy, onnx.*'jax'"),
        ({"backend": "numpy", "dtype": "bfloat16"}, "backend numpy: .*float32 .*cpu .*bfloat16 and auto"),
        ({"backend": "numpy", "device": "cuda"}, "backend numpy: .*auto and cuda"),
        ({"dtype": "int8", "device": "cuda"}, "device 'cuda': .*int8 .*CPU"),
        ({"dtype": "int8", "backend": "numpy"}, "backend numpy: .*int8 and auto"),
    ],
)
def test_what_cannot_be_had_together(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    write(tmp_path / "mine")
    with pytest.raises(ConfigError, match=message):
        load(tmp_path / "mine", **options)


def test_backends(tmp_path: Path) -> None:
    """NumPy is chosen for little work, whatever has been imported, and torch for all else."""
    write(tmp_path / "mine")

    def chosen(**options: Any) -> type:
        return type(open_stepper(tmp_path / "mine", **options).stepper)

    assert chosen() is chosen(device="cpu") is chosen(backend="numpy") is NumpyStepper
    assert chosen(dtype="bfloat16") is chosen(backend="torch") is chosen(puzzles=10**7) is TorchStepper
    model = build_model(DirectConfig(vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, puzzle_positions=0))
    save_weights(tmp_path / "mine", model, task="sudoku-4x4", card={})
    assert chosen() is TorchStepper
    with pytest.raises(WeightsError, match=r"backend numpy .*trm, equivariant, local, not direct"):
        load(tmp_path / "mine", backend="numpy")
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"model\.safetensors: .*empty.* safetensors "):
        load(tmp_path / "mine")


@pytest.fixture
def steppers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the steppers that take a step from now on, each once."""
    used: list[str] = []
    for kind in (NumpyStepper, TorchStepper):

        def noted(self: Any, *given: Any, step: Any = kind.step, name: str = kind.__name__) -> Any:
            if name not in used:
                used.append(name)
            return step(self, *given)

        monkeypatch.setattr(kind, "step", noted)
    return used


def test_a_solver_takes_the_backend_that_suits_how_many_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steppers: list[str]
) -> None:
    """Few puzzles go to NumPy, more to torch; the weights are read once for both, and few stay with NumPy after."""
    write(tmp_path / "mine")
    monkeypatch.setattr(redraft.backends.choose, "MOST_WORK", 5 * redraft.backends.choose.numpy_work(CONFIG))  # type: ignore[operator]
    solver = load(tmp_path / "mine", max_steps=1)
    questions = list(solver.task.make(6, 0).questions)
    (tmp_path / "mine" / "model.safetensors").unlink()
    for given, used in ((questions[:5], "NumpyStepper"), (questions, "TorchStepper"), (questions[:1], "NumpyStepper")):
        steppers.clear()
        answers = solver.solve_many(given)
        assert steppers == [used] and len(answers) == len(given)
        assert [number for number, _ in solver.stream(iter(given))] == list(range(len(given)))
        assert steppers == [used], "an iterator is looked at as far as it takes"
    solver.solve(questions[0])
    assert steppers == ["NumpyStepper"]
    few, many = solver.solve_many(questions[:5]), solver.solve_many(questions)
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one.grid, other.grid)
        assert abs(one.halt_probability - other.halt_probability) < 1e-5


def test_a_supply_is_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steppers: list[str]) -> None:
    """More of it may yet arrive, so it is worked on as it is taken, by the stepper at hand."""
    write(tmp_path / "mine")
    monkeypatch.setattr(redraft.backends.choose, "MOST_WORK", redraft.backends.choose.numpy_work(CONFIG))
    solver = load(tmp_path / "mine", max_steps=1)
    taken: list[int] = []

    def arriving() -> Iterator[Any]:
        for number, question in enumerate(solver.task.make(3, 0).questions):
            taken.append(number)
            yield question

    class OneByOne(Supply[Any]):
        def take(self, room: int, *, wait: bool) -> list[Any]:
            return super().take(1 if wait else 0, wait=wait)

    for number, _ in solver.stream(OneByOne(arriving())):
        assert taken == list(range(number + 1))
    assert len(taken) == 3 and steppers == ["NumpyStepper"]


def test_a_backend_that_is_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steppers: list[str]) -> None:
    write(tmp_path / "mine")
    monkeypatch.setattr(redraft.backends.choose, "MOST_WORK", 0)
    for backend, used in (("numpy", "NumpyStepper"), ("torch", "TorchStepper"), ("auto", "TorchStepper")):
        steppers.clear()
        solver = load(tmp_path / "mine", backend=backend, max_steps=1)
        solver.solve_many(list(solver.task.make(3, 0).questions))
        assert steppers == [used]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), r"model\.safetensors: .*file"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"?" * 99), r"model\.safetensors: .*'\?\?"),
        (
            lambda folder: (folder / "config.json").write_text(
                (folder / "config.json").read_text().replace('"n": 1', '"n": 0')
            ),
            r"model\.n: .*1.*0",
        ),
        (
            lambda folder: (folder / "config.json").write_text(
                (folder / "config.json").read_text().replace('"vocab_size": 6', '"vocab_size": 7')
            ),
            r"model\.safetensors: .*embed\.tokens .*\(6, 16\).* 7 x 16",
        ),
    ],
)
def test_damage_is_reported_before_there_is_a_puzzle(tmp_path: Path, damage: Any, message: str) -> None:
    write(tmp_path / "mine")
    damage(tmp_path / "mine")
    with pytest.raises(WeightsError, match=message):
        load(tmp_path / "mine")


WIDE = TRMConfig(
    vocab_size=8, seq_len=36, hidden_size=256, num_layers=1, width_multiple=256, n=1, T=1, mixer="mlp",
    positions="none", puzzle_positions=0, expansion=1,
)  # fmt: skip


@pytest.mark.skipif(not int8.available(), reason="torch has no 8-bit linear layers on this machine")
def test_int8(tmp_path: Path) -> None:
    save_weights(tmp_path, build_model(WIDE), task="sudoku-6x6", card={})
    plain, rounded = (open_stepper(tmp_path, backend="torch", dtype=dtype) for dtype in ("float32", "int8"))
    assert rounded.device == "cpu"
    inputs, ids = get_task("sudoku-6x6").make(4, 1).questions.reshape(4, 36) + 1, np.zeros(4, np.int32)
    want, got = (opened.stepper.step(opened.stepper.start(inputs, ids))[0] for opened in (plain, rounded))
    off = float((got.carry.y - want.carry.y).square().mean().sqrt())  # of values whose root mean square is 1
    assert 0 < off < 0.1, "rounded to 8 bits, and not much further"


@pytest.mark.parametrize(
    ("able", "said"),
    [(True, "weights"), (False, "torch")],
)
def test_int8_falls_back(
    able: bool, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing comes of it, one line says so, and answers are those of float32."""
    if able and not int8.available():
        pytest.skip("torch has no 8-bit linear layers on this machine")
    monkeypatch.setattr(int8, "available", lambda: able)
    answer = load("sudoku-6x6", dtype="int8").solve("..31..5.....16......2.......5.....46")
    assert answer.solved
    told = capsys.readouterr().err
    assert re.fullmatch(f".*int8: .*{said}.* float32\n", told)


def test_task_of(tmp_path: Path) -> None:
    write(tmp_path / "mine")
    assert task_of("sudoku-6x6") == "sudoku-6x6" and task_of(tmp_path / "mine" / "model.safetensors") == "sudoku-4x4"
    (tmp_path / "mine" / "config.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"config\.json: .*object"):
        task_of(tmp_path / "mine")


WITHOUT_TORCH = """
import sys
import redraft
from redraft.cli import main
assert main(["solve", "sudoku", {puzzle!r}]) == 0
assert redraft.load("sudoku-6x6").solve({puzzle!r}).solved
print(sorted({{"torch", "numba"}} & set(sys.modules)))
"""


def test_a_puzzle_is_solved_without_torch() -> None:
    task = get_task("sudoku-6x6")
    made = task.make(1, 0)
    code = WITHOUT_TORCH.format(puzzle=task.format(made.questions[0]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n") == [task.format(made.answers[0]), "[]", ""], done.stderr


def test_weights_of_an_unknown_task(tmp_path: Path) -> None:
    write(tmp_path / "mine", task="unknown")
    with pytest.raises(RedraftError, match="task 'unknown'"):
        load(tmp_path / "mine")


@pytest.mark.parametrize("able", ["amx", "avx512_bf16", None])
def test_half_precision_where_it_is_faster_and_was_trained_in(
    able: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redraft.device, "bfloat16_instructions", lambda: able)
    for name, dtype in (("sudoku-9x9", "bfloat16" if able else "float32"), ("sudoku-6x6", "float32")):
        for options, expected in (({}, dtype), ({"dtype": "float32"}, "float32"), ({"dtype": "bfloat16"}, "bfloat16")):
            opened = open_stepper(name, backend="torch", puzzles=64, device="cpu", **options)
            assert opened.stepper.model.config.dtype == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "card", [{}, {"training": []}, {"training": None}, {"run": {"model": "trm"}}, {"training": [3]}]
)
def test_a_card_that_does_not_tell_is_of_float32(card: dict[str, Any]) -> None:
    assert redraft.solve.load._trained_in(card) == "float32"


@pytest.mark.parametrize("name", ["sudoku-6x6", "sudoku-6x6-eq", "maze-8x8"])
def test_weights_that_are_cast_once_draft_to_the_bit_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amx, "usable", lambda: False)  # which rounds elsewhere
    opened = open_stepper(name, backend="torch", dtype="bfloat16")
    assert isinstance(opened.stepper, TorchStepper)
    task = get_task(opened.task)
    inputs, ids = task.encode(task.make(4, 3).questions), np.zeros(4, np.int32)
    logits = []
    for stepper in (opened.stepper, TorchStepper(open_weights(name, dtype="bfloat16").model)):
        state = stepper.start(inputs, ids)
        for _ in range(2):
            state, draft = stepper.step(state)
        logits.append((stepper.logits(state), draft.halt_logit))
    for one, other in zip(*logits, strict=True):
        np.testing.assert_array_equal(one, other)
    [network] = opened.stepper.model.networks()
    assert {parameter.dtype for name, parameter in network.named_parameters() if "around" not in name} == {
        torch.bfloat16
    }


@pytest.mark.skipif(not amx.usable(), reason="this processor has no tiles")
@pytest.mark.parametrize("name", ["sudoku-6x6-eq", "sudoku-9x9"])
def test_blocks_in_tiles_draft_as_layers_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a step is right or wrong in bfloat16 by the layers, it is by the kernel, and nearly as sure of it."""
    task = get_task("sudoku-9x9" if name == "sudoku-9x9" else "sudoku-6x6")
    inputs, ids = task.encode(task.make(3, 3).questions), np.zeros(3, np.int32)
    logits = []
    for usable in (True, False):
        monkeypatch.setattr(amx, "usable", lambda usable=usable: usable)
        stepper = open_stepper(name, backend="torch", dtype="bfloat16").stepper
        state, _ = stepper.step(stepper.start(inputs, ids))
        logits.append(torch.from_numpy(stepper.logits(state)))
    tiles, layers = (each.log_softmax(-1).exp() for each in logits)
    assert (tiles - layers).abs().mean() < 0.01


def test_puzzles_of_ones_own_are_restarted_where_a_checker_judges_them() -> None:
    for checker, habits in ((None, Habits()), ("rules:check", Habits(max_steps=64, restart=4))):
        task = {"kind": "grids", "checker": checker}
        opened = Opened(stepper=None, device="cpu", task=task, card={}, table=None)  # type: ignore[arg-type]
        assert opened.habits("rules") == habits and opened.habits("head") == Habits()
        told = replace(opened, card={"solve": {"restart": 2}})
        assert told.habits("rules") == habits._replace(restart=2), "the card says more"
