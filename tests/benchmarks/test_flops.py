"""The formula for a step's operations agrees with PyTorch's own count."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.flops import counted, head_products, inference_flops, network_products, training_flops
from redraft.errors import ConfigError
from redraft.kernels import matmul
from redraft.models import TRMConfig, build_model
from redraft.models.config import DirectConfig, HRMConfig
from redraft.recipes import get_recipe
from redraft.recipes.alike import equivariant
from redraft.tasks import get_task

BATCH = 3


@pytest.fixture(autouse=True)
def products_that_torch_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matmul, "by_onednn", lambda a: False)


TINY = {"vocab_size": 6, "seq_len": 16, "hidden_size": 32, "num_heads": 4, "width_multiple": 16, "n": 2, "T": 2}


def config(mixer: str, positions: str) -> TRMConfig:
    return TRMConfig(mixer=mixer, positions=positions, puzzle_positions=2, puzzle_dim=32, **TINY)


@pytest.mark.parametrize(("mixer", "positions"), [("mlp", "none"), ("attention", "rope")])
def test_formula_agrees_with_the_counter(mixer: str, positions: str) -> None:
    model = build_model(config(mixer, positions))
    tokens, ids = torch.ones(BATCH, 16, dtype=torch.int64), torch.zeros(BATCH, dtype=torch.int64)

    def count(backward: bool) -> int:
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            output = model(tokens, ids, model.initial_carry(BATCH))
            if backward:
                (output.logits.sum() + output.halt_logit.sum()).backward()
        return counter.get_total_flops()

    assert inference_flops(model.config, BATCH) == count(backward=False)
    assert training_flops(model.config, BATCH) == count(backward=True)


def test_formula_agrees_with_the_counter_for_hrm() -> None:
    model = build_model(HRMConfig(mixer="mlp", positions="none", puzzle_positions=1, puzzle_dim=32, **TINY))
    assert isinstance(model.config, HRMConfig)
    tokens, ids = torch.ones(BATCH, 16, dtype=torch.int64), torch.zeros(BATCH, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        output = model(tokens, ids, model.initial_carry(BATCH))
        forward = counter.get_total_flops()
        (output.logits.sum() + output.halt_logit.sum()).backward()
    assert inference_flops(model.config, BATCH) == forward
    assert training_flops(model.config, BATCH) == counter.get_total_flops()
    assert training_flops(model.config, BATCH, looks_ahead=True) == counter.get_total_flops() + forward


@pytest.mark.parametrize("task", ["sudoku-6x6", "sudoku-9x9"])
def test_formula_agrees_with_the_counter_for_an_equivariant_model(task: str) -> None:
    shape = equivariant(get_task(task), hidden_size=16, n=2, T=2, halting="pooled")
    model = build_model(shape)
    tokens, ids = torch.ones(BATCH, shape.seq_len, dtype=torch.int64), torch.zeros(BATCH, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        output = model(tokens, ids, model.initial_carry(BATCH))
        forward = counter.get_total_flops()
        (output.logits.sum() + output.halt_logit.sum()).backward()
    assert inference_flops(shape, BATCH) == forward
    assert training_flops(shape, BATCH) == counter.get_total_flops()


def test_other_models_are_not_counted() -> None:
    assert counted(config("mlp", "none")) == config("mlp", "none")
    with pytest.raises(ConfigError, match=r"\bTRM\b.*\bHRM\b.*\bequivariant\b.* Direct\b"):
        counted(DirectConfig(vocab_size=6, seq_len=16))
    with pytest.raises(ConfigError, match=r"\bequivariant\b.* Equivariant\b"):
        counted(equivariant(get_task("sudoku-6x6"), mixer="mlp"))


def test_operations_grow_with_the_batch_alone() -> None:
    tiny = config("attention", "rope")
    assert training_flops(tiny, 7) == 7 * training_flops(tiny)
    assert inference_flops(tiny, 7) == 7 * inference_flops(tiny)


def test_full_size_figures() -> None:
    full = get_recipe("sudoku-extreme-mlp").model
    assert round(training_flops(full) / 1e9) == 43
    assert round(inference_flops(full) / 1e9) == 26
    products = {product.name: product for product in network_products(full, 8)}
    down = products["mlp.down"]
    assert (down.rows, down.inner, down.columns, down.times) == (8 * 97, 1536, 512, 2)
    assert {product.name for product in head_products(full, 8)} == {"answer_head", "halt_head"}
