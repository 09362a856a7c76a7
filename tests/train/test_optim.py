"""The schedule, the flat buffer, sign-SGD on sparse rows, the moving average, exploration."""

import math

import pytest
import torch

from redraft.models import TRMConfig, build_model
from redraft.train.config import OptimConfig
from redraft.train.losses import log_stablemax
from redraft.train.optim import (
    AdamAtan2,
    FlatParameters,
    MovingAverage,
    Muon,
    SignSGD,
    learning_rate,
    optimiser_of,
    orthogonal,
)
from redraft.train.slots import exploration

pytestmark = pytest.mark.arithmetic


def test_learning_rate_warms_up_then_falls_along_a_cosine() -> None:
    shares = [learning_rate(step, warmup=4, total=12, min_ratio=0.1) for step in range(13)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert shares[4] == 1.0
    assert shares[8] == pytest.approx(0.1 + 0.9 * 0.5)
    assert shares[12] == pytest.approx(0.1)
    assert learning_rate(9, warmup=4, total=12, min_ratio=1.0) == 1.0


def test_flat_parameters_train_as_separate_ones_do() -> None:
    def trained(flat: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
        buffer = FlatParameters(dict(net.named_parameters())) if flat else None
        optimiser = AdamAtan2([buffer.values] if buffer else net.parameters(), lr=0.1, weight_decay=0.1)
        for _ in range(4):
            loss = net(torch.ones(2, 3)).square().sum()
            if buffer is None:
                net.zero_grad()
                loss.backward()
            else:
                gradients = torch.autograd.grad(loss, buffer.parameters)
                buffer.set_gradients([[0.25 * g for g in gradients], [0.75 * g for g in gradients]])
            optimiser.step()
        return [p.detach().clone() for p in net.parameters()]

    for ours, theirs in zip(trained(True), trained(False), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_updates_of_muon_are_orthogonal() -> None:
    """Every direction counts about the same, however unlike the gradient's singular values are."""
    matrices = torch.randn(2, 6, 10, generator=torch.Generator().manual_seed(0)) * torch.logspace(0, -1, 10)
    for given in (matrices, matrices.mT):
        sizes = torch.linalg.svdvals(orthogonal(given))
        assert sizes.min() > 0.5 and sizes.max() < 1.3
        assert torch.linalg.svdvals(given).min() < 0.2 * torch.linalg.svdvals(given).max()


def test_muon_moves_matrices_of_the_networks_and_adam_the_rest() -> None:
    model = build_model(
        TRMConfig(
            vocab_size=6,
            seq_len=16,
            hidden_size=16,
            width_multiple=8,
            mixer="mlp",
            positions="none",
            puzzle_positions=0,
            n=1,
            T=1,
        )
    )
    torch.manual_seed(0)
    gradients = [torch.randn_like(p) for p in model.dense_parameters().values()]
    before = {name: p.detach().clone() for name, p in model.dense_parameters().items()}
    moved = {}
    for kind in ("muon", "adamw"):
        other = build_model(model.config)
        flat = FlatParameters(other.dense_parameters())
        optimiser = optimiser_of(OptimConfig(kind=kind, weight_decay=0.0), flat, other)  # type: ignore[arg-type]
        optimiser.param_groups[0]["lr"] = 0.1
        flat.set_gradients([gradients])
        optimiser.step()
        moved[kind] = {name: p.detach() - before[name] for name, p in other.dense_parameters().items()}
    for name, change in moved["muon"].items():
        if name.startswith("net.blocks") and change.ndim > 1:
            size = float(change.square().mean().sqrt())
            assert size == pytest.approx(0.1 * Muon.SIZE, rel=0.4), f"{name}: about as large as the updates of AdamW"
            sizes = torch.linalg.svdvals(change)
            assert sizes.median() > 0.5 * sizes.max()
        else:
            torch.testing.assert_close(change, moved["adamw"][name], rtol=1e-3, atol=1e-5)


def test_sign_sgd_moves_only_rows_with_a_gradient_and_sums_repeated_ones() -> None:
    table = torch.nn.Parameter(torch.ones(4, 2))
    rows = torch.nn.functional.embedding(torch.tensor([2, 0, 2]), table, sparse=True)
    (rows * torch.tensor([[1.0, 1.0], [3.0, -1.0], [-2.0, 1.0]])).sum().backward()
    SignSGD([table], lr=0.1, weight_decay=0.5).step()
    kept = 1 - 0.1 * 0.5
    want = torch.tensor([[kept - 0.1, kept + 0.1], [1, 1], [kept + 0.1, kept - 0.1], [1, 1]])
    torch.testing.assert_close(table.detach(), want)


def test_moving_average() -> None:
    config = TRMConfig(vocab_size=3, seq_len=2, hidden_size=8, num_heads=2, puzzle_positions=1, puzzle_dim=8)
    model = build_model(config)
    flat = FlatParameters(model.dense_parameters())
    average = MovingAverage(model, flat, decay=0.75)
    before = flat.values.detach().clone()
    with torch.no_grad():
        flat.values.add_(1.0)
    average.update()
    torch.testing.assert_close(average.average.values.detach(), before + 0.25)
    torch.testing.assert_close(
        average.model.state_dict()["halt_head.bias"], model.state_dict()["halt_head.bias"] - 0.75
    )


def test_exploration_is_a_function_of_seed_step_and_rank() -> None:
    def draw(seed: int = 0, step: int = 5, rank: int = 0) -> list[int]:
        return exploration(seed, step, rank, batch=400, max_steps=16, probability=0.1).tolist()

    assert draw() == draw()
    assert draw() != draw(step=6) and draw() != draw(seed=1) and draw() != draw(rank=1)
    forced = [steps for steps in draw() if steps]
    assert 20 <= len(forced) <= 60 and min(forced) >= 2 and max(forced) <= 16
    assert not any(exploration(0, 0, 0, batch=50, max_steps=16, probability=0.0).tolist())


def test_log_stablemax_is_the_log_of_normalised_s() -> None:
    logits = torch.tensor([[-1e4, -2.0, 0.0, 3.0, 1e6]], dtype=torch.float64)
    s = torch.where(logits >= 0, logits + 1, 1 / (1 - logits))
    torch.testing.assert_close(log_stablemax(logits), (s / s.sum()).log())
    assert log_stablemax(torch.full((1, 4), -1e30)).isfinite().all()
    assert log_stablemax(torch.zeros(1, 4))[0, 0] == pytest.approx(math.log(0.25))
