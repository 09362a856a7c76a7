"""Servers for the tests of this folder: one with bundled weights for all, and one with a gated model for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.serving import Client, Gated, served, serving

from redraft.serve.limits import Limits
from redraft.serve.models import open_all
from redraft.serve.page import BUILT
from redraft.serve.service import Service


@pytest.fixture(scope="session")
def bundled() -> Iterator[Service]:
    """The service on all bundled weights."""
    service = Service(open_all([], limits := Limits(body=200_000)), limits)
    yield service
    service.close()


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A client of a server with all bundled weights."""
    with serving(open_all([], limits := Limits(body=200_000)), limits, level="error", built=BUILT) as found:
        yield found


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[tuple[Client, Gated]]:
    """A client of a server whose model waits at each step, and that model; few requests and puzzles fit."""
    limits, stepper = Limits(requests=3, queue=4, puzzles=10), Gated(gated=True)
    with serving([served(stepper, limits, tmp_path)], limits) as found:
        yield found, stepper
        stepper.open()
