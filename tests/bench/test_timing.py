"""Times, their spread and ratios; a call that is short is measured amid many."""

import pytest

from redraft.bench.timing import ratio, seconds_of, seconds_on_end, spread


class Clock:
    """Goes on by what a call takes."""

    def __init__(self, *takes: float) -> None:
        self.now, self.takes, self.calls = 0.0, list(takes), 0

    def __call__(self) -> float:
        return self.now

    def call(self) -> None:
        self.now += self.takes[min(self.calls, len(self.takes) - 1)]
        self.calls += 1


def test_a_long_call_is_made_once() -> None:
    clock = Clock(2.0)
    assert seconds_on_end(clock.call, clock=clock, least=0.5) == 2.0 and clock.calls == 1


def test_short_calls_are_made_on_end_and_the_first_does_not_count() -> None:
    clock = Clock(0.1, 0.05)
    assert seconds_on_end(clock.call, clock=clock, least=0.5) == pytest.approx(0.05)
    assert clock.calls == 1 + 5


def test_times_and_ratios() -> None:
    calls: list[int] = []
    assert len(seconds_of(lambda: calls.append(1), warmup=2, repeats=3)) == 3
    assert len(calls) == 5
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "min": 1.0, "max": 3.0}
    assert ratio([1.0, 2.0, 4.0], [2.0, 4.0, 8.0]) == {"median": 2.0, "min": 2.0, "max": 2.0}
