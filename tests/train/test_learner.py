"""Starting from weights, learning puzzle embeddings alone, and running out of memory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from redraft.data.store import Store
from redraft.errors import WeightsError
from redraft.models import Model, build_model
from redraft.tasks import get_task
from redraft.train.config import RunConfig
from redraft.train.learner import OutOfMemory, begin_from, is_out_of_memory
from redraft.train.loop import Trainer
from redraft.weights.io import Weights

pytestmark = pytest.mark.arithmetic

TABLE = "embed.puzzle.table"
ALLOCATOR = "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried ..."


@pytest.fixture
def frozen(tiny: RunConfig, data: Store, tmp_path: Path) -> Callable[..., Trainer]:
    """Makes trainers that learn only the table, from weights whose network is not the seed's own."""
    config = replace(tiny, freeze=True, model=replace(tiny.model, num_puzzles=3), steps=4, checkpoint_every=2)

    def make(name: str, *, resume: bool = False) -> Trainer:
        return Trainer(
            config,
            tmp_path / name,
            task=get_task(config.task),
            data=data,
            device=torch.device("cpu"),
            resume=resume,
            initial=Weights(model=learnt(config), task=config.task, card={}),
        )

    return make


def learnt(config: RunConfig) -> Model:
    model = build_model(replace(config.model, num_puzzles=2), seed=77)
    with torch.no_grad():
        model.sparse_parameters()[TABLE][0] = 0.5  # the other row was never seen
    return model


def test_new_puzzles_start_from_the_mean_of_those_learnt(tiny: RunConfig) -> None:
    old, new = learnt(tiny), build_model(replace(tiny.model, num_puzzles=5), seed=1)
    begin_from(new, old)
    assert torch.equal(new.sparse_parameters()[TABLE], torch.full_like(new.sparse_parameters()[TABLE], 0.5))
    name = "answer_head.weight"
    assert torch.equal(new.state_dict()[name], old.state_dict()[name])
    same = build_model(replace(tiny.model, num_puzzles=2), seed=1)
    begin_from(same, old)
    assert torch.equal(same.sparse_parameters()[TABLE], old.sparse_parameters()[TABLE]), "the same puzzles keep theirs"


def test_weights_of_another_shape_are_refused(tiny: RunConfig) -> None:
    wide = build_model(replace(tiny.model, hidden_size=32), seed=0)
    with pytest.raises(WeightsError, match=r": tensor .*shape.*\(\d.*\(\d"):
        begin_from(build_model(tiny.model), wide)


def test_a_frozen_network_stays_and_its_table_learns(frozen: Callable[..., Trainer]) -> None:
    run = frozen("run")
    before = {name: tensor.clone() for name, tensor in run.learner.model.state_dict().items()}
    run.run(lambda model: {"exact": 0.0}, [])
    after, average = run.learner.model.state_dict(), run.learner.average.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {TABLE}
    assert all(torch.equal(average[name], after[name]) for name in after)


def test_a_frozen_run_is_resumed_to_the_bit(frozen: Callable[..., Trainer]) -> None:
    whole = frozen("whole")
    whole.run(lambda model: {"exact": 0.0}, [])
    frozen("broken").run(lambda model: {"exact": 0.0}, [], stop_after=0)
    second = frozen("broken", resume=True)
    second.run(lambda model: {"exact": 0.0}, [])
    want, got = whole.learner.model.state_dict(), second.learner.model.state_dict()
    different = [name for name in want if not torch.equal(want[name], got[name])]
    assert not different


def test_a_run_without_a_checkpoint_begins_again_from_its_weights(frozen: Callable[..., Trainer]) -> None:
    frozen("killed")  # before it was saved
    again = frozen("killed", resume=True)
    name = "answer_head.weight"
    assert torch.equal(again.learner.model.state_dict()[name], learnt(again.config).state_dict()[name])


def test_which_errors_it_is_about() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError()) and is_out_of_memory(RuntimeError(ALLOCATOR))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError(ALLOCATOR), torch.OutOfMemoryError("CUDA")])
@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({}, r"4 slots .*--micro-batch 2 .*--recompute True"),
        ({"micro_batch": 2}, r"2 slots .*--micro-batch 1 .*--recompute True"),
        ({"recompute": True}, r"4 slots .*--micro-batch 2(?!.*--recompute)"),
        ({"micro_batch": 1}, r"1 slots (?!.*--micro-batch).*--recompute True"),
        ({"micro_batch": 1, "recompute": True}, r"1 slots (?!.*--micro-batch)(?!.*--recompute).*smaller model"),
    ],
)
def test_out_of_memory_names_what_needs_less(
    trainer: Callable[..., Trainer],
    tiny: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    change: dict[str, object],
    advice: str,
) -> None:
    run = trainer("run", config=replace(tiny, **change))  # type: ignore[arg-type]

    def fail(*rows: object) -> None:
        raise error

    monkeypatch.setattr(run.learner, "_part", fail)
    with pytest.raises(OutOfMemory, match=rf"\bcpu: .*{advice}"):
        run.run(no_figures, [])
    trainer("run")  # the folder can be used again


def test_other_errors_stay_what_they_are(trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer("run")

    def fail(*rows: object) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(run.learner, "_part", fail)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run.run(no_figures, [])


def no_figures(model: Model) -> dict[str, float]:
    return {"exact": 0.0}
