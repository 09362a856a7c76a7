"""Optimisers: AdamAtan2, Muon, sign-SGD for sparse rows; parameters and their average in flat buffers; the rate."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from redraft.models.base import Model
from redraft.train.config import OptimConfig


class AdamAtan2(Optimizer):
    """Adam whose quotient m / (sqrt(v) + eps) is `atan2(m, sqrt(v))`: no eps, invariant to the gradient's scale.

    Everett et al. 2024, "Scaling exponents across parameterizations and optimizers". Weight decay is decoupled.
    """

    def __init__(
        self, params: Any, *, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.95), weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            lr, (beta1, beta2) = group["lr"], group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"] = torch.zeros(())
                    state["exp_avg"] = torch.zeros_like(p)
                    state["exp_avg_sq"] = torch.zeros_like(p)
                state["step"] += 1
                step, m, v = int(state["step"]), state["exp_avg"], state["exp_avg_sq"]
                m.lerp_(p.grad, 1 - beta1)
                v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(torch.atan2(m, (v / (1 - beta2**step)).sqrt_()), alpha=-lr / (1 - beta1**step))


class Muon(Optimizer):
    """AdamW, but the update of a matrix is its momentum made orthogonal: all directions are learned alike.

    Jordan et al. 2024, "Muon"; scaled as by Liu et al. 2025, "Muon is scalable for LLM training", to the size of
    AdamW's updates, so that the same rate and weight decay suit both. For one flat buffer of parameters.
    """

    COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5  # of the polynomial that brings singular values near 1
    SIZE, EPS = 0.2, 1e-8  # root mean square of an update; added to Adam's denominator

    def __init__(
        self,
        flat: FlatParameters,
        matrices: Sequence[bool],
        *,
        betas: tuple[float, float] = (0.9, 0.95),
        weight_decay: float = 0.0,
    ) -> None:
        """`matrices`: which of `flat.parameters` are; a kernel of a convolution is one too, with a row per output."""
        super().__init__([flat.values], {"lr": 1e-4, "betas": betas, "weight_decay": weight_decay})
        self.flat = flat
        self.alike: dict[tuple[int, int], list[int]] = {}  # places of matrices of the same shape
        for place, (parameter, is_matrix) in enumerate(zip(flat.parameters, matrices, strict=True)):
            if is_matrix:
                self.alike.setdefault((len(parameter), parameter[0].numel()), []).append(place)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        group, p = self.param_groups[0], self.flat.values
        if p.grad is None:
            return
        lr, (beta1, beta2), state = group["lr"], group["betas"], self.state[p]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        state["step"] += 1
        step, m, v = int(state["step"]), state["exp_avg"], state["exp_avg_sq"]
        m.lerp_(p.grad, 1 - beta1)
        v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
        update = m / (1 - beta1**step) / ((v / (1 - beta2**step)).sqrt_() + self.EPS)
        ahead, parts = self.flat.views(torch.lerp(p.grad, m, beta1)), self.flat.views(update)  # as Nesterov
        for shape, places in self.alike.items():
            found = orthogonal(torch.stack([ahead[place].view(shape) for place in places]))
            for place, matrix in zip(places, found * self.SIZE * max(shape) ** 0.5, strict=True):
                parts[place].copy_(matrix.view_as(parts[place]))
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update, alpha=-lr)


def orthogonal(matrices: Tensor) -> Tensor:
    """The matrices (K, M, N) with all their singular values near 1, by Newton-Schulz iterations in float32."""
    a, b, c = Muon.COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(Muon.ITERATIONS):
        product = x @ x.mT
        x = a * x + (b * product + c * product @ product) @ x
    return x.mT if tall else x


class SignSGD(Optimizer):
    """Sign-SGD with decoupled weight decay on the rows that a sparse gradient names; other rows stay untouched."""

    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                rows, values = p.grad._indices()[0], p.grad._values()
                # A row that occurs more than once gets its sum in every place. `coalesce` would make the host wait
                # for the number of different rows; this matmul of B x B is small beside a step.
                total = (rows.unsqueeze(1) == rows).to(values.dtype) @ values
                kept = p[rows] * (1 - group["lr"] * group["weight_decay"])
                p[rows] = kept - group["lr"] * total.sign()


class FlatParameters:
    """All dense parameters, and their gradients, as views of two flat buffers.

    An optimiser step, gradient clipping, a moving average or an all-reduce is then one operation on one tensor.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        first = next(iter(parameters.values()))
        size = sum(p.numel() for p in parameters.values())
        self.values = nn.Parameter(torch.empty(size, dtype=first.dtype, device=first.device))
        self.parameters = list(parameters.values())
        self._gradients: list[Tensor] = []  # views of `values.grad`, made with the first gradients
        for p, view in zip(self.parameters, self.views(self.values.data), strict=True):
            view.copy_(p.data)
            p.data = view

    def set_gradients(self, parts: Sequence[Sequence[Tensor]]) -> None:
        """Sets the gradients to the sum of those of all parts, each in the order of `parameters`."""
        if self.values.grad is None:
            self.values.grad = torch.zeros_like(self.values)
            self._gradients = self.views(self.values.grad)
        torch._foreach_copy_(self._gradients, list(parts[0]))
        self.add_gradients(parts[1:])

    def add_gradients(self, parts: Sequence[Sequence[Tensor]]) -> None:
        """Adds the gradients of further parts."""
        for part in parts:
            torch._foreach_add_(self._gradients, list(part))

    @property
    def gradients(self) -> Tensor:
        """The flat buffer of all gradients, once they have been set."""
        assert self.values.grad is not None
        return self.values.grad

    def views(self, buffer: Tensor) -> list[Tensor]:
        """Each parameter's part of a flat buffer, in its shape."""
        parts = buffer.split([p.numel() for p in self.parameters])
        return [part.view_as(p) for part, p in zip(parts, self.parameters, strict=True)]


def optimiser_of(config: OptimConfig, flat: FlatParameters, model: Model) -> Optimizer:
    """The optimiser of a model's dense weights in a flat buffer; its rate is set every step."""
    values = flat.values
    shared: dict[str, Any] = {"betas": (config.beta1, config.beta2), "weight_decay": config.weight_decay}
    if config.kind == "adamw":
        return torch.optim.AdamW([values], fused=values.device.type != "mps", **shared)
    if config.kind == "muon":
        inner = {id(p) for network in model.networks() for p in network.parameters() if p.ndim > 1}
        return Muon(flat, [id(p) in inner for p in flat.parameters], **shared)
    return AdamAtan2([values], **shared)


def learning_rate(step: int, *, warmup: int, total: int, min_ratio: float) -> float:
    """Share of the peak rate at a step counted from 0: a linear warm-up, then a cosine from 1 to `min_ratio`."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return min_ratio + (1 - min_ratio) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class MovingAverage:
    """A copy of the model whose dense weights follow `average = decay * average + (1 - decay) * weights`.

    Sparse tables are shared with the live model, not averaged: a row changes only when its puzzle is seen.
    """

    def __init__(self, model: Model, live: FlatParameters, *, decay: float) -> None:
        self.decay, self.live = decay, live
        tables = {id(p): p for p in model.sparse_parameters().values()}
        self.model: Model = copy.deepcopy(model, memo=dict(tables))
        self.average = FlatParameters(self.model.dense_parameters())
        self.model.requires_grad_(False)
        for table in tables.values():
            table.requires_grad_(True)
        self.model.eval()

    @torch.no_grad()
    def update(self) -> None:
        self.average.values.lerp_(self.live.values, 1 - self.decay)
