"""Opens bundled weights, or a folder of weights, as a solver: without torch where that is faster.

`backends.choose` decides what computes.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import redraft.weights
from redraft import hub
from redraft.backends.choose import Here, Precision, bfloat16_pays, choose_backend, look_ahead, most_for_numpy
from redraft.backends.numpy.stepper import NumpyStepper, read_model
from redraft.backends.onnx import GRAPH, open_exported
from redraft.backends.protocol import Stepper
from redraft.contents import within
from redraft.errors import ConfigError, WeightsError
from redraft.solve.answer import Answer
from redraft.solve.job import SolveJob
from redraft.solve.opened import Opened, PuzzleTable
from redraft.solve.sizes import of_size
from redraft.solve.solver import SURE, BatchSize, HaltRule, Solver
from redraft.solve.supply import Supply
from redraft.tasks import Grid, get_task
from redraft.trust import given, trusting
from redraft.weights.format import Arrays, Description, describe

if TYPE_CHECKING:
    from redraft.models import Model
    from redraft.tasks import Task
    from redraft.weights.io import Weights


def load(
    weights: str | Path,
    *,
    device: str = "auto",
    dtype: Precision = "auto",
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto",
    max_steps: int | None = None,
    budget: int | str | None = None,
    halt: HaltRule = "rules",
    sure: float = SURE,
    restart: int | None = None,
    guess: bool | None = None,
    batch_size: BatchSize = "auto",
    trace: bool = True,
    trust: bool = False,
    task: str | Task | None = None,
) -> Solver:
    """A solver with bundled weights (`sudoku-6x6`) or those in a folder; see `Solver` for the options.

    `task`: for boards of another size than those of training (`maze-40x40`), which the weights of a local network fit.

    The defaults of `max_steps`, `restart` and `guess` are those of the weights' model card for halting by the rules.

    `device`, `dtype` and `backend` are those of `open_stepper`. A backend that depends on the number of puzzles is
    chosen whenever puzzles are given: NumPy for few, torch for many, which is imported only then. Raises WeightsError
    naming the bundled weights where there are none of that name, and for weights that know a puzzle by its id (ARC's),
    which a puzzle given alone does not have. Raises TrustError where they name code (`module:NAME`): `trust=True` has
    it imported and run, with all it may do to this machine (docs/trust.md).
    """
    if budget is not None and max_steps is not None:
        raise ConfigError("budget and max_steps exclude each other")
    here, asked = Here.of_this_machine(), {"device": device, "dtype": dtype}
    with trusting(trust):
        consent, found = given(), _find(weights, get_task(task) if isinstance(task, str) else task)
        opened = _open(found, backend=backend, puzzles=1, here=here, **asked)
    if (remark := opened.table.alone(str(weights))) is not None:
        warnings.warn(remark, stacklevel=2)
    options: dict[str, Any] = {
        "halt": halt,
        "sure": sure,
        **opened.habits(halt).but(max_steps=max_steps, restart=restart, guess=guess),
        "budget": budget,
        "batch_size": batch_size,
        "trace": trace,
    }
    solved = get_task(opened.task)
    by_numpy = backend == "auto" and isinstance(opened.stepper, NumpyStepper)
    few = most_for_numpy(found.described.model, here=here, **asked) if by_numpy else None
    if few is None:
        return Solver(opened.stepper, solved, **options)

    def for_many() -> Solver:
        with trusting(consent):
            return Solver(_torch_stepper(found, puzzles=few + 1, **asked)[0], solved, **options)

    return _GrowingSolver(opened.stepper, solved, few=few, for_many=for_many, **options)


class _GrowingSolver(Solver):
    """Solves up to `few` puzzles at a time with its own stepper, and more of them with another solver.

    A supply counts as few: it may wait for more to arrive, so nothing looks ahead to count it.
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
    task: Task | None = None,
) -> Opened:
    """Weights ready to run.

    Args:
        weights: as in `find_weights`.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        dtype: `float32` or `bfloat16` of the activations; `int8` of linear layers and their inputs, on a CPU; or
            `auto`, which takes bfloat16 where the weights were trained in it and it makes their steps faster here.
        backend: `torch`; `numpy`, which runs TRMs in float32 on the CPU and starts in a fraction of the time; `onnx`,
            which runs what `redraft export` wrote, by ONNX Runtime on the CPU; or `auto`, which takes what there is,
            and NumPy where it can and the work is small (`backends.choose`).
        puzzles: about how many will be solved.
        trust: whether code that the weights name may be run; see `trust.py`.
        task: for boards of another size than those of training, which the weights of a local network fit.
    """
    with trusting(trust):
        here = Here.of_this_machine()
        return _open(_find(weights, task), device=device, dtype=dtype, backend=backend, puzzles=puzzles, here=here)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A folder of weights, the description in its config.json, and its tensors once NumPy has read them."""

    folder: Path
    described: Description
    arrays: Arrays = field(default_factory=dict)


def _find(weights: str | Path, task: Task | None = None) -> _Found:
    """Raises WeightsError naming what is missing, or where the weights do not fit boards of the task's size."""
    folder, expected = find_weights(weights), "expected a folder with config.json and model.safetensors"
    if folder.is_file():
        raise WeightsError(f"{folder}: is a file; {expected}")
    for name in ("config.json", "model.safetensors"):
        if not ((folder / name).is_file() or is_exported(folder)):
            raise WeightsError(f"{folder / name}: no such file; {expected}")
    described = describe(folder)
    if task is not None:
        trained, described = described.task, of_size(described, task, name=str(weights))
        if is_exported(folder) and task.spec != trained:
            raise WeightsError(f"{folder}: an exported graph has one size; name the weights it was made from instead")
    return _Found(folder=folder, described=described)


def _open(found: _Found, *, device: str, dtype: str, backend: str, puzzles: int, here: Here) -> Opened:
    if dtype not in get_args(Precision):
        raise ConfigError(f"dtype: expected one of {', '.join(get_args(Precision))}, got {dtype!r}")
    folder, described = found.folder, found.described
    asked = {"backend": backend, "device": device, "dtype": dtype}
    try:
        chosen = choose_backend(described.model, **asked, puzzles=puzzles, here=here, graph=is_exported(folder))
    except WeightsError as error:
        raise WeightsError(f"{folder / 'config.json'}: {error}") from error
    stepper: Stepper
    placed = "cpu"
    if chosen == "onnx":
        stepper = open_exported(folder, described.onnx)
    else:
        require_weights(folder)
        if chosen == "numpy":
            stepper = NumpyStepper(read_model(folder, described, found.arrays))
        else:
            stepper, placed = _torch_stepper(found, device=device, dtype=dtype, puzzles=puzzles)
    table = PuzzleTable.of(described.model, described.card)
    return Opened(stepper=stepper, device=placed, task=described.task, card=described.card, table=table)


def _torch_stepper(found: _Found, *, device: str, dtype: str, puzzles: int) -> tuple[Stepper, str]:
    """The stepper of a PyTorch model, and its device."""
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
    model = load_weights(found.folder, dtype=activations, arrays=found.arrays or None, described=found.described).model
    if dtype == "int8":
        model = _quantised(model)
    cast_networks(model)
    return TorchStepper(model, device=chosen), str(chosen)


def _trained_in(card: Mapping[str, Any]) -> str:
    """The dtype of the activations that the weights of a card were trained with; float32 where it is not stated."""
    training = card.get("training", card)  # of bundled weights; a list where several runs made them
    last = training[-1] if isinstance(training, list) and training else training
    found = within(last, "run", "model", "dtype")
    return found if isinstance(found, str) else "float32"


def _quantised(model: Model) -> Model:
    """The model in int8, or as it is where int8 is not available or gains nothing."""
    from redraft.kernels import int8
    from redraft.models.execution import quantised, share_quantised

    why = "torch has no 8-bit linear layers on this machine"
    if int8.available():
        model = quantised(model)
        if share_quantised(model):
            return model
        why = "all linear layers of these weights are too small to gain by it"
    print(f"int8: {why}; running in float32", file=sys.stderr)
    return model


def is_exported(folder: Path) -> bool:
    """True if the folder holds a graph and no weights."""
    return (folder / GRAPH).is_file() and not (folder / "model.safetensors").exists()


def require_weights(folder: Path) -> None:
    """Raises WeightsError for a folder that holds a graph alone, which can solve and be evaluated, but no more."""
    if is_exported(folder):
        raise WeightsError(f"{folder}: holds {GRAPH} alone, which only the backend onnx runs; name its weights instead")


def task_of(weights: str | Path) -> str | dict[str, Any]:
    """The task that weights were trained for, as in `Task.spec`."""
    return describe(find_weights(weights)).task


def open_weights(weights: str | Path, *, dtype: str = "float32", trust: bool = False) -> Weights:
    """The weights as a PyTorch model; see `find_weights` for their name, and `trust.py` for `trust`."""
    from redraft.weights.io import load_weights

    folder = find_weights(weights)
    require_weights(folder)
    return load_weights(folder, dtype=dtype, trust=trust)


def find_weights(weights: str | Path) -> Path:
    """The folder of weights: bundled ones by name, a folder of weights, a run's folder (its best), or `hf:owner/name`.

    A bundled name comes first; `./NAME` means a folder of that name. Weights on the Hugging Face Hub are downloaded
    once.
    """
    if isinstance(weights, str) and weights.startswith(hub.PREFIX):
        return hub.weights_folder(weights)
    shipped = redraft.weights.folder(weights) if isinstance(weights, str) else None
    folder = shipped or Path(weights)
    if not folder.exists():
        raise WeightsError(
            f"{weights}: no such folder, and no bundled weights of that name "
            f"(there are: {', '.join(redraft.weights.names()) or 'none'})"
        )
    if folder.name in ("model.safetensors", GRAPH):
        folder = folder.parent
    for kept in ("best", "last"):
        if (folder / kept / "model.safetensors").is_file() and not (folder / "model.safetensors").is_file():
            folder = folder / kept
    return folder
