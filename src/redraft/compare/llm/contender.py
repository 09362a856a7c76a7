"""Language models as contenders of a comparison: prompts for rows of a store, replies read and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redraft.compare.compare import Outcome
from redraft.compare.llm.ask import Asked, Bounds, Cache, ask_all, total
from redraft.compare.llm.endpoint import Endpoint
from redraft.compare.llm.prompts import SHOWN, script_for
from redraft.data.store import Store
from redraft.errors import DataError
from redraft.progress import progress
from redraft.tasks import Grid, Task
from redraft.tasks.base import IGNORE

Pairs = Sequence[tuple[Grid, Grid]]


@dataclass(frozen=True, kw_only=True)
class Models:
    """Language models to compare with.

    Attributes:
        endpoints: one per model.
        bounds: on the cost of each.
        limit: maximum number of rows for each.
        file: keeps replies, see `Cache`.
        report: called with a line before each model.
        errors: those that stopped a model, added by `ask`.
    """

    endpoints: Sequence[Endpoint]
    bounds: Bounds
    limit: int
    file: Path
    report: Callable[[str], None]
    errors: list[str] = field(default_factory=list)

    def ask(self, task: Task, store: Store, examples: Callable[[int], Pairs]) -> tuple[list[Outcome], list[str]]:
        """Outcomes of the models and notes on them; an error of an endpoint ends its turn alone. See `measure`."""
        outcomes, remarks = [], []
        for endpoint in self.endpoints:
            name, count = endpoint.name, min(self.limit, len(store))
            self.report(
                f"asking {name} at {endpoint.place} {count:,} of {len(store):,} rows (--llm-limit), with at most "
                f"{self.bounds.budget:,} tokens; replies are kept in {self.file}"
            )
            cache = Cache(self.file)
            with progress(f"asking {name}", count) as done:
                outcome, asked = measure(
                    endpoint, task, store, examples, cache, self.bounds, limit=self.limit, progress=done
                )
            outcomes.append(outcome)
            remarks += notes(outcome, asked)
            if asked.error is not None:
                kept = f"; the {len(asked.replies):,} replies until then count and are kept in {self.file}"
                self.errors.append(f"{name}: {asked.stopped}" + (kept if asked.replies else ""))
        return outcomes, remarks


def measure(
    endpoint: Endpoint,
    task: Task,
    store: Store,
    examples: Callable[[int], Pairs],
    cache: Cache,
    bounds: Bounds,
    *,
    limit: int,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Outcome, Asked]:
    """The outcome of a language model on at most `limit` rows of a store, and its replies.

    `examples` returns the solved examples in a row's prompt, if the task needs any. Raises ConfigError for a task
    without prompts.
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
    facts = _facts(endpoint, asked, len(rows), unreadable)
    kind = "language model" if endpoint.tools is None else "language model and tiny model"
    kind += f", {unreadable} unreadable" if unreadable else ""
    return Outcome.of_answers(answered, solved, exact, name=endpoint.name, kind=kind, facts=facts), asked


def chosen(count: int, limit: int) -> NDArray[np.int64]:
    """At most `limit` of `count` rows, in order: a random choice, always the same, and part of every larger one.

    Files of puzzles tend to be sorted, so the first rows would not do.
    """
    return np.sort(np.random.default_rng(0).permutation(count)[:limit])


def examples_of(task: Task, train: Store | None) -> Callable[[int], Pairs]:
    """The same few pairs of `train` for every row, if the task needs examples; raises DataError if there are none."""
    if not script_for(task).needs_examples:
        return lambda row: ()
    if train is None or not len(train):
        raise DataError(f"{task.name}: a language model needs solved examples; expected data with a store `train`")
    rows = chosen(len(train), SHOWN)
    pairs = list(zip(task.decode(train.inputs[rows]), task.decode(train.labels[rows]), strict=True))
    return lambda row: pairs


def notes(outcome: Outcome, asked: Asked) -> list[str]:
    """Notes on the figures of a language model."""
    name, facts = outcome.name, outcome.facts
    first = f"{name}: {facts['answered']:,} of {facts['chosen']:,} rows answered, drawn at random"
    if facts["unreadable"]:
        first += f"; {facts['unreadable']:,} without a complete grid count as wrong"
    if facts["cut_off"]:
        first += f"; {facts['cut_off']:,} cut off at {facts['max_tokens']:,} tokens"
    if facts["tool_calls"] is not None:
        first += f"; {facts['tool_calls']:,} calls of tools"
    found = [first]
    if asked.failures:
        found.append(
            f"{name}: {len(asked.failures):,} without a reply are left out; that flatters it if they are hard ones"
            + ("" if asked.stopped else f" ({next(iter(asked.failures.values()))})")
        )
    if asked.stopped:
        found.append(f"{name}: stopped early: {asked.stopped}")
    return found


def _facts(endpoint: Endpoint, asked: Asked, chosen: int, unreadable: int) -> dict[str, Any]:
    replies = list(asked.replies.values())
    return {
        "chosen": chosen,
        "answered": len(replies),
        "kept_from_before": asked.kept,
        "unreadable": unreadable,
        "cut_off": sum(reply.cut_off for reply in replies),
        "failed": len(asked.failures),
        "prompt_tokens": total([reply.prompt_tokens for reply in replies]),
        "reply_tokens": total([reply.reply_tokens for reply in replies]),
        "mean_seconds": sum(reply.seconds for reply in replies) / len(replies) if replies else None,
        "tool_calls": None if endpoint.tools is None else sum(reply.tool_calls for reply in replies),
        "stopped": asked.stopped,
        "endpoint": endpoint.place,
        "max_tokens": endpoint.max_tokens,
    }
