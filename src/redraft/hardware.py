"""The processor, which of its instructions multiply bfloat16, and the free memory of this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Bfloat16 = Literal["amx", "avx512_bf16"]  # instructions that multiply it


def flags() -> dict[str, bool]:
    """The flags that Linux lists for this processor; none on other systems."""
    line = next((line for line in _cpuinfo().splitlines() if line.startswith("flags")), "")
    return {"amx_bf16": False, **dict.fromkeys(line.split()[2:], True)}


def allowed_by_onednn() -> str:
    """The most capable instruction set that oneDNN may use, by the environment; empty for all."""
    return os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", ""))


def bfloat16_among(able: Mapping[str, Any], *, amd: bool, allowed: str = "") -> Bfloat16 | None:
    """Which of a CPU's abilities (`torch.cpu.get_capabilities`) multiply bfloat16 faster than float32.

    AVX-512 does on AMD's processors; on Intel's it multiplies no faster and converting costs time (measured,
    docs/performance.md). `allowed`: see `allowed_by_onednn`.
    """
    allowed = allowed.upper()
    everything = allowed in ("", "ALL", "DEFAULT") or "AMX" in allowed
    if everything and able.get("amx_tile") and able.get("amx_bf16", True):
        return "amx"
    vectors = everything or any(name in allowed for name in ("CORE_BF16", "CORE_FP16", "AVX10"))
    return "avx512_bf16" if amd and vectors and able.get("avx512_bf16") else None


def cpu_name() -> str:
    """The processor's name."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@cache
def made_by_amd() -> bool:
    """Whether AMD made this machine's processor."""
    return "AuthenticAMD" in _cpuinfo()


@cache
def _cpuinfo() -> str:
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()  # on Windows the maker is in it


def free_memory() -> int | None:
    """Bytes of free memory, all memory where the free part is unknown, None where neither is known."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None
