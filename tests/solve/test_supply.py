"""Supplies: what is there at once, and what arrives while others are worked on."""

import threading
from collections.abc import Iterator

import pytest

from redraft.solve.supply import Arriving, Supply


def test_ready_gives_as_many_as_there_is_room_for() -> None:
    supply = Supply(range(5))
    assert supply.take(3, wait=False) == [0, 1, 2] and supply.take(3, wait=True) == [3, 4]
    assert supply.take(3, wait=True) == []


def test_arriving_gives_what_has_come_and_waits_only_when_asked_to() -> None:
    go_on = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        yield 2
        go_on.wait(30)
        yield 3

    supply = Arriving(items())
    found = supply.take(9, wait=True)
    while len(found) < 2:
        found += supply.take(9, wait=True)
    assert found == [1, 2]
    assert supply.take(9, wait=False) == []
    go_on.set()
    assert supply.take(9, wait=True) == [3]
    assert supply.take(9, wait=True) == [] and supply.take(9, wait=False) == []


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    supply = Arriving(items())
    assert supply.take(9, wait=True) == [1]
    with pytest.raises(OSError, match="gone"):
        supply.take(9, wait=True)
    assert supply.take(9, wait=True) == []


def test_waiting_ends_when_nobody_wants_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redraft.solve.supply.PATIENCE", 0.01)
    never = threading.Event()

    def items() -> Iterator[int]:
        never.wait(30)
        yield 1

    def wanted() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        Arriving(items(), wanted=wanted).take(1, wait=True)
    never.set()
