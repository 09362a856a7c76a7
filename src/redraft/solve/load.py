"""Opens weights that ship with the package, or a folder of weights, as a solver: without torch where that is faster."""

from __future__ import annotations

import reprlib
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import redraft.weights
from redraft.config import to_dict
from redraft.errors import ConfigError, WeightsError
from redraft.solve.batch import BatchSize
from redraft.solve.numpy_stepper import NumpyStepper
from redraft.solve.numpy_weights import describe, read_model
from redraft.solve.onnx_stepper import GRAPH, OnnxStepper, open_session, read_exported
from redraft.solve.puzzle_table import PuzzleTable
from redraft.solve.solver import SURE, HaltRule, Solver
from redraft.solve.stepper import Stepper
from redraft.tasks import get_task
from redraft.trust import trusting

if TYPE_CHECKING:
    from redraft.models import Model
    from redraft.models.io import Weights

# Multiplications that a step of all puzzles may take for `auto` to do without torch. A 6x6 puzzle (2.6e7) costs 3 ms
# either way on one thread, and importing torch 2.5 s, so two threads make up for it after about 1,300 puzzles, and many
# after 800: this is 390 of them. One puzzle of a full-size model (1e10) is for torch, which shares a product out.
MOST_WORK = 10**10

MOST_PARTS = 10_000  # runs of a graph that make a step

Backend = Literal["auto", "torch", "numpy", "onnx"]
Precision = Literal["auto", "float32", "bfloat16", "int8"]


class Habits(NamedTuple):
    """How puzzles are solved with some weights: see `Solver` for what these mean."""

    max_steps: int = 16
    restart: int = 0
    guess: bool = False

    def but(self, **given: int | bool | None) -> dict[str, Any]:
        """These as keywords, with what is given, and not None, in their place."""
        return self._asdict() | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """Weights ready to run: on which device, the task they are for as in `Task.spec`, their card and puzzle table."""

    stepper: Stepper
    device: str
    task: str | dict[str, Any]
    card: dict[str, Any]
    table: PuzzleTable

    def habits(self, halt: HaltRule) -> Habits:
        """How the card has puzzles solved by the rules, for how long a model needs is its own; the usual otherwise.

        Raises WeightsError where the card makes no sense.
        """
        told = self.card.get("solve", {})
        # Puzzles of one's own that a checker judges: restarts find more of them, sooner (docs/own-puzzles.md).
        own = isinstance(self.task, dict) and self.task.get("checker") is not None
        usual = (Habits(max_steps=64, restart=4) if own else Habits())._asdict()
        if not isinstance(told, dict) or any(
            type(told.get(name, value)) is not type(value) for name, value in usual.items()
        ):
            raise WeightsError(f"card: solve: expected values like {usual}, got {told!r}")
        return Habits(**(usual | {name: told[name] for name in usual if name in told})) if halt == "rules" else Habits()


def load(
    weights: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    backend: str = "auto",
    max_steps: int | None = None,
    halt: HaltRule = "rules",
    sure: float = SURE,
    restart: int | None = None,
    guess: bool | None = None,
    batch_size: BatchSize = "auto",
    trace: bool = True,
    trust: bool = False,
) -> Solver:
    """A solver with the named weights (`sudoku-6x6`) or with those in a folder; see `Solver` for the options.

    `max_steps`, `restart` and `guess` are by default what the weights' card says for stopping by the rules.

    `device`, `dtype` and `backend` are those of `open_stepper`; it is not known here how many puzzles will come, so for
    thousands of them name the backend `torch`. Raises WeightsError naming the weights that ship, where there are none
    of that name, and for weights that know a puzzle by its id (ARC's), which a puzzle given alone has not. Raises
    TrustError where they name code (`module:NAME`): `trust=True` has it imported and run, with all it may do to this
    machine (docs/trust.md).
    """
    opened = open_stepper(weights, device=device, dtype=dtype, backend=backend, trust=trust)
    if (remark := opened.table.alone(str(weights))) is not None:
        warnings.warn(remark, stacklevel=2)
    return Solver(
        opened.stepper,
        get_task(opened.task),
        halt=halt,
        sure=sure,
        **opened.habits(halt).but(max_steps=max_steps, restart=restart, guess=guess),
        batch_size=batch_size,
        trace=trace,
    )


def open_stepper(
    weights: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    backend: str = "auto",
    puzzles: int = 1,
    trust: bool = False,
) -> Opened:
    """Weights ready to run.

    Args:
        weights: as in `find_weights`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        dtype: `float32` or `bfloat16` of the activations, or `int8` of linear maps and what enters them, on a CPU; or
            `auto`, which takes bfloat16 where the weights were trained in it and the device multiplies it faster.
        backend: `torch`; `numpy`, which runs TRMs in float32 on the CPU and starts in a fraction of the time; `onnx`,
            which runs what `redraft export` wrote, by ONNX Runtime on the CPU; or `auto`, which takes what there is,
            and NumPy where it can, torch is not in use already, and the work is small.
        puzzles: about how many will be solved.
        trust: whether code that the weights name may be run; see `trust.py`.
    """
    with trusting(trust):
        return _open(weights, device, dtype, backend, puzzles)


def _open(weights: str | Path, device: str, dtype: str, backend: str, puzzles: int) -> Opened:
    for name, value, known in (("dtype", dtype, Precision), ("backend", backend, Backend)):
        if value not in get_args(known):
            raise ConfigError(f"{name}: expected one of {', '.join(get_args(known))}, got {value!r}")
    folder = find_weights(weights)
    fits = dtype in ("auto", "float32") and device in ("auto", "cpu")
    if is_exported(folder) and backend == "auto":
        backend = "onnx"
    if backend in ("numpy", "onnx") and not fits:
        raise ConfigError(f"backend {backend}: expected dtype float32 and device cpu or auto, got {dtype} and {device}")
    if backend == "onnx":
        return _open_onnx(folder)
    require_weights(folder)
    if backend == "numpy":
        return _open_numpy(folder)
    if backend == "auto" and fits and not _torch_in_use():
        with suppress(WeightsError):  # another kind of model, or a damaged file: a matter for the way of torch
            return _open_numpy(folder, most_work=MOST_WORK // max(1, puzzles))
    return _open_torch(folder, device, dtype)


def _torch_in_use() -> bool:
    return "torch" in sys.modules  # by this process, be it for something else: the wait is over


def _open_numpy(folder: Path, *, most_work: int | None = None) -> Opened:
    """Raises WeightsError where NumPy cannot run the weights, or a step of a puzzle takes more than `most_work`."""
    described = describe(folder)
    model = read_model(folder, described)
    if most_work is not None and model.work > most_work:
        raise WeightsError(f"{folder}: too much work for the backend numpy")
    table = PuzzleTable.of(described.model, described.card)
    return Opened(stepper=NumpyStepper(model), device="cpu", task=described.task, card=described.card, table=table)


def _open_onnx(folder: Path) -> Opened:
    if not (folder / GRAPH).is_file():
        raise ConfigError(f"{folder}: holds no {GRAPH} for the backend onnx; redraft export writes one")
    described = describe(folder)
    exported = read_exported(folder, described.onnx)
    session = open_session(folder / GRAPH)
    told = [*exported.positions, len(exported.y)]
    shapes = [list(each.shape[1:]) for each in session.get_inputs() if each.name in ("y", "z")]
    if exported.parts > MOST_PARTS or any(shape != told for shape in shapes):
        found = f"{exported.parts} parts and states of {told}"
        raise WeightsError(f"{folder / 'config.json'}: onnx: {reprlib.repr(found)} are not those of {folder / GRAPH}")
    stepper = OnnxStepper(session, exported)
    table = PuzzleTable.of(described.model, described.card)
    return Opened(stepper=stepper, device="cpu", task=described.task, card=described.card, table=table)


def is_exported(folder: Path) -> bool:
    """Whether the folder holds a graph, and no weights."""
    return (folder / GRAPH).is_file() and not (folder / "model.safetensors").exists()


def require_weights(folder: Path) -> None:
    """Raises WeightsError for a folder that holds a graph alone, which can solve and be evaluated, but no more."""
    if is_exported(folder):
        raise WeightsError(f"{folder}: holds {GRAPH} alone, which only the backend onnx runs; name its weights instead")


def _open_torch(folder: Path, device: str, dtype: str) -> Opened:
    from redraft.device import choose_device, fast_bfloat16
    from redraft.models.io import load_weights
    from redraft.solve.torch_stepper import TorchStepper

    if dtype == "int8":
        if device not in ("auto", "cpu"):
            raise ConfigError(f"device {device!r}: int8 runs on the CPU alone; use cpu or auto, or another dtype")
        device = "cpu"
    chosen = choose_device(device)
    opened = load_weights(folder, dtype="float32" if dtype in ("auto", "int8") else dtype)
    if dtype == "auto" and _trained_in(opened.card) == "bfloat16" and fast_bfloat16(chosen):
        opened = load_weights(folder, dtype="bfloat16")
    model = _rounded(opened.model) if dtype == "int8" else opened.model
    model.cast_networks()
    table = PuzzleTable.of(to_dict(model.config), opened.card)
    stepper = TorchStepper(model, device=chosen)
    return Opened(stepper=stepper, device=str(chosen), task=opened.task, card=opened.card, table=table)


def _trained_in(card: Mapping[str, Any]) -> str:
    """The dtype of the activations that the weights of a card were trained with; float32 where it does not say."""
    told: Any = card.get("training", card)  # of weights that ship; a list where several runs made them
    told = told[-1] if isinstance(told, list) and told else told
    for key in ("run", "model", "dtype"):
        told = told.get(key) if isinstance(told, dict) else None
    return told if isinstance(told, str) else "float32"


def _rounded(model: Model) -> Model:
    """The model in int8, or as it is where nothing comes of that."""
    from redraft.core import int8

    if not int8.available():
        print("int8: torch has no 8-bit linear maps on this machine; running in float32", file=sys.stderr)
        return model
    rounded = int8.quantised(model)
    if not int8.share_quantised(rounded):
        print("int8: all linear maps of these weights are too small to gain by it; running in float32", file=sys.stderr)
    return rounded


def task_of(weights: str | Path) -> str | dict[str, Any]:
    """The task that weights are for, as in `Task.spec`."""
    folder = find_weights(weights)
    try:
        return describe(folder).task
    except WeightsError:
        return open_weights(folder).task  # tells more of what is wrong


def open_weights(weights: str | Path, *, dtype: str = "float32", trust: bool = False) -> Weights:
    """The weights as a PyTorch model; see `find_weights` for their name, and `trust.py` for `trust`."""
    from redraft.models.io import load_weights

    folder = find_weights(weights)
    require_weights(folder)
    return load_weights(folder, dtype=dtype, trust=trust)


def find_weights(weights: str | Path) -> Path:
    """The folder of weights by the name they ship under, from their folder, or from a run's folder (its best).

    A shipped name comes first; a folder that happens to have it is meant by `./NAME`.
    """
    shipped = redraft.weights.folder(weights) if isinstance(weights, str) else None
    folder = shipped or Path(weights)
    if not folder.exists():
        raise WeightsError(
            f"{weights}: no such folder, and no weights of that name ship with redraft "
            f"(those that do: {', '.join(redraft.weights.names()) or 'none'})"
        )
    if folder.name in ("model.safetensors", GRAPH):
        folder = folder.parent
    for kept in ("best", "last"):
        if (folder / kept / "model.safetensors").is_file() and not (folder / "model.safetensors").is_file():
            folder = folder / kept
    return folder
