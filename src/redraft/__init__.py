"""redraft: tiny recursive models that draft an answer, then redraft it until it is right.

The public API is what `dir(redraft)` lists; docs/python.md has a tour of it. All else may change without notice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # functions, where a running Python has packages that can be called (redraft.calling)
    from redraft.api import (
        compare,
        evaluate,
        export,
        inspect,
        list_recipes,
        list_tasks,
        list_weights,
        make,
        make_task,
        resume,
        train,
    )
    from redraft.compare.contest import Comparison
    from redraft.errors import ConfigError, DataError, PuzzleError, RedraftError, TrustError, WeightsError
    from redraft.evaluate.measure import Report
    from redraft.models.base import Model, StepOutput
    from redraft.models.check import check_model
    from redraft.models.config import ModelConfig
    from redraft.run import Run
    from redraft.solve.answer import Answer
    from redraft.solve.load import load
    from redraft.solve.solver import Solver
    from redraft.tasks.base import Puzzle, Task, Verdict
    from redraft.tasks.check import check_task
    from redraft.train.config import RunConfig

__version__ = "0.1.0"
__all__ = [
    "load", "train", "resume", "evaluate", "compare", "inspect", "export", "make", "make_task",
    "list_tasks", "list_recipes", "list_weights", "check_task", "check_model",
    "Task", "Puzzle", "Verdict", "Answer", "Solver", "Model", "ModelConfig", "StepOutput", "RunConfig",
    "Run", "Report", "Comparison",
    "RedraftError", "PuzzleError", "DataError", "ConfigError", "WeightsError", "TrustError", "__version__",
]  # fmt: skip

_PLACES = {
    "redraft.api": ("resume", "make", "make_task", "list_tasks", "list_recipes", "list_weights"),
    "redraft.solve.load": ("load",),
    "redraft.solve.answer": ("Answer",),
    "redraft.solve.solver": ("Solver",),
    "redraft.tasks.base": ("Task", "Puzzle", "Verdict"),
    "redraft.tasks.check": ("check_task",),
    "redraft.models.base": ("Model", "StepOutput"),
    "redraft.models.config": ("ModelConfig",),
    "redraft.models.check": ("check_model",),
    "redraft.train.config": ("RunConfig",),
    "redraft.run": ("Run",),
    "redraft.evaluate.measure": ("Report",),
    "redraft.compare.contest": ("Comparison",),
    "redraft.errors": ("RedraftError", "PuzzleError", "DataError", "ConfigError", "WeightsError", "TrustError"),
}
_CALLED = ("train", "evaluate", "compare", "inspect", "export")


def __getattr__(name: str) -> Any:
    # Imported on first use: torch takes seconds, and `redraft --help` should not wait for it.
    if name in _CALLED:
        return import_module(f"redraft.{name}")
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
