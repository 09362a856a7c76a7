"""What the weights of a local network solve on boards of other sizes than those of training, stopped by the rules.

python scripts/sizes.py maze-30x30 8:500 20:100 40:30 -o results/maze-sizes.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import redraft
from redraft.data.build import open_source
from redraft.files import write_text
from redraft.machine import context
from redraft.stats import wilson

BATCH = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights")
    parser.add_argument("sizes", nargs="+", help="SIDE:COUNT; boards are square")
    parser.add_argument("--seed", type=int, default=777, help="of the puzzles, which are made")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()

    kind = redraft.load(args.weights, backend="torch").task.name.rpartition("-")[0]
    rows = [measured(args.weights, kind, *map(int, size.split(":")), seed=args.seed) for size in args.sizes]
    document = {
        "weights": args.weights,
        "backend": "torch",
        "batch_size": BATCH,
        "rows": rows,
        **context(torch.get_num_threads()),
    }
    write_text(args.output, json.dumps(document, indent=1) + "\n")


def measured(weights: str, kind: str, side: int, count: int, *, seed: int) -> dict[str, Any]:
    """The figures of `count` boards of a kind (`maze`) of this side, solved as the card advises; also prints them."""
    name, data = f"{kind}-{side}x{side}", f"make:{count}@{seed}"
    solver = redraft.load(weights, task=name, batch_size=BATCH, backend="torch", trace=False)
    store = open_source(solver.task, data)
    started = time.monotonic()
    answers = solver.solve_many(list(solver.task.decode(store.inputs)))
    seconds = time.monotonic() - started
    solved, steps = sum(answer.solved for answer in answers), [answer.steps for answer in answers]
    same = solver.task.encode_labels(np.stack([answer.grid for answer in answers])) == store.labels
    row = {
        "task": name,
        "data": data,
        "puzzles": count,
        "solved": solved / count,
        "interval": wilson(solved, count),
        "exact": float(same.all(1).mean()),
        "max_steps": solver.max_steps,
        "restart": solver.restart,
        "restarted": sum(answer.tries > 1 for answer in answers),
        "mean_steps": round(float(np.mean(steps)), 3),
        "most_steps": max(steps),
        "ms_per_puzzle": round(1000 * seconds / count, 1),
    }
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
