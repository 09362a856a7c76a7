"""How a model is executed changes none of its results; int8 has its tests beside its kernels."""

from dataclasses import replace

import pytest
import torch

from redraft.core.layers import Linear
from redraft.models import DirectConfig, Model, TRMConfig, build_model
from redraft.models.execution import cast_once, compile_options
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
