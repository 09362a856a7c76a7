"""How a model is executed changes none of its results, and its cost is counted; int8 is tested beside its kernels."""

from dataclasses import replace

import pytest
import torch

from redraft.core.layers import Linear
from redraft.models import DirectConfig, Model, TRMConfig, build_model
from redraft.models.execution import cast_once, compile_options, work
from redraft.recipes.alike import equivariant
from redraft.tasks import get_task

pytestmark = pytest.mark.arithmetic

CONFIG = TRMConfig(vocab_size=6, seq_len=5, hidden_size=8, mixer="mlp", positions="none", puzzle_positions=0, T=3, n=2)


def model_of(dtype: str) -> Model:
    return build_model(replace(CONFIG, dtype=dtype))  # type: ignore[arg-type]


def test_weights_cast_once_give_the_same_results_and_gradients_to_the_bit() -> None:
    """Also where a weight is used again and again: gradients of all uses are summed in float32."""
    model, h = model_of("bfloat16"), torch.randn(3, 5, 8).bfloat16()
    [net] = model.networks()

    def run() -> list[torch.Tensor]:
        result = net(net(net(h)))
        return [result.detach(), *torch.autograd.grad(result.float().square().sum(), [*net.parameters()])]

    wanted = run()
    with cast_once(model):
        got = run()
        with torch.no_grad():
            assert torch.equal(net(net(net(h))), wanted[0])
            net.blocks[0].mlp.down.weight.zero_()  # type: ignore[union-attr, index]
            assert torch.equal(net(net(net(h))), wanted[0]), "what changes meanwhile is not seen"
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))
    assert all(gradient.dtype == torch.float32 for gradient in got[1:])
    assert not torch.equal(net(net(net(h))), wanted[0]), "afterwards weights are what they are"
    plain = model_of("float32")
    with cast_once(plain):
        assert all(module.cast is None for module in plain.modules() if isinstance(module, Linear))


def test_a_step_is_as_many_recursions_as_it_is_asked_for() -> None:
    model = model_of("float32")
    tokens, ids = torch.arange(10).view(2, 5) % 6, torch.zeros(2, dtype=torch.int64)
    assert model.recursions == 3
    with torch.no_grad():
        whole, carry = model(tokens, ids, model.initial_carry(2)), model.initial_carry(2)
        for _ in range(3):
            part = model(tokens, ids, carry, 1)
            carry = part.carry
    assert torch.equal(part.logits, whole.logits) and torch.equal(part.halt_logit, whole.halt_logit)
    assert (
        build_model(DirectConfig(vocab_size=6, seq_len=5, hidden_size=8, num_heads=2, puzzle_positions=0)).recursions
        == 1
    )


def test_a_compiler_rounds_casts_where_a_network_takes_maxima() -> None:
    assert not compile_options(model_of("float32"))
    alike = build_model(equivariant(get_task("sudoku-4x4"), hidden_size=16))
    assert compile_options(alike) == {"emulate_precision_casts": True}


def test_work_counts_each_evaluation() -> None:
    config = TRMConfig(
        vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, width_multiple=8, n=2, T=3, mixer="mlp",
        positions="none", puzzle_positions=0,
    )  # fmt: skip
    model = build_model(config)
    weights = sum(parameter.numel() for parameter in model.networks()[0].parameters())
    assert work(model, 5) == weights * 16 * 9 * 5
    attentive = build_model(replace(config, mixer="attention"))
    weights = sum(parameter.numel() for parameter in attentive.networks()[0].parameters())
    assert work(attentive, 5) > weights * 16 * 9 * 5, "and each pair of cells"


def test_a_state_for_every_symbol_counts_as_often() -> None:
    model = build_model(equivariant(get_task("sudoku-4x4"), hidden_size=16, n=2, T=2))
    weights = sum(parameter.numel() for parameter in model.networks()[0].parameters())
    assert work(model) == weights * 16 * 4 * 6, "16 cells x 4 digits"


def test_a_model_without_a_state_counts_its_cells() -> None:
    assert (
        work(build_model(DirectConfig(vocab_size=6, seq_len=16, hidden_size=16, num_heads=2, puzzle_positions=0))) > 0
    )
