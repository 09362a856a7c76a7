"""How the cost of a supervision step grows with its shape: measured, beside the prediction of a formula.

The formula: the step's matmuls at the rate the library reaches on each of their shapes, and its element-wise
work at the rate an addition of the same size moves bytes. On one thread, where the two simply add up, and in seconds
of the processor, which other programs on the machine disturb least.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import process_time
from typing import Any

import torch

from benchmarks.flops import Product, counted, inference_flops, network_products, training_flops
from benchmarks.peak import SIDE, Place, ideal_seconds, shape_rates, square_rate
from benchmarks.traffic import ADDITION, WORD, Memory, step_bytes, step_passes
from redraft.backends.torch import TorchStepper
from redraft.bench.contest import Log
from redraft.bench.timing import seconds_of, spread
from redraft.errors import ConfigError
from redraft.models import build_model
from redraft.models.config import RecursiveConfig, TRMConfig
from redraft.recipes import get_recipe
from redraft.train.config import DataConfig, OptimConfig, RunConfig
from redraft.train.learner import Learner
from redraft.train.processes import Processes
from redraft.train.slots import Slots
from redraft.weights.io import count_parameters

PROCESSOR = Place(clock=process_time)
MODES = {"solve": False, "train": True}  # of a step: whether it is back-propagated


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, its batch of puzzles, and their number of supervision steps."""

    model: RecursiveConfig
    batch: int = 8
    steps: int = 1

    def describe(self) -> dict[str, Any]:
        """Its shape as plain values."""
        names = ("mixer", "seq_len", "puzzle_positions", "hidden_size", "num_layers", "expansion", "T", "n")
        return {**{name: getattr(self.model, name) for name in names}, "batch": self.batch, "steps": self.steps}


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A dimension that grows, its values, and the case of each value."""

    label: str
    values: tuple[int, ...]
    case: Callable[[int], Case]
    modes: tuple[str, ...] = tuple(MODES)


BASE = TRMConfig(
    vocab_size=11, seq_len=81, hidden_size=128, width_multiple=32, n=3, T=2, mixer="mlp", positions="none",
    puzzle_positions=0,
)  # fmt: skip
# an MLP that mixes 3600 positions has 52 million weights at this expansion, and four times as many at the paper's
SLIM = replace(BASE, hidden_size=64, num_layers=1, expansion=2.0, n=2, T=1)
SLIM_ATTENTION = replace(SLIM, mixer="attention", positions="rope", num_heads=2)
CELLS = (81, 324, 900, 3600)

AXES: dict[str, Axis] = {
    "batch": Axis(label="batch", values=(1, 2, 4, 8, 16, 32, 64), case=lambda v: Case(model=BASE, batch=v)),
    "cells-mlp": Axis(
        label="cells, MLP mixer", values=CELLS, case=lambda v: Case(model=replace(SLIM, seq_len=v), batch=1)
    ),
    "cells-attention": Axis(
        label="cells, attention", values=CELLS, case=lambda v: Case(model=replace(SLIM_ATTENTION, seq_len=v), batch=1)
    ),
    "T": Axis(label="recursions T", values=(1, 2, 3, 4), case=lambda v: Case(model=replace(BASE, T=v))),
    "n": Axis(label="latent updates n", values=(1, 2, 4, 6, 8), case=lambda v: Case(model=replace(BASE, n=v))),
    "width": Axis(
        label="width D", values=(32, 64, 128, 256, 512), case=lambda v: Case(model=replace(BASE, hidden_size=v))
    ),
    "steps": Axis(
        label="supervision steps", values=(1, 2, 4, 8, 16), case=lambda v: Case(model=BASE, steps=v), modes=("solve",)
    ),
}


def named_axes(names: Sequence[str]) -> dict[str, Axis]:
    """The axes of these names; raises ConfigError for one that is not there."""
    for name in names:
        if name not in AXES:
            raise ConfigError(f"--axes: unknown axis {name!r}; known: {', '.join(AXES)}")
    return {name: AXES[name] for name in names}


def bench_scale(
    axes: Mapping[str, Axis], *, recipe: str, batch_size: int, warmup: int, repeats: int, report: Log
) -> dict[str, Any]:
    """Measured and predicted seconds along the axes, and the place of the recipe's step under the roofline."""
    if repeats < 1 or batch_size < 1:
        raise ConfigError(f"expected --repeats and --batch-size of at least 1, got {repeats} and {batch_size}")
    model = counted(get_recipe(recipe).model)  # before the work: it may not be countable
    if not isinstance(model, RecursiveConfig):
        raise ConfigError(f"--recipe {recipe}: the bytes its model moves between matmuls are not counted; take a TRM's")
    case = Case(model=model, batch=batch_size)
    rates, memory = Rates(), Memory()
    found = {}
    for name, axis in axes.items():
        points = []
        for value in axis.values:
            report(f"{axis.label} {value}")
            points.append({"value": value, **_point(axis.case(value), axis.modes, rates, memory, warmup, repeats)})
        found[name] = {"label": axis.label, "case": axis.case(axis.values[0]).describe(), "points": points}
    report(f"roofline of {recipe}")
    return {
        "threads": torch.get_num_threads(),
        "peak": {"side": SIDE, "gflops": square_rate(place=PROCESSOR)},
        "memory": {"gbs": memory.rate(), "cached_gbs": memory.rate(2**15)},
        "axes": found,
        "roofline": {"recipe": recipe, "case": case.describe(), **_roofline(case, rates, memory, warmup, repeats)},
    }


class Rates:
    """The rates of the matmuls of cases, measured once for all cases with the same ones."""

    def __init__(self) -> None:
        self._measured: dict[tuple[Product, ...], list[dict[str, Any]]] = {}

    def of(self, case: Case) -> list[dict[str, Any]]:
        """As `peak.shape_rates`."""
        products = tuple(network_products(case.model, case.batch))
        if products not in self._measured:
            self._measured[products] = shape_rates(case.model, case.batch, place=PROCESSOR)
        return self._measured[products]


def _point(
    case: Case, modes: tuple[str, ...], rates: Rates, memory: Memory, warmup: int, repeats: int
) -> dict[str, Any]:
    """For each mode: seconds measured and predicted, operations and bytes."""
    shapes = rates.of(case)
    return {mode: _measured(case, mode, shapes, memory, warmup, repeats) for mode in modes}


def _measured(
    case: Case, mode: str, shapes: list[dict[str, Any]], memory: Memory, warmup: int, repeats: int
) -> dict[str, Any]:
    training = MODES[mode]
    call, parameters = (_training if training else _solving)(case)
    seconds = seconds_of(call, warmup=warmup, repeats=repeats, clock=PROCESSOR.now)
    passes = step_passes(case.model, case.batch, parameters=parameters, training=training)
    products = case.steps * ideal_seconds(case.model, shapes, training=training)
    between = case.steps * memory.seconds(passes)
    flops = (training_flops if training else inference_flops)(case.model, case.batch)
    return {
        "seconds": {**spread(seconds), "raw": seconds},
        "predicted": {"products": products, "element_wise": between, "seconds": products + between},
        "parameters": parameters,
        "gflop": case.steps * flops / 1e9,
        "element_wise_gb": case.steps * step_bytes(passes) / 1e9,
    }


def _solving(case: Case) -> tuple[Callable[[], None], int]:
    """A call that takes all supervision steps, and the number of weights."""
    stepper = TorchStepper(build_model(case.model, seed=0))
    tokens, _, ids = _questions(case)
    start = stepper.start(tokens.numpy(), ids.numpy())

    def call() -> None:
        state = start
        for _ in range(case.steps):
            state, _ = stepper.step(state)

    return call, sum(count_parameters(stepper.model))


def _training(case: Case) -> tuple[Callable[[], None], int]:
    """A call that takes a training step on data in memory, and the number of weights that it updates."""
    device = torch.device("cpu")
    run = RunConfig(
        recipe="scale",
        task="",
        model=case.model,
        data=DataConfig(train="", test=""),
        optim=OptimConfig(kind="adamw"),
        steps=1,
        batch_size=case.batch,
    )
    learner = Learner(run, device, Processes())
    slots = Slots(learner.model, case.batch, seq_len=case.model.seq_len, device=device)
    slots.refill(*_questions(case))

    def call() -> None:
        learner.step(slots, 0)

    return call, count_parameters(learner.model)[0]


def _questions(case: Case) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random tokens and labels (B, L), and puzzle ids (B,): their values do not affect time."""
    shape = (case.batch, case.model.seq_len)
    tokens, labels = torch.randint(case.model.vocab_size, (2, *shape), generator=torch.Generator().manual_seed(0))
    return tokens, labels, torch.zeros(case.batch, dtype=torch.int64)


def _roofline(case: Case, rates: Rates, memory: Memory, warmup: int, repeats: int) -> dict[str, Any]:
    """Operations a byte and GFLOP/s: of each product by itself, of whole steps, and of the work between matmuls."""
    shapes = rates.of(case)
    products = network_products(case.model, case.batch)
    found: dict[str, Any] = {
        "products": [
            {"name": p.name, "intensity": p.flops / (_moved(p) * WORD), "gflops": row["forward"]}
            for p, row in zip(products, shapes, strict=True)
        ]
    }
    moved = sum(_moved(product) for product in products) * WORD / sum(product.flops for product in products)
    for mode in MODES:
        point = _measured(case, mode, shapes, memory, warmup, repeats)
        seconds, flops, between = point["seconds"]["median"], point["gflop"] * 1e9, point["element_wise_gb"] * 1e9
        found[mode] = {
            **point,
            "intensity": flops / (flops * moved + between),
            "gflops": flops / seconds / 1e9,
            # one operation per addition's worth of bytes, as fast as additions alone
            "element_wise": {
                "intensity": 1 / (ADDITION * WORD),
                "gflops": between / (ADDITION * WORD) / point["predicted"]["element_wise"] / 1e9,
            },
        }
    return found


def _moved(product: Product) -> int:
    """The fewest words that a matmul reads and writes."""
    each = product.rows * product.inner + product.inner * product.columns + product.rows * product.columns
    return each * product.times
