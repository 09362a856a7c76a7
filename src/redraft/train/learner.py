"""What learns: the model, its optimisers and the moving average; one call is one optimiser step."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from redraft.kernels.threads import RowThreads, even_slices
from redraft.models import Model, StepOutput, build_model
from redraft.models.execution import cast_once, recompute_networks
from redraft.train.checkpoint import optimiser_state, restore_optimiser
from redraft.train.compiled import forward_of
from redraft.train.config import RunConfig
from redraft.train.losses import StepLoss
from redraft.train.optim import AdamAtan2, FlatParameters, MovingAverage, SignSGD, learning_rate
from redraft.train.processes import Processes, sum_rows
from redraft.train.slots import Slots
from redraft.weights.io import Weights, pack_tables, require_fit

LEAST_ROWS = 2  # slots worth a thread of their own

Parts = dict[str, dict[str, Tensor]]


class _Part(NamedTuple):
    """What came of some rows of the slots: output and loss, and gradients of dense parameters and of tables."""

    output: StepOutput
    loss: StepLoss
    dense: tuple[Tensor, ...]
    tables: tuple[Tensor, ...]


class Learner:
    """A model on the way to its weights.

    Attributes:
        model: the live weights.
        average: their moving average, which is what is evaluated and kept; puzzle tables belong to both.
    """

    def __init__(
        self, config: RunConfig, device: torch.device, processes: Processes, *, initial: Weights | None = None
    ) -> None:
        """`initial`: weights to start from; the model's own random ones where there are none."""
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
        self.optimiser = self._optimiser()
        self.tables = list(self.model.sparse_parameters().values())
        settings = config.optim
        self.puzzle_optimiser = (
            SignSGD(self.tables, lr=settings.puzzle_lr, weight_decay=settings.puzzle_weight_decay)
            if self.tables
            else None
        )
        if config.recompute:
            recompute_networks(self.model)
        self.forward = forward_of(self.model, config, device)
        self.compiled = self.forward.compiled
        self.start_threads()

    def start_threads(self) -> None:
        """Uses as many threads of the CPU as torch has now been given."""
        least = self.config.batch_size if self.compiled else LEAST_ROWS
        self.threads = RowThreads(self.device, least_rows=least)

    def step(self, slots: Slots, step: int) -> tuple[StepOutput, StepLoss]:
        """One supervision step of every slot (output detached), and one step of the optimisers."""
        with nullcontext() if self.compiled else cast_once(self.model):  # a compiler has casts of its own
            output, loss = self._backpropagate(slots)
        self._update(step)
        return output, loss

    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return bool(torch.isfinite(self.flat.values).all())

    def state(self) -> Parts:
        """Everything that changes, for a checkpoint."""
        return {
            "model": self._without_tables(self.model),
            "average": self._without_tables(self.average.model),
            "tables": pack_tables(self.model),
            "optimiser": optimiser_state(self.optimiser),
        }

    def restore(self, parts: Parts, where: str) -> None:
        """Takes up what `state` gave; raises WeightsError, its message beginning with `where`, if it does not fit."""
        tables = parts.get("tables", {})
        for part, model in (("model", self.model), ("average", self.average.model)):
            tensors = {**parts.get(part, {}), **tables}
            require_fit(model.state_dict(), tensors, where)
            model.load_state_dict(tensors)
        restore_optimiser(self.optimiser, parts.get("optimiser", {}))

    def _without_tables(self, model: Model) -> dict[str, Tensor]:
        tables = model.sparse_parameters()
        return {name: tensor for name, tensor in model.state_dict().items() if name not in tables}

    def _backpropagate(self, slots: Slots) -> tuple[StepOutput, StepLoss]:
        """One supervision step, and the gradients of its loss, summed over parts of at most `micro_batch` rows."""
        self.model.train()
        rows = len(slots.steps)
        done: list[_Part] = []
        for part in even_slices(rows, -(-rows // (self.config.micro_batch or rows))):
            # on a CPU the rows of a part are shared by its threads
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
        gradients = torch.autograd.grad(
            loss.total / self.config.batch_size, [*self.dense, *self.tables], materialize_grads=True
        )
        dense = len(self.dense)
        return _Part(*self.forward.kept(output, loss), gradients[:dense], gradients[dense:])

    def _update(self, step: int) -> None:
        settings = self.config.optim
        ratio = learning_rate(
            step, peak=1.0, warmup=settings.warmup, total=self.config.steps, min_ratio=settings.min_ratio
        )
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


@torch.no_grad()
def begin_from(model: Model, other: Model) -> None:
    """Takes over the weights of another model of the same shape.

    Of a puzzle table with another number of rows, every row becomes the mean of those the other had learnt, as in the
    published code: a new puzzle starts from what puzzles have in common. Raises WeightsError where shapes differ.
    """
    tables = model.sparse_parameters()
    learnt = {name: tensor for name, tensor in other.state_dict().items() if name not in tables}
    require_fit({n: t for n, t in model.state_dict().items() if n not in tables}, learnt, "weights to start from: ")
    model.load_state_dict(learnt, strict=False)
    for name, old in other.sparse_parameters().items():
        new = tables[name]
        if new.shape == old.shape:
            new.copy_(old)
        else:
            rows = old[old.any(1)]
            new.copy_(rows.mean(0) if len(rows) else torch.zeros_like(new[0]))
