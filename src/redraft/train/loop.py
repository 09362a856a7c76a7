"""The training loop: deep supervision with one optimiser step after every supervision step of every slot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.device import describe_device
from redraft.errors import ConfigError, RedraftError, WeightsError
from redraft.models import Model
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
from redraft.train.folder import BEST, CONFIG, LAST, begin_run, change_run, run_values
from redraft.train.learner import Learner
from redraft.train.log import Reporter
from redraft.train.memory import is_out_of_memory, too_little
from redraft.train.processes import Processes
from redraft.train.slots import Slots
from redraft.train.stopping import stop_on_signal
from redraft.train.tally import Tally
from redraft.trust import require_consent
from redraft.weights.io import Weights, save_weights

AGREE_EVERY = 10  # steps after which several processes ask one another whether to stop

# Figures of a model on puzzles it has not seen; `exact` decides which weights are the best. None where there are none.
Evaluate = Callable[[Model], dict[str, float]]


class TrainingError(RedraftError):
    """Training cannot go on: the loss is not finite."""


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """How a run ended: `finished`, or stopped early and resumable, `interrupted` if a signal asked for it."""

    finished: bool
    interrupted: bool = False
    progress: Progress
    folder: Path


def open_run(folder: Path) -> RunConfig:
    """The configuration of the run in a folder; raises TrustError where it names code that nobody has consented to."""
    values = run_values(folder)
    require_consent(folder / CONFIG, values)
    return run_from_dict(values, where=str(folder / CONFIG))


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
        test: Store | None = None,
        processes: Processes | None = None,
        prefetch: int | None = None,
    ) -> None:
        """`initial`: weights that a new run starts from; one that has a checkpoint goes on from that. `test`: examples
        that evaluation is on, which are to be the same when it is resumed. `prefetch`: see `train.feed.Feed`.

        A run that is resumed may get more steps, and other paths to the same data. Raises ConfigError where model,
        task, data and number of processes do not fit together, or the run has come farther than `config.steps`.
        """
        self.processes = processes or Processes()
        require_sense(config, task, data, self.processes.world)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.config, self.folder, self.device, self.task, self.data = config, folder, device, task, data
        self.progress = Progress(
            data=fingerprint(data),
            test=0 if test is None else fingerprint(test),
            threads=torch.get_num_threads(),
            world=self.processes.world,
        )
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
        self._reader_gone: BrokenPipeError | None = None
        self._evaluating = False
        if self.processes.first:
            if resume:
                change_run(folder, config)
            else:
                begin_run(folder, config, task.spec)

    def run(self, evaluate: Evaluate, reporters: list[Reporter], *, stop_after: float | None = None) -> TrainingOutcome:
        """Trains to the last step, or until interrupted or `stop_after` seconds; leaves a checkpoint in each case.

        Only the first of several processes evaluates and reports; each must be given the same arguments. Raises
        BrokenPipeError, after the checkpoint, where the reader of a reporter's output has gone away.
        """
        outcome = self._run(evaluate, reporters, stop_after)
        if self._reader_gone is not None:
            raise self._reader_gone
        return outcome

    def _run(self, evaluate: Evaluate, reporters: list[Reporter], stop_after: float | None) -> TrainingOutcome:
        config, progress = self.config, self.progress
        started, before = time.monotonic(), progress.seconds

        def outcome(*, finished: bool, interrupted: bool = False) -> TrainingOutcome:
            return TrainingOutcome(finished=finished, interrupted=interrupted, progress=progress, folder=self.folder)

        with stop_on_signal(self._give_up_evaluation) as signalled, self.feed.flowing():

            def asked(*, late: bool = False) -> bool:
                """Whether any process has been asked to stop, or is `late`."""
                return self.processes.any(signalled() or self._reader_gone is not None or late)

            while progress.step < config.steps or self._evaluation_due():
                if not self._evaluation_due():  # else it was cut short when the run was stopped
                    self._step_within_memory()
                    progress.seconds = before + time.monotonic() - started
                    self._report(reporters)
                last = progress.step == config.steps
                if self._evaluation_due():
                    # an evaluation may take long, and is made up for when the run is resumed
                    if asked() or not self._evaluate(evaluate, reporters):
                        self.save()
                        return outcome(finished=False, interrupted=True)
                    progress.seconds = before + time.monotonic() - started
                late = stop_after is not None and time.monotonic() - started > stop_after
                stop = self._time_to_agree() and asked(late=late)
                if last or stop or progress.step % config.checkpoint_every == 0:
                    self.save()
                if stop and not last:
                    return outcome(finished=False, interrupted=asked())
        return outcome(finished=True)

    def _step_within_memory(self) -> None:
        """`train_step`; raises OutOfMemory, which tells what would fit, where memory does not suffice for it."""
        try:
            self.train_step()
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # only now has what the step held on to been given back
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
        self._pass_on(reporters, lambda reporter: reporter.tick(step))
        if step % self.config.log_every and step != self.config.steps:
            return
        self._require_finite()
        metrics = self.tally.take(self.progress, self.config, self.processes)
        self._pass_on(reporters, lambda reporter: reporter.report("train", step, metrics))

    def _pass_on(self, reporters: list[Reporter], call: Callable[[Reporter], None]) -> None:
        """Calls all reporters, and notes where the reader of one's output has gone away."""
        for reporter in reporters:
            try:
                call(reporter)
            except BrokenPipeError as error:
                self._reader_gone = error

    def _evaluation_due(self) -> bool:
        step = self.progress.step
        wanted = step == self.config.steps or (step > 0 and step % self.config.eval_every == 0)
        return wanted and self.progress.evaluated < step

    def _evaluate(self, evaluate: Evaluate, reporters: list[Reporter]) -> bool:
        """Evaluates and keeps the best weights; False where that was interrupted."""
        self._require_finite()
        metrics: dict[str, float] | None = None
        if self.processes.first:
            try:
                self._evaluating = True
                metrics = evaluate(self.learner.average.model)
                self._evaluating = False
            except KeyboardInterrupt:
                metrics = None
            except Exception:
                if self.processes.world == 1:  # others would have to take part
                    self.save()
                raise
        metrics = self.processes.from_first(metrics)
        if metrics is None:
            return False
        self.progress.evaluated = self.progress.step
        exact = metrics.get("exact", self.progress.best)  # where nothing can be judged, the last weights are the best
        if exact >= self.progress.best:  # of equals the later, trained for longer
            self.progress.best, self.progress.best_step = exact, self.progress.step
            if self.processes.first:
                self._save_weights(BEST, metrics)
        if metrics:
            step, figures = self.progress.step, metrics
            self._pass_on(reporters, lambda reporter: reporter.report("eval", step, figures))
        self.tally.restart_clock()
        return True

    def _give_up_evaluation(self) -> bool:
        """Whether an evaluation is running; true only once, so that what follows is not given up too."""
        evaluating, self._evaluating = self._evaluating, False
        return evaluating

    def _save_weights(self, name: str, metrics: dict[str, float] | None = None) -> None:
        card = {
            "recipe": self.config.recipe,
            "step": self.progress.step,
            "seconds": round(self.progress.seconds, 1),
            "device": describe_device(self.device),
            "processes": self.processes.world,
            "torch": torch.__version__,
            "data": self.progress.data,
            **({"views": self.data.identifiers.fingerprint} if self.data.identifiers is not None else {}),
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

    def _restore(self) -> dict[str, Tensor] | None:
        """Takes up the run in the folder; gives the state of this process's slots, None where they start afresh."""
        parts, progress = load_state(self.folder)
        self._require_same_data(progress)
        if self.config.steps < progress.step:
            raise ConfigError(
                f"steps: {self.folder} has been trained for {progress.step} already, got {self.config.steps}"
            )
        self.learner.restore(parts, f"{self.folder / STATE}: ")
        rank, world = self.processes.rank, self.processes.world
        same_world, progress.world = progress.world == world, world
        self.progress = progress
        torch.set_num_threads(progress.threads)
        if not same_world:  # puzzles that were being worked on are given up
            return None
        return parts["slots"] if rank == 0 else load_slots(self.folder, rank=rank, step=progress.step)

    def _require_same_data(self, found: Progress) -> None:
        """Raises WeightsError where the examples are not those of the checkpoint, which may not know those of test."""
        named = run_values(self.folder)["data"]
        for split, verb, then, now in (
            ("train", "trained", found.data, self.progress.data),
            ("test", "judged", found.test, self.progress.test),
        ):
            path, before = getattr(self.config.data, split), named[split]
            if then != now and 0 not in (then, now):
                now_holds = f"{path} now holds" if path == before else f"{path} holds"
                raise WeightsError(
                    f"{self.folder}: was {verb} on other examples than {now_holds}: on those that {before} held; "
                    f"name their place with --data.{split}"
                )
        found.test = found.test or self.progress.test
