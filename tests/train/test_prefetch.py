"""A thread makes what coming steps need: the same things, errors where they belong, and no thread left over."""

import threading

import pytest
from helpers.failing import raises

from redraft.errors import ConfigError
from redraft.train.feed import Prefetch


def prefetchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_every_step_gets_its_own(ahead: int) -> None:
    made = Prefetch(lambda step: step * step, ahead=ahead)
    assert made.get(7) == 49, "before the thread is there"
    with made:
        assert [made.get(step) for step in (0, 1, 2, 2, 9, 10, 3)] == [0, 1, 4, 4, 81, 100, 9]
        assert len(prefetchers()) == (1 if ahead else 0)
    assert not prefetchers()
    assert made.get(7) == 49, "after it has gone"


def test_the_next_is_made_before_it_is_asked_for() -> None:
    next_made = threading.Event()

    def make(step: int) -> str:
        if step == 1:
            next_made.set()
        return threading.current_thread().name

    with Prefetch(make, ahead=1) as made:
        assert made.get(0).startswith("prefetch")
        assert next_made.wait(30), "nobody asked for step 1, and nobody made it"


def test_an_error_reaches_who_asks_for_that_step() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("row 5")
        return step

    with Prefetch(make, ahead=2) as made:
        assert [made.get(0), made.get(1)] == [0, 1]
        with pytest.raises(ValueError, match="row 5"):
            made.get(2)
        assert made.get(3) == 3
    assert not prefetchers()


def test_the_thread_ends_when_the_user_stops() -> None:
    def interrupted() -> None:
        with Prefetch(lambda step: step, ahead=2) as made:
            made.get(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not prefetchers()


def test_less_than_nothing_in_advance_is_refused() -> None:
    with raises(ConfigError, "prefetch", 0, -1):
        Prefetch(lambda step: step, ahead=-1)
