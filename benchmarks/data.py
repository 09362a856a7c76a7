"""The benchmark of data: making and checking puzzles, and sampling batches beside the demand of a large GPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.flops import counted, training_flops
from redraft.bench.contest import Log
from redraft.bench.timing import rate, seconds_of, spread
from redraft.data.arc import arc_stores
from redraft.data.build import from_examples
from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.errors import require_at_least
from redraft.recipes import get_recipe
from redraft.tasks import Task, get_task
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.make import make_tasks
from redraft.tasks.sudoku import search as sudoku_search

BATCH = 768  # the paper's
ROWS = 1000  # of a store that is sampled: the paper's number of Sudokus and mazes
VIEWS = 1000  # augmentations of an ARC task, as in the paper
MAZES = 5  # a hard maze takes about five times as long to make as a Sudoku
# The sampler is compared with an assumption: a GPU in bfloat16 at half of its peak.
GPU_NAME, GPU_PEAK, GPU_SHARE = "H200", 989e12, 0.5

Timed = Callable[[Callable[[int], Any]], list[float]]  # seconds of each repeat of a call with its number


def bench_data(*, warmup: int, repeats: int, seed: int, puzzles: int, report: Log) -> dict[str, Any]:
    """Minimal Sudokus, hard mazes, ARC augmentations and sampled rows per second, and time of a uniqueness check.

    A repeat takes `puzzles` (at least 1) Sudokus of 9x9, eight times as many of 6x6, a fifth as many mazes, and
    `puzzles` ARC tasks.
    """
    require_at_least(1, {"--puzzles": puzzles, "--repeats": repeats})

    def timed(call: Callable[[int], Any]) -> list[float]:
        numbers = iter(range(max(1, warmup) + repeats))  # a first call at least: it may compile the search
        return seconds_of(lambda: call(next(numbers)), warmup=max(1, warmup), repeats=repeats)

    report("making Sudokus and mazes")
    rows = [_sudokus(9, puzzles, seed, timed), _sudokus(6, 8 * puzzles, seed, timed)]
    rows.append(_mazes(max(1, puzzles // MAZES), seed, timed))
    report("checking that Sudokus have one solution")
    rows += [_uniqueness(puzzles, seed, timed, compiled=compiled) for compiled in (False, True)]
    report("drawing views of ARC tasks")
    rows.append(_views(puzzles, seed, timed))
    sampled: dict[str, Callable[[], Store]] = {
        "sudoku-extreme-mlp": lambda: _made("sudoku-9x9", max(puzzles, 16), seed),
        "maze-hard": lambda: _made("maze-30x30", max(1, puzzles // MAZES), seed),
        "arc1": lambda: _arc(puzzles, seed),
    }
    for recipe, store in sampled.items():
        report(f"sampling batches of {recipe}")
        rows.append(_sampling(recipe, store(), seed, timed))
    return {"rows": rows, "gpu": {"name": GPU_NAME, "tflops": GPU_PEAK / 1e12, "share": GPU_SHARE}}


def _sudokus(size: int, count: int, seed: int, timed: Timed) -> dict[str, Any]:
    seconds = timed(lambda _: sudoku_search.make(size, count, seed, compiled=True))
    return _row(f"minimal {size}x{size} Sudokus made", "puzzles/s", count, seconds)


def _mazes(count: int, seed: int, timed: Timed) -> dict[str, Any]:
    task = get_task("maze-30x30")
    return _row("30x30 mazes with a long way made", "puzzles/s", count, timed(lambda _: task.make(count, seed)))


def _uniqueness(count: int, seed: int, timed: Timed, *, compiled: bool) -> dict[str, Any]:
    how = "compiled" if compiled else "interpreted"
    questions = sudoku_search.make(9, count, seed, compiled=True).questions
    search = sudoku_search.Search(9, compiled=compiled)
    seconds = timed(lambda _: [search.solve(question) for question in questions])
    figures = spread([1000 * s / count for s in seconds])
    name = f"uniqueness check of a minimal 9x9 Sudoku, {how}"
    return {"name": name, "unit": "ms", "raw_seconds": seconds, "count": count, **figures}


def _views(count: int, seed: int, timed: Timed) -> dict[str, Any]:
    tasks = make_tasks(count, seed)
    seconds = timed(lambda _: Views.make(tasks, count=VIEWS, seed=seed))
    return _row(f"ARC views drawn and told apart, {VIEWS:,} a task", "views/s", VIEWS * count, seconds)


def _made(name: str, count: int, seed: int) -> Store:
    """A store of ROWS rows that repeats `count` puzzles."""
    task = get_task(name)
    examples = task.make(count, seed)
    return from_examples(task, examples[np.resize(np.arange(len(examples)), ROWS)], source="made")


def _arc(count: int, seed: int) -> Store:
    tasks = make_tasks(count, seed)
    return arc_stores(tasks, [], views=Views.make(tasks, count=VIEWS, seed=seed))["train"]


def _sampling(recipe: str, store: Store, seed: int, timed: Timed) -> dict[str, Any]:
    """Rows per second beside those that a GPU would train the recipe's model on."""
    run = get_recipe(recipe)
    task: Task = get_task(run.task)
    sampler = Sampler(store, task, batch_size=BATCH, seed=seed)
    row = _row(f"sampled and augmented rows for {recipe}", "rows/s", BATCH, timed(sampler.batch))
    flops = training_flops(counted(run.model))
    consumed = GPU_PEAK * GPU_SHARE / flops
    return {**row, "gflop": flops / 1e9, "gpu_rows": consumed, "of_gpu": row["median"] / consumed}


def _row(name: str, unit: str, count: int, seconds: list[float]) -> dict[str, Any]:
    return {"name": name, "unit": unit, "raw_seconds": seconds, "count": count, **rate(count, seconds)}
