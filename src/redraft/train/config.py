"""A run as data: everything that decides its weights, frozen, written beside them as JSON."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from redraft.config import from_dict, to_dict
from redraft.errors import ConfigError, require_at_least
from redraft.models import ModelConfig, model_config, model_kind

MOST_SLOTS = 1 << 24  # more than any memory holds
MOST_THREADS = 1 << 16


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Training and test data.

    Attributes:
        train, test: a file or folder of the task, or `make:COUNT@SEED` for new puzzles.
        train_limit, test_limit: maximum number of examples (the first ones); None for all.
        augment: applies a random symmetry of the task to each training example.
        spread: the examples of a group are spread over an epoch, in place of one after another as published; a small
            batch then shows more of the groups.
    """

    train: str
    test: str
    train_limit: int | None = None
    test_limit: int | None = None
    augment: bool = True
    spread: bool = False


@dataclass(frozen=True, kw_only=True)
class OptimConfig:
    """Optimiser settings.

    Attributes:
        kind: `adam_atan2` (the paper's), `adamw`, or `muon` for the matrices of the networks and AdamW for the rest.
        lr, warmup, min_ratio: peak rate, steps of linear warm-up, share of the peak a cosine ends at (1: constant).
        weight_decay, beta1, beta2: as in AdamW.
        puzzle_lr, puzzle_weight_decay: of the puzzle embedding's sign-SGD.
        clip: largest norm of the gradient, None for no clipping.
        ema: decay of the moving average of the weights, which is evaluated and kept.
    """

    kind: Literal["adam_atan2", "adamw", "muon"] = "adam_atan2"
    lr: float = 1e-4
    warmup: int = 2000
    min_ratio: float = 1.0
    weight_decay: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.95
    puzzle_lr: float = 1e-4
    puzzle_weight_decay: float = 1.0
    clip: float | None = None
    ema: float = 0.999


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One training run.

    Attributes:
        recipe: name of the recipe it came from.
        task: name of the task.
        steps: optimiser steps in all; each is one supervision step of every slot.
        batch_size: slots, shared evenly among processes.
        max_steps: maximum number of supervision steps per puzzle (N_sup).
        exploration: probability that a slot must take at least a random number of steps.
        noise: standard deviation of the Gaussian noise added to the state after each supervision step, so that the
            model learns to keep its state clean; long runs then drift less.
        loss: of the answer, `stablemax`, `softmax` or your own as `module:NAME` (`train.losses.LOSSES`).
        hints: trains on the task's intermediate targets too (`train.hints`), with a model that shows its iterations, a
            local network. A puzzle is worked on until it goes wrong, or to twice the time that it takes. `groups` of
            cells count alike, however few there are, which a new model needs; or all `cells` do, which makes it exact.
        halting: rule by which a slot takes a new puzzle and the halting head learns: `binary` (the paper's), `q`
            (HRM's), `none`, `oracle` or your own as `module:NAME` (`train.halting.HALTING`).
        log_every, checkpoint_every, eval_every: in optimiser steps.
        eval_steps: supervision steps in evaluation.
        init: folder of weights to start from, None for random ones.
        freeze: trains puzzle embeddings alone; the network stays as it is.
        compile: compiles a step (`torch.compile`); takes minutes, then runs faster.
        graph: compiled as one graph, the whole `step` (replayed on CUDA) or the `network` alone: compiled sooner, as
            fast where a batch keeps the device busy.
        micro_batch: maximum number of slots at a time, so that a step needs less memory; None for all. Gradients are
            summed, so the result is the same up to rounding.
        recompute: computes the inside of each evaluation of the network again for its gradient instead of keeping it:
            far less memory, a quarter more time, the same result.
        threads: of the CPU, which share the slots; None for one per core. They decide how sums are rounded.
        seed: of weights, order, augmentation and exploration.
    """

    recipe: str
    task: str
    model: ModelConfig
    data: DataConfig
    optim: OptimConfig = field(default_factory=OptimConfig)
    steps: int
    batch_size: int
    max_steps: int = 16
    exploration: float = 0.1
    noise: float = 0.0
    loss: str = "stablemax"
    halting: str = "binary"
    hints: Literal["none", "groups", "cells"] = "none"
    log_every: int = 50
    checkpoint_every: int = 500
    eval_every: int = 500
    eval_steps: int = 16
    init: str | None = None
    freeze: bool = False
    compile: bool = False
    graph: Literal["step", "network"] = "step"
    micro_batch: int | None = None
    recompute: bool = False
    threads: int | None = None
    seed: int = 0

    @property
    def hinted(self) -> bool:
        """Whether it trains on hints."""
        return self.hints != "none"

    def __post_init__(self) -> None:
        counted = ("steps", "batch_size", "max_steps", "log_every", "checkpoint_every", "eval_every", "eval_steps")
        require_at_least(1, {name: getattr(self, name) for name in (*counted, "micro_batch", "threads")})
        if self.threads is not None and self.threads > MOST_THREADS:
            raise ConfigError(f"threads: expected at most {MOST_THREADS:,}, got {reprlib.repr(self.threads)}")
        if not 0 <= self.exploration <= 1:
            raise ConfigError(f"exploration: expected a probability, got {self.exploration}")
        # here, because they need PyTorch, and recipes are listed without
        from redraft.train.halting import get_halting
        from redraft.train.losses import get_loss

        get_loss(self.loss)
        get_halting(self.halting)
        if self.batch_size > MOST_SLOTS:
            raise ConfigError(f"batch_size: expected at most {MOST_SLOTS:,}, got {reprlib.repr(self.batch_size)}")
        if not 0 <= self.seed < 1 << 63:
            raise ConfigError(f"seed: expected at least 0 and below 2^63, got {reprlib.repr(self.seed)}")
        rates = ("lr", "weight_decay", "puzzle_lr", "puzzle_weight_decay")
        require_at_least(0, {"noise": self.noise, **{f"optim.{name}": getattr(self.optim, name) for name in rates}})
        for name in ("beta1", "beta2", "ema"):
            if not 0 <= getattr(self.optim, name) < 1:
                raise ConfigError(f"optim.{name}: expected at least 0 and below 1, got {getattr(self.optim, name)}")


def run_to_dict(config: RunConfig) -> dict[str, Any]:
    """The run as plain values; those of the model have its `kind`."""
    values = to_dict(config)
    return {**values, "model": {"kind": model_kind(config.model), **values["model"]}}


def run_from_dict(values: dict[str, Any], *, where: str) -> RunConfig:
    """The run of these plain values, as of `run_to_dict`; raises ConfigError naming `where` and the key."""
    model = model_config(values.get("model"), where=f"{where}: model")
    return from_dict(RunConfig, {**values, "model": model}, where=where)


def with_table(config: RunConfig, ids: int) -> RunConfig:
    """The run with a puzzle table of at least as many rows as the data has ids."""
    model = config.model
    if not model.puzzle_positions or model.num_puzzles >= ids:
        return config
    return replace(config, model=replace(model, num_puzzles=ids))
