"""Exported models: the graph does what the model does, is small and says nothing of this machine, and solves alone."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.failing import mentions, raises
from helpers.places import ROOT

from redraft import __version__
from redraft.backends.onnx import GRAPH, STARTS, Exported, OnnxStepper, open_session
from redraft.backends.protocol import starting_vectors
from redraft.backends.torch import TorchStepper
from redraft.errors import ConfigError, WeightsError
from redraft.export import check
from redraft.export import export as exporting
from redraft.export.check import Trial
from redraft.export.export import ExportReport, export
from redraft.export.graph import ExportError, write_graph, write_int8
from redraft.models import HRMConfig, LocalConfig, Model, TRMConfig, build_model
from redraft.models.config import DirectConfig
from redraft.recipes.alike import equivariant
from redraft.solve.load import load, open_stepper, open_weights, task_of
from redraft.tasks import get_task
from redraft.weights.io import Weights

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

SHAPE: dict[str, Any] = {"vocab_size": 6, "seq_len": 16, "hidden_size": 32, "width_multiple": 16}
TINY = TRMConfig(**SHAPE, num_heads=4, puzzle_positions=2, puzzle_dim=32, n=2, T=2)
CONFIGS = {
    "attention": TINY,
    "learned positions": replace(TINY, positions="learned"),
    "mlp": replace(TINY, mixer="mlp", positions="none"),
    "conv": replace(TINY, mixer="conv", positions="none", grid_width=4, puzzle_positions=0),
    "equivariant": equivariant(get_task("sudoku-4x4"), hidden_size=16, n=2, T=2),
    "hrm": HRMConfig(**SHAPE, num_heads=4, puzzle_positions=2, puzzle_dim=32),
    "local": LocalConfig(vocab_size=6, seq_len=16, grid_width=4, hidden_size=8, n=2, notes=3),
}

pytestmark = [pytest.mark.arithmetic, pytest.mark.slow]  # tracing a step takes seconds


def weights_of(model: Model, task: str = "sudoku-4x4") -> Weights:
    return Weights(model=model, task=task, card={"summary": "made for a test", "solve": {"max_steps": 5}})


@pytest.fixture(scope="module")
def shipped(exports: Callable[[str], tuple[Path, ExportReport]]) -> tuple[Path, ExportReport]:
    """The smallest bundled weights, exported."""
    return exports("sudoku-6x6-eq")


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Exported, bytes]:
    """A model with random weights, of a kind that amplifies any difference, and its graph."""
    model = build_model(CONFIGS["mlp"], seed=1).eval()
    file = tmp_path_factory.mktemp("traced") / GRAPH
    return model, write_graph(model, file), file.read_bytes()


@pytest.fixture
def model(traced: tuple[Model, Exported, bytes], monkeypatch: pytest.MonkeyPatch) -> Model:
    """A copy of that model, which gets that graph when it is exported, whatever becomes of its weights."""

    def write(model: Model, file: Path) -> Exported:
        file.write_bytes(traced[2])
        return traced[1]

    monkeypatch.setattr(exporting, "write_graph", write)
    return copy.deepcopy(traced[0])


@pytest.mark.parametrize("name", CONFIGS)
def test_a_graph_takes_the_steps_of_its_model(name: str, tmp_path: Path) -> None:
    model = build_model(CONFIGS[name], seed=3).eval()
    for table in model.sparse_parameters().values():
        table.data.normal_(generator=torch.Generator().manual_seed(4))
    exported = write_graph(model, tmp_path / GRAPH)
    graph, plain = OnnxStepper(open_session(tmp_path / GRAPH), exported), TorchStepper(model)
    assert exported.parts == model.recursions == graph.recursions
    inputs = np.random.default_rng(0).integers(0, model.config.vocab_size, (3, 16))
    ids, tries = np.zeros(3, np.int64), np.array([0, 2, 1])
    mine, theirs = graph.start(inputs, ids, tries), plain.start(inputs, ids, tries)
    for _ in range(2):
        (mine, draft), (theirs, wanted) = graph.step(mine), plain.step(theirs)
        np.testing.assert_allclose(graph.logits(mine), plain.logits(theirs), rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(draft.halt_logit, wanted.halt_logit, rtol=2e-3, atol=2e-3)
        assert (draft.continue_logit is None) == (wanted.continue_logit is None)
        mine, theirs = (each.select(state, np.array([1, 0])) for each, state in ((graph, mine), (plain, theirs)))
    for _ in range(graph.recursions):
        mine, draft = graph.step(mine, 1)
    np.testing.assert_allclose(draft.halt_logit, plain.step(theirs)[1].halt_logit, rtol=5e-3, atol=5e-3)


def test_puzzles_join_before_and_after_their_first_step(shipped: tuple[Path, ExportReport]) -> None:
    stepper = open_stepper(shipped[0]).stepper
    task = get_task("sudoku-6x6")
    inputs, ids = task.encode(task.make(3, 5).questions), np.zeros(3, np.int64)
    first, draft = stepper.step(stepper.start(inputs[:1], ids[:1]))
    both = stepper.join(first, stepper.start(inputs[1:], ids[1:]))
    np.testing.assert_array_equal(stepper.logits(both)[:1], stepper.logits(first))
    state, _ = stepper.step(both)
    again, _ = stepper.step(stepper.step(stepper.start(inputs[:1], ids[:1]))[0])
    np.testing.assert_allclose(stepper.logits(state)[:1], stepper.logits(again), rtol=1e-3, atol=1e-3)
    assert draft.tokens.dtype == np.int16


def test_weights_are_stored_once_and_nothing_is_told_of_this_machine(shipped: tuple[Path, ExportReport]) -> None:
    content = (shipped[0] / GRAPH).read_bytes()
    assert len(content) == shipped[1].bytes
    model = open_weights("sudoku-6x6-eq").model
    weights = 4 * sum(p.numel() for p in model.parameters())
    assert len(content) < 1.5 * weights + 100_000
    assert str(Path(__file__).parents[2]).encode() not in content and b"stack_trace" not in content
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)


def test_what_is_written_beside_the_graph(shipped: tuple[Path, ExportReport]) -> None:
    folder, made = shipped
    told = json.loads((folder / "config.json").read_text())
    assert told["task"] == "sudoku-6x6" and told["onnx"]["parts"] == 2 and not told["onnx"]["int8"]
    assert told["export"]["redraft"] == __version__ and told["export"]["weights"] == "sudoku-6x6-eq"
    assert told["export"]["solved"] == told["export"]["model_solved"] == made.agreement.solved == 1
    assert made.agreement.tokens == 1 and made.agreement.apart is not None and made.agreement.apart < 1e-4
    assert set(told["card"]) == {"summary"}, "how it was trained stands with the weights"
    assert told["onnx"]["tokens"] == ["<pad>", ".", "1", "2", "3", "4", "5", "6"]
    assert [told["onnx"][key] for key in ("halt_every", "halt_above", "height", "width")] == [2, 2.0, 6, 6]
    assert (folder / "config.json").stat().st_size < 4000
    assert {file.name for file in folder.iterdir()} == {GRAPH, "config.json"}


def test_restarts_begin_elsewhere_as_they_do_in_redraft(shipped: tuple[Path, ExportReport]) -> None:
    """Programs that cannot draw NumPy's random numbers read the vectors from a file."""
    folder = ROOT / "src/redraft/serve/page/models/sudoku-6x6"  # exported with redraft, see web/models.py
    told = json.loads((folder / "config.json").read_text())
    starts = np.fromfile(folder / STARTS, "<f4").reshape(told["onnx"]["starts"], 2, -1)
    assert told["card"]["solve"] == {"restart": 2} and len(starts) == 16 // 2 - 1
    assert np.array_equal(starts.swapaxes(0, 1), starting_vectors(np.arange(1, 8), starts.shape[-1]))
    without = json.loads((shipped[0] / "config.json").read_text())
    assert without["onnx"]["starts"] == 0 and not (shipped[0] / STARTS).exists()


def test_it_solves_without_torch(shipped: tuple[Path, ExportReport]) -> None:
    program = (
        "import sys, redraft; a = redraft.load(sys.argv[1]).solve(sys.argv[2]); "
        "assert a.solved, a; assert 'torch' not in sys.modules; print(a.steps)"
    )
    puzzle = "6.......14..........4.1.1....2..3.5."
    done = subprocess.run([sys.executable, "-c", program, shipped[0], puzzle], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = load("sudoku-6x6-eq", backend="torch").solve(puzzle)
    assert int(done.stdout) == wanted.steps


def test_its_habits_are_those_of_the_card(model: Model, tmp_path: Path) -> None:
    made = export(weights_of(model), tmp_path / "x", name="x", int8=True, count=4)
    opened = open_stepper(tmp_path / "x")
    assert opened.habits("rules").max_steps == 5 and opened.device == "cpu" and task_of(tmp_path / "x") == "sudoku-4x4"
    assert json.loads((tmp_path / "x" / "config.json").read_text())["onnx"]["int8"] == made.int8


def test_what_is_under_way_is_reported(model: Model, tmp_path: Path) -> None:
    told: list[str] = []
    export(weights_of(model), tmp_path / "x", name="x", int8=True, count=4, report=told.append)
    mentions(told[1], "4 puzzles")
    mentions(told[2], "step 1", 16, "4 of 4")
    mentions(told[18], "8-bit")
    mentions(told[19], "step 1", 16, "4 of 4")


def test_eight_bits_are_smaller_and_solve_as_many(
    exports: Callable[[str], tuple[Path, ExportReport]], tmp_path: Path
) -> None:
    folder, made = exports("sudoku-6x6")
    model = TorchStepper(open_weights("sudoku-6x6").model)
    exported = open_stepper(folder).stepper.exported
    write_int8(folder / GRAPH, tmp_path / "int8.onnx")
    assert (tmp_path / "int8.onnx").stat().st_size < 0.5 * made.bytes
    rounded = OnnxStepper(open_session(tmp_path / "int8.onnx"), exported)
    trial = Trial.of(get_task("sudoku-6x6"), vocab_size=8, count=32, seed=1)
    assert trial.run(model).solved == 1
    found = trial.run(rounded).solved
    assert found is not None and found > 0.9, "8-bit matmuls saturate on processors without VNNI"
    assert not trial.follow(model, rounded)[1].holds, "eight bits are no rounding of float32"


def test_eight_bits_that_solve_too_few_are_not_written(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = check.Drafts(tokens=np.full((2, 16), 99, np.int16), solved=0.0)
    monkeypatch.setattr(Trial, "run", lambda self, stepper, report: wrong)
    made = export(weights_of(model), tmp_path / "x", name="x", int8=True, count=2)
    assert not made.int8 and made.rejected is not None and made.rejected.loss == 1
    assert not json.loads((tmp_path / "x" / "config.json").read_text())["onnx"]["int8"]


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.answer_head.weight.data.add_(0.01),
        lambda model: model.halt_head.bias.data.add_(0.1),
        lambda model: model.net.blocks[0].mlp.down.weight.data.mul_(1.02),
    ],
)
def test_a_graph_that_does_something_else_is_not_written(
    change: Callable[[Any], object], model: Model, tmp_path: Path
) -> None:
    change(model)
    with raises(ExportError, "x", "graph", "model"):
        export(weights_of(model), tmp_path / "x", name="x", count=2)
    assert not (tmp_path / "x").exists()


def test_a_model_that_makes_another_answer_of_the_last_digits_is_exported(model: Model, tmp_path: Path) -> None:
    """Graph and model of an untrained mixer part within a few steps, but not where they start from the same state."""
    found = export(weights_of(model), tmp_path / "x", name="x", count=8).agreement
    assert found.holds and found.apart is not None and found.apart < 1e-4
    assert (found.solved, found.model_solved, found.source) == (0, 0, "new puzzles")


def test_a_run_is_compared_on_its_own_rows(model: Model, tmp_path: Path) -> None:
    task = get_task("sudoku-4x4")
    made = task.make(3, 0)
    trial = Trial(
        task=task, inputs=task.encode(made.questions), puzzle_ids=np.zeros(3, np.int64), source="rows", judged=True
    )
    found = export(weights_of(model), tmp_path / "x", name="x", trial=trial).agreement
    assert (found.puzzles, found.source, found.solved) == (3, "rows", 0)


def test_nothing_is_exported_that_is_not_finite(model: Any, tmp_path: Path) -> None:
    model.answer_head.weight.data[0, 0] = float("nan")
    with raises(WeightsError, "x", "NaN", "answer_head.weight"):
        export(weights_of(model), tmp_path / "x", name="x", count=2)
    assert not (tmp_path / "x").exists()


def test_graphs_that_are_not_finite_are_not_opened(shipped: tuple[Path, ExportReport], tmp_path: Path) -> None:
    graph = onnx.load(shipped[0] / GRAPH)
    weight = next(each for each in graph.graph.initializer if len(each.dims) == 2)
    values = onnx.numpy_helper.to_array(weight).copy()
    for bad in (np.nan, np.inf, -np.inf):
        values[0, 0] = bad
        weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        onnx.save(graph, tmp_path / GRAPH)
        with raises(WeightsError, "model.onnx", "NaN", weight.name):
            open_session(tmp_path / GRAPH)


def test_a_task_that_cannot_make_puzzles_is_tried_on_random_tokens() -> None:
    task = get_task("arc")
    trial = Trial.of(task, vocab_size=12, count=2, seed=0)
    assert not trial.judged and trial.inputs.shape == (2, task.seq_len) and trial.source == "random inputs"


class Untraceable(torch.nn.Module):
    """A network whose path depends on what goes through it."""

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return h if float(h.sum()) > 0 else -h


def test_what_is_no_graph_is_named(tmp_path: Path) -> None:
    model = build_model(TINY)
    model.net = Untraceable()
    with raises(ExportError, "TRM", "ONNX"):
        write_graph(model, tmp_path / GRAPH)
    with raises(ExportError, "float32"):
        write_graph(build_model(replace(TINY, dtype="bfloat16")), tmp_path / GRAPH)
    with raises(ExportError, "Direct"):
        write_graph(
            build_model(DirectConfig(**SHAPE, num_heads=4, puzzle_positions=2, puzzle_dim=32)), tmp_path / GRAPH
        )
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_mistakes_with_exported_folders_are_named(shipped: tuple[Path, ExportReport], tmp_path: Path) -> None:
    folder = shipped[0]
    with raises(WeightsError, "model.onnx", "backend onnx"):
        open_weights(folder)
    with raises(WeightsError, "model.onnx"):
        open_stepper(folder, backend="torch")
    with raises(ConfigError, "backend onnx", "float32"):
        open_stepper(folder, dtype="int8")
    with raises(ConfigError, "model.onnx", "backend onnx", "redraft export"):
        open_stepper("sudoku-6x6", backend="onnx")
    for change, parts in (
        ({"onnx": None}, "onnx"),
        ({"onnx": {"parts": 2}}, "onnx"),
        ({"onnx": {"parts": 0, "positions": [36], "y": [1.0], "z": [1.0]}}, "parts"),
        ({"onnx": {"parts": 1, "positions": [36], "y": [1.0], "z": [1.0, 2.0]}}, "vectors"),
        (
            {"onnx": {"parts": 1, "positions": [36], "y": [float("nan")], "z": [1.0]}},
            ("onnx.y", "nan"),
        ),
    ):
        broken = tmp_path / "broken"
        broken.mkdir(exist_ok=True)
        (broken / GRAPH).write_bytes((folder / GRAPH).read_bytes())
        told = json.loads((folder / "config.json").read_text())
        (broken / "config.json").write_text(json.dumps({**told, **change}))
        with raises(WeightsError, parts):
            open_stepper(broken)
    (broken / "config.json").write_text((folder / "config.json").read_text())
    whole = (folder / GRAPH).read_bytes()
    for content, parts in (
        (b"\x08\x0a", "ONNX Runtime"),
        (whole[: len(whole) // 2], "ONNX Runtime"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:01\n", ("model.onnx", "Git LFS")),
        (b"<!doctype html>", ("model.onnx", "HTML")),
    ):
        (broken / GRAPH).write_bytes(content)
        with raises(WeightsError, parts):
            open_stepper(broken)


def test_folders_of_before_open(shipped: tuple[Path, ExportReport], tmp_path: Path) -> None:
    """Those without the values that other programs need of halting and tokens."""
    told = json.loads((shipped[0] / "config.json").read_text())
    old = {"parts", "positions", "y", "z", "int8"}
    assert set(told["onnx"]) - old == {"halt_every", "halt_above", "tokens", "height", "width", "starts"}
    told["onnx"] = {key: value for key, value in told["onnx"].items() if key in old}
    (tmp_path / "config.json").write_text(json.dumps(told))
    (tmp_path / GRAPH).write_bytes((shipped[0] / GRAPH).read_bytes())
    assert load(tmp_path).solve("6.......14..........4.1.1....2..3.5.").solved


def test_another_graph_is_refused_and_threads_are_read_with_care(
    shipped: tuple[Path, ExportReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = onnx.load(shipped[0] / GRAPH)
    onnx.compose.add_prefix(other, "other_", inplace=True)
    onnx.save(other, tmp_path / GRAPH)
    with raises(WeightsError, "halt_logit, logits, other_puzzle_ids"):
        open_session(tmp_path / GRAPH)
    for asked in ("", "2,1", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert open_session(shipped[0] / GRAPH)


def test_without_the_packages_it_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("redraft.export.find_spec", lambda name: None)
    with raises(ConfigError, "onnx", "onnxscript", "onnxruntime", "pip install 'redraft[export]'"):
        exporting.export(weights_of(build_model(TINY)), tmp_path, name="x", count=1)
