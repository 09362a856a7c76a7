"""Puts the best weights of a run into the package, with the figures of an evaluation, and the same under results/.

python scripts/ship.py runs/sudoku-6x6 make:10000@777 --name sudoku-6x6
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from redraft.backends.torch import TorchStepper
from redraft.data.build import open_source, without
from redraft.evaluate.evaluate import evaluate
from redraft.evaluate.report import report
from redraft.files import write_text
from redraft.machine import context
from redraft.solve.opened import Habits
from redraft.tasks import get_task
from redraft.weights.io import count_parameters, load_weights, save_weights

ROOT = Path(__file__).parents[1]


STAGE = ("recipe", "step", "seconds", "device", "torch", "run")


def begun_from(card: dict[str, Any]) -> list[dict[str, Any]]:
    """The stages of the weights that a run was begun from, the first first: those of shipped ones, or cards of runs."""
    if card["run"].get("init") is None:
        return []
    before = load_weights(card["run"]["init"]).card
    return before["training"] if "training" in before else [*begun_from(before), before]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("data", help="unseen puzzles to judge by")
    parser.add_argument("--name", required=True, help="name the weights will have")
    parser.add_argument("--which", default="best", choices=("best", "last"))
    parser.add_argument("--restart", type=int, help="steps after which solving restarts, see docs/effort.md")
    parser.add_argument("--guess", action="store_true", help="and then guesses a doubtful cell")
    parser.add_argument("--max-steps", type=int, help="steps that solving takes at most")
    parser.add_argument(
        "--figures",
        type=Path,
        help="what `redraft eval --json` said of these weights on that data elsewhere",
    )
    parser.add_argument("--steps", type=int, default=16, help="supervision steps of the evaluation")
    parser.add_argument("--data-name", help="what the data is, in words; if not given, DATA")
    parser.add_argument(
        "--dtype", default="bfloat16", choices=("bfloat16", "float32"), help="of the weights in the file"
    )
    parser.add_argument("--only-result", action="store_true", help="write results/NAME.json alone")
    args = parser.parse_args()

    weights = load_weights(args.run / args.which)
    last = json.loads((args.run / "last/config.json").read_text())["card"]
    stages = [*begun_from(last), last]  # read before new weights take the place of old ones
    task = get_task(weights.task)
    target = args.run / "shipped" if args.only_result else ROOT / "src/redraft/weights" / args.name
    save_weights(target, weights.model, task=task.name, card=weights.card, dtype=getattr(torch, args.dtype))
    shipped = load_weights(target)  # what is judged is what ships, rounding included
    started = time.monotonic()
    if args.figures is None:
        learnt = weights.card["run"]["data"]
        unseen = without(
            open_source(task, args.data, split="test"),
            open_source(task, learnt["train"], limit=learnt["train_limit"]),
        )
        figures = report(evaluate(TorchStepper(shipped.model), task, unseen, steps=args.steps))
        device, seconds = "cpu", time.monotonic() - started
    else:  # of the weights before they are rounded
        told = json.loads(args.figures.read_text())
        device, seconds = told["device"], told["seconds"]
        figures = {key: value for key, value in told.items() if key not in ("weights", "data", "device", "seconds")}
    habits = {name: value for name in Habits._fields if (value := getattr(args, name))}
    network, _ = count_parameters(shipped.model)
    card = {
        "summary": (
            f"{figures['solved']:.2%} of {figures['puzzles']:,} unseen {task.name} puzzles, {network:,} parameters, "
            f"{sum(each['seconds'] for each in stages) / 60:.0f} minutes of training"
            f"{' with hints' if last['run'].get('hints', 'none') != 'none' else ''}"
        ),
        "evaluation": {"data": args.data_name or args.data, **figures},
        "training": [{key: each[key] for key in STAGE} for each in stages],
        **({"solve": habits} if habits else {}),
        "weights_of_step": weights.card["step"],
        **context(torch.get_num_threads()),
        "evaluation_device": device,
        "evaluation_seconds": round(seconds, 1),
    }
    save_weights(target, weights.model, task=task.name, card=card, dtype=getattr(torch, args.dtype))
    lines = (args.run / "metrics.jsonl").read_text().splitlines()
    curve = [each for each in map(json.loads, lines) if each["kind"] == "eval"]
    write_text(ROOT / "results" / f"{args.name}.json", json.dumps({**card, "curve": curve}, indent=2) + "\n")
    print(card["summary"])


if __name__ == "__main__":
    main()
