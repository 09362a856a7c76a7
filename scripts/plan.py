"""What the pieces of scripts/gpu.sh cost, by counting the arithmetic of one example's training step on this CPU.

python scripts/plan.py [--flops 790e12] [--used 0.35]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from redraft.models import build_model
from redraft.recipes import get_recipe
from redraft.train.config import RunConfig
from redraft.train.losses import step_loss

# name, recipe, changes: those of scripts/gpu.sh
PIECES: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("symbols", "sudoku-extreme-symbols", {}),
    ("mlp", "sudoku-extreme-mlp", {"steps": 19_500, "batch_size": 384}),
    ("eq", "sudoku-extreme-eq", {}),
    ("maze", "maze-hard", {"batch_size": 128, "steps": 60_000}),
    ("arc1", "arc1", {}),
)


def cost_of(run: RunConfig) -> tuple[int, float, float]:
    """Parameters; operations of a training step of one example; and bytes that it keeps for the gradient."""
    model = build_model(replace(run.model, num_puzzles=1, dtype="bfloat16"))
    tokens, ids = torch.ones(1, model.config.seq_len, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = step_loss(model(tokens, ids, model.initial_carry(1)), tokens)
        loss.total.backward()
    weights = sum(p.numel() for p in model.parameters())
    return weights, float(counter.get_total_flops()), float(sum(kept.values()) - 4 * weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flops", type=float, default=790e12, help="bfloat16 operations per second that a matmul gets")
    parser.add_argument("--used", type=float, default=0.35, help="share of them that a training step gets")
    args = parser.parse_args()
    print(f"{'piece':9}{'recipe':26}{'parameters':>11}{'batch':>7}{'steps':>8}{'TFLOP/step':>12}{'hours':>7}{'GiB':>6}")
    for name, recipe, changes in PIECES:
        changed: dict[str, Any] = dict(changes)
        run = replace(get_recipe(recipe), **changed)
        weights, operations, kept = cost_of(run)
        step = operations * run.batch_size
        hours = run.steps * step / (args.flops * args.used) / 3600
        memory = (kept * run.batch_size + 20 * weights) / 2**30
        counted = f"{weights:11,}{run.batch_size:7,}{run.steps:8,}{step / 1e12:12.1f}{hours:7.1f}{memory:6.0f}"
        print(f"{name:9}{recipe:26}{counted}")


if __name__ == "__main__":
    main()
