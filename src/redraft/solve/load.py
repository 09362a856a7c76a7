"""Opens bundled weights, or a folder of weights, as a solver: without torch where that is faster.

`solve.choose` says what computes; this opens it.
"""

from __future__ import annotations

import reprlib
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import redraft.weights
from redraft import hub
from redraft.backends.choose import Here, Precision, bfloat16_pays, choose_backend, look_ahead, most_for_numpy
from redraft.backends.numpy.stepper import NumpyStepper
from redraft.backends.numpy.weights import read_model
from redraft.backends.onnx import GRAPH, OnnxStepper, open_session, read_exported
from redraft.backends.protocol import Stepper
from redraft.config import to_dict
from redraft.errors import ConfigError, WeightsError
from redraft.solve.answer import Answer
from redraft.solve.batch import BatchSize
from redraft.solve.job import SolveJob
from redraft.solve.puzzle_table import PuzzleTable
from redraft.solve.solver import SURE, HaltRule, Solver
from redraft.solve.supply import Supply
from redraft.tasks import Grid, get_task
from redraft.trust import given, trusting
from redraft.weights.format import Arrays, Description, describe

if TYPE_CHECKING:
    from redraft.models import Model
    from redraft.tasks import Task
    from redraft.weights.io import Weights

MOST_PARTS = 10_000  # runs of a graph that make a step


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
    dtype: Precision = "auto",
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto",
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

    `device`, `dtype` and `backend` are those of `open_stepper`. A backend that depends on how many puzzles come is
    chosen whenever some are given to be solved: few by NumPy, and many by torch, which is imported only then. Raises
    WeightsError naming the bundled weights, where there are none of that name, and for weights that know a puzzle by
    its id (ARC's), which a puzzle given alone has not. Raises TrustError where they name code (`module:NAME`):
    `trust=True` has it imported and run, with all it may do to this machine (docs/trust.md).
    """
    here, asked = Here.of_this_machine(), {"device": device, "dtype": dtype}
    with trusting(trust):
        consent, found = given(), _find(weights)
        opened = _open(found, backend=backend, puzzles=1, here=here, **asked)
    if (remark := opened.table.alone(str(weights))) is not None:
        warnings.warn(remark, stacklevel=2)
    by_numpy = backend == "auto" and isinstance(opened.stepper, NumpyStepper)
    few = most_for_numpy(found.described.model, here=here, **asked) if by_numpy else None
    options: dict[str, Any] = {
        "halt": halt,
        "sure": sure,
        **opened.habits(halt).but(max_steps=max_steps, restart=restart, guess=guess),
        "batch_size": batch_size,
        "trace": trace,
    }
    task = get_task(opened.task)
    if few is None:
        return Solver(opened.stepper, task, **options)

    def for_many() -> Solver:
        with trusting(consent):
            return Solver(_open_torch(found, puzzles=few + 1, **asked).stepper, task, **options)

    return _GrowingSolver(opened.stepper, task, few=few, for_many=for_many, **options)


class _GrowingSolver(Solver):
    """Solves up to `few` puzzles at a time by the stepper it has, and more of them by another solver.

    A supply may wait for more to arrive, so that nobody looks ahead to see how many they are: it takes them as few.
    """

    def __init__(
        self, stepper: Stepper, task: Task, *, few: int, for_many: Callable[[], Solver], **options: Any
    ) -> None:
        super().__init__(stepper, task, **options)
        self._few, self._for_many = few, for_many
        self._many: Solver | None = None

    def stream(self, questions: Iterable[Grid | SolveJob] | Supply[Grid | SolveJob]) -> Iterator[tuple[int, Answer]]:
        are_few = True
        if not isinstance(questions, Supply):
            questions, are_few = look_ahead(questions, self._few)
        if are_few:
            yield from super().stream(questions)
            return
        if self._many is None:
            self._many = self._for_many()
        yield from self._many.stream(questions)


def open_stepper(
    weights: str | Path,
    *,
    device: str = "auto",
    dtype: Precision = "auto",
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto",
    puzzles: int = 1,
    trust: bool = False,
) -> Opened:
    """Weights ready to run.

    Args:
        weights: as in `find_weights`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        dtype: `float32` or `bfloat16` of the activations, or `int8` of linear maps and what enters them, on a CPU; or
            `auto`, which takes bfloat16 where the weights were trained in it and it makes their steps faster here.
        backend: `torch`; `numpy`, which runs TRMs in float32 on the CPU and starts in a fraction of the time; `onnx`,
            which runs what `redraft export` wrote, by ONNX Runtime on the CPU; or `auto`, which takes what there is,
            and NumPy where it can and the work is small (`solve.choose`).
        puzzles: about how many will be solved.
        trust: whether code that the weights name may be run; see `trust.py`.
    """
    with trusting(trust):
        here = Here.of_this_machine()
        return _open(_find(weights), device=device, dtype=dtype, backend=backend, puzzles=puzzles, here=here)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A folder of weights, what its config.json says, and its tensors once NumPy has read them."""

    folder: Path
    described: Description
    arrays: Arrays = field(default_factory=dict)


def _find(weights: str | Path) -> _Found:
    """Raises WeightsError naming what is missing."""
    folder = find_weights(weights)
    if folder.is_file():
        raise WeightsError(f"{folder}: is a file; expected a folder with config.json and model.safetensors")
    for name in ("config.json", "model.safetensors"):
        if not ((folder / name).is_file() or is_exported(folder)):
            missing = f"{folder / name}: no such file"
            raise WeightsError(f"{missing}; expected a folder with config.json and model.safetensors")
    return _Found(folder=folder, described=describe(folder))


def _open(found: _Found, *, device: str, dtype: str, backend: str, puzzles: int, here: Here) -> Opened:
    if dtype not in get_args(Precision):
        raise ConfigError(f"dtype: expected one of {', '.join(get_args(Precision))}, got {dtype!r}")
    folder, model = found.folder, found.described.model
    asked = {"backend": backend, "device": device, "dtype": dtype}
    try:
        chosen = choose_backend(model, **asked, puzzles=puzzles, here=here, graph=is_exported(folder))
    except WeightsError as error:
        raise WeightsError(f"{folder / 'config.json'}: {error}") from error
    if chosen == "onnx":
        return _open_onnx(folder, found.described)
    require_weights(folder)
    if chosen == "numpy":
        return _open_numpy(found)
    return _open_torch(found, device=device, dtype=dtype, puzzles=puzzles)


def _open_numpy(found: _Found) -> Opened:
    described = found.described
    model = read_model(found.folder, described, found.arrays)
    table = PuzzleTable.of(described.model, described.card)
    return Opened(stepper=NumpyStepper(model), device="cpu", task=described.task, card=described.card, table=table)


def _open_onnx(folder: Path, described: Description) -> Opened:
    if not (folder / GRAPH).is_file():
        raise ConfigError(f"{folder}: holds no {GRAPH} for the backend onnx; redraft export writes one")
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


def _open_torch(found: _Found, *, device: str, dtype: str, puzzles: int) -> Opened:
    import torch

    from redraft.backends.torch import TorchStepper
    from redraft.device import bfloat16_instructions, choose_device, fast_bfloat16
    from redraft.models.execution import cast_networks
    from redraft.weights.io import load_weights

    if dtype == "int8":
        if device not in ("auto", "cpu"):
            raise ConfigError(f"device {device!r}: int8 runs on the CPU alone; use cpu or auto, or another dtype")
        device = "cpu"
    chosen = choose_device(device)
    if dtype == "auto" and _trained_in(found.described.card) == "bfloat16":
        able, threads = bfloat16_instructions(), torch.get_num_threads()
        pays = bfloat16_pays(found.described.model, puzzles=puzzles, threads=threads, able=able)
        dtype = "bfloat16" if (pays if chosen.type == "cpu" else fast_bfloat16(chosen)) else "float32"
    activations = "bfloat16" if dtype == "bfloat16" else "float32"
    opened = load_weights(found.folder, dtype=activations, arrays=found.arrays or None)
    model = _rounded(opened.model) if dtype == "int8" else opened.model
    cast_networks(model)
    table = PuzzleTable.of(to_dict(model.config), opened.card)
    stepper = TorchStepper(model, device=chosen)
    return Opened(stepper=stepper, device=str(chosen), task=opened.task, card=opened.card, table=table)


def _trained_in(card: Mapping[str, Any]) -> str:
    """The dtype of the activations that the weights of a card were trained with; float32 where it does not say."""
    told: Any = card.get("training", card)  # of bundled weights; a list where several runs made them
    told = told[-1] if isinstance(told, list) and told else told
    for key in ("run", "model", "dtype"):
        told = told.get(key) if isinstance(told, dict) else None
    return told if isinstance(told, str) else "float32"


def _rounded(model: Model) -> Model:
    """The model in int8, or as it is where nothing comes of that."""
    from redraft.kernels import int8
    from redraft.models.execution import quantised, share_quantised

    if not int8.available():
        print("int8: torch has no 8-bit linear layers on this machine; running in float32", file=sys.stderr)
        return model
    rounded = quantised(model)
    if not share_quantised(rounded):
        print(
            "int8: all linear layers of these weights are too small to gain by it; running in float32", file=sys.stderr
        )
    return rounded


def task_of(weights: str | Path) -> str | dict[str, Any]:
    """The task that weights are for, as in `Task.spec`."""
    return describe(find_weights(weights)).task


def open_weights(weights: str | Path, *, dtype: str = "float32", trust: bool = False) -> Weights:
    """The weights as a PyTorch model; see `find_weights` for their name, and `trust.py` for `trust`."""
    from redraft.weights.io import load_weights

    folder = find_weights(weights)
    require_weights(folder)
    return load_weights(folder, dtype=dtype, trust=trust)


def find_weights(weights: str | Path) -> Path:
    """The folder of weights: bundled ones by name, a folder of weights, a run's folder (its best), or `hf:owner/name`.

    A bundled name comes first; a folder that happens to have it is meant by `./NAME`. Weights on the Hugging Face Hub
    are downloaded once.
    """
    if isinstance(weights, str) and weights.startswith(hub.PREFIX):
        return hub.weights_folder(weights)
    shipped = redraft.weights.folder(weights) if isinstance(weights, str) else None
    folder = shipped or Path(weights)
    if not folder.exists():
        raise WeightsError(
            f"{weights}: no such folder, and no bundled weights of that name "
            f"(those that do: {', '.join(redraft.weights.names()) or 'none'})"
        )
    if folder.name in ("model.safetensors", GRAPH):
        folder = folder.parent
    for kept in ("best", "last"):
        if (folder / kept / "model.safetensors").is_file() and not (folder / "model.safetensors").is_file():
            folder = folder / kept
    return folder
