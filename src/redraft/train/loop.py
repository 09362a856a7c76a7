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
from redraft.train.config import RunConfig, run_to_dict
from redraft.train.folder import (
    BEST,
    LAST,
    STATE,
    Progress,
    begin_run,
    change_run,
    drop_other_slots,
    fingerprint,
    load_slots,
    load_state,
    run_values,
    save_slots,
    save_state,
)
from redraft.train.hints import LOST, require_hints, span_chances, spans
from redraft.train.learner import Learner, is_out_of_memory, out_of_memory
from redraft.train.log import Reporter, Tally
from redraft.train.processes import Processes
from redraft.train.slots import Feed, Slots, disturbed
from redraft.train.stopping import stop_on_signal
from redraft.weights.io import Weights, save_weights

AGREE_EVERY = 10  # steps after which several processes agree on whether to stop

# Figures of a model on unseen puzzles, {} where there are none; `exact` decides which weights are the best.
Evaluate = Callable[[Model], dict[str, float]]


class TrainingError(RedraftError):
    """Training cannot continue, because loss or weights are not finite."""


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """End of a run: `finished`, or stopped early and resumable, `interrupted` if by a signal."""

    finished: bool
    interrupted: bool = False
    progress: Progress
    folder: Path


def require_parts_fit(config: RunConfig, task: Task, data: Store, world: int) -> None:
    """Raises ConfigError where model, task, data and number of processes do not fit together."""
    model = config.model
    if model.seq_len != task.seq_len or model.vocab_size != task.vocab_size:
        raise ConfigError(
            f"the model reads {model.seq_len} cells of {model.vocab_size} tokens, "
            f"but {task.name} has {task.seq_len} of {task.vocab_size}"
        )
    if model.puzzle_positions and model.num_puzzles < data.num_puzzle_ids:
        raise ConfigError(
            f"model.num_puzzles: the data has {data.num_puzzle_ids:,} puzzle ids, "
            f"the model's table only {model.num_puzzles:,} rows"
        )
    if config.hinted:
        require_hints(config, task)
    if config.batch_size % world:
        raise ConfigError(f"batch_size: expected a multiple of the {world} processes, got {config.batch_size}")


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
        """`initial`: weights that a new run starts from; a run with a checkpoint continues from that. `test`: examples
        of the evaluation, which must be the same when the run is resumed. `prefetch`: see `train.slots.Feed`.

        A resumed run may get more steps, and other paths to the same data. Raises ConfigError where model, task, data
        and number of processes do not fit together, or more than `config.steps` are done.
        """
        self.processes = processes or Processes()
        rank, world = self.processes.rank, self.processes.world
        require_parts_fit(config, task, data, world)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.config, self.folder, self.device, self.task, self.data = config, folder, device, task, data
        self.progress = Progress(
            data=fingerprint(data),
            test=0 if test is None else fingerprint(test),
            threads=torch.get_num_threads(),
            world=world,
        )
        share = config.batch_size // world
        sampler = Sampler(
            data,
            task,
            batch_size=share,
            seed=config.seed,
            augment=config.data.augment,
            spread=config.data.spread,
            hints=config.hinted,
            rank=rank,
            world=world,
        )
        saved = resume and (folder / STATE).exists()  # else stopped before its first checkpoint: from the start again
        self.learner = Learner(config, device, self.processes, initial=None if saved else initial)
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
        """Trains to the last step, or until interrupted or `stop_after` seconds; writes a checkpoint in each case.

        Only the first of several processes evaluates and reports; all need the same arguments. Raises BrokenPipeError,
        after the checkpoint, where the reader of a reporter's output has gone away.
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

        with stop_on_signal(self._give_up_evaluation) as signalled, self.feed.ahead:

            def must_stop(*, late: bool = False) -> bool:
                """Whether any process has to stop, or is `late`."""
                return self.processes.any(signalled() or self._reader_gone is not None or late)

            while progress.step < config.steps or self._evaluation_due():
                if not self._evaluation_due():  # else it was cut short when the run was stopped
                    self._step_within_memory()
                    progress.seconds = before + time.monotonic() - started
                    self._report(reporters)
                last = progress.step == config.steps
                if self._evaluation_due():
                    # an evaluation may take long, and can be made when the run is resumed
                    if must_stop() or not self._evaluate(evaluate, reporters):
                        self.save()
                        return outcome(finished=False, interrupted=True)
                    progress.seconds = before + time.monotonic() - started
                late = stop_after is not None and time.monotonic() - started > stop_after
                agree = self.processes.world == 1 or progress.step % AGREE_EVERY == 0
                stop = agree and must_stop(late=late)
                if last or stop or progress.step % config.checkpoint_every == 0:
                    self.save()
                if stop and not last:
                    return outcome(finished=False, interrupted=must_stop())
        return outcome(finished=True)

    def _step_within_memory(self) -> None:
        """`train_step`; raises OutOfMemory, naming smaller settings, where memory does not suffice."""
        try:
            self.train_step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise out_of_memory(self.config, self.device, slots=len(self.slots.steps)) from None

    def train_step(self) -> None:
        """One supervision step of every slot, and one step of the optimisers."""
        step, slots = self.progress.step, self.slots
        fed = self.feed.get(step)
        if self.config.hinted:
            slots.hint(fed.hints, self._spans(step, fed.hints))
        slots.refill(fed.tokens, fed.labels, fed.puzzle_ids)
        output, loss = self.learner.step(slots, step)
        stops = self.learner.forward.halting.stops(output, loss.exact)
        if self.config.hinted:
            stops = (slots.steps + 1 >= slots.spans) | (loss.right_cells < LOST)
        slots.advance(output, stops=stops, max_steps=self.config.max_steps, min_steps=fed.min_steps)
        if noise := self.config.noise:
            key, states = (self.config.seed, step, self.processes.rank), set(self.learner.model.schedule())
            slots.carry = disturbed(slots.carry, *key, noise=noise, states=states)
        self.tally.add(step + 1, loss, output.halt_logit, slots)
        self.progress.step = step + 1

    def _spans(self, step: int, hints: Tensor) -> Tensor:
        """The most supervision steps (B,) of the puzzles in a step's batch."""
        chances = span_chances(self.config.seed, step, self.processes.rank, batch=len(hints)).to(hints.device)
        return spans(hints, chances, iterations=len(self.learner.model.schedule()))

    def save(self) -> None:
        """Writes the checkpoint and the last weights; raises TrainingError after a loss that was not finite."""
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

    def _report(self, reporters: list[Reporter]) -> None:
        step, steps = self.progress.step, self.config.steps
        self._pass_on(reporters, lambda reporter: reporter.tick(step))
        if step % self.config.log_every and step != steps:
            return
        self._require_finite()
        means, rate = self.tally.take(self.processes)
        timing = {"seconds": self.progress.seconds, "seconds_left": (steps - step) / rate}
        metrics = {**means, "examples_per_second": rate * self.config.batch_size, **timing}
        self._pass_on(reporters, lambda reporter: reporter.report("train", step, metrics))

    def _pass_on(self, reporters: list[Reporter], call: Callable[[Reporter], None]) -> None:
        """Calls all reporters, and notes if the reader of one's output has gone away."""
        for reporter in reporters:
            try:
                call(reporter)
            except BrokenPipeError as error:
                self._reader_gone = error

    def _evaluation_due(self) -> bool:
        step = self.progress.step  # which exceeds the last evaluation's only after the first step
        return self.progress.evaluated < step and (step == self.config.steps or step % self.config.eval_every == 0)

    def _evaluate(self, evaluate: Evaluate, reporters: list[Reporter]) -> bool:
        """Evaluates and keeps the best weights; False if that was interrupted."""
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
                if self.processes.world == 1:  # saving needs the other processes
                    self.save()
                raise
        metrics = self.processes.from_first(metrics)
        if metrics is None:
            return False
        self.progress.evaluated = self.progress.step
        exact = metrics.get("exact", self.progress.best)  # without figures the last weights are the best
        if exact >= self.progress.best:  # of equals the later, trained for longer
            self.progress.best, self.progress.best_step = exact, self.progress.step
            if self.processes.first:
                self._save_weights(BEST, metrics)
        if figures := metrics:
            self._pass_on(reporters, lambda reporter: reporter.report("eval", self.progress.step, figures))
        self.tally.restart_clock()
        return True

    def _give_up_evaluation(self) -> bool:
        """Whether an evaluation is running; True only once, so that later work is not given up too."""
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
        """Continues the run in the folder; returns the state of this process's slots, None where they start afresh."""
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
        if not same_world:  # the puzzles in work are given up
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
