"""What a user names as `module:NAME`: a task, a checker, a model, a loss, a suite of their own."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from redraft.errors import RedraftError


def named(path: str, *, what: str) -> Any:
    """What `module:NAME` names, imported with the current folder on the path; raises RedraftError saying `what`."""
    module, _, name = path.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` does
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RedraftError(f"{path}: expected {what} as module:NAME ({error})") from error
