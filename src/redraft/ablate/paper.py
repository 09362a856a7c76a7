"""The paper's own tables as suites (Jolicoeur-Martineau 2025), at full scale and in small."""

from __future__ import annotations

from typing import Any

from redraft.ablate.suite import Base, Row, Scale, Suite

SUDOKU: dict[Scale, Base] = {"small": "sudoku-6x6-lab", "full": "sudoku-extreme-mlp"}
MAZE: dict[Scale, Base] = {"small": "maze-8x8-lab", "full": "maze-hard"}

ATTENTION: dict[str, Any] = {"model.mixer": "attention", "model.positions": "rope"}
ATTENTION_SMALL: dict[str, Any] = {"model.num_heads": 4}
VARIANT = {"model.kind": "trm-variant"}
HRM: dict[str, Any] = {"model.kind": "hrm", "model.num_layers": 4, "halting": "q"}
AS_PUBLISHED: dict[str, Any] = {**ATTENTION, "model.puzzle_positions": 1}  # of HRM
DIRECT: dict[str, Any] = {"model.kind": "direct", "max_steps": 1, "eval_steps": 1}


def table1() -> Suite:
    """What each of TRM's choices is worth, one taken away at a time."""
    rows = {
        "TRM": Row(reported=87.4),
        "Q-learning ACT": Row(change={**VARIANT, "model.continue_head": True, "halting": "q"}, reported=86.1),
        "separate networks": Row(change={**VARIANT, "model.separate": True}, reported=82.4),
        "no EMA": Row(change={"optim.ema": 0.0}, reported=79.9),
        "4 layers, fewer n": Row(
            change={"model.num_layers": 4}, small={"model.n": 1}, full={"model.n": 3}, reported=79.5
        ),
        "self-attention": Row(change=ATTENTION, small=ATTENTION_SMALL, reported=74.7),
        "less recursion": Row(small={"model.T": 1, "model.n": 2}, full={"model.T": 2, "model.n": 2}, reported=73.7),
        "one-step gradient": Row(
            change={**VARIANT, "model.gradient": 2}, reported=56.5, note="through the last z and y alone"
        ),
        "HRM": Row(
            change={**HRM, "model.n": 2, "model.T": 2}, full=AS_PUBLISHED, reported=55.0,
            note="in small with TRM's mixer, for attention learns nothing in so few steps; at full scale as published",
        ),
        "direct, as large": Row(change=DIRECT, note="TRM's blocks, evaluated once"),
        "direct, as deep": Row(
            change=DIRECT, small={"model.num_layers": 16}, scales=("small",), note="the layers that TRM passes through"
        ),
        "direct": Row(
            change={**DIRECT, **ATTENTION, "model.num_layers": 8}, scales=("full",), reported=0.0, note="as published"
        ),
    }  # fmt: skip
    return Suite(
        name="table1",
        title="What each choice of TRM is worth",
        what="The paper's Table 1: TRM on Sudoku, with one of its choices taken away at a time.",
        base=SUDOKU,
        rows=rows,
    )


def table2() -> Suite:
    """How deep to recurse: TRM and HRM with more and more recursions."""
    small: tuple[Scale, ...] = ("small", "full")
    trm = {1: 63.2, 2: 81.9, 3: 87.4, 4: 84.2}
    hrm = {1: 46.4, 2: 55.0, 3: 61.6, 4: 59.5}
    rows = {
        f"TRM T={k} n={2 * k}": Row(
            change={"model.T": k, "model.n": 2 * k}, scales=small if k < 4 else ("full",), reported=reported
        )
        for k, reported in trm.items()
    }
    rows |= {
        f"HRM T={k} n={k}": Row(
            change={**HRM, "model.T": k, "model.n": k},
            full=AS_PUBLISHED,
            scales=small if k < 4 else ("full",),
            reported=reported,
            note="mlp mixer in small, self-attention in full" if k == 1 else "",
        )
        for k, reported in hrm.items()
    }
    return Suite(
        name="table2",
        title="How deep to recurse",
        what="The paper's Table 2: accuracy of TRM and HRM as they recurse more, at equal training steps.",
        base=SUDOKU,
        rows=rows,
    )


def table3() -> Suite:
    """How many latent features to keep besides the answer."""
    rows = {
        "y and z": Row(reported=87.4),
        "multi-scale z": Row(
            change=VARIANT, small={"model.latents": 3}, full={"model.latents": 6}, reported=77.6,
            note="a latent of its own for each of the n updates",
        ),
        "single z": Row(change={**VARIANT, "model.latents": 0}, reported=71.9, note="the answer is the latent"),
    }  # fmt: skip
    return Suite(
        name="table3",
        title="How many latents to keep",
        what="The paper's Table 3: an answer y and a latent z, against more latents and against one state for both.",
        base=SUDOKU,
        rows=rows,
    )
