"""The equilibrium model keeps the contract, finds fixed points, and learns through either gradient."""

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from equilibrium import Equilibrium, EquilibriumConfig, one_round
from torch import Tensor, nn

from redraft.core.layers import Linear
from redraft.data.build import open_source
from redraft.errors import ConfigError
from redraft.models import TRM, TRMConfig, build_model, model_config
from redraft.models.check import check_model
from redraft.recipes import get_recipe
from redraft.tasks import get_task
from redraft.train.config import RunConfig
from redraft.train.learner import begin_from
from redraft.train.loop import Trainer
from redraft.weights.io import load_weights, save_weights

pytestmark = [pytest.mark.arithmetic, pytest.mark.slow]

TINY = EquilibriumConfig(
    vocab_size=6, seq_len=9, hidden_size=32, num_heads=4, width_multiple=16, mixer="mlp", positions="none",
    puzzle_positions=2, num_puzzles=3, puzzle_dim=32, iterations=6,
)  # fmt: skip
COMBINATIONS = list(product(("picard", "anderson"), ("one_step", "implicit")))
all_combinations = pytest.mark.parametrize(("solver", "gradient"), COMBINATIONS)


class Contraction(nn.Module):
    """A network whose round has a fixed point; that of a random stack of blocks seldom is one that a solver reaches."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = Linear(features, features)

    def forward(self, h: Tensor) -> Tensor:
        return torch.tanh(0.2 * self.linear(h))


def tame(config: EquilibriumConfig) -> Equilibrium:
    """A model with a `Contraction` for a network."""
    model = build_model(config)
    assert isinstance(model, Equilibrium)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model.net = Contraction(config.hidden_size)
    return model


def questions(config: EquilibriumConfig, rows: int = 4) -> tuple[Tensor, Tensor]:
    tokens = torch.randint(config.vocab_size, (rows, config.seq_len), generator=torch.Generator().manual_seed(5))
    return tokens, torch.zeros(rows, dtype=torch.int64)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@all_combinations
def test_keeps_the_contract(solver: str, gradient: str, dtype: str) -> None:
    check_model(build_model(replace(TINY, solver=solver, gradient=gradient, dtype=dtype)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [{"mixer": "attention"}, {"mixer": "conv", "puzzle_positions": 0, "grid_width": 3}])
def test_keeps_the_contract_with_other_mixers(shape: dict[str, Any], dtype: str) -> None:
    check_model(build_model(replace(TINY, gradient="implicit", dtype=dtype, **shape)))


@pytest.mark.parametrize("solver", ["picard", "anderson"])
def test_a_round_leaves_the_equilibrium_as_it_is(solver: str) -> None:
    model = tame(replace(TINY, solver=solver, iterations=100, tolerance=1e-5))
    tokens, ids = questions(model.config)
    with torch.no_grad():
        x = model.embed(tokens, ids, torch.float32)
        found = model.equilibrium(x, model.initial_carry(len(tokens)))
        assert (found.residual <= 1e-5).all()
        torch.testing.assert_close(one_round(model.net, x, found.point), found.point, rtol=1e-3, atol=1e-3)
        step = model(tokens, ids, model.initial_carry(len(tokens)))
        torch.testing.assert_close(torch.stack(step.carry, 1), found.point, rtol=1e-3, atol=1e-3)
        again = model.equilibrium(x, step.carry)
    assert (again.iterations == 1).all(), "from an equilibrium there is nothing to seek"


def test_implicit_is_the_gradient_of_going_on_for_ever() -> None:
    """Back-propagation through so many rounds that more make no difference."""
    model = tame(replace(TINY, gradient="implicit", iterations=100, tolerance=1e-6))
    tokens, ids = questions(model.config)
    weights = list(model.net.parameters())
    implicit = torch.autograd.grad(model(tokens, ids, model.initial_carry(4)).logits.square().sum(), weights)
    x = model.embed(tokens, ids, torch.float32)
    pair = torch.stack(model.initial_carry(4), 1)
    for _ in range(60):
        pair = one_round(model.net, x, pair)
    unrolled = torch.autograd.grad(model.read(pair[:, 0]).square().sum(), weights)
    for one, other in zip(implicit, unrolled, strict=True):
        assert (one - other).norm() <= 0.01 * other.norm()


def test_schedule_and_depth_count_the_most_there_can_be() -> None:
    config = replace(TINY, iterations=3, num_layers=4)
    assert build_model(config).schedule() == ("z", "y", "z", "y", "z", "y")
    assert config.effective_depth == 24


def test_weights_of_a_trm_fit(tmp_path: Path) -> None:
    shared = {field.name: getattr(TINY, field.name) for field in fields(TRMConfig) if hasattr(TINY, field.name)}
    trm, model = build_model(TRMConfig(**shared), seed=3), build_model(TINY)
    assert isinstance(trm, TRM)
    begin_from(model, trm)
    save_weights(tmp_path, model, task="sudoku-4x4", card={})
    loaded = load_weights(tmp_path).model
    assert loaded.config == TINY
    for name, tensor in trm.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iterations": 1}, r"model\.iterations: .*2.*1"),
        ({"tolerance": 0.0}, r"model\.tolerance: .* 0 .* 1.*0\.0"),
        ({"tolerance": float("nan")}, r"model\.tolerance: .*nan"),
        ({"history": 0}, r"model\.history: .*1.*0"),
        ({"mixing": 1.5}, r"model\.mixing: .* 0 .* 1.*1\.5"),
        ({"regularisation": 0.0}, r"model\.regularisation: .* 0.*0\.0"),
        ({"solver": "newton"}, r"solver: .*'picard', 'anderson'.*'newton'"),
        ({"gradient": "full"}, r"gradient: .*'one_step', 'implicit'.*'full'"),
        ({"n": 6}, "key 'n'"),
    ],
)
def test_refuses_what_makes_no_sense(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        model_config(
            {"kind": "equilibrium:EquilibriumConfig", "vocab_size": 6, "seq_len": 9, **values},
            where="config.json: model",
        )


@pytest.mark.filterwarnings("ignore")  # what a compiler of another project warns about is not ours to mend
@pytest.mark.slow
@pytest.mark.parametrize("gradient", ["one_step", "implicit"])
def test_a_compiled_network_gives_the_same_gradients(gradient: str) -> None:
    """With the part of the compiler that differentiates; the rest does not matter here and takes long."""
    config = replace(TINY, gradient=gradient, iterations=4)
    plain, compiled = tame(config), tame(config)
    compiled.net.compile(backend="aot_eager")
    tokens, ids = questions(config)
    found = []
    for model in (plain, compiled):
        loss = model(tokens, ids, model.initial_carry(4)).logits.square().sum()
        found.append(torch.autograd.grad(loss, list(model.net.parameters())))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-4)


# training


@pytest.fixture(scope="module")
def tiny_run() -> RunConfig:
    run = get_recipe("sudoku-4x4", tiny=True)
    model = replace(TINY, vocab_size=run.model.vocab_size, seq_len=16, hidden_size=16, puzzle_dim=16, iterations=4)
    return replace(run, model=model, steps=4, max_steps=3, exploration=0.5, checkpoint_every=2, eval_every=4)


def trainer(run: RunConfig, folder: Path, *, resume: bool = False) -> Trainer:
    task = get_task(run.task)
    data = open_source(task, run.data.train)
    return Trainer(run, folder, task=task, data=data, device=torch.device("cpu"), resume=resume)


@all_combinations
def test_trains_and_resumes_to_the_bit(solver: str, gradient: str, tiny_run: RunConfig, tmp_path: Path) -> None:
    run = replace(tiny_run, model=replace(tiny_run.model, solver=solver, gradient=gradient))
    whole = trainer(run, tmp_path / "whole")
    before = whole.learner.flat.values.detach().clone()
    assert whole.run(lambda model: {"exact": 0.0}, []).finished
    assert not torch.equal(whole.learner.flat.values, before)
    trainer(run, tmp_path / "broken").run(lambda model: {"exact": 0.0}, [], stop_after=0)
    second = trainer(run, tmp_path / "broken", resume=True)
    assert second.run(lambda model: {"exact": 0.0}, []).finished
    want, got = whole.learner.model.state_dict(), second.learner.model.state_dict()
    assert not [name for name in want if not torch.equal(want[name], got[name])]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("float64", "two_threads")
def test_rows_shared_by_threads_learn_the_same(tiny_run: RunConfig, tmp_path: Path) -> None:
    run = replace(tiny_run, model=replace(tiny_run.model, gradient="implicit"), steps=1)
    two = trainer(run, tmp_path / "two")
    torch.set_num_threads(1)
    one = trainer(run, tmp_path / "one")
    assert len(two.learner.threads.slices(run.batch_size)) == 2
    assert len(one.learner.threads.slices(run.batch_size)) == 1
    for each in (one, two):
        each.train_step()
    torch.testing.assert_close(two.learner.flat.gradients, one.learner.flat.gradients, rtol=1e-6, atol=1e-9)
