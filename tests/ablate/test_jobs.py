"""How long jobs will take, and the same weights on other grids."""

from dataclasses import replace

import pytest
import torch

from redraft.ablate.jobs import estimate, moved, require_movable
from redraft.ablate.pool import Pool, write_result
from redraft.ablate.suite import Budget, Plan, Suite, make_plan
from redraft.errors import ConfigError
from redraft.models import build_model
from redraft.recipes import get_recipe
from redraft.tasks import get_task

CONV = replace(get_recipe("maze-8x8-lab").model, hidden_size=8)  # type: ignore[call-arg]
ATTENTION = replace(CONV, mixer="attention", positions="rope", num_heads=2)  # type: ignore[call-arg]


@pytest.mark.parametrize("config", [CONV, ATTENTION], ids=["conv", "attention"])
def test_larger_mazes(config: object) -> None:
    model, task = build_model(config), get_task("maze-10x12")  # type: ignore[arg-type]
    larger = moved(model, task)
    assert (larger.config.seq_len, larger.config.grid_width) == (120, 12)  # type: ignore[attr-defined]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, larger.state_dict()[name])
    tokens = torch.from_numpy(task.encode(task.make(2, 0).questions)).long()
    output = larger(tokens, torch.zeros(2, dtype=torch.int64), larger.initial_carry(2))
    assert output.logits.shape == (2, 120, 6)


def test_the_same_grids_need_no_other_model() -> None:
    model = build_model(CONV)
    assert moved(model, get_task("maze-8x8")) is model


def test_weights_that_know_the_size() -> None:
    mlp = replace(CONV, mixer="mlp")  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=r" 64 cells .*maze-10x10: .*tensor .*shape"):
        require_movable(mlp, get_task("maze-10x10"))
    require_movable(mlp, get_task("maze-8x8"))
    with pytest.raises(ConfigError, match=r" 6 tokens .*sudoku-6x6 .*8"):
        require_movable(CONV, get_task("sudoku-6x6"))


def test_an_estimate_comes_from_finished_runs(plan: Plan, pool: Pool, suite: Suite) -> None:
    base, other, base_again, other_again = plan.runs()
    assert estimate(plan, pool, plan.runs()) is None, "nothing is finished"
    write_result(pool.of(base), {"tests": {}, "seconds": 60.0})
    assert estimate(plan, pool, [other, base_again, other_again]) == 180.0, "a row without one takes the mean"
    write_result(pool.of(other), {"tests": {}, "seconds": 20.0})
    assert estimate(plan, pool, [base_again, other_again]) == 80.0
    timed = make_plan(suite, budget=Budget.parse("300s"))
    assert estimate(timed, pool, timed.runs()) == 1200.0
