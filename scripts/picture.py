"""Draws docs/pictures/redraft.svg: a 6x6 puzzle as the shipped weights redraft it, and a strip of the same steps.

python scripts/picture.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import redraft
from redraft.draw.svg import svg_animation, svg_strip
from redraft.tasks import get_task

PICTURES = Path(__file__).parents[1] / "docs/pictures"


def main() -> None:
    task = get_task("sudoku-6x6")
    answers = redraft.load(task.name, batch_size=256).solve_many(list(task.make(600, seed=5).questions))
    answer = max((a for a in answers if a.solved and a.steps <= 6), key=lambda a: a.steps)
    grids, captions = [answer.question], ["the question"]
    for number, step in enumerate(answer.trace, start=1):
        changed = int((step.grid != grids[-1]).sum())
        grids.append(step.grid)
        did = "filled" if number == 1 else "changed"
        captions.append(f"step {number}: {changed} cells {did}, {step.halt_probability:.0%} sure")
    wrong = [int(np.sum(grid != answer.grid)) for grid in grids[1:]]
    print(task.format(answer.question), "wrong cells after each step:", wrong)
    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / "redraft.svg").write_text(svg_animation(task, answer.question, grids, captions, seconds_per_step=1.2))
    (PICTURES / "steps.svg").write_text(svg_strip(task, answer.question, grids, captions))


if __name__ == "__main__":
    main()
