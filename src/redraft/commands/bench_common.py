"""Options that all benchmarks have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from redraft.commands.arguments import Trusted


@dataclass(frozen=True, kw_only=True)
class Common:
    json: bool = False
    """Prints the result as JSON, with every raw time."""
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FILE")] = None
    """Writes the same JSON to a file."""
    trust: Trusted = False
