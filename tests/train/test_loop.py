"""Training resumes to the bit, stops when asked, refuses what cannot be right, and keeps the best weights."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from redraft.cli import main
from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.errors import ConfigError, WeightsError
from redraft.models import Model
from redraft.tasks import get_task
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.folder import STATE, open_run
from redraft.train.log import METRICS, MetricsFile
from redraft.train.loop import Trainer, TrainingError
from redraft.weights.io import load_weights

pytestmark = pytest.mark.arithmetic

MakeTrainer = Callable[..., Trainer]


def no_figures(model: Model) -> dict[str, float]:
    """An evaluation that costs nothing."""
    return {"exact": 0.0}


def state_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / STATE)


def assert_same_state(first: Path, second: Path) -> None:
    """Every tensor of two checkpoints, optimiser and slots included, is equal to the bit."""
    a, b = state_of(first), state_of(second)
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different, f"differ: {different}"


def test_resumed_run_equals_uninterrupted_run(trainer: MakeTrainer, tmp_path: Path) -> None:
    assert trainer("whole").run(no_figures, []).finished
    first = trainer("broken")
    for _ in range(5):
        first.train_step()
    first.save()
    del first
    assert trainer("broken", resume=True).run(no_figures, []).finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")


def test_steps_after_the_last_checkpoint_are_repeated_alike(trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer("whole").run(no_figures, [])
    first = trainer("killed")
    for _ in range(3):
        first.train_step()
    first.save()
    first.train_step()  # lost: the process is killed before the next checkpoint
    del first
    trainer("killed", resume=True).run(no_figures, [])
    assert_same_state(tmp_path / "whole", tmp_path / "killed")


def test_evaluation_and_reporting_leave_the_weights_alone(
    trainer: MakeTrainer, tiny: RunConfig, tmp_path: Path
) -> None:
    def noisy(model: Model) -> dict[str, float]:
        torch.rand(7)
        model(torch.zeros(1, 16, dtype=torch.int64), torch.zeros(1, dtype=torch.int64), model.initial_carry(1))
        return {"exact": 0.5}

    trainer("quiet").run(no_figures, [])
    often = replace(tiny, eval_every=1, log_every=1, checkpoint_every=1)
    trainer("noisy", config=often).run(noisy, [])
    assert_same_state(tmp_path / "quiet", tmp_path / "noisy")


# The program, and a thread that kills it at once when there is a checkpoint: no other process has to be quick enough.
KILLED = """
import os, pathlib, signal, sys, threading, time
from redraft.cli import main

def watch(file):
    while not file.exists():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=watch, args=(pathlib.Path(sys.argv[1]),), daemon=True).start()
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.slow
def test_kill_minus_nine_and_resume(tmp_path: Path) -> None:
    """The whole program, killed at a moment nobody chose, ends with the weights of the uninterrupted one."""
    options = ["--tiny", "--steps", "60", "--checkpoint-every", "7", "--eval-every", "1000", "--threads", "1"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(["train", "sudoku-4x4", *options, "-o", str(whole)]) == 0
    command = [sys.executable, "-c", KILLED, str(killed / STATE), "train", "sudoku-4x4", *options, "-o", str(killed)]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=120)
    assert done.returncode == -signal.SIGKILL, "the run ended before it could be killed"
    assert main(["train", "--resume", str(killed), "--threads", "1"]) == 0
    assert_same_state(whole, killed)
    steps = [json.loads(line)["step"] for line in (killed / METRICS).read_text().splitlines()]
    assert steps == [json.loads(line)["step"] for line in (whole / METRICS).read_text().splitlines()]


def test_ctrl_c_saves_and_says_how_to_go_on(trainer: MakeTrainer, tiny: RunConfig, tmp_path: Path) -> None:
    interrupted = trainer("interrupted", config=replace(tiny, eval_every=1))

    def press(model: Model) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return {"exact": 0.0}

    outcome = interrupted.run(press, [])
    assert outcome.interrupted and not outcome.finished
    assert outcome.progress.step == 1
    assert (tmp_path / "interrupted" / STATE).exists()
    assert trainer("interrupted", resume=True, config=replace(tiny, eval_every=1)).run(no_figures, []).finished


def test_stops_after_the_seconds_given(trainer: MakeTrainer) -> None:
    outcome = trainer("short").run(no_figures, [], stop_after=0.0)
    assert not outcome.finished and not outcome.interrupted and outcome.progress.step == 1


def test_loss_that_is_not_finite_stops_and_names_step_and_checkpoint(trainer: MakeTrainer, tmp_path: Path) -> None:
    broken = trainer("broken")
    for _ in range(3):
        broken.train_step()
    broken.save()
    before = state_of(tmp_path / "broken")
    with torch.no_grad():
        broken.learner.flat.values.fill_(float("nan"))
    with pytest.raises(TrainingError, match=rf"step 4\b.*{STATE} .step 3\b"):
        broken.run(no_figures, [])
    after = state_of(tmp_path / "broken")
    assert all(torch.equal(before[name], after[name]) for name in before), "the good checkpoint was overwritten"


def test_best_and_last_weights_are_kept(trainer: MakeTrainer, tmp_path: Path) -> None:
    scores = iter([0.75, 0.25])  # it peaks, then declines
    outcome = trainer("run").run(lambda model: {"exact": next(scores)}, [])
    assert (outcome.progress.best, outcome.progress.best_step) == (0.75, 4)
    best, last = load_weights(tmp_path / "run/best"), load_weights(tmp_path / "run/last")
    assert (best.card["step"], last.card["step"]) == (4, 8)
    assert best.card["evaluation"] == {"exact": 0.75}
    assert best.card["run"]["recipe"] == "sudoku-4x4" and best.task == "sudoku-4x4"


def test_kept_weights_are_the_moving_average(trainer: MakeTrainer, tmp_path: Path) -> None:
    run = trainer("run")
    run.run(no_figures, [])
    kept = load_weights(tmp_path / "run/last").model.state_dict()
    averaged = run.learner.average.model.state_dict()
    assert all(torch.equal(kept[name], averaged[name]) for name in kept)
    live = run.learner.model.state_dict()
    assert not torch.equal(kept["answer_head.weight"], live["answer_head.weight"])
    table = "embed.puzzle.table"
    assert torch.equal(kept[table], live[table]), "the sparse table is shared, not averaged"
    assert kept[table].any(), "the puzzle embedding was never trained"


@pytest.mark.usefixtures("float64")
def test_rows_shared_by_threads_train_as_one_batch(trainer: MakeTrainer) -> None:
    whole, shared = trainer("whole"), trainer("shared")
    whole.learner.threads.threads, shared.learner.threads.threads = 1, 2
    for _ in range(3):
        whole.train_step()
        shared.train_step()
    torch.testing.assert_close(shared.learner.flat.values, whole.learner.flat.values, rtol=0, atol=1e-9)
    assert torch.equal(shared.slots.halted, whole.slots.halted)
    torch.testing.assert_close(shared.learner.tables[0], whole.learner.tables[0], rtol=0, atol=1e-9)


def test_damaged_checkpoint_is_named(trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer("run").run(no_figures, [])
    file = tmp_path / "run" / STATE
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"state\.safetensors: "):
        trainer("run", resume=True)


def test_a_run_is_not_resumed_on_other_examples(
    trainer: MakeTrainer, tiny: RunConfig, data: Store, tmp_path: Path
) -> None:
    trainer("run").run(no_figures, [])
    task, cpu = get_task(tiny.task), torch.device("cpu")
    with pytest.raises(WeightsError, match=r"trained .*examples"):
        Trainer(tiny, tmp_path / "run", task=task, data=data.rows(slice(8)), device=cpu, resume=True)


def test_a_run_is_not_started_over_another(trainer: MakeTrainer) -> None:
    trainer("run").save()
    with pytest.raises(ConfigError, match=r"run: .*--resume"):
        trainer("run")


def test_model_of_another_task_is_refused(trainer: MakeTrainer, tiny: RunConfig) -> None:
    with pytest.raises(ConfigError, match=r" 36 cells .* 8 tokens.* sudoku-4x4 .*16 .*6"):
        trainer("run", config=replace(tiny, model=replace(tiny.model, seq_len=36, vocab_size=8)))


def test_configuration_survives_the_disk(trainer: MakeTrainer, tiny: RunConfig, tmp_path: Path) -> None:
    trainer("run")
    assert open_run(tmp_path / "run") == tiny
    values = run_to_dict(tiny)
    with pytest.raises(ConfigError, match=r"run\.optim: .*'learning_rate'.* kind, lr"):
        run_from_dict({**values, "optim": {**values["optim"], "learning_rate": 1}}, where="run")


def test_metrics_after_the_checkpoint_are_dropped_on_resuming(tmp_path: Path) -> None:
    first = MetricsFile(tmp_path, resumed_at=0)
    for step in (2, 4, 6):
        first.report("train", step, {"loss": 1.0})
    first.close()
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"kind": "train", "st')  # cut short by a kill
    second = MetricsFile(tmp_path, resumed_at=4)
    second.report("train", 6, {"loss": 2.0})
    second.close()
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(2, 1.0), (4, 1.0), (6, 2.0)]


@pytest.mark.parametrize("kind", ["adam_atan2", "muon", pytest.param("adamw", marks=pytest.mark.slow)])
@pytest.mark.parametrize("loss", ["stablemax", pytest.param("softmax", marks=pytest.mark.slow)])
def test_a_tiny_model_learns_one_puzzle_by_heart(trainer: MakeTrainer, tiny: RunConfig, kind: str, loss: str) -> None:
    config = replace(
        tiny,
        loss=loss,
        steps=150,
        data=replace(tiny.data, augment=False),
        optim=replace(tiny.optim, kind=kind, lr=1e-2, weight_decay=0.0, clip=1.0),
        exploration=0.1,
    )
    run = trainer(f"{kind}-{loss}", config=config)
    one = run.feed.sampler.store.rows(slice(1))
    run.feed.sampler = Sampler(one, run.task, batch_size=config.batch_size, seed=config.seed, augment=False)
    run.run(no_figures, [])
    batch = run.feed.sampler.batch(0)
    tokens, labels = torch.from_numpy(batch.inputs).long(), torch.from_numpy(batch.labels).long()
    carry = run.learner.model.initial_carry(len(tokens))
    for _ in range(3):
        output = run.learner.model(tokens, torch.zeros(len(tokens), dtype=torch.int64), carry)
        carry = output.carry.detach()
    assert torch.equal(output.logits.argmax(-1), labels)
    assert (output.halt_logit > 0).all(), "it does not know that it is right"


def test_weights_that_are_not_finite_are_never_saved(trainer: MakeTrainer, tmp_path: Path) -> None:
    broken = trainer("broken")
    broken.train_step()
    broken.save()
    before = state_of(tmp_path / "broken")
    with torch.no_grad():
        broken.learner.flat.values.fill_(float("inf"))  # as after an update with a gradient that was not finite
    with pytest.raises(TrainingError, match=r"finite .*step 1\b"):
        broken.save()
    after = state_of(tmp_path / "broken")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_evaluation_cut_short_is_made_up_for(trainer: MakeTrainer, tiny: RunConfig) -> None:
    def impatient(model: Model) -> dict[str, float]:
        raise KeyboardInterrupt

    outcome = trainer("run").run(impatient, [])
    assert outcome.interrupted and outcome.progress.step == tiny.eval_every
    evaluated = []

    def count(model: Model) -> dict[str, float]:
        evaluated.append(1)
        return {"exact": 0.5}

    outcome = trainer("run", resume=True).run(count, [])
    assert outcome.finished and len(evaluated) == 2
    assert outcome.progress.best_step == tiny.steps, "of equal evaluations the later one is kept"


def test_a_resumed_run_keeps_its_threads(trainer: MakeTrainer) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        first = trainer("run")
        first.train_step()
        first.save()
        torch.set_num_threads(1)
        assert trainer("run", resume=True).learner.threads.threads == 2
    finally:
        torch.set_num_threads(before)


def test_going_on_beyond_the_end(trainer: MakeTrainer, tiny: RunConfig, tmp_path: Path) -> None:
    """With a rate that does not depend on them, more steps make the run that was meant to have as many, to the bit."""
    shorter = replace(tiny, optim=replace(tiny.optim, min_ratio=1.0))
    longer = replace(shorter, steps=12)
    trainer("whole", config=longer).run(no_figures, [])
    trainer("longer", config=shorter).run(no_figures, [])
    outcome = trainer("longer", config=longer, resume=True).run(no_figures, [])
    assert outcome.finished and outcome.progress.step == 12
    assert_same_state(tmp_path / "whole", tmp_path / "longer")
    assert open_run(tmp_path / "longer") == longer
    assert load_weights(tmp_path / "longer/last").card["run"]["steps"] == 12


def test_ending_earlier(trainer: MakeTrainer, tiny: RunConfig) -> None:
    first = trainer("run")
    for _ in range(5):
        first.train_step()
    first.save()
    with pytest.raises(ConfigError, match=r"steps: .* 5 .* 4$"):
        trainer("run", config=replace(tiny, steps=4), resume=True)
    assert open_run(first.folder) == tiny
    outcome = trainer("run", config=replace(tiny, steps=5), resume=True).run(no_figures, [])
    assert outcome.finished and (outcome.progress.step, outcome.progress.best_step) == (5, 5)


def test_the_test_data_of_a_resumed_run_stays_the_same_too(
    trainer: MakeTrainer, tiny: RunConfig, data: Store, tmp_path: Path
) -> None:
    task, cpu = get_task(tiny.task), torch.device("cpu")

    def resumed(test: Store | None, config: RunConfig = tiny) -> Trainer:
        return Trainer(config, tmp_path / "run", task=task, data=data, device=cpu, test=test, resume=True)

    trainer("run").run(no_figures, [])
    resumed(data.rows(slice(4))).save()  # it was not known until now
    resumed(data.rows(slice(4)))
    resumed(None)
    moved = replace(tiny, data=replace(tiny.data, test="moved.csv"))
    with pytest.raises(WeightsError, match=r"moved\.csv .*make:8@2"):
        resumed(data.rows(slice(5)), moved)
    assert open_run(tmp_path / "run") == tiny
