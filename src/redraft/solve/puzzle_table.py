"""The table of puzzle embeddings of some weights: how many puzzles it tells apart, and which these are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from redraft.errors import WeightsError

IDS = "views"  # in a card: the fingerprint of what the rows of the table stand for, "" where nobody knows


class PuzzleTable(NamedTuple):
    """`rows` of the table, 0 for none, and the fingerprint of the puzzle `ids` it was trained on.

    `ids` is None where no ids are on record, and "" where they had no names.
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
        """A remark on solving puzzles that have no id with the weights `name`, None where nothing is amiss.

        Raises WeightsError where the weights can make nothing of such puzzles.
        """
        if self.rows <= 1:
            return None
        if self.ids is not None:
            raise WeightsError(
                f"{name}: knows a puzzle by its id, of which it has embeddings for {self.rows:,}, and a puzzle given "
                "alone has none; redraft arc eval has it answer the tasks it was trained on, redraft arc adapt others"
            )
        return (
            f"{name}: has embeddings for {self.rows:,} puzzle ids; a puzzle given alone is solved under id 0, "
            "which may stand for no puzzle"
        )
