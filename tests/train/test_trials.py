"""Trials of `--fast`: which candidate is taken, and that nothing of them is left. No stopwatch: times are given."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from redraft.models import HRMConfig
from redraft.models.config import DType
from redraft.train import trials as module
from redraft.train.config import RunConfig
from redraft.train.loop import Trainer
from redraft.train.processes import Processes
from redraft.train.trials import ENOUGH, Setting, Stand, Together, Trials, fitting, promising, run_trials

BOTH: tuple[DType, ...] = ("float32", "bfloat16")
F2, H2 = Setting(dtype="float32", threads=2), Setting(dtype="bfloat16", threads=2)
F1, H1 = Setting(dtype="float32", threads=1), Setting(dtype="bfloat16", threads=1)


class Machine:
    """Takes so many milliseconds a slot and candidate for a step, and notes which steps were asked for."""

    def __init__(self, each: dict[Setting, float], overhead: float = 0.0, first: float = 0.0) -> None:
        """`first`: seconds that the first step of a candidate takes longer."""
        self.each, self.overhead, self.first = each, overhead, first
        self.steps: list[tuple[Setting, int]] = []
        self.seen: set[Setting] = set()

    def __call__(self, candidate: Setting, slots: int) -> Callable[[], float]:
        def step() -> float:
            self.steps.append((candidate, slots))
            more = 0.0 if candidate in self.seen else self.first
            self.seen.add(candidate)
            return self.overhead + more + slots * self.each[candidate] / 1000

        return step


@pytest.mark.parametrize(
    ("each", "taken"),
    [
        ({F2: 1.0, H2: 0.5, F1: 1.8, H1: 0.9}, H2),
        ({F2: 1.0, H2: 1.4, F1: 1.8, H1: 2.2}, F2),
        ({F2: 1.0, H2: 1.2, F1: 0.8, H1: 1.0}, F1),
        ({F2: 1.0, H2: 1.2, F1: 0.8, H1: 0.5}, H1),
        ({F2: 1.0, H2: 0.96, F1: 0.97, H1: 0.98}, F2),  # not worth it
    ],
)
def test_the_fastest_is_taken_where_it_is_worth_it(each: dict[Setting, float], taken: Setting) -> None:
    machine = Machine(each)
    trials = run_trials(BOTH, (2, 1), machine, slots=1000)
    assert trials.taken == taken
    for candidate, rate in trials.rates.items():
        assert rate == pytest.approx(1000 / each[candidate])


def test_what_is_clearly_slower_is_not_tried_further() -> None:
    machine = Machine({F2: 30, H2: 1, F1: 60, H1: 2})
    trials = run_trials(BOTH, (2, 1), machine, slots=1000)
    assert list(trials.rates) == [F2, H2, H1] and trials.taken == H2
    slow = Machine({F2: 1, H2: 30, F1: 2, H1: 60})
    trials = run_trials(BOTH, (2, 1), slow, slots=1000)
    assert list(trials.rates) == [F2, H2, F1] and trials.taken == F2
    assert sum(candidate == H2 for candidate, _ in slow.steps) == 2, "it is plain from the second step on"
    eight = run_trials(
        ["float32"],
        (8, 4, 2, 1),
        Machine({Setting(dtype="float32", threads=n): 8 / n for n in (8, 4, 2, 1)}),
        slots=64,
    )
    assert [each.threads for each in eight.rates] == [8, 4]


def test_what_compiles_in_its_first_step_is_not_given_up() -> None:
    assert run_trials(BOTH, (2,), Machine({F2: 1.0, H2: 0.5}, first=20.0), slots=1000).taken == H2


def test_as_many_slots_are_timed_as_take_some_time() -> None:
    """A small model's batch is timed whole; of a large one a few slots are enough, and none of the steps is long."""
    for each, batch, timed in ((0.1, 64, 64), (1.0, 5000, 400), (400.0, 768, 4), (0.1, 3, 3)):
        machine = Machine({F2: each, H2: each})
        trials = run_trials(BOTH, (2,), machine, slots=batch)
        assert trials.slots <= batch and (trials.slots == timed or ENOUGH <= trials.slots * each / 1000 < 2)
        assert sum(slots * each / 1000 for _, slots in machine.steps) < 24 * max(ENOUGH, 4 * each / 1000)


def test_candidates_that_were_given_are_all_there_is() -> None:
    trials = run_trials(["bfloat16"], [3], Machine({Setting(dtype="bfloat16", threads=3): 1.0}), slots=8)
    assert trials.taken == Setting(dtype="bfloat16", threads=3) and len(trials.rates) == 1


def test_table() -> None:
    trials = Trials(slots=64, rates={F2: 1010.4, H2: 2204.0, F1: 12.345}, taken=H2)
    assert trials.table() == [
        "examples/s, 64 slots at a time",
        "threads    float32   bfloat16",
        "      2      1,010     2,204*",
        "      1       12.3     slower",
    ]
    assert (trials.best("float32"), trials.best("bfloat16")) == (1010.4, 2204.0)


@pytest.mark.parametrize(
    ("rates", "dtype"),
    [
        ({F2: 100.0, F1: 80.0}, "float32"),
        ({F2: 100.0, F1: 51.0}, None),
        ({F2: 100.0, H2: 150.0, F1: 70.0, H1: 100.0}, "bfloat16"),
        ({F2: 100.0, H2: 300.0, H1: 90.0}, None),
        ({F2: 100.0}, None),
    ],
)
def test_processes_are_tried_where_threads_leave_something(rates: dict[Setting, float], dtype: str | None) -> None:
    taken = max(rates, key=lambda each: rates[each])
    assert promising(Trials(slots=8, rates=rates, taken=taken), 2) == dtype


@pytest.mark.parametrize(("room", "slots", "found"), [(100, 100, 100), (99, 100, 50), (13, 100, 13), (0, 4, 1)])
def test_as_many_slots_as_fit_into_memory(room: int, slots: int, found: int) -> None:
    def prepare(candidate: Setting, size: int) -> Callable[[], float]:
        def step() -> float:
            if size > room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return 1.0

        return step

    assert fitting(prepare, F1, slots, Processes(), torch.device("cpu")) == found


def test_other_errors_of_a_trial_are_raised() -> None:
    def prepare(candidate: Setting, size: int) -> Callable[[], float]:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fitting(prepare, F1, 4, Processes(), torch.device("cpu"))


@pytest.fixture
def clock() -> Callable[[], float]:
    """A second passes at each look."""
    ticks = count()
    return lambda: float(next(ticks))


def test_real_steps_and_nothing_of_them_left(tiny: RunConfig, clock: Callable[[], float]) -> None:
    before, state = torch.get_num_threads(), torch.get_rng_state()
    with torch.random.fork_rng(devices=[]), Stand(tiny, torch.device("cpu"), clock=clock) as stand:
        trials = run_trials(BOTH, (2, 1), stand, slots=tiny.batch_size)
        assert torch.get_num_threads() == 1
        assert {each: learner.model.config.dtype for each, learner in stand._learners.items()} == {
            "float32": "float32",
            "bfloat16": "bfloat16",
        }
    assert torch.get_num_threads() == before and torch.equal(torch.get_rng_state(), state)
    assert len(trials.rates) == 4 and trials.taken == F2, "all alike by this clock"


@pytest.mark.parametrize("change", [{"halting": "q"}, {"freeze": True}, {"micro_batch": 1}, {"recompute": True}])
def test_steps_of_runs_of_other_kinds(tiny: RunConfig, clock: Callable[[], float], change: dict[str, Any]) -> None:
    config = replace(tiny, **change)
    if config.halting == "q":
        model = HRMConfig(vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, width_multiple=8, puzzle_dim=16)
        config = replace(config, model=model)
    with Stand(config, torch.device("cpu"), clock=clock) as stand:
        assert stand(F1, 2)() == 1.0


def weights_of(run: Trainer) -> torch.Tensor:
    for _ in range(4):
        run.train_step()
    return run.learner.flat.values.detach().clone()


def test_a_run_after_trials_is_the_one_that_was_told_their_outcome(
    tiny: RunConfig, trainer: Callable[..., Trainer], clock: Callable[[], float]
) -> None:
    torch.manual_seed(3)
    told = weights_of(trainer("told", config=replace(tiny, threads=1)))
    torch.manual_seed(3)
    with torch.random.fork_rng(devices=[]), Stand(tiny, torch.device("cpu"), clock=clock) as stand:
        taken = run_trials(["float32"], (1,), stand, slots=tiny.batch_size).taken
    found = weights_of(trainer("found", config=replace(tiny, threads=taken.threads)))
    assert torch.equal(told, found)


def test_a_run_has_the_threads_of_its_configuration_also_when_resumed(
    tiny: RunConfig, trainer: Callable[..., Trainer], tmp_path: Path
) -> None:
    config = replace(tiny, threads=2)
    torch.set_num_threads(1)
    first = trainer("run", config=config)
    assert torch.get_num_threads() == first.progress.threads == first.learner.threads.threads == 2
    torch.set_num_threads(1)
    again = trainer("run", config=config, resume=True)  # stopped before its first checkpoint
    assert torch.get_num_threads() == again.progress.threads == again.learner.threads.threads == 2


@pytest.mark.slow
def test_processes_are_timed_side_by_side(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 600.0)
    found = module.time_together(tiny, "float32", 2, slots=2)
    assert found is not None and (found.dtype, found.processes) == ("float32", 2) and found.rate > 0


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Has processes run something else."""
    start = module.subprocess.Popen

    def use(code: str) -> None:
        def other(command: list[str], **options: Any) -> Any:
            return start([command[0], "-c", code], **options)

        monkeypatch.setattr(module.subprocess, "Popen", other)

    yield use


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('no number')", "import time; time.sleep(60)"])
def test_processes_that_come_to_nothing(
    tiny: RunConfig, code: str, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    program(code)
    assert module.time_together(tiny, "float32", 2, slots=2) is None


def test_rate_of_processes(tiny: RunConfig, program: Callable[[str], None]) -> None:
    program("import os, sys; sys.stdin.read(); print(0.5 if os.environ['RANK'] == '0' else '')")
    assert module.time_together(tiny, "bfloat16", 4, slots=8) == Together(dtype="bfloat16", processes=4, rate=64.0)
