"""Whole processes are timed from start to end, or to a run's first step; one that fails says why."""

from pathlib import Path

import pytest

from benchmarks.published.contest import WorkerError
from benchmarks.start import _reported, _seconds, bench_start


@pytest.mark.slow
def test_every_start_takes_time() -> None:
    reported: list[str] = []
    rows = bench_start(threads=1, warmup=0, repeats=1, seed=0, report=reported.append)["rows"]
    names = [row["name"] for row in rows]
    assert names[:4] == ["Python alone", "redraft --help", "import torch", "redraft solve, one 6x6 Sudoku"]
    assert names[4:6] == [f"one 6x6 Sudoku in a warm process, {backend}" for backend in ("torch", "numpy")]
    assert names[6] == "redraft train sudoku-6x6, to the end of its first step"
    assert all(0 < row["min"] <= row["median"] <= row["max"] for row in rows)
    assert len(reported) == len(rows)


def test_a_process_that_fails_says_why() -> None:
    with pytest.raises(WorkerError, match=r"\b3\b.*no such luck"):
        _seconds(["-c", "import sys; print('no such luck', file=sys.stderr); sys.exit(3)"], threads=1)


def test_a_run_has_reported_once_a_whole_line_is_there(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    assert not _reported(file)
    file.write_text('{"kind": "tr')
    assert not _reported(file)
    file.write_text('{"kind": "train", "step": 1}\n')
    assert _reported(file)
