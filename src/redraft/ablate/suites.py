"""The suites there are; `SUITES` names them, and `get_suite` takes one of your own too."""

from __future__ import annotations

from itertools import product
from typing import Any

from redraft.ablate.paper import ATTENTION, ATTENTION_SMALL, MAZE, SUDOKU, VARIANT, table1, table2, table3
from redraft.ablate.suite import Row, Scale, Suite, Test
from redraft.naming import known, made


def get_suite(name: str) -> Suite:
    """The suite of that name in `SUITES`, or your own as `module:NAME`, a Suite or a function that returns one.

    Raises RedraftError naming the known suites.
    """
    if ":" not in name:
        return known(SUITES, name, what="suite")
    expected = "a redraft.ablate.suite.Suite or what makes one"
    suite: Suite = made(name, Suite, what="a suite", expected=expected)
    return suite


def gradient() -> Suite:
    return Suite(
        name="gradient",
        title="How far back to propagate",
        what="How many of the last evaluations of the network need a gradient: the paper takes a whole recursion, n+1.",
        base=SUDOKU,
        rows={
            "last n+1 (TRM)": Row(reported=87.4),
            "last 2": Row(change={**VARIANT, "model.gradient": 2}, reported=56.5, note="HRM's one-step gradient"),
            "last 3": Row(change={**VARIANT, "model.gradient": 3}),
            "two recursions": Row(change=VARIANT, small={"model.gradient": 8}, full={"model.gradient": 14}),
        },
    )


def halting() -> Suite:
    q = {**VARIANT, "model.continue_head": True, "halting": "q"}
    rules: dict[str, dict[str, Any]] = {
        "binary": {}, "Q-learning": q, "none": {"halting": "none"}, "oracle": {"halting": "oracle"},
    }  # fmt: skip
    more = {f"{name}, explores half": Row(change={**rule, "exploration": 0.5}) for name, rule in rules.items()}
    del more["none, explores half"]  # a slot that never stops has nothing to explore
    return Suite(
        name="halting",
        title="When to stop",
        what="What the halting head should learn, and how often training should go on although it says stop.",
        base=SUDOKU,
        rows={**{name: Row(change=rule) for name, rule in rules.items()}, **more},
    )


def augmentation() -> Suite:
    rows = {}
    for limit, augment in product((None, 1000, 100), (True, False)):
        puzzles = "all" if limit is None else f"{limit:,}"
        rows[f"{puzzles} puzzles, {'augmented' if augment else 'as they are'}"] = Row(
            change={"data.train_limit": limit, "data.augment": augment},
            scales=("small", "full") if limit else ("small",),
        )
    return Suite(
        name="augmentation",
        title="Number of puzzles, with and without augmentation",
        what="What random symmetries of the task are worth, with many training puzzles and with few.",
        base=SUDOKU,
        rows=rows,
    )


def ema() -> Suite:
    tried: dict[float, tuple[Scale, ...]] = {
        0.98: ("small",), 0.999: ("full",), 0.9: ("small",), 0.95: ("small",), 0.99: ("small", "full"),
        0.995: ("small",), 0.9999: ("full",),
    }  # fmt: skip
    rows = {f"{decay:g}": Row(change={"optim.ema": decay}, scales=scales) for decay, scales in tried.items()}
    rows["none"] = Row(change={"optim.ema": 0.0}, reported=79.9)
    return Suite(
        name="ema",
        title="Averaging the weights",
        what="Decay of the moving average of the weights; what is too long a memory depends on how long the run is.",
        base=SUDOKU,
        rows=rows,
    )


def width() -> Suite:
    small = {
        f"width {size}": Row(change={"model.hidden_size": size}, scales=("small",)) for size in (64, 32, 48, 96, 128)
    }
    full = {f"width {size}": Row(change={"model.hidden_size": size}, scales=("full",)) for size in (512, 256, 384, 768)}
    return Suite(
        name="width",
        title="How wide",
        what="Accuracy by width of the network, all else equal.",
        base=SUDOKU,
        rows={**small, **full},
    )


def loops() -> Suite:
    grid = [(2, 3), *(pair for pair in product((1, 2, 3), (1, 3, 6)) if pair != (2, 3))]
    return Suite(
        name="loops",
        title="T recursions of n updates",
        what="Accuracy and cost over the grid of T recursions a step and n latent updates a recursion.",
        base=SUDOKU,
        rows={f"T={T} n={n}": Row(change={"model.T": T, "model.n": n}) for T, n in grid},
    )


def mixers() -> Suite:
    mixing: dict[str, dict[str, Any]] = {
        "mlp": {"model.mixer": "mlp", "model.positions": "none"},
        "attention": ATTENTION,
        "conv": {"model.mixer": "conv", "model.positions": "none", "model.puzzle_positions": 0},
    }
    few = {"data.train": "make:2000@1"}  # there are not many more, and some must be left to be judged by
    rows = {}
    for task, mixer in product(("sudoku-6x6", "sudoku-4x4", "maze-6x6", "maze-8x8", "maze-10x10"), mixing):
        rows[f"{task}, {mixer}"] = Row(
            change={"task": task, **mixing[mixer], **(few if task == "sudoku-4x4" else {})},
            small=ATTENTION_SMALL if mixer == "attention" else {},
            scales=("small",),
        )
    for mixer, reported in (("mlp", 87.4), ("attention", 74.7), ("conv", None)):
        rows[f"sudoku-9x9, {mixer}"] = Row(change=mixing[mixer], scales=("full",), reported=reported)
    return Suite(
        name="mixers",
        title="How cells mix",
        what="MLP, attention or convolution, by kind of puzzle and size of grid.",
        base=SUDOKU,
        rows=rows,
    )


def loss() -> Suite:
    return Suite(
        name="loss",
        title="Stable-max or soft-max",
        what="Whether the paper's loss is needed.",
        base=SUDOKU,
        rows={"stablemax": Row(), "softmax": Row(change={"loss": "softmax"})},
    )


def steps() -> Suite:
    return Suite(
        name="steps",
        title="Supervision steps in training",
        what="How many supervision steps a puzzle should get in training, at equal optimiser steps.",
        base=SUDOKU,
        rows={f"{most} steps": Row(change={"max_steps": most}) for most in (4, 1, 2, 8, 16)},
    )


def shift_clues() -> Suite:
    few = {"data.train": "make:1000@1", "data.test": "make:1000@2"}  # at full scale, 9x9 with as many as in the paper
    return Suite(
        name="shift-clues",
        title="Trained on easy puzzles, tested on hard ones",
        what="Sudoku with more clues than a minimal puzzle has: training on easy ones, evaluated on each kind.",
        base=SUDOKU,
        rows={
            "minimal": Row(full=few),
            "more clues": Row(
                small={"data.train": "make:20000@1+4"}, full={**few, "data.train": "make:1000@1+8"},
                note="4 of 36 cells, at full scale 8 of 81",
            ),
            "many more clues": Row(
                small={"data.train": "make:20000@1+8"}, full={**few, "data.train": "make:1000@1+16"},
                note="8 of 36 cells, at full scale 16 of 81",
            ),
        },
        tests={
            "small": {f"+{more}": Test(source=f"make:1000@2+{more}") for more in (4, 8)},
            "full": {f"+{more}": Test(source=f"make:1000@2+{more}") for more in (8, 16)},
        },
    )  # fmt: skip


def shift_mazes() -> Suite:
    conv = {"model.mixer": "conv", "model.positions": "none", "model.puzzle_positions": 0}
    return Suite(
        name="shift-mazes",
        title="Trained on small mazes, tested on larger ones",
        what="Convolution and rotary attention have no weight that knows how large a maze is: how far does it carry?",
        base=MAZE,
        rows={
            "base": Row(note="convolution; at full scale attention"),
            "twice the steps": Row(small={"max_steps": 8}, full={"max_steps": 32}, note="in training, for each maze"),
            "conv": Row(change=conv, scales=("full",)),
        },
        tests={
            "small": {f"{side}x{side}": Test(source="make:400@3", task=f"maze-{side}x{side}") for side in (10, 12, 15)},
            "full": {f"{side}x{side}": Test(source="make:100@3", task=f"maze-{side}x{side}") for side in (35, 40)},
        },
    )


def reinject() -> Suite:
    through_all: dict[str, Any] = {"small": {"model.gradient": 8}, "full": {"model.gradient": 21}}
    return Suite(
        name="reinject",
        title="How often the question is heard",
        what="Whether the question must enter every latent update, or only the first of a supervision step.",
        base=SUDOKU,
        rows={
            "every update": Row(note="the gradient through the last recursion, as in the paper"),
            "every update, full gradient": Row(change=VARIANT, **through_all),
            "first update, full gradient": Row(change={**VARIANT, "model.reinject": False}, **through_all),
        },
    )


def symmetry() -> Suite:
    alike: dict[str, Any] = {
        "model.kind": "equivariant", "model.first_symbol": 2, "model.puzzle_positions": 0, "model.expansion": 4.0,
    }  # fmt: skip
    small: dict[str, Any] = {
        "model.symbols": 6, "model.grid_width": 6, "model.scopes": ["rows", "columns", "blocks-2x3"],
        "model.hidden_size": 32,
    }  # fmt: skip
    full: dict[str, Any] = {
        "model.symbols": 9, "model.grid_width": 9, "model.scopes": ["rows", "columns", "blocks-3x3"],
        "model.hidden_size": 128,
    }  # fmt: skip
    mixing = {mixer: Row(change={**alike, "model.mixer": mixer}, small=small, full=full) for mixer in ("scopes", "mlp")}
    return Suite(
        name="symmetry",
        title="Digits that are alike",
        what="A model that treats all digits alike, against TRM, which learns it from examples; best at equal time.",
        base=SUDOKU,
        rows={"TRM": Row(), **{f"alike, cells by {mixer}": row for mixer, row in mixing.items()}},
    )


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        table1(), table2(), table3(), gradient(), halting(), augmentation(), ema(), width(), loops(),
        mixers(), loss(), steps(), shift_clues(), shift_mazes(), reinject(), symmetry(),
    )
}  # fmt: skip
