"""The benchmark of making puzzles and batches: NumPy and the exact search, no model."""

from __future__ import annotations

from typing import Any

from redraft.bench.contest import Tell
from redraft.bench.timing import rate, seconds_of, spread
from redraft.data.build import from_examples
from redraft.data.sampler import Sampler
from redraft.errors import ConfigError
from redraft.tasks import get_task, sudoku_search

BATCH = 768  # the paper's


def bench_make(*, warmup: int, repeats: int, seed: int, puzzles: int, tell: Tell) -> dict[str, Any]:
    """Minimal 9x9 and 6x6 puzzles a second, time of a uniqueness check, rows a second of the sampler.

    `puzzles` 9x9 puzzles a repeat (at least 1), eight times as many of 6x6.
    """
    if puzzles < 1 or repeats < 1:
        raise ConfigError(f"expected --puzzles and --repeats of at least 1, got {puzzles} and {repeats}")
    tell("loading the compiled search")
    rows = [
        _making(size, count, warmup=warmup, repeats=repeats, seed=seed, tell=tell)
        for size, count in ((9, puzzles), (6, 8 * puzzles))
    ]
    for compiled in (False, True):
        rows.append(_checking(puzzles, compiled, warmup=warmup, repeats=repeats, seed=seed, tell=tell))
    rows.append(_sampling(puzzles, warmup=warmup, repeats=repeats, seed=seed, tell=tell))
    return {"rows": rows}


def _making(size: int, count: int, *, warmup: int, repeats: int, seed: int, tell: Tell) -> dict[str, Any]:
    tell(f"making {size}x{size} puzzles")
    seconds = seconds_of(
        lambda: sudoku_search.make(size, count, seed, compiled=True), warmup=max(1, warmup), repeats=repeats
    )
    return _row(f"minimal {size}x{size} puzzles, compiled search", "puzzles/s", count, seconds)


def _checking(count: int, compiled: bool, *, warmup: int, repeats: int, seed: int, tell: Tell) -> dict[str, Any]:
    how = "compiled" if compiled else "interpreted"
    tell(f"checking that 9x9 puzzles have one solution, {how}")
    questions = sudoku_search.make(9, count, seed, compiled=True).questions
    search = sudoku_search.Search(9, compiled=compiled)

    def check() -> None:
        for question in questions:
            search.solve(question)

    seconds = seconds_of(check, warmup=max(1, warmup), repeats=repeats)
    return {
        "name": f"uniqueness check of a minimal 9x9 puzzle, {how}",
        "unit": "ms",
        "raw_seconds": seconds,
        "count": count,
        **spread([1000 * s / count for s in seconds]),
    }


def _sampling(count: int, *, warmup: int, repeats: int, seed: int, tell: Tell) -> dict[str, Any]:
    tell("sampling batches")
    task = get_task("sudoku-9x9")
    made = task.make(max(count, 16), seed)
    sampler = Sampler(from_examples(task, made, source="made"), task, batch_size=BATCH, seed=seed)
    steps = iter(range(warmup + repeats))
    seconds = seconds_of(lambda: sampler.batch(next(steps)), warmup=warmup, repeats=repeats)
    return _row(f"sampled and augmented 9x9 rows, batch {BATCH}", "rows/s", BATCH, seconds)


def _row(name: str, unit: str, count: int, seconds: list[float]) -> dict[str, Any]:
    return {"name": name, "unit": unit, "raw_seconds": seconds, "count": count, **rate(count, seconds)}
