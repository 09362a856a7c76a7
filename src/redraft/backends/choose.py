"""Chooses the backend and the dtype: pure functions of the weights' configuration, the options and the machine.

Importing torch takes seconds, in which NumPy solves hundreds of small puzzles. So NumPy solves few puzzles, and
PyTorch many, on a GPU where there is one.
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

from redraft.backends.numpy import equivariant, local
from redraft.backends.numpy import model as trm
from redraft.errors import ConfigError, WeightsError
from redraft.hardware import Bfloat16
from redraft.models import model_config
from redraft.models.config import EquivariantConfig, LocalConfig, TRMConfig

T = TypeVar("T")
Backend = Literal["torch", "numpy", "onnx"]
Precision = Literal["auto", "float32", "bfloat16", "int8"]

# Multiplications that a step of all puzzles may take for NumPy to run it. A 6x6 puzzle (3e7) costs 3 ms either way on
# one thread, and importing torch 2.5 s, so two threads make up for it after about 1,300 puzzles, and many after 800:
# this is 330 of them. One puzzle of a full-size model (1e10) is for torch, which shares a matmul between threads.
MOST_WORK = 10**10
FEW = 1000  # puzzles that NumPy may run, however small, beside a GPU
LOOK_AHEAD = 32  # puzzles of a stream that are read to count them: as many as a batch begins with

# Multiplications of a matmul, for all its puzzles, from which on bfloat16 is faster than float32: there it makes up for
# what a call costs more. Measured by `redraft bench solve` on an Intel Xeon with AMX (the bundled weights break even
# between 0.5e6 and 2.7e6) and on an AMD EPYC (docs/performance.md).
LEAST_PRODUCT: dict[Bfloat16, float] = {"amx": 4e6, "avx512_bf16": 1e7}
BATCH = 32  # puzzles worked on at once to begin with


@dataclass(frozen=True, kw_only=True)
class Here:
    """The properties of a machine that decide the backend: torch is installed, and it would find a GPU."""

    torch: bool = True
    gpu: bool = False

    @staticmethod
    def of_this_machine() -> Here:
        """Found without importing torch."""
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
    """The backend for a model of this configuration (`model` in config.json).

    Args:
        backend, device, dtype: the options of `solve.load.open_stepper`.
        puzzles: about how many will be solved.
        graph: whether there is an exported graph, and no weights.

    Raises ConfigError where these do not go together, WeightsError for an invalid configuration.
    """
    if backend == "auto" and not graph:
        few = most_for_numpy(model, device=device, dtype=dtype, here=here)
        return "numpy" if few is None or puzzles <= few else "torch"
    chosen = "onnx" if backend == "auto" else backend
    if chosen in ("numpy", "onnx") and not _fits_numpy(device, dtype):
        raise ConfigError(f"backend {chosen}: expected dtype float32 and device cpu or auto, got {dtype} and {device}")
    if chosen not in get_args(Backend):
        raise ConfigError(f"backend: expected one of auto, {', '.join(get_args(Backend))}, got {chosen!r}")
    return chosen  # type: ignore[return-value]  # one of them


def _fits_numpy(device: str, dtype: str) -> bool:
    return dtype in ("auto", "float32") and device in ("auto", "cpu")


def most_for_numpy(model: Mapping[str, Any], *, device: str, dtype: str, here: Here) -> int | None:
    """The most puzzles that NumPy rather than torch solves: 0 where it cannot, None where only it can."""
    work = numpy_work(model) if _fits_numpy(device, dtype) else None
    if work is None:
        return 0
    if not here.torch:
        return None
    most = MOST_WORK // max(1, work)
    return min(most, FEW) if here.gpu and device == "auto" else most


def numpy_work(model: Mapping[str, Any]) -> int | None:
    """About how many multiplications a supervision step takes per puzzle, None for a model that NumPy cannot run.

    Raises WeightsError for an invalid configuration.
    """
    if model.get("kind") not in ("trm", "equivariant", "local"):
        return None
    try:
        config = model_config(dict(model), where="model")
    except ConfigError as error:
        raise WeightsError(str(error)) from error
    if isinstance(config, EquivariantConfig):
        return equivariant.work(config) if equivariant.runs(config) else None
    if isinstance(config, LocalConfig):
        return local.work(config)
    assert isinstance(config, TRMConfig)
    return trm.work(config)


def look_ahead(items: Iterable[T], most: int) -> tuple[Iterable[T], bool]:
    """The same items, and whether they are at most `most`.

    Of items without a length, up to `LOOK_AHEAD` are read; more than that count as more than `most`.
    """
    if isinstance(items, Sized):
        return items, len(items) <= most
    waiting, most = iter(items), min(most, LOOK_AHEAD)
    first = list(islice(waiting, most + 1))
    return chain(first, waiting), len(first) <= most


def bfloat16_pays(model: Mapping[str, Any], *, puzzles: int, threads: int, able: Bfloat16 | None) -> bool:
    """True if a CPU solves faster in bfloat16: it has instructions for it, and the matmuls are large enough.

    `threads` share the puzzles that are worked on at once, which are at most `puzzles`.
    """
    sizes = [model.get(name, usual) for name, usual in (("hidden_size", None), ("seq_len", None), ("symbols", 1))]
    sizes.append(model.get("puzzle_positions", 0))
    if able is None or not all(isinstance(size, int) for size in sizes):
        return False  # a model of one's own, or a configuration that is refused where it is read
    width, cells, symbols, reserved = sizes
    rows = max(1, min(puzzles, BATCH) // threads)
    product: int = rows * (cells * max(1, symbols) + reserved) * width**2
    return product >= LEAST_PRODUCT[able]


def _sees_gpu(torch: Path) -> bool:
    """True if the torch in this folder is built for a GPU, and the machine seems to have one."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    built = any((torch / "lib" / name).exists() for name in ("libtorch_cuda.so", "torch_cuda.dll", "libtorch_hip.so"))
    drivers = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd", r"C:\Windows\System32\nvcuda.dll")
    return built and any(Path(driver).exists() for driver in drivers)
