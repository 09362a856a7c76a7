"""The table of operations: what runs for which tensors, and that it says so."""

import importlib.util
from dataclasses import replace
from typing import Any

import pytest
import torch

from redraft.core.layers import Linear, SwiGLU
from redraft.core.pooling import heard
from redraft.kernels import Implementation, Operation, amx, cpu, int8, matmul, ops
from redraft.models import build_model
from redraft.models.equivariant import EquivariantBlock
from redraft.recipes.alike import equivariant
from redraft.tasks import get_task

EPS = 1e-5
needs_numba = pytest.mark.skipif(cpu.kernels() is None, reason="Numba may not compile")


def block(**changes: Any) -> EquivariantBlock:
    config = replace(equivariant(get_task("sudoku-4x4"), hidden_size=32), **changes)
    found = build_model(config, seed=0).net.blocks[0]  # type: ignore[union-attr, index]
    assert isinstance(found, EquivariantBlock)
    return found


def chosen(block: EquivariantBlock, h: torch.Tensor) -> str:
    arguments = *heard(h, block.parts), *block.mlp.weights(h.dtype)
    return ops.pools_block.choose(h, *arguments, eps=EPS, packed=block.packed).name


@needs_numba
def test_what_runs_for_a_state_is_one_question() -> None:
    gated, h = SwiGLU(8, expansion=2.0, multiple=4), torch.ones(2, 5, 8)
    weights = gated.weights(h.dtype)
    assert ops.add_norm.choose(h, h, eps=EPS).name == "Numba"
    assert ops.add_norm.choose(h, h[:1], eps=EPS).name == "PyTorch", "shapes differ"
    assert ops.swiglu_add_norm.choose(h, *weights, eps=EPS).name == "Numba"
    assert ops.laid_out.choose(h).name == "Numba"
    for other in (h.half(), h[:0], h.to("meta")):
        assert ops.swiglu_add_norm.choose(other, *weights, eps=EPS).name == "PyTorch"
    with torch.autocast("cpu", torch.bfloat16):
        assert ops.swiglu_add_norm.choose(h, *weights, eps=EPS).name == "PyTorch"
    torch.func.vmap(lambda row: _asserted(ops.laid_out.choose(row), row))(h)


def _asserted(found: Implementation, row: torch.Tensor) -> torch.Tensor:
    assert found is ops.laid_out.reference, "in a transformed function"
    return row


def test_short_attention_in_bfloat16_goes_by_products() -> None:
    """Results and gradients as of the reference; longer ones, whose scores fill memory, and others stay with it."""
    torch.manual_seed(0)
    inputs = [torch.randn(2, 3, 17, 8).bfloat16().requires_grad_() for _ in range(3)]
    wanted = torch.randn(2, 3, 17, 8).bfloat16()
    assert ops.attention.choose(*inputs).name == "matrix products"
    got = ops.attention(*inputs)
    gradients = torch.autograd.grad(got, inputs, wanted)
    exact = [each.detach().double().requires_grad_() for each in inputs]
    want = ops.attention.reference.run(*exact)
    torch.testing.assert_close(got.double(), want, rtol=0.02, atol=0.02)
    for mine, other in zip(gradients, torch.autograd.grad(want, exact, wanted.double()), strict=True):
        torch.testing.assert_close(mine.double(), other, rtol=0.03, atol=0.03)
    for others in (torch.ones(1, 1, ops.SHORT + 1, 2).bfloat16(), torch.ones(1, 1, 4, 2)):
        assert ops.attention.choose(others, others, others).name == "PyTorch"


@pytest.mark.skipif(not int8.available(), reason="torch has no 8-bit linear layers on this machine")
def test_weights_in_int8_have_their_own_way() -> None:
    weight, h = int8.rounded(Linear(8, 16).weight), torch.ones(2, 5, 8)
    down = int8.rounded(Linear(8, 8).weight)
    assert ops.linear.choose(h, weight).name == "int8"
    assert ops.swiglu_add_norm.choose(h, weight, down, eps=EPS).name == "PyTorch"
    assert ops.swiglu_add_norm(h, weight, down, eps=EPS).shape == h.shape


@needs_numba
def test_blocks_that_were_packed_go_to_tiles_without_a_gradient() -> None:
    one, h = block(), torch.ones(2, 16, 4, 32).bfloat16()
    assert chosen(one, h) == "PyTorch"
    one.packed = one.for_tiles()
    assert chosen(one, h) == "PyTorch", "a gradient is wanted"
    with torch.no_grad():
        assert chosen(one, h) == "AMX" and chosen(one, h.float()) == "PyTorch"
    assert block(scopes=("rows", "around")).for_tiles() is None


@pytest.mark.parametrize("operation", ops.OPERATIONS, ids=lambda each: each.name)
def test_the_reference_comes_last_and_always_applies(operation: Operation[Any]) -> None:
    names = [row["by"] for row in ops.table() if row["operation"] == operation.name]
    assert names[-1] == "PyTorch" and len(set(names)) == len(names) > 1
    assert operation.__doc__ and operation.reference.applies() and operation.reference.able()


def test_the_table_tells_what_this_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "kernels", lambda: None)
    monkeypatch.setattr(amx, "usable", lambda: True)
    rows = {(row["operation"], row["by"]): row["here"] for row in ops.table()}
    assert rows["pools_block", "AMX"] is True and rows["add_norm", "Numba"] is False
    assert rows["linear", "PyTorch"] is True


@needs_numba
@pytest.mark.parametrize("gradient", [False, True])
def test_what_is_added_is_not_written_over(gradient: bool) -> None:
    h, added = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    before = added.clone()
    with torch.set_grad_enabled(gradient):
        ops.add_norm(h.requires_grad_(gradient), added, eps=EPS)
    assert torch.equal(added, before)


def test_a_torch_without_its_private_functions_does_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C._functorch, "peek_interpreter_stack")
    assert matmul.__file__ is not None
    spec = importlib.util.spec_from_file_location("matmul_anew", matmul.__file__)
    assert spec is not None and spec.loader is not None
    anew: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    assert anew.eager_on_cpu(torch.ones(2))
    anew._multiply = None
    assert not anew.onednn_is_faster()
    torch.testing.assert_close(anew.mm(torch.ones(2, 3), torch.ones(3, 2)), torch.full((2, 2), 3.0))
