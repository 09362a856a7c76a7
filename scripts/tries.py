"""What second tries solve: the same puzzles by the rules without them, from other states, and with guesses.

python scripts/tries.py sudoku-9x9 test.csv --limit 1000 -o results/tries-sudoku-9x9.json
python scripts/tries.py sudoku-9x9 test.csv --card --singly -o results/search-sudoku-9x9.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import redraft
from redraft.data.build import open_source
from redraft.files import write_text
from redraft.machine import context
from redraft.solve.load import open_stepper
from redraft.solve.opened import Habits
from redraft.stats import wilson

WAYS = (
    Habits(max_steps=16),
    Habits(max_steps=64),
    Habits(max_steps=64, restart=16),
    Habits(max_steps=64, restart=4, guess=True),
    Habits(max_steps=256, restart=4, guess=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights")
    parser.add_argument("data", help="puzzles with answers, none of which it was trained on")
    parser.add_argument("--limit", type=int, help="at most so many, the first ones")
    parser.add_argument("--card", action="store_true", help="only as the weights' card says")
    parser.add_argument("--singly", action="store_true", help="one puzzle at a time, each timed")
    parser.add_argument("--dtype", default="bfloat16", choices=("float32", "bfloat16"))
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()

    rows: list[dict[str, Any]] = []
    ways = (open_stepper(args.weights, backend="torch").habits("rules"),) if args.card else WAYS
    for habits in ways:
        solver = redraft.load(args.weights, backend="torch", dtype=args.dtype, trace=False, **habits._asdict())
        store = open_source(solver.task, args.data, split="test", limit=args.limit)
        started = time.monotonic()
        questions = list(solver.task.decode(store.inputs))
        took: list[float] = []
        if args.singly:
            answers = [_timed(solver, question, took) for question in questions]
        else:
            answers = solver.solve_many(questions)
        seconds = time.monotonic() - started
        solved = sum(answer.solved for answer in answers)
        right = solver.task.encode_labels(np.stack([answer.grid for answer in answers])) == store.labels
        steps = np.array([answer.steps for answer in answers])
        row = {
            **habits._asdict(),
            "puzzles": len(answers),
            "solved": solved / len(answers),
            "interval": wilson(solved, len(answers)),
            "other_than_the_data": sum(a.solved and not same for a, same in zip(answers, right.all(1), strict=True)),
            "unsolved_rows": [row for row, answer in enumerate(answers) if not answer.solved],
            "mean_steps": float(steps.mean()),
            "steps_at": _percentiles(steps),
            **({"ms_at": _percentiles(1000 * np.array(took))} if took else {}),
            "most_tries": max((answer.tries for answer in answers if answer.solved), default=0),
            "seconds": round(seconds, 1),
            "ms_per_step": round(1000 * seconds / float(steps.sum()), 2),
        }
        rows.append(row)
        print(row, flush=True)
    found = {"weights": args.weights, "data": Path(args.data).name, "dtype": args.dtype, "rows": rows}
    write_text(args.output, json.dumps({**found, **context(torch.get_num_threads())}, indent=2) + "\n")


def _timed(solver: redraft.Solver, question: NDArray[np.int8], took: list[float]) -> redraft.Answer:
    """The answer to a question, with its seconds added to those in `took`."""
    started = time.monotonic()
    answer = solver.solve(question)
    took.append(time.monotonic() - started)
    if len(took) % 500 == 0:
        print(f"{len(took)} puzzles, {sum(took):.0f} s", file=sys.stderr, flush=True)
    return answer


def _percentiles(values: NDArray[Any]) -> dict[str, int]:
    return {f"{share}%": round(float(np.percentile(values, share, method="higher"))) for share in (50, 90, 99, 100)}


if __name__ == "__main__":
    main()
