"""Weights ready to run, and the hints of their model card on how to solve with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from redraft.backends.protocol import Stepper
from redraft.errors import WeightsError
from redraft.solve.solver import HaltRule

IDS = "views"  # in a card: the fingerprint of the puzzle ids that the rows of the table stand for, "" if unknown


class PuzzleTable(NamedTuple):
    """The puzzle embeddings of weights: `rows` of the table, 0 for none, and the fingerprint of the puzzle `ids`.

    `ids` is None where none are on record, and "" where they had no names.
    """

    rows: int
    ids: str | None

    @classmethod
    def of(cls, model: Mapping[str, Any], card: Mapping[str, Any]) -> PuzzleTable:
        """The table of weights, by the configuration of their model, as plain values, and their card."""
        rows = model.get("num_puzzles", 1) if model.get("puzzle_positions", 0) else 0
        ids = card.get(IDS)
        return cls(rows if isinstance(rows, int) else 1, ids if isinstance(ids, str) else None)

    def alone(self, name: str) -> str | None:
        """A warning for solving puzzles that have no id with the weights `name`; None where there is none.

        Raises WeightsError where the weights cannot solve such puzzles.
        """
        if self.rows <= 1:
            return None
        if self.ids is not None:
            raise WeightsError(
                f"{name}: knows a puzzle by its id, of which it has embeddings for {self.rows:,}, and a puzzle given "
                "alone has none; redraft arc eval answers the tasks it was trained on, redraft arc adapt others"
            )
        return (
            f"{name}: has embeddings for {self.rows:,} puzzle ids; a puzzle given alone is solved under id 0, "
            "which may stand for no puzzle"
        )


class Habits(NamedTuple):
    """Options for solving with some weights; see `Solver` for their meaning."""

    max_steps: int = 16
    restart: int = 0
    guess: bool = False

    def but(self, **given: int | bool | None) -> dict[str, Any]:
        """These as keyword arguments, replaced by those given that are not None."""
        return self._asdict() | {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Opened:
    """Weights ready to run: their device, their task as in `Task.spec`, their card and their puzzle table."""

    stepper: Stepper
    device: str
    task: str | dict[str, Any]
    card: dict[str, Any]
    table: PuzzleTable

    def habits(self, halt: HaltRule) -> Habits:
        """The options for a halting rule: `habits_of` the weights for the rules, the usual ones otherwise."""
        found = habits_of(self.task, self.card)
        return found if halt == "rules" else Habits()


def habits_of(task: str | dict[str, Any], card: Mapping[str, Any]) -> Habits:
    """The options in a card for halting by the rules, which are the model's own.

    Raises WeightsError for an invalid card.
    """
    found = card.get("solve", {})
    # Puzzles of one's own that a checker judges: restarts find more of them, sooner (docs/own-puzzles.md).
    own = isinstance(task, dict) and task.get("checker") is not None
    usual = (Habits(max_steps=64, restart=4) if own else Habits())._asdict()
    if not isinstance(found, dict) or any(
        type(found.get(name, value)) is not type(value) for name, value in usual.items()
    ):
        raise WeightsError(f"card: solve: expected values like {usual}, got {found!r}")
    return Habits(**(usual | {name: found[name] for name in usual if name in found}))
