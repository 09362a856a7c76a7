"""A language model as a contender of a comparison: asked about rows of a store, its replies read and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.compare.compare import Outcome
from redraft.compare.llm.ask import Asked, Bounds, Cache, ask_all
from redraft.compare.llm.endpoint import Endpoint, Reply
from redraft.compare.llm.prompts import SHOWN, script_for
from redraft.data.store import Store
from redraft.errors import DataError
from redraft.tasks import Grid, Task
from redraft.tasks.base import IGNORE

Pairs = Sequence[tuple[Grid, Grid]]


def measure(
    endpoint: Endpoint,
    task: Task,
    store: Store,
    examples: Callable[[int], Pairs],
    cache: Cache,
    bounds: Bounds,
    *,
    limit: int,
    progress: Callable[[int], None] | None = None,
) -> tuple[Outcome, Asked]:
    """What a language model makes of at most `limit` rows of a store, and what came of asking.

    `examples` gives the solved examples that a row is asked with, where the task needs any. Raises ConfigError for a
    task that nobody put into words.
    """
    script = script_for(task)
    rows = chosen(len(store), limit)
    questions = task.decode(store.inputs[rows])
    prompts = [script.prompt(question, examples(row)) for row, question in zip(rows.tolist(), questions, strict=True)]
    asked = ask_all(endpoint, prompts, cache, bounds, progress=progress)
    answered, solved, exact = (np.zeros(len(store), bool) for _ in range(3))
    unreadable = 0
    for place, reply in asked.replies.items():
        row = rows[place]
        answer = script.read(reply.text)
        answered[row] = True
        if answer is None:
            unreadable += 1
            continue
        label = store.labels[row]
        exact[row] = bool(((task.encode(answer) == label) | (label == IGNORE)).all())
        solved[row] = task.check(questions[place], answer).solved if task.judges else exact[row]
    facts = _facts(asked, len(rows), unreadable)
    kind = "language model" + (f", {unreadable} unreadable" if unreadable else "")
    return Outcome.of_answers(answered, solved, exact, name=endpoint.model, kind=kind, facts=facts), asked


def chosen(count: int, limit: int) -> NDArray[np.int64]:
    """At most `limit` of `count` rows, in order: a random choice that is always the same, and part of a larger one.

    Files of puzzles tend to be sorted, so the first rows would not do.
    """
    return np.sort(np.random.default_rng(0).permutation(count)[:limit])


def examples_of(task: Task, train: Store | None) -> Callable[[int], Pairs]:
    """The same few pairs of `train` for every row, where the task needs examples; raises DataError without any."""
    if not script_for(task).needs_examples:
        return lambda row: ()
    if train is None or not len(train):
        raise DataError(f"{task.name}: a language model needs solved examples; expected data with a store `train`")
    rows = chosen(len(train), SHOWN)
    pairs = list(zip(task.decode(train.inputs[rows]), task.decode(train.labels[rows]), strict=True))
    return lambda row: pairs


def notes(name: str, asked: Asked, facts: dict[str, Any], endpoint: Endpoint) -> list[str]:
    """What one should know about the figures of a language model, in words."""
    said = [f"{name}: {facts['answered']:,} of {facts['chosen']:,} rows answered, drawn at random"]
    if facts["unreadable"]:
        said.append(f"{facts['unreadable']:,} without a complete grid count as wrong")
    if facts["cut_off"]:
        said.append(f"{facts['cut_off']:,} cut off at {endpoint.max_tokens:,} tokens")
    found = ["; ".join(said)]
    if asked.failures:
        found.append(
            f"{name}: {len(asked.failures):,} without a reply are left out; that flatters it if they are hard ones"
            + ("" if asked.stopped else f" ({next(iter(asked.failures.values()))})")
        )
    if asked.stopped:
        found.append(f"{name}: stopped early: {asked.stopped}")
    return found


def _facts(asked: Asked, chosen: int, unreadable: int) -> dict[str, Any]:
    replies = list(asked.replies.values())
    return {
        "chosen": chosen,
        "answered": len(replies),
        "kept_from_before": asked.kept,
        "unreadable": unreadable,
        "cut_off": sum(reply.cut_off for reply in replies),
        "failed": len(asked.failures),
        "prompt_tokens": _sum(replies, "prompt_tokens"),
        "reply_tokens": _sum(replies, "reply_tokens"),
        "mean_seconds": sum(reply.seconds for reply in replies) / len(replies) if replies else None,
        "stopped": asked.stopped,
    }


def _sum(replies: Sequence[Reply], name: str) -> int | None:
    """The sum over replies of a number of tokens; None where the endpoint did not tell some."""
    counts = [getattr(reply, name) for reply in replies]
    return None if None in counts else sum(counts)
