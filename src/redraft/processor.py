"""The processor: who made it, and which of its instructions multiply bfloat16."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Bfloat16 = Literal["amx", "avx512_bf16"]  # instructions that multiply it


def bfloat16_among(able: Mapping[str, Any], *, amd: bool, allowed: str = "") -> Bfloat16 | None:
    """Which of a CPU's abilities (`torch.cpu.get_capabilities`) multiply bfloat16 faster than float32.

    AVX-512 does on AMD's processors; Intel's multiply no more of it in the same time, and lose by converting (measured,
    docs/performance.md). `allowed`: the most that oneDNN may use (ONEDNN_MAX_CPU_ISA); empty for all.
    """
    allowed = allowed.upper()
    everything = allowed in ("", "ALL", "DEFAULT") or "AMX" in allowed
    if everything and able.get("amx_tile") and able.get("amx_bf16", True):
        return "amx"
    vectors = everything or any(name in allowed for name in ("CORE_BF16", "CORE_FP16", "AVX10"))
    return "avx512_bf16" if amd and vectors and able.get("avx512_bf16") else None


@cache
def made_by_amd() -> bool:
    """Whether AMD made this machine's processor."""
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        told = platform.processor()  # on Windows the maker is in it
    return "AuthenticAMD" in told
