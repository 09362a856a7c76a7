"""The training loop: deep supervision with one optimiser step after every supervision step of every slot."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from redraft.core.threads import RowThreads
from redraft.data.sampler import Sampler
from redraft.data.store import Store
from redraft.errors import ConfigError, RedraftError, WeightsError
from redraft.files import write_text
from redraft.models import Model, StepOutput, build_model
from redraft.models.io import read_json, require_fit, save_weights
from redraft.tasks import Task
from redraft.train.checkpoint import (
    STATE,
    Progress,
    fingerprint,
    load_state,
    optimiser_state,
    restore_optimiser,
    save_state,
)
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.ema import MovingAverage
from redraft.train.log import Reporter
from redraft.train.losses import StepLoss, step_loss
from redraft.train.optim import AdamAtan2, FlatParameters, SignSGD, learning_rate
from redraft.train.slots import Slots, exploration
from redraft.train.tally import Tally

CONFIG = "config.json"
BEST, LAST = "best", "last"
LEAST_ROWS = 2  # slots worth a thread of their own

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
        self, config: RunConfig, folder: Path, *, task: Task, data: Store, device: torch.device, resume: bool = False
    ) -> None:
        if config.model.seq_len != task.seq_len or config.model.vocab_size != task.vocab_size:
            raise ConfigError(
                f"the model reads {config.model.seq_len} cells of {config.model.vocab_size} tokens, "
                f"but {task.name} has {task.seq_len} of {task.vocab_size}"
            )
        self.config, self.folder, self.device, self.task = config, folder, device, task
        self.model = build_model(config.model, seed=config.seed).to(device)
        self.flat = FlatParameters(self.model.dense_parameters())
        self.average = MovingAverage(self.model, self.flat, decay=config.optim.ema)
        self.optimiser = self._optimiser()
        self.tables = list(self.model.sparse_parameters().values())
        settings = config.optim
        self.puzzle_optimiser = (
            SignSGD(self.tables, lr=settings.puzzle_lr, weight_decay=settings.puzzle_weight_decay)
            if self.tables
            else None
        )
        self.slots = Slots(self.model, config.batch_size, seq_len=task.seq_len, device=device)
        self.sampler = Sampler(data, task, batch_size=config.batch_size, seed=config.seed, augment=config.data.augment)
        self.progress = Progress(data=fingerprint(data), threads=torch.get_num_threads())
        self.tally = Tally(device)
        if resume:
            self._restore()
        else:
            self._start()
        # a compiler is not to be started by several threads at once: then one thread takes the whole batch
        self.threads = RowThreads(device, least_rows=config.batch_size if config.compile else LEAST_ROWS)
        if config.compile:
            self.model.compile_network()

    def run(self, evaluate: Evaluate, reporters: list[Reporter], *, stop_after: float | None = None) -> Outcome:
        """Trains to the last step, or until interrupted or `stop_after` seconds; leaves a checkpoint in each case."""
        config, progress = self.config, self.progress
        started, before = time.monotonic(), progress.seconds
        with stop_on_signal() as stopping:
            while progress.step < config.steps or self._evaluation_due():
                if not self._evaluation_due():  # else it was cut short when the run was stopped
                    self.train_step()
                    progress.seconds = before + time.monotonic() - started
                    self._report(reporters)
                last = progress.step == config.steps
                if self._evaluation_due():
                    try:
                        self._evaluate(evaluate, reporters)
                    except KeyboardInterrupt:  # asked twice: evaluation can be long, the step before it is done
                        self.save()
                        return Outcome(finished=False, interrupted=True, progress=progress, folder=self.folder)
                    progress.seconds = before + time.monotonic() - started
                out_of_time = stop_after is not None and time.monotonic() - started > stop_after
                if last or stopping() or out_of_time or progress.step % config.checkpoint_every == 0:
                    self.save()
                if not last and (stopping() or out_of_time):
                    return Outcome(finished=False, interrupted=stopping(), progress=progress, folder=self.folder)
        return Outcome(finished=True, progress=progress, folder=self.folder)

    def train_step(self) -> None:
        """One supervision step of every slot, and one step of the optimisers."""
        config, step, slots = self.config, self.progress.step, self.slots
        batch = self.sampler.batch(step)
        slots.refill(*(self._to_device(a) for a in (batch.inputs, batch.labels, batch.puzzle_ids)))

        output, loss = self._backpropagate()
        self._update(step)

        min_steps = exploration(
            config.seed, step, 0, batch=config.batch_size, max_steps=config.max_steps, probability=config.exploration
        )
        slots.advance(output, max_steps=config.max_steps, min_steps=min_steps.to(self.device))
        self.tally.add(step + 1, loss, output.halt_logit, slots)
        self.progress.step = step + 1

    def save(self) -> None:
        """Writes the checkpoint and the last weights; refuses to after a loss that was not finite."""
        self._require_finite()
        save_state(
            self.folder,
            {
                "model": self.model.state_dict(),
                "average": self.average.model.state_dict(),
                "optimiser": optimiser_state(self.optimiser),
                "slots": self.slots.state(),
            },
            self.progress,
        )
        self._save_weights(LAST)

    def _backpropagate(self) -> tuple[StepOutput, StepLoss]:
        """One supervision step of every slot, and the gradients of its loss; on a CPU, rows shared by its threads."""
        slots, dense = self.slots, self.flat.parameters
        self.model.train()

        def part(rows: slice) -> tuple[StepOutput, StepLoss, tuple[Tensor, ...]]:
            output = self.model(slots.tokens[rows], slots.puzzle_ids[rows], slots.carry.rows(rows))
            loss = step_loss(output.logits, output.halt_logit, slots.labels[rows], kind=self.config.loss)
            gradients = torch.autograd.grad(loss.total / self.config.batch_size, [*dense, *self.tables])
            return output.detach(), loss, gradients

        outputs, losses, gradients = zip(
            *self.threads.map(part, self.threads.slices(self.config.batch_size)), strict=True
        )
        self.flat.set_gradients([found[: len(dense)] for found in gradients])
        for i, table in enumerate(self.tables, start=len(dense)):
            table.grad = sum((found[i] for found in gradients[1:]), start=gradients[0][i])
        return StepOutput.cat(outputs), StepLoss.cat(losses)

    def _update(self, step: int) -> None:
        settings = self.config.optim
        ratio = learning_rate(
            step, peak=1.0, warmup=settings.warmup, total=self.config.steps, min_ratio=settings.min_ratio
        )
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_([self.flat.values], settings.clip)
        self.optimiser.param_groups[0]["lr"] = settings.lr * ratio
        self.optimiser.step()
        if self.puzzle_optimiser is not None:
            self.puzzle_optimiser.param_groups[0]["lr"] = settings.puzzle_lr * ratio
            self.puzzle_optimiser.step()
        self.average.update()

    def _optimiser(self) -> torch.optim.Optimizer:
        settings = self.config.optim
        shared: dict[str, Any] = {
            "lr": settings.lr,
            "betas": (settings.beta1, settings.beta2),
            "weight_decay": settings.weight_decay,
        }
        if settings.kind == "adamw":
            return torch.optim.AdamW([self.flat.values], fused=self.device.type != "mps", **shared)
        return AdamAtan2([self.flat.values], **shared)

    def _to_device(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self.device, torch.int64, non_blocking=True)

    def _report(self, reporters: list[Reporter]) -> None:
        step = self.progress.step
        for reporter in reporters:
            reporter.tick(step)
        if step % self.config.log_every and step != self.config.steps:
            return
        self._require_finite()
        metrics = self.tally.take(self.progress, self.config)
        for reporter in reporters:
            reporter.report("train", self.progress.step, metrics)

    def _evaluation_due(self) -> bool:
        step = self.progress.step
        wanted = step == self.config.steps or (step > 0 and step % self.config.eval_every == 0)
        return wanted and self.progress.evaluated < step

    def _evaluate(self, evaluate: Evaluate, reporters: list[Reporter]) -> None:
        self._require_finite()
        metrics = evaluate(self.average.model)
        self.progress.evaluated = self.progress.step
        if metrics["exact"] >= self.progress.best:  # of equals the later, trained for longer
            self.progress.best, self.progress.best_step = metrics["exact"], self.progress.step
            self._save_weights(BEST, metrics)
        for reporter in reporters:
            reporter.report("eval", self.progress.step, metrics)
        self.tally.restart_clock()

    def _save_weights(self, name: str, metrics: dict[str, float] | None = None) -> None:
        card = {
            "recipe": self.config.recipe,
            "step": self.progress.step,
            "seconds": round(self.progress.seconds, 1),
            "device": describe_device(self.device),
            "torch": torch.__version__,
            **({"evaluation": metrics} if metrics else {}),
            "run": run_to_dict(self.config),
        }
        save_weights(self.folder / name, self.average.model, task=self.task.spec, card=card)

    def _require_finite(self) -> None:
        step = self.tally.first_bad_step()
        if step is None and not torch.isfinite(self.flat.values).all():  # the update went wrong, not yet the loss
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

    def _restore(self) -> None:
        if not (self.folder / STATE).exists():  # stopped before its first checkpoint: from the start again
            return
        parts, progress = load_state(self.folder)
        if progress.data != self.progress.data:
            raise WeightsError(f"{self.folder}: was trained on other examples than {self.config.data.train} now holds")
        where = f"{self.folder / STATE}: "
        for part, model in (("model", self.model), ("average", self.average.model)):
            require_fit(model.state_dict(), parts.get(part, {}), where)
            model.load_state_dict(parts[part])
        restore_optimiser(self.optimiser, parts["optimiser"])
        self.slots.restore(parts["slots"])
        self.progress = progress
        torch.set_num_threads(progress.threads)


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


def describe_device(device: torch.device) -> str:
    """The device in words, for a card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"
