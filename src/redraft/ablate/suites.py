"""The suites of `redraft ablate`: the tables of the TRM paper (Jolicoeur-Martineau 2025), and questions of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from redraft.ablate.suite import Base, Row, Scale, Suite, Test
from redraft.naming import known, made

SUDOKU: dict[Scale, Base] = {"small": "sudoku-6x6-lab", "full": "sudoku-extreme-mlp"}
MAZE: dict[Scale, Base] = {"small": "maze-8x8-lab", "full": "maze-hard"}

ATTENTION: dict[str, Any] = {"model.mixer": "attention", "model.positions": "rope"}
ATTENTION_SMALL: dict[str, Any] = {"model.num_heads": 4}
CONV: dict[str, Any] = {"model.mixer": "conv", "model.positions": "none", "model.puzzle_positions": 0}
VARIANT = {"model.kind": "trm-variant"}
Q_LEARNING: dict[str, Any] = {**VARIANT, "model.continue_head": True, "halting": "q"}
ONE_STEP: dict[str, Any] = {**VARIANT, "model.gradient": 2}
HRM: dict[str, Any] = {"model.kind": "hrm", "model.num_layers": 4, "halting": "q"}
AS_PUBLISHED: dict[str, Any] = {**ATTENTION, "model.puzzle_positions": 1}  # HRM
FAST_MUON: dict[str, Any] = {"optim.kind": "muon", "optim.lr": 1e-2}
DIRECT: dict[str, Any] = {"model.kind": "direct", "max_steps": 1, "eval_steps": 1}
SMALL: tuple[Scale, ...] = ("small",)
FULL: tuple[Scale, ...] = ("full",)
BOTH: tuple[Scale, ...] = ("small", "full")


def get_suite(name: str) -> Suite:
    """The suite of that name in `SUITES`, or your own as `module:NAME`, a Suite or a function that returns one.

    Raises RedraftError naming the known suites.
    """
    if ":" not in name:
        return known(SUITES, name, what="suite")
    expected = "a redraft.ablate.suite.Suite or a function that returns one"
    suite: Suite = made(name, Suite, what="a suite", expected=expected)
    return suite


def _suite(
    title: str,
    what: str,
    *,
    base: Mapping[Scale, Base] = SUDOKU,
    tests: Mapping[Scale, Mapping[str, Test]] | None = None,
) -> Callable[[Callable[[], dict[str, Row]]], Suite]:
    """Turns a function that returns rows into a suite with the name of the function."""

    def make(rows: Callable[[], dict[str, Row]]) -> Suite:
        name = rows.__name__.replace("_", "-")
        return Suite(name=name, title=title, what=what, base=base, rows=rows(), tests=tests or {})

    return make


@_suite(
    "What each choice of TRM is worth", "The paper's Table 1: TRM on Sudoku, with one of its choices removed at a time."
)
def table1() -> dict[str, Row]:
    return {
        "TRM": Row(reported=87.4),
        "Q-learning ACT": Row(change=Q_LEARNING, reported=86.1),
        "separate networks": Row(change={**VARIANT, "model.separate": True}, reported=82.4),
        "no EMA": Row(change={"optim.ema": 0.0}, reported=79.9),
        "4 layers, fewer n": Row(
            change={"model.num_layers": 4}, small={"model.n": 1}, full={"model.n": 3}, reported=79.5
        ),
        "self-attention": Row(change=ATTENTION, small=ATTENTION_SMALL, reported=74.7),
        "less recursion": Row(small={"model.T": 1, "model.n": 2}, full={"model.T": 2, "model.n": 2}, reported=73.7),
        "one-step gradient": Row(change=ONE_STEP, reported=56.5, note="through the last z and y alone"),
        "HRM": Row(
            change={**HRM, "model.n": 2, "model.T": 2}, full=AS_PUBLISHED, reported=55.0,
            note="small: with TRM's mixer, because attention learns nothing in so few steps; full: as published",
        ),
        "direct, as large": Row(change=DIRECT, note="TRM's blocks, evaluated once"),
        "direct, as deep": Row(
            change=DIRECT, small={"model.num_layers": 16}, scales=SMALL, note="the layers that TRM passes through"
        ),
        "direct": Row(
            change={**DIRECT, **ATTENTION, "model.num_layers": 8}, scales=FULL, reported=0.0, note="as published"
        ),
    }  # fmt: skip


@_suite(
    "How deep to recurse",
    "The paper's Table 2: accuracy of TRM and HRM with more recursions, at equal training steps.",
)
def table2() -> dict[str, Row]:
    scales = {1: BOTH, 2: BOTH, 3: BOTH, 4: FULL}
    trm = {
        f"TRM T={k} n={2 * k}": Row(change={"model.T": k, "model.n": 2 * k}, scales=scales[k], reported=reported)
        for k, reported in {1: 63.2, 2: 81.9, 3: 87.4, 4: 84.2}.items()
    }
    hrm = {
        f"HRM T={k} n={k}": Row(
            change={**HRM, "model.T": k, "model.n": k}, full=AS_PUBLISHED, scales=scales[k], reported=reported,
            note="small: MLP mixer; full: self-attention" if k == 1 else "",
        )
        for k, reported in {1: 46.4, 2: 55.0, 3: 61.6, 4: 59.5}.items()
    }  # fmt: skip
    return {**trm, **hrm}


@_suite(
    "How many latents to keep",
    "The paper's Table 3: an answer y and a latent z, against more latents and against one state for both.",
)
def table3() -> dict[str, Row]:
    return {
        "y and z": Row(reported=87.4),
        "multi-scale z": Row(
            change=VARIANT, small={"model.latents": 3}, full={"model.latents": 6}, reported=77.6,
            note="a latent of its own for each of the n updates",
        ),
        "single z": Row(change={**VARIANT, "model.latents": 0}, reported=71.9, note="the answer is the latent"),
    }  # fmt: skip


@_suite(
    "How far back to propagate",
    "How many of the last evaluations of the network need a gradient? The paper takes a whole recursion, n+1.",
)
def gradient() -> dict[str, Row]:
    return {
        "last n+1 (TRM)": Row(reported=87.4),
        "last 2": Row(change=ONE_STEP, reported=56.5, note="HRM's one-step gradient"),
        "last 3": Row(change={**VARIANT, "model.gradient": 3}),
        "two recursions": Row(change=VARIANT, small={"model.gradient": 8}, full={"model.gradient": 14}),
    }


@_suite(
    "When to stop",
    "What should the halting head learn, and how often should training continue although it says stop?",
)
def halting() -> dict[str, Row]:
    rules = {"binary": {}, "Q-learning": Q_LEARNING, "none": {"halting": "none"}, "oracle": {"halting": "oracle"}}
    more = {f"{name}, explores half": Row(change={**rule, "exploration": 0.5}) for name, rule in rules.items()}
    del more["none, explores half"]  # a slot that never stops has nothing to explore
    return {**{name: Row(change=rule) for name, rule in rules.items()}, **more}


@_suite(
    "Number of puzzles, with and without augmentation",
    "What are random symmetries of the task worth, with many training puzzles and with few?",
)
def augmentation() -> dict[str, Row]:
    rows = {}
    for limit, augment in product((None, 1000, 100), (True, False)):
        puzzles = "all" if limit is None else f"{limit:,}"
        rows[f"{puzzles} puzzles, {'augmented' if augment else 'as they are'}"] = Row(
            change={"data.train_limit": limit, "data.augment": augment}, scales=BOTH if limit else SMALL
        )
    return rows


@_suite(
    "Averaging the weights",
    "Decay of the moving average of the weights; how long a memory is too long depends on the length of the run.",
)
def ema() -> dict[str, Row]:
    tried = {0.98: SMALL, 0.999: FULL, 0.9: SMALL, 0.95: SMALL, 0.99: BOTH, 0.995: SMALL, 0.9999: FULL}
    rows = {f"{decay:g}": Row(change={"optim.ema": decay}, scales=scales) for decay, scales in tried.items()}
    return {**rows, "none": Row(change={"optim.ema": 0.0}, reported=79.9)}


@_suite("How wide", "Accuracy by width of the network, all else equal.")
def width() -> dict[str, Row]:
    sizes = {**dict.fromkeys((64, 32, 48, 96, 128), SMALL), **dict.fromkeys((512, 256, 384, 768), FULL)}
    return {f"width {size}": Row(change={"model.hidden_size": size}, scales=scales) for size, scales in sizes.items()}


@_suite(
    "T recursions of n updates",
    "Accuracy and cost over the grid of T recursions per step and n latent updates per recursion.",
)
def loops() -> dict[str, Row]:
    grid = [(2, 3), *(pair for pair in product((1, 2, 3), (1, 3, 6)) if pair != (2, 3))]
    return {f"T={T} n={n}": Row(change={"model.T": T, "model.n": n}) for T, n in grid}


@_suite("How cells mix", "MLP, attention or convolution, by kind of puzzle and size of grid.")
def mixers() -> dict[str, Row]:
    mixing = {"mlp": {"model.mixer": "mlp", "model.positions": "none"}, "attention": ATTENTION, "conv": CONV}
    few = {"data.train": "make:2000@1"}  # there are not many more, and some must be left for the test
    rows = {}
    for task, mixer in product(("sudoku-6x6", "sudoku-4x4", "maze-6x6", "maze-8x8", "maze-10x10"), mixing):
        rows[f"{task}, {mixer}"] = Row(
            change={"task": task, **mixing[mixer], **(few if task == "sudoku-4x4" else {})},
            small=ATTENTION_SMALL if mixer == "attention" else {},
            scales=SMALL,
        )
    for mixer, reported in (("mlp", 87.4), ("attention", 74.7), ("conv", None)):
        rows[f"sudoku-9x9, {mixer}"] = Row(change=mixing[mixer], scales=FULL, reported=reported)
    return rows


@_suite(
    "How cells and symbols mix in an equivariant model",
    "Means and maxima over scopes and symbols, or attention; with normalised queries and keys; trained by Muon.",
    base={"small": "sudoku-6x6-eq-lab", "full": "sudoku-extreme-symbols"},
)
def symbols() -> dict[str, Row]:
    pools: dict[str, Any] = {"model.mixer": "scopes", "model.across": "pool"}
    attention: dict[str, Any] = {"model.mixer": "attention", "model.places": "grid", "model.across": "attention"}
    normed: dict[str, Any] = {**attention, "model.qk_norm": True}
    return {
        "pools": Row(change=pools),
        "pools, rate x 2.5": Row(change=pools, small={"optim.lr": 5e-3}, scales=SMALL),
        "pools, Muon, rate x 5": Row(change=pools, small=FAST_MUON, scales=SMALL),
        "attention across symbols": Row(change={**pools, "model.across": "attention"}),
        "attention": Row(change=attention),
        "attention, QK norm": Row(change=normed),
        "attention, QK norm, Muon, rate x 5": Row(change=normed, small=FAST_MUON, scales=SMALL),
    }


@_suite("AdamW, Adam-atan2 or Muon", "Is a matrix better trained by the orthogonal part of its momentum?")
def optimiser() -> dict[str, Row]:
    kinds = {"AdamW": "adamw", "Adam-atan2": "adam_atan2", "Muon": "muon"}
    rates = {"": {}, ", rate x 2.5": {"optim.lr": 5e-3}, ", rate x 5": {"optim.lr": 1e-2}}
    rows = {
        name + rate: Row(change={"optim.kind": kind}, small=change, scales=BOTH if not rate else SMALL)
        for (name, kind), (rate, change) in product(kinds.items(), rates.items())
    }
    rows["Muon, rate x 5, to zero"] = Row(change={**FAST_MUON, "optim.min_ratio": 0.0}, scales=SMALL)
    rows["Muon, rate x 5, self-attention"] = Row(change={**FAST_MUON, **ATTENTION, **ATTENTION_SMALL}, scales=SMALL)
    return rows


@_suite("Stable-max or soft-max", "Is the paper's loss needed?")
def loss() -> dict[str, Row]:
    return {"stablemax": Row(), "softmax": Row(change={"loss": "softmax"})}


@_suite(
    "Supervision steps in training",
    "How many supervision steps should a puzzle get in training, at equal optimiser steps?",
)
def steps() -> dict[str, Row]:
    return {f"{most} steps": Row(change={"max_steps": most}) for most in (4, 1, 2, 8, 16)}


@_suite(
    "Trained on easy puzzles, tested on hard ones",
    "Sudoku with more clues than a minimal puzzle has: training on easy ones, evaluated on each kind.",
    tests={
        "small": {f"+{more}": Test(source=f"make:1000@2+{more}") for more in (4, 8)},
        "full": {f"+{more}": Test(source=f"make:1000@2+{more}") for more in (8, 16)},
    },
)
def shift_clues() -> dict[str, Row]:
    few = {"data.train": "make:1000@1", "data.test": "make:1000@2"}  # at full scale, 9x9 with as many as in the paper
    return {
        "minimal": Row(full=few),
        "more clues": Row(
            small={"data.train": "make:20000@1+4"}, full={**few, "data.train": "make:1000@1+8"},
            note="4 of 36 cells, at full scale 8 of 81",
        ),
        "many more clues": Row(
            small={"data.train": "make:20000@1+8"}, full={**few, "data.train": "make:1000@1+16"},
            note="8 of 36 cells, at full scale 16 of 81",
        ),
    }  # fmt: skip


@_suite(
    "Trained on small mazes, tested on larger ones",
    "No weight of convolution or rotary attention depends on the size of a maze: how far do they generalise?",
    base=MAZE,
    tests={
        "small": {f"{side}x{side}": Test(source="make:400@3", task=f"maze-{side}x{side}") for side in (10, 12, 15)},
        "full": {f"{side}x{side}": Test(source="make:100@3", task=f"maze-{side}x{side}") for side in (35, 40)},
    },
)
def shift_mazes() -> dict[str, Row]:
    return {
        "base": Row(note="convolution; at full scale attention"),
        "twice the steps": Row(small={"max_steps": 8}, full={"max_steps": 32}, note="in training, per maze"),
        "conv": Row(change=CONV, scales=FULL),
    }


@_suite(
    "How often the question enters",
    "Must the question enter every latent update, or only the first of a supervision step?",
)
def reinject() -> dict[str, Row]:
    through_all: dict[str, Any] = {"small": {"model.gradient": 8}, "full": {"model.gradient": 21}}
    return {
        "every update": Row(note="the gradient through the last recursion, as in the paper"),
        "every update, full gradient": Row(change=VARIANT, **through_all),
        "first update, full gradient": Row(change={**VARIANT, "model.reinject": False}, **through_all),
    }


@_suite(
    "Interchangeable digits",
    "A model that treats all digits alike, against TRM, which learns it from examples; best compared at equal time.",
)
def symmetry() -> dict[str, Row]:
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
    return {"TRM": Row(), **{f"alike, cells by {mixer}": row for mixer, row in mixing.items()}}


@_suite(
    "What could be added to TRM",
    "Vectors for rows, columns and boxes; updates that keep part of a state; drafts fed back; noise on the state.",
)
def additions() -> dict[str, Row]:
    small: dict[str, Any] = {"model.grid_width": 6, "model.tables": ["rows", "columns", "blocks-2x3"]}
    full: dict[str, Any] = {"model.grid_width": 9, "model.tables": ["rows", "columns", "blocks-3x3"]}
    feedback: dict[str, Any] = {**VARIANT, "model.feedback": True}
    added = {
        "TRM": Row(),
        "tables": Row(change=VARIANT, small=small, full=full),
        "gated updates": Row(change={**VARIANT, "model.gated": True}),
        "drafts fed back": Row(change=feedback),
        "noise": Row(change={"noise": 0.1}),
        "drafts fed back, noise": Row(change={**feedback, "noise": 0.1}),
    }
    fast = {
        f"{name}, Muon, rate x 5": Row(change=row.change, small={**row.small, **FAST_MUON}, scales=SMALL)
        for name, row in added.items()
    }
    return {**added, **fast}


SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        table1, table2, table3, gradient, halting, augmentation, ema, width, loops,
        mixers, loss, optimiser, steps, shift_clues, shift_mazes, reinject, symmetry, symbols, additions,
    )
}  # fmt: skip
