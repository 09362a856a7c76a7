"""The training loop: deep supervision with one optimiser step after every supervision step of every slot."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.device import describe_device
from redraft.errors import ConfigError, RedraftError, WeightsError
from redraft.files import write_text
from redraft.models import Model
from redraft.models.io import Weights, read_json, save_weights
from redraft.tasks import Task
from redraft.train.checkpoint import (
    STATE,
    Progress,
    drop_other_slots,
    fingerprint,
    load_slots,
    load_state,
    save_slots,
    save_state,
)
from redraft.train.checks import require_halting, require_sense
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.feed import Feed
from redraft.train.learner import Learner
from redraft.train.log import Reporter
from redraft.train.memory import is_out_of_memory, too_little
from redraft.train.processes import Processes
from redraft.train.slots import Slots
from redraft.train.tally import Tally

CONFIG = "config.json"
BEST, LAST = "best", "last"
AGREE_EVERY = 10  # steps after which several processes ask one another whether to stop

# Figures of a model on puzzles it has not seen; `exact` decides which weights are the best.
Evaluate = Callable[[Model], dict[str, float]]


class TrainingError(RedraftError):
    """Training cannot go on: the loss is not finite."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended: `finished`, or stopped early and resumable, `interrupted` if a signal asked for it."""

    finished: bool
    interrupted: bool = False
    progress: Progress
    folder: Path


def open_run(folder: Path) -> RunConfig:
    """The configuration of the run in a folder."""
    return run_from_dict(read_json(folder / CONFIG), where=str(folder / CONFIG))


class Trainer:
    """One run: built from its configuration, or from its folder where it has been trained before."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        *,
        task: Task,
        data: Store,
        device: torch.device,
        resume: bool = False,
        initial: Weights | None = None,
        processes: Processes | None = None,
        prefetch: int | None = None,
    ) -> None:
        """`initial`: weights that a new run starts from; one that has a checkpoint goes on from that. `prefetch`: see
        `train.feed.Feed`.

        Raises ConfigError where model, task, data and number of processes do not fit together.
        """
        self.processes = processes or Processes()
        require_sense(config, task, data, self.processes.world)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.config, self.folder, self.device, self.task, self.data = config, folder, device, task, data
        self.progress = Progress(data=fingerprint(data), threads=torch.get_num_threads(), world=self.processes.world)
        share = config.batch_size // self.processes.world
        sampler = Sampler(
            data,
            task,
            batch_size=share,
            seed=config.seed,
            augment=config.data.augment,
            rank=self.processes.rank,
            world=self.processes.world,
        )
        saved = resume and (folder / STATE).exists()  # else stopped before its first checkpoint: from the start again
        self.learner = Learner(config, device, self.processes, initial=None if saved else initial)
        require_halting(self.learner)
        begun = self._restore() if saved else None
        # made only now, because the carry a slot starts with belongs to the weights
        self.slots = Slots(self.learner.model, share, seq_len=task.seq_len, device=device)
        if begun is not None:
            self.slots.restore(begun)
        self.tally = Tally(device)
        self.learner.start_threads()
        self.feed = Feed(sampler, config, device, ahead=prefetch)
        if not resume and self.processes.first:
            self._start()

    def run(self, evaluate: Evaluate, reporters: list[Reporter], *, stop_after: float | None = None) -> Outcome:
        """Trains to the last step, or until interrupted or `stop_after` seconds; leaves a checkpoint in each case.

        Only the first of several processes evaluates and reports; each must be given the same arguments.
        """
        config, progress = self.config, self.progress
        started, before = time.monotonic(), progress.seconds
        with stop_on_signal() as stopping, self.feed.flowing():
            while progress.step < config.steps or self._evaluation_due():
                if not self._evaluation_due():  # else it was cut short when the run was stopped
                    self._step_within_memory()
                    progress.seconds = before + time.monotonic() - started
                    self._report(reporters)
                last = progress.step == config.steps
                if self._evaluation_due():
                    if not self._evaluate(evaluate, reporters):
                        self.save()
                        return Outcome(finished=False, interrupted=True, progress=progress, folder=self.folder)
                    progress.seconds = before + time.monotonic() - started
                stop = self._time_to_agree() and self.processes.any(
                    stopping() or (stop_after is not None and time.monotonic() - started > stop_after)
                )
                if last or stop or progress.step % config.checkpoint_every == 0:
                    self.save()
                if stop and not last:
                    return Outcome(
                        finished=False,
                        interrupted=self.processes.any(stopping()),
                        progress=progress,
                        folder=self.folder,
                    )
        return Outcome(finished=True, progress=progress, folder=self.folder)

    def _step_within_memory(self) -> None:
        """`train_step`; raises OutOfMemory, which tells what would fit, where memory does not suffice for it."""
        try:
            self.train_step()
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # only now has what the step held on to been given back
        if self.processes.first and not (self.folder / STATE).exists():
            (self.folder / CONFIG).unlink(missing_ok=True)  # so that the folder can be used again
        raise too_little(self.config, self.device, slots=len(self.slots.steps))

    def train_step(self) -> None:
        """One supervision step of every slot, and one step of the optimisers."""
        step, slots = self.progress.step, self.slots
        fed = self.feed.get(step)
        slots.refill(fed.tokens, fed.labels, fed.puzzle_ids)
        output, loss = self.learner.step(slots, step)
        slots.advance(
            output,
            stops=self.learner.forward.halting.stops(output, loss.exact),
            max_steps=self.config.max_steps,
            min_steps=fed.min_steps,
        )
        self.tally.add(step + 1, loss, output.halt_logit, slots)
        self.progress.step = step + 1

    def save(self) -> None:
        """Writes the checkpoint and the last weights; refuses to after a loss that was not finite."""
        self._require_finite()
        step, rank = self.progress.step, self.processes.rank
        if not self.processes.first:
            save_slots(self.folder, self.slots.state(), rank=rank, step=step)
        self.processes.wait()  # the state counts only once the slots that belong to it are there
        if self.processes.first:
            save_state(self.folder, {**self.learner.state(), "slots": self.slots.state()}, self.progress)
            self._save_weights(LAST)
        self.processes.wait()
        drop_other_slots(self.folder, rank=rank, step=step)

    def _time_to_agree(self) -> bool:
        """Whether it is time to ask whether to stop: always, but several processes seldom, for all must be asked."""
        return self.processes.world == 1 or self.progress.step % AGREE_EVERY == 0

    def _report(self, reporters: list[Reporter]) -> None:
        step = self.progress.step
        for reporter in reporters:
            reporter.tick(step)
        if step % self.config.log_every and step != self.config.steps:
            return
        self._require_finite()
        metrics = self.tally.take(self.progress, self.config, self.processes)
        for reporter in reporters:
            reporter.report("train", self.progress.step, metrics)

    def _evaluation_due(self) -> bool:
        step = self.progress.step
        wanted = step == self.config.steps or (step > 0 and step % self.config.eval_every == 0)
        return wanted and self.progress.evaluated < step

    def _evaluate(self, evaluate: Evaluate, reporters: list[Reporter]) -> bool:
        """Evaluates and keeps the best weights; False where that was interrupted."""
        self._require_finite()
        metrics: dict[str, float] | None = None
        if self.processes.first:
            # asked twice to stop: evaluation can be long, and the step before it is done
            with suppress(KeyboardInterrupt):
                metrics = evaluate(self.learner.average.model)
        metrics = self.processes.from_first(metrics)
        if metrics is None:
            return False
        self.progress.evaluated = self.progress.step
        if metrics["exact"] >= self.progress.best:  # of equals the later, trained for longer
            self.progress.best, self.progress.best_step = metrics["exact"], self.progress.step
            if self.processes.first:
                self._save_weights(BEST, metrics)
        for reporter in reporters:
            reporter.report("eval", self.progress.step, metrics)
        self.tally.restart_clock()
        return True

    def _save_weights(self, name: str, metrics: dict[str, float] | None = None) -> None:
        card = {
            "recipe": self.config.recipe,
            "step": self.progress.step,
            "seconds": round(self.progress.seconds, 1),
            "device": describe_device(self.device),
            "processes": self.processes.world,
            "torch": torch.__version__,
            "data": self.progress.data,
            **({"views": self.data.views.fingerprint()} if self.data.views is not None else {}),
            **({"evaluation": metrics} if metrics else {}),
            "run": run_to_dict(self.config),
        }
        save_weights(self.folder / name, self.learner.average.model, task=self.task.spec, card=card)

    def _require_finite(self) -> None:
        step = self.tally.first_bad_step()
        if step is None and not self.learner.finite():  # the update went wrong, not yet the loss
            step = self.progress.step
        if step is not None:
            state = self.folder / STATE
            good = (
                f"the last good checkpoint is {state} (step {load_state(self.folder)[1].step})"
                if state.exists()
                else "there is no checkpoint yet"
            )
            raise TrainingError(
                f"loss or weights were not finite at step {step}; {good}. It would go wrong again: "
                "start a new run with a lower learning rate, a longer warm-up or --optim.clip 1"
            )

    def _start(self) -> None:
        if (self.folder / CONFIG).exists():
            raise ConfigError(f"{self.folder}: holds a run already; resume it with --resume, or choose another folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / CONFIG, json.dumps(run_to_dict(self.config), indent=2) + "\n")

    def _restore(self) -> dict[str, Tensor] | None:
        """Takes up the run in the folder; gives the state of this process's slots, None where they start afresh."""
        parts, progress = load_state(self.folder)
        if progress.data != self.progress.data:
            raise WeightsError(f"{self.folder}: was trained on other examples than {self.config.data.train} now holds")
        self.learner.restore(parts, f"{self.folder / STATE}: ")
        rank, world = self.processes.rank, self.processes.world
        same_world, progress.world = progress.world == world, world
        self.progress = progress
        torch.set_num_threads(progress.threads)
        if not same_world:  # puzzles that were being worked on are given up
            return None
        return parts["slots"] if rank == 0 else load_slots(self.folder, rank=rank, step=progress.step)


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Within it, a first Ctrl-C or SIGTERM only asks to stop after the step; a second acts as usual."""
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        asked = True
        print("stopping after this step; once more to stop at once", file=sys.stderr)
        for name, handler in previous.items():
            signal.signal(name, handler)

    try:
        previous = {name: signal.signal(name, ask) for name in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: signals go elsewhere
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        for name, handler in previous.items():
            signal.signal(name, handler)
