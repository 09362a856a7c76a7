"""Chooses what computes, and in which dtype: pure functions of the weights' configuration, what is asked for, and what
the machine reports.

Importing torch takes seconds, in which NumPy solves hundreds of small puzzles; so it is NumPy for few, and PyTorch, on
a GPU where there is one, for many.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from redraft.backends.numpy import equivariant
from redraft.backends.numpy import model as trm
from redraft.errors import ConfigError, WeightsError
from redraft.hardware import Bfloat16
from redraft.models import model_config
from redraft.models.config import EquivariantConfig, TRMConfig

T = TypeVar("T")
Backend = Literal["torch", "numpy", "onnx"]
Precision = Literal["auto", "float32", "bfloat16", "int8"]

# Multiplications that a step of all puzzles may take for NumPy to run it. A 6x6 puzzle (3e7) costs 3 ms either way on
# one thread, and importing torch 2.5 s, so two threads make up for it after about 1,300 puzzles, and many after 800:
# this is 330 of them. One puzzle of a full-size model (1e10) is for torch, which shares a product out.
MOST_WORK = 10**10
FEW = 1000  # puzzles that NumPy may run, however small, beside a GPU
LOOK_AHEAD = 32  # puzzles of a stream that are read to see how many there are: as many as a batch begins with

# Multiplications of a product, for so many puzzles, from which on bfloat16 is faster: what a call of it costs beyond
# float32's is made up for. Measured by `redraft bench solve` on an Intel Xeon with AMX (the bundled weights break even
# between 0.5e6 and 2.7e6) and on an AMD EPYC (docs/performance.md).
LEAST_PRODUCT: dict[Bfloat16, float] = {"amx": 4e6, "avx512_bf16": 1e7}
BATCH = 32  # puzzles worked on at once to begin with


@dataclass(frozen=True, kw_only=True)
class Here:
    """What of a machine decides the backend: whether torch is installed, and whether it would find a GPU."""

    torch: bool = True
    gpu: bool = False

    @staticmethod
    def of_this_machine() -> Here:
        """Found out without importing torch."""
        found = find_spec("torch")
        places = (found.submodule_search_locations if found is not None else None) or []
        return Here(torch=found is not None, gpu=any(_sees_gpu(Path(place)) for place in places))


def choose_backend(
    model: Mapping[str, Any],
    *,
    backend: str = "auto",
    device: str = "auto",
    dtype: str = "auto",
    puzzles: int = 1,
    here: Here,
    graph: bool = False,
) -> Backend:
    """What runs a model of this configuration (`model` in config.json).

    Args:
        backend, device, dtype: as asked for, see `solve.load.open_stepper`.
        puzzles: about how many will be solved.
        graph: whether there is an exported graph, and no weights.

    Raises ConfigError where these do not go together, WeightsError where the configuration makes no sense.
    """
    fits = dtype in ("auto", "float32") and device in ("auto", "cpu")
    if backend == "auto" and graph:
        backend = "onnx"
    if backend == "auto":
        few = most_for_numpy(model, device=device, dtype=dtype, here=here)
        return "numpy" if few is None or puzzles <= few else "torch"
    if backend in ("numpy", "onnx") and not fits:
        raise ConfigError(f"backend {backend}: expected dtype float32 and device cpu or auto, got {dtype} and {device}")
    if backend not in get_args(Backend):
        raise ConfigError(f"backend: expected one of auto, {', '.join(get_args(Backend))}, got {backend!r}")
    return backend  # type: ignore[return-value]  # one of them


def most_for_numpy(model: Mapping[str, Any], *, device: str, dtype: str, here: Here) -> int | None:
    """How many puzzles are for NumPy rather than for torch: 0 where it cannot run them, None where only it can."""
    if dtype not in ("auto", "float32") or device not in ("auto", "cpu"):
        return 0
    work = numpy_work(model)
    if work is None:
        return 0
    if not here.torch:
        return None
    most = MOST_WORK // max(1, work)
    return min(most, FEW) if here.gpu and device == "auto" else most


def numpy_work(model: Mapping[str, Any]) -> int | None:
    """About how many multiplications a puzzle takes in a supervision step, None for a model that NumPy cannot run.

    Raises WeightsError where the configuration makes no sense.
    """
    if model.get("kind") not in ("trm", "equivariant"):
        return None
    try:
        config = model_config(dict(model), where="model")
    except ConfigError as error:
        raise WeightsError(str(error)) from error
    if isinstance(config, EquivariantConfig):
        return equivariant.work(config) if equivariant.runs(config) else None
    assert isinstance(config, TRMConfig)
    return trm.work(config)


def look_ahead(items: Iterable[T], most: int) -> tuple[Iterable[T], bool]:
    """The same items, and whether they are at most so many.

    Of those that do not say how many they are, up to `LOOK_AHEAD` are read; more are taken for more than `most`.
    """
    if isinstance(items, Sized):
        return items, len(items) <= most
    waiting, most = iter(items), min(most, LOOK_AHEAD)
    first = list(islice(waiting, most + 1))
    return chain(first, waiting), len(first) <= most


def bfloat16_pays(model: Mapping[str, Any], *, puzzles: int, threads: int, able: Bfloat16 | None) -> bool:
    """Whether a CPU solves faster in bfloat16: it has instructions for it, and products are large enough for them.

    `threads` share the puzzles that are worked on at once, which are at most `puzzles`.
    """
    if able is None:
        return False
    width, cells = model.get("hidden_size"), model.get("seq_len")
    if not isinstance(width, int) or not isinstance(cells, int):
        return False  # a model of one's own: not known
    symbols = model.get("symbols", 1) if model.get("kind") == "equivariant" else 1
    puzzle = model.get("puzzle_positions", 0)
    if not isinstance(symbols, int) or not isinstance(puzzle, int):
        return False  # makes no sense, which is said where it is read
    positions = cells * max(1, symbols) + puzzle
    rows = max(1, min(puzzles, BATCH) // threads)
    return rows * positions * width**2 >= LEAST_PRODUCT[able]


def _sees_gpu(torch: Path) -> bool:
    """Whether the torch in this folder is built for a GPU that this machine seems to have."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    built = any((torch / "lib" / name).exists() for name in ("libtorch_cuda.so", "torch_cuda.dll", "libtorch_hip.so"))
    drivers = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd", r"C:\Windows\System32\nvcuda.dll")
    return built and any(Path(driver).exists() for driver in drivers)
