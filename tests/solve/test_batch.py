"""The batch that finds its own size."""

from collections.abc import Callable

import pytest

from redraft.errors import ConfigError
from redraft.solve.solver import Batching


def settled(seconds: Callable[[int], float]) -> int:
    """The size that a batch ends at, when a step with so many puzzles takes so long."""
    batch = Batching("auto")
    for _ in range(200):
        batch.took(batch.size, seconds(batch.size))
    assert not batch.growing
    return batch.size


def test_a_size_that_was_told_stays() -> None:
    batch = Batching(7)
    for _ in range(50):
        batch.took(7, 1.0)
    assert batch.size == 7


def test_it_stays_small_where_time_grows_with_every_puzzle() -> None:
    assert settled(lambda rows: 0.01 * rows) == Batching.FIRST


def test_it_grows_while_a_step_takes_the_same_time_however_many_puzzles() -> None:
    assert settled(lambda rows: max(0.1, 0.1 * rows / 500)) == 512
    assert settled(lambda rows: 0.1) == Batching.MOST


def test_one_slow_step_does_not_stop_it() -> None:
    batch = Batching("auto")
    for seconds in (9.0, 0.1, 9.0, 0.1):
        batch.took(Batching.FIRST, seconds)
    assert batch.size == 2 * Batching.FIRST


def test_batches_that_were_not_full_say_nothing() -> None:
    batch = Batching("auto")
    for _ in range(50):
        batch.took(Batching.FIRST - 1, 1e-6)
    assert batch.size == Batching.FIRST


@pytest.mark.parametrize("size", [0, -3, "many", 2.5])
def test_no_other_sizes(size: object) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        Batching(size)  # type: ignore[arg-type]
