"""The machine and versions that a figure was measured on; clock and memory of a device."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

import redraft
from redraft.device import describe_device
from redraft.hardware import cpu_name


def context(threads: int, device: torch.device | None = None) -> dict[str, Any]:
    """Date, machine, versions and commit, as plain values for JSON; `device` is included unless it is the CPU."""
    other = {} if device is None or device.type == "cpu" else {"device": describe_device(device)}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            **other,
            "cpu": cpu_name(),
            "cores": os.cpu_count(),
            "threads": threads,
            "capability": torch.backends.cpu.get_cpu_capability(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "torch": torch.__version__,
        "redraft": redraft.__version__,
        "commit": commit(Path(redraft.__file__).parent),
    }


def clock_of(device: torch.device) -> Callable[[], float]:
    """A clock in seconds that waits for the device to finish before it is read."""

    def clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()
        return perf_counter()

    return clock


def commit(folder: Path) -> str | None:
    """The git commit of the checkout that holds `folder`, with `+` where files were changed; None outside one."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None


def memory(device: torch.device | None = None) -> dict[str, float]:
    """Memory of this process in MiB, `now` and its `peak`: resident, or of its tensors on a GPU.

    Outside Linux both are the peak of `getrusage`, which includes the parent's memory when it started this process.
    """
    if device is not None and device.type == "cuda":
        held = torch.cuda.memory_allocated(device), torch.cuda.max_memory_allocated(device)
        return {"now": round(held[0] / 2**20, 1), "peak": round(held[1] / 2**20, 1)}
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        now, peak = (int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    except (OSError, KeyError, ValueError):
        import resource

        unit = 1 if platform.system() == "Darwin" else 1024
        now = peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return {"now": round(now, 1), "peak": round(peak, 1)}
