"""Batches of a step: the same to the bit, whether a thread samples them in advance or not, and no thread left over."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.failing import raises
from safetensors.torch import load_file

from redraft.core.carry import Carry
from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.models import Model
from redraft.models.base import Update
from redraft.tasks import get_task
from redraft.train.config import RunConfig
from redraft.train.folder import STATE
from redraft.train.loop import Trainer
from redraft.train.slots import AHEAD, Feed, Prefetch, cores, disturbed

CPU = torch.device("cpu")


def feed(tiny: RunConfig, data: Store, *, ahead: int | None, device: str = "cpu") -> Feed:
    sampler = Sampler(data, get_task(tiny.task), batch_size=tiny.batch_size, seed=tiny.seed)
    return Feed(sampler, tiny, torch.device(device), ahead=ahead)


def test_batches_are_the_same_to_the_bit(tiny: RunConfig, data: Store) -> None:
    plain, ahead = feed(tiny, data, ahead=0), feed(tiny, data, ahead=3)
    with ahead.ahead:
        for step in [*range(12), 40, 41]:
            for got, want in zip(ahead.get(step), plain.get(step), strict=True):
                assert got.dtype == torch.int64 and torch.equal(got, want)


def test_a_run_that_samples_in_advance_is_the_same_run(
    tiny: RunConfig, data: Store, trainer: Callable[..., Trainer], tmp_path: Path
) -> None:
    def no_figures(model: Model) -> dict[str, float]:
        return {"exact": 0.0}

    trainer("plain").run(no_figures, [])
    task = get_task(tiny.task)
    Trainer(tiny, tmp_path / "ahead", task=task, data=data, device=CPU, prefetch=2).run(no_figures, [])
    plain, ahead = load_file(tmp_path / "plain" / STATE), load_file(tmp_path / "ahead" / STATE)
    assert all(torch.equal(plain[name], ahead[name]) for name in plain)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_a_thread_samples_where_a_core_is_left_for_it(
    tiny: RunConfig, data: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usual(device: str) -> int:
        return feed(tiny, data, ahead=None, device=device).ahead.ahead

    monkeypatch.setattr(torch, "get_num_threads", lambda: cores())
    assert usual("cpu") == 0 and usual("cuda") == AHEAD
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores() - 1)
    assert usual("cpu") == AHEAD


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


def test_noise_has_its_size_and_depends_on_seed_step_and_rank() -> None:
    clean = Carry(torch.zeros(40, 50), torch.zeros(40, 30))

    def noisy(*key: int, states: tuple[Update, ...] = ("y",)) -> Carry:
        return disturbed(clean, *key, noise=0.1, states=states)

    first = noisy(0, 0, 0)
    assert first.y.std().item() == pytest.approx(0.1, rel=0.05) and first.y.mean().item() == pytest.approx(0, abs=0.01)
    assert first.z is clean.z and torch.equal(first.y, noisy(0, 0, 0).y)
    assert not any(torch.equal(first.y, noisy(*key).y) for key in [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    assert noisy(0, 0, 0, states=("y", "z")).z.std().item() == pytest.approx(0.1, rel=0.05)


def test_noise_reaches_the_state_that_a_run_carries_on(
    tiny: RunConfig, data: Store, trainer: Callable[..., Trainer], tmp_path: Path
) -> None:
    runs = [trainer(name, config=replace(tiny, noise=noise)) for name, noise in (("plain", 0.0), ("noisy", 0.1))]
    for run in runs:
        run.train_step()
    plain, noisy = (run.slots.carry for run in runs)
    assert (noisy.y - plain.y).std().item() == pytest.approx(0.1, rel=0.2)
    assert (noisy.z - plain.z).std().item() == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("noise", [-0.1, float("nan")])
def test_noise_that_is_not_at_least_zero_is_refused(tiny: RunConfig, noise: float) -> None:
    with raises(ConfigError, f"noise: expected at least 0, got {noise}"):
        replace(tiny, noise=noise)
