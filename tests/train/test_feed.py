"""What a step is fed: the same batches to the bit, whether a thread samples them in advance or not."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.models import Model
from redraft.tasks import get_task
from redraft.train.checkpoint import STATE
from redraft.train.config import RunConfig
from redraft.train.feed import AHEAD, Feed, cores
from redraft.train.loop import Trainer

CPU = torch.device("cpu")


def feed(tiny: RunConfig, data: Store, *, ahead: int) -> Feed:
    sampler = Sampler(data, get_task(tiny.task), batch_size=tiny.batch_size, seed=tiny.seed)
    return Feed(sampler, tiny, CPU, ahead=ahead)


def test_batches_are_the_same_to_the_bit(tiny: RunConfig, data: Store) -> None:
    plain, ahead = feed(tiny, data, ahead=0), feed(tiny, data, ahead=3)
    with ahead.flowing():
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


def test_a_thread_samples_where_a_core_is_left_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores())
    assert Feed.usual(CPU) == 0 and Feed.usual(torch.device("cuda")) == AHEAD
    monkeypatch.setattr(torch, "get_num_threads", lambda: cores() - 1)
    assert Feed.usual(CPU) == AHEAD
