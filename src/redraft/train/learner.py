"""The model in training, its optimisers and moving average: one call is one optimiser step."""

from __future__ import annotations

from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from redraft.errors import RedraftError
from redraft.kernels.threads import RowThreads, even_slices
from redraft.models import Model, StepOutput, build_model
from redraft.models.execution import cast_once, recompute_networks
from redraft.train.compiled import forward_of
from redraft.train.config import RunConfig
from redraft.train.losses import StepLoss
from redraft.train.optim import FlatParameters, MovingAverage, SignSGD, learning_rate, optimiser_of
from redraft.train.processes import Processes, sum_rows
from redraft.train.slots import Slots
from redraft.weights.io import Weights, pack_tables, require_fit

LEAST_ROWS = 2  # slots worth a thread of their own

Parts = dict[str, dict[str, Tensor]]


class OutOfMemory(RedraftError):
    """A step needs more memory than there is."""


class _Part(NamedTuple):
    """Output and loss of some rows of the slots, and gradients of dense parameters and of tables."""

    output: StepOutput
    loss: StepLoss
    dense: tuple[Tensor, ...]
    tables: tuple[Tensor, ...]


class Learner:
    """A model in training.

    Attributes:
        model: the live weights.
        average: their moving average, which is evaluated and kept; puzzle tables belong to both.
    """

    def __init__(
        self, config: RunConfig, device: torch.device, processes: Processes, *, initial: Weights | None = None
    ) -> None:
        """`initial`: weights to start from; random ones if not given. Raises ConfigError as `Forward` does."""
        self.config, self.device, self.processes = config, device, processes
        self.model = build_model(config.model, seed=config.seed)
        if initial is not None:
            begin_from(self.model, initial.model)
        self.model.to(device)
        self.flat = FlatParameters(self.model.dense_parameters())
        for parameter in self.flat.parameters:
            parameter.requires_grad_(not config.freeze)
        self.dense = [] if config.freeze else self.flat.parameters
        self.average = MovingAverage(self.model, self.flat, decay=config.optim.ema)
        self.optimiser = optimiser_of(config.optim, self.flat, self.model)
        self.tables = list(self.model.sparse_parameters().values())
        decay = config.optim.puzzle_weight_decay
        self.puzzle_optimiser = SignSGD(self.tables, lr=0.0, weight_decay=decay) if self.tables else None
        if config.recompute:
            recompute_networks(self.model)
        self.forward = forward_of(self.model, config, device)
        self.start_threads()

    def start_threads(self) -> None:
        """Uses as many threads of the CPU as torch now has."""
        least = self.config.batch_size if self.forward.compiled else LEAST_ROWS
        self.threads = RowThreads(self.device, least_rows=least)

    def step(self, slots: Slots, step: int) -> tuple[StepOutput, StepLoss]:
        """One supervision step of every slot (output detached), and one step of the optimisers."""
        with nullcontext() if self.forward.compiled else cast_once(self.model):  # a compiler has casts of its own
            output, loss = self._backpropagate(slots)
        self._update(step)
        return output, loss

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return bool(torch.isfinite(self.flat.values).all())

    def state(self) -> Parts:
        """Everything that changes, for a checkpoint."""
        return {
            "model": _dense(self.model, self.model),
            "average": _dense(self.average.model, self.model),
            "tables": pack_tables(self.model),
            "optimiser": dict(self.optimiser.state_dict()["state"].get(0, {})),  # none before its first step
        }

    def restore(self, parts: Parts, where: str) -> None:
        """Continues from what `state` returned; raises WeightsError beginning with `where` if it does not fit."""
        tables = parts.get("tables", {})
        for part, model in (("model", self.model), ("average", self.average.model)):
            tensors = {**parts.get(part, {}), **tables}
            require_fit(model.state_dict(), tensors, where)
            model.load_state_dict(tensors)
        if optimiser := parts.get("optimiser"):
            self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": {0: optimiser}})

    def _backpropagate(self, slots: Slots) -> tuple[StepOutput, StepLoss]:
        """One supervision step, and the gradients of its loss, summed over parts of at most `micro_batch` rows."""
        self.model.train()
        rows = len(slots.steps)
        done: list[_Part] = []
        for part in even_slices(rows, -(-rows // (self.config.micro_batch or rows))):
            # on a CPU its threads share the rows of a part
            shares = self.threads.slices(part.stop - part.start, start=part.start)
            found = self.threads.map(lambda share: self._part(slots, share), shares)
            add_up = self.flat.add_gradients if done else self.flat.set_gradients
            if self.dense:
                add_up([share.dense for share in found])
            done += [share._replace(dense=()) for share in found]  # they are summed, and may be large
        if self.dense:
            self.processes.add_up(self.flat.gradients)
        for i, table in enumerate(self.tables):
            table.grad = self.processes.add_up_rows(sum_rows([part.tables[i] for part in done]))
        return StepOutput.cat([part.output for part in done]), StepLoss.cat([part.loss for part in done])

    def _part(self, slots: Slots, rows: slice) -> _Part:
        """One supervision step of some rows, and their share of the gradients."""
        output, loss = self.forward(slots, rows)
        mean, dense = loss.total / self.config.batch_size, len(self.dense)
        gradients = torch.autograd.grad(mean, [*self.dense, *self.tables], materialize_grads=True)
        return _Part(*self.forward.kept(output, loss), gradients[:dense], gradients[dense:])

    def _update(self, step: int) -> None:
        settings, total = self.config.optim, self.config.steps
        ratio = learning_rate(step, warmup=settings.warmup, total=total, min_ratio=settings.min_ratio)
        if self.puzzle_optimiser is not None:
            self.puzzle_optimiser.param_groups[0]["lr"] = settings.puzzle_lr * ratio
            self.puzzle_optimiser.step()
        if self.config.freeze:
            return
        if settings.clip is not None:
            torch.nn.utils.clip_grad_norm_([self.flat.values], settings.clip)
        self.optimiser.param_groups[0]["lr"] = settings.lr * ratio
        self.optimiser.step()
        self.average.update()


@torch.no_grad()
def begin_from(model: Model, other: Model) -> None:
    """Copies the weights of another model of the same shape.

    In a puzzle table with another number of rows, every row becomes the mean of the other's trained rows, as in the
    published code. Raises WeightsError where shapes differ.
    """
    dense = _dense(other, model)
    require_fit(_dense(model, model), dense, "weights to start from: ")
    model.load_state_dict(dense, strict=False)
    for name, old in other.sparse_parameters().items():
        new = model.sparse_parameters()[name]
        if new.shape == old.shape:
            new.copy_(old)
        else:
            rows = old[old.any(1)]
            new.copy_(rows.mean(0) if len(rows) else torch.zeros_like(new[0]))


def _dense(model: Model, like: Model) -> dict[str, Tensor]:
    """The state of a model without the puzzle tables that `like` has."""
    tables = like.sparse_parameters()
    return {name: tensor for name, tensor in model.state_dict().items() if name not in tables}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: CUDA's error, Python's, or the CPU allocator's, which has no type of its own."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def out_of_memory(config: RunConfig, device: torch.device, *, slots: int) -> OutOfMemory:
    """The error for a step of a process's slots, with settings that need less memory."""
    at_a_time = min(slots, config.micro_batch or slots)
    advice = [f"--micro-batch {at_a_time // 2}"] if at_a_time > 1 else []
    if not config.recompute:
        advice.append("--recompute True")
    smaller = f"add {' or '.join(advice)}, the result stays the same" if advice else "choose a smaller model"
    return OutOfMemory(f"out of memory on {device}: {at_a_time} slots at a time do not fit; {smaller}")
