"""Where torch runs: picks a device by name, or the best one there is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from redraft.errors import ConfigError
from redraft.hardware import Bfloat16, allowed_by_onednn, bfloat16_among, made_by_amd


def choose_device(name: str = "auto") -> torch.device:
    """The device called `auto`, `cpu`, `cuda`, `cuda:1` or `mps`; `auto` takes CUDA, then MPS, then the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device {name!r}: expected auto, cpu, cuda, cuda:N or mps") from None
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    present = {"cpu": True, "cuda": gpus > (device.index or 0), "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False):
        raise ConfigError(f"device {name!r} is not available on this machine; use cpu or auto")
    return device


def own_device(device: torch.device) -> torch.device:
    """The device of this process: under torchrun each process of a machine has its own GPU."""
    if str(device) != "cuda" or "LOCAL_RANK" not in os.environ:  # cuda:1 is a choice already
        return device
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(own)
    return own


def describe_device(device: torch.device) -> str:
    """The device in words, for a model card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def fast_bfloat16(device: torch.device) -> bool:
    """True if it has instructions for bfloat16, so that large enough matmuls may be faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # before that it is emulated
    return device.type == "cpu" and any(_abilities().get(name, False) for name in ("amx_tile", "avx512_bf16"))


def bfloat16_instructions() -> Bfloat16 | None:
    """The instructions of this CPU that multiply bfloat16 faster than float32, None if there are none."""
    return bfloat16_among(_abilities(), amd=made_by_amd(), allowed=allowed_by_onednn())


def _abilities() -> Mapping[str, Any]:
    return torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
