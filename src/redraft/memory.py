"""How much memory this machine has free."""

from __future__ import annotations

import os
from pathlib import Path


def free_memory() -> int | None:
    """Bytes of memory that are free, None where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None
