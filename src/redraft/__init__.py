"""redraft: tiny recursive models that draft an answer, then redraft it until it is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["RedraftError", "__version__", "load"]

if TYPE_CHECKING:
    from redraft.errors import RedraftError
    from redraft.solve.load import load


def __getattr__(name: str) -> Any:
    # Imported on first use: torch takes seconds, and `redraft --help` should not wait for it.
    if name == "load":
        from redraft.solve.load import load

        return load
    if name == "RedraftError":
        from redraft.errors import RedraftError

        return RedraftError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
