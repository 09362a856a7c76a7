"""Symmetries of people's own grids: turns, mirror images, symbols that may change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError
from redraft.tasks import canvas
from redraft.tasks.base import OUTSIDE
from redraft.tasks.canvas import LEFT_RIGHT, TRANSPOSED, UPSIDE_DOWN, turn

MOVES = {  # the symmetries of a name, from which all their combinations follow
    "flip-h": (LEFT_RIGHT,),
    "flip-v": (UPSIDE_DOWN,),
    "transpose": (TRANSPOSED,),
    "rotate": (TRANSPOSED | UPSIDE_DOWN,),
    "dihedral": (TRANSPOSED, LEFT_RIGHT),
}
SYMBOLS = "symbols:"
BLOCK = 1 << 15  # grids handled at once


@dataclass(frozen=True, kw_only=True)
class Symmetries:
    """Symmetries of grids, by their names.

    Attributes:
        moves: symmetries of the square, closed under combination, no change (0) among them.
        classes: symbols, as places in the alphabet, that may change places with one another.
    """

    moves: tuple[int, ...] = (0,)
    classes: tuple[tuple[int, ...], ...] = ()

    def __bool__(self) -> bool:
        return self.moves != (0,) or bool(self.classes)

    @property
    def turns(self) -> bool:
        """Whether one of them makes rows of columns."""
        return any(move & TRANSPOSED for move in self.moves)


def understood(names: Sequence[str], alphabet: Sequence[str]) -> Symmetries:
    """The symmetries of these names: those of MOVES, and `symbols:abc` or `symbols:10,11,12`; raises ConfigError."""
    moves: list[int] = []
    classes: list[tuple[int, ...]] = []
    for name in names:
        if name in MOVES:
            moves += MOVES[name]
        elif name.startswith(SYMBOLS):
            classes.append(_class(name, alphabet))
        else:
            raise ConfigError(f"unknown symmetry {name!r}; known: {', '.join(MOVES)}, or {SYMBOLS}abc")
    listed = [symbol for each in classes for symbol in each]
    if len(set(listed)) < len(listed):
        twice = next(alphabet[symbol] for symbol in listed if listed.count(symbol) > 1)
        raise ConfigError(f"symmetries: the symbol {twice!r} is listed twice; expected once at most")
    return Symmetries(moves=_closure(moves), classes=tuple(classes))


def move(grids: NDArray[np.int8], moves: NDArray[np.integer], *, varies: bool) -> NDArray[np.int8]:
    """Grids (B, H, W), each under its own symmetry of the square (B,).

    Where grids vary in size, each is turned within its own extent, and stays in the top left corner of the canvas.
    """
    sizes = canvas.sizes(grids, moves, 0) if varies else np.tile(grids.shape[1:], (len(grids), 1))
    return canvas.move(grids, moves, sizes, np.zeros_like(sizes), OUTSIDE)


def random_names(symmetries: Symmetries, symbols: int, count: int, rng: np.random.Generator) -> NDArray[np.int8]:
    """New names of symbols (count, symbols): those of a class change places at random."""
    names = np.tile(np.arange(symbols, dtype=np.int8), (count, 1))
    for each in symmetries.classes:
        order = np.argsort(rng.random((count, len(each))), axis=1)
        names[:, each] = np.array(each, np.int8)[order]
    return names


def keys(grids: NDArray[np.int8], symmetries: Symmetries, *, varies: bool) -> NDArray[np.uint64]:
    """A number (N,) per grid (N, H, W), equal for grids that a symmetry turns into one another.

    Others differ but for chance: for ten million grids, one time in three hundred thousand.
    """
    weights = np.random.default_rng(0).integers(1, 1 << 63, size=grids[0].size, dtype=np.uint64)
    found = np.empty(len(grids), np.uint64)
    for start in range(0, len(grids), BLOCK):
        part = slice(start, start + BLOCK)
        views = (move(grids[part], np.full(len(grids[part]), each), varies=varies) for each in symmetries.moves)
        found[part] = np.min([_hash(_renamed_by_first(view, symmetries), weights) for view in views], axis=0)
    return found


def _hash(grids: NDArray[np.int8], weights: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (grids.reshape(len(grids), -1).astype(np.int64) + 2).astype(np.uint64)
    return values @ weights


def _renamed_by_first(grids: NDArray[np.int8], symmetries: Symmetries) -> NDArray[np.int8]:
    """The grids with the symbols of each class renamed in the order in which they first appear."""
    if not symmetries.classes:
        return grids
    flat = grids.reshape(len(grids), -1)
    names = np.tile(np.arange(128, dtype=np.int8), (len(grids), 1))
    for each in symmetries.classes:
        there = np.stack([flat == symbol for symbol in each], axis=1)  # (B, symbols of the class, cells)
        first = np.where(there.any(2), there.argmax(2), flat.shape[1])
        place = np.argsort(np.argsort(first, axis=1, kind="stable"), axis=1, kind="stable")
        names[:, each] = np.array(each, np.int8)[place]
    return canvas.rename(grids, names)


def _class(name: str, alphabet: Sequence[str]) -> tuple[int, ...]:
    text = name.removeprefix(SYMBOLS)
    listed = text.split(",") if "," in text else list(text)
    for symbol in listed:
        if symbol not in alphabet:
            raise ConfigError(f"{name}: {symbol!r} is not in the alphabet {' '.join(alphabet)}")
    if len(listed) < 2:
        raise ConfigError(f"{name}: expected at least two symbols that may change places")
    return tuple(alphabet.index(symbol) for symbol in listed)


def _closure(moves: Sequence[int]) -> tuple[int, ...]:
    """All combinations of these symmetries of the square."""
    corners = np.arange(4).reshape(2, 2)
    known = {turn(corners, each).tobytes(): each for each in range(8)}
    found = {0}
    while True:
        more = {known[turn(turn(corners, first), then).tobytes()] for first in found for then in (0, *moves)}
        if more <= found:
            return tuple(sorted(found))
        found |= more
