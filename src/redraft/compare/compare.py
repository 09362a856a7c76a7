"""Outcomes of contenders on the same rows: files of them, shares, and comparisons in pairs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from redraft.arrays import Arrays, pack, unpack_with_meta
from redraft.data.store import Store
from redraft.errors import DataError
from redraft.evaluate.report import halting_step
from redraft.files import write_bytes
from redraft.stats import RESAMPLES, Paired, all_pairs, wilson

if TYPE_CHECKING:
    from redraft.evaluate.evaluate import Records

At = Literal["last", "halt"]
Measure = Literal["solved", "exact"]
READINGS: tuple[At, ...] = ("last", "halt")  # columns of an outcome's arrays
FEW = 10  # rows that only one of two contenders solved: with fewer, a bootstrap interval is too narrow
FORMAT = 1
_ARRAYS: Arrays = {
    "answered": (np.bool_, 1),
    "solved": (np.bool_, 2),
    "exact": (np.bool_, 2),
    "steps": (np.float32, 1),
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The answers of a contender on N rows, judged.

    Attributes:
        name: as in tables.
        kind: a description: `trm, 89,185 parameters`.
        answered: (N,) bool, rows with an answer.
        solved: (N, 2) bool, by the rules if the task has some, after the last step and where it would halt.
        exact: (N, 2) bool, likewise, by the known answers.
        steps: (N,) float32, supervision steps until it would halt; NaN for a contender without steps.
        facts: more about it, as plain values for JSON.
    """

    name: str
    kind: str
    answered: NDArray[np.bool_]
    solved: NDArray[np.bool_]
    exact: NDArray[np.bool_]
    steps: NDArray[np.float32]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_records(cls, records: Records, **about: Any) -> Outcome:
        """The outcome of an evaluation of all rows; `about` it: `name`, `kind` and `facts`."""
        halted = halting_step(records.halts)
        rows = np.arange(len(halted))
        return cls(
            answered=np.ones(len(rows), bool),
            solved=np.stack([records.solved[:, -1], records.solved[rows, halted]], 1),
            exact=np.stack([records.exact[:, -1], records.exact[rows, halted]], 1),
            steps=(halted + 1).astype(np.float32),
            **about,
        )

    @classmethod
    def of_answers(
        cls, answered: NDArray[np.bool_], solved: NDArray[np.bool_], exact: NDArray[np.bool_], **about: Any
    ) -> Outcome:
        """The outcome of a contender without steps, a language model or votes; arrays (N,), `about` as above."""
        return cls(
            answered=answered,
            solved=np.stack([solved, solved], 1),
            exact=np.stack([exact, exact], 1),
            steps=np.full(len(answered), np.nan, np.float32),
            **about,
        )

    def right(self, measure: Measure, at: At) -> NDArray[np.bool_]:
        """Mask (N,) of the rows with a right answer."""
        found = self.solved if measure == "solved" else self.exact
        return found[:, READINGS.index(at)] & self.answered

    def save(self, file: Path) -> None:
        """Writes the outcome to an .npz file, whole or not at all; raises RedraftError."""
        meta = {"format": FORMAT, "name": self.name, "kind": self.kind, "facts": dict(self.facts)}
        write_bytes(file, pack(meta, {name: getattr(self, name) for name in _ARRAYS}))

    @classmethod
    def open(cls, file: Path, *, rows: int) -> Outcome:
        """The outcome on `rows` rows that `save` wrote; raises DataError if it is damaged or of other rows."""
        try:
            meta, arrays = unpack_with_meta(file.read_bytes(), _ARRAYS)
            if meta["format"] != FORMAT:
                raise ValueError(f"format {meta['format']}, expected {FORMAT}")
            for name, array in arrays.items():
                shape = (rows, len(READINGS))[: array.ndim]
                if array.shape != shape:
                    raise ValueError(f"{name} {array.shape}, expected {shape}")
            return cls(name=str(meta["name"]), kind=str(meta["kind"]), facts=dict(meta["facts"]), **arrays)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"{file}: damaged, or no outcome of redraft compare ({error}); remove it") from error


def fingerprint(store: Store) -> str:
    """A digest of the task, questions and answers of these rows, in 16 characters."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps(store.task, sort_keys=True).encode())
    for array in (store.inputs, store.labels, store.puzzle_ids):
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def figures(
    outcomes: Sequence[Outcome],
    *,
    measure: Measure,
    at: At,
    groups: NDArray[np.integer] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """The figures of a comparison, as plain values for JSON; shares are between 0 and 1.

    `groups` (N,) is equal for rows that belong together, such as the test inputs of an ARC task; intervals of
    differences then draw whole groups.
    """
    pairs = all_pairs(
        [each.right(measure, at) for each in outcomes],
        [each.answered for each in outcomes],
        groups=groups,
        resamples=resamples,
        seed=seed,
    )
    return {
        "rows": len(outcomes[0].answered),
        "measure": measure,
        "at": at,
        "resamples": resamples,
        "seed": seed,
        "grouped": groups is not None and len(np.unique(groups)) < len(groups),
        "entrants": [_shares(each) for each in outcomes],
        "pairs": [
            {
                "first": outcomes[first].name,
                "second": outcomes[second].name,
                **asdict(pair),
                "in_words": in_words(outcomes[first].name, outcomes[second].name, pair, compared=len(pairs)),
            }
            for (first, second), pair in pairs.items()
        ],
    }


def _shares(outcome: Outcome) -> dict[str, Any]:
    rows = int(outcome.answered.sum())

    def share(measure: Measure, at: At) -> dict[str, Any]:
        hits = int(outcome.right(measure, at).sum())
        return {"hits": hits, "share": hits / rows if rows else None, "interval": wilson(hits, rows) if rows else None}

    steps = outcome.steps[np.isfinite(outcome.steps)]
    return {
        "name": outcome.name,
        "kind": outcome.kind,
        "rows": rows,
        "solved": {at: share("solved", at) for at in READINGS},
        "exact": {at: share("exact", at) for at in READINGS},
        "mean_steps": float(steps.mean()) if len(steps) else None,
        "facts": dict(outcome.facts),
    }


def in_words(first: str, second: str, pair: Paired, *, compared: int = 1) -> str:
    """A comparison as a sentence, the better contender first; `compared`: comparisons made together with it."""
    ahead, behind, low, high = first, second, *pair.interval
    if pair.difference < 0:
        ahead, behind, low, high = second, first, -high, -low
    points, apart = f"{100 * abs(pair.difference):.1f} points", pair.wins + pair.losses
    if not apart:
        head = f"{first} and {second} solve the same {pair.both:,} of {pair.rows:,} rows"
    elif pair.difference == 0:
        head = f"{first} and {second} solve equally many of {pair.rows:,} rows"
    else:
        head = f"{ahead} solves {points} more than {behind} on {pair.rows:,} rows"
    interval = f" (95 %: {100 * low:.1f} to {100 * high:.1f})" if apart else ""
    corrected = f", {p_text(pair.holm)} after Holm for {compared} comparisons" if compared > 1 else ""
    few = f"; they differ in {apart} row{'s' * (apart != 1)} only" if 0 < apart < FEW else ""
    verdict = "" if (pair.holm if compared > 1 else pair.p) < 0.05 else ": no difference shown"
    return f"{head}{interval}, McNemar {p_text(pair.p)}{corrected}{few}{verdict}"


def p_text(p: float) -> str:
    """`p = 0.002`, or `p < 0.0001`."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"
