"""How much work to spend on a puzzle: supervision steps, or time."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from redraft.errors import ConfigError

ANY = 2**31  # steps, where time alone is limited

SECONDS = {"ms": 0.001, "s": 1.0}

_AMOUNT = re.compile(r"(\d{1,12})|(\d{1,12}(?:\.\d{1,12})?) ?(ms|s)", re.ASCII)


class SolveBudget(NamedTuple):
    """Most `steps` per puzzle, and most `seconds` from when it joins the batch; one of them is out of reach."""

    steps: int
    seconds: float


def read_budget(value: int | str, name: str = "budget") -> SolveBudget:
    """The budget written as a number of steps (`200`) or as time with its unit (`50ms`, `2s`).

    Raises ConfigError for anything else, of the option `name`.
    """
    found = _AMOUNT.fullmatch(str(value))
    if found is not None:
        steps, time, unit = found.groups()
        budget = SolveBudget(int(steps), math.inf) if steps else SolveBudget(ANY, float(time) * SECONDS[unit])
        if 1 <= budget.steps <= ANY and budget.seconds > 0:
            return budget
    raise ConfigError(f"{name}: expected at least 1 step (200), or a time per puzzle (50ms, 2s), got {str(value)!r}")
