"""Checks that the puzzle ids of data mean the puzzles that a table of embeddings was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redraft.config import to_dict
from redraft.data.store import Store
from redraft.errors import WeightsError
from redraft.solve.opened import PuzzleTable

if TYPE_CHECKING:
    from redraft.weights.io import Weights


def require_ids(table: PuzzleTable, store: Store, *, name: str, data: str, remedy: str | None = None) -> list[str]:
    """Remarks on ids of `data` that may or may not mean the same in the table of `name`; mostly none.

    Raises WeightsError if they do not: more ids than rows, other puzzles, another order, or no ids at all. `remedy` is
    the advice in the error, by default to adapt trained weights.
    """
    learn = f"train those of {data} with: redraft arc adapt {name} {data}" if store.views is not None else ""
    end = f"; {learn if remedy is None else remedy}".removesuffix("; ")
    ids = store.identifiers
    if not table.rows:
        return []
    if store.num_puzzle_ids > table.rows:
        raise WeightsError(
            f"{name}: has embeddings for {table.rows:,} puzzle ids, {data} has {store.num_puzzle_ids:,}{end}"
        )
    if table.rows == 1:  # row 0 stands for no puzzle in particular
        return []
    if ids is None and table.ids is not None:
        raise WeightsError(
            f"{name}: has embeddings for {table.rows:,} puzzle ids, and {data} has no ids; "
            "name a folder that redraft data build or redraft data import wrote"
        )
    if ids is None or not table.ids or not ids.fingerprint:
        if ids is not None and ids.rows == table.rows:  # as far as anybody can tell
            return []
        return [
            f"{name}: the puzzles its embeddings were trained on are not known; figures mean something only if "
            f"they are those of {data}, in the same order"
        ]
    if table.ids != ids.fingerprint:
        raise WeightsError(
            f"{name}: its puzzle embeddings are of other augmentations than {data} has, or in another order{end}"
        )
    return []


def require_fit(weights: Weights, store: Store, *, name: str, data: str) -> list[str]:
    """Remarks of `require_ids` on opened weights; raises WeightsError if their embeddings are of other puzzles."""
    return require_ids(PuzzleTable.of(to_dict(weights.model.config), weights.card), store, name=name, data=data)
