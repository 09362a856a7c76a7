"""Operations on tensors, as fast as the machine allows; `ops` is the table of implementations. No torch modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from typing import Generic, ParamSpec

from torch import Tensor

P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class Implementation:
    """One way to compute an operation: `run`, where `applies` to its arguments.

    `name` is the library or language, `when` the condition in words; `able` says whether this machine can meet it.
    """

    name: str
    when: str
    able: Callable[[], bool]
    applies: Callable[..., bool]
    run: Callable[..., Tensor]


class Operation(Generic[P]):
    """A function of tensors, and faster implementations of it."""

    def __init__(self, formula: str, reference: Callable[P, Tensor], faster: Sequence[Implementation]) -> None:
        update_wrapper(self, reference)
        self.name, self.formula = reference.__name__, formula
        self.reference = Implementation("PyTorch", "otherwise", lambda: True, lambda *_, **__: True, reference)
        self.faster = tuple(faster)

    def choose(self, *args: P.args, **kwargs: P.kwargs) -> Implementation:
        """The implementation that runs for these arguments."""
        for each in self.faster:
            if each.applies(*args, **kwargs):
                return each
        return self.reference

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        return self.choose(*args, **kwargs).run(*args, **kwargs)


def operation(formula: str, *faster: Implementation) -> Callable[[Callable[P, Tensor]], Operation[P]]:
    """Makes an operation of the function that computes it, its reference."""
    return lambda reference: Operation(formula, reference, faster)
