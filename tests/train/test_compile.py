"""A compiled step trains as the plain one does, as one graph that is compiled once."""

import copy
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch._dynamo.utils import counters

from redraft.core.pooling import symbol_pool
from redraft.kernels.ops import rms_norm
from redraft.models import HRMConfig, ModelConfig, build_model
from redraft.models.execution import compile_options
from redraft.train import compiled
from redraft.train.compiled import CompiledForward, forward_of
from redraft.train.config import RunConfig
from redraft.train.forward import Forward
from redraft.train.loop import Trainer

CPU = torch.device("cpu")
# what a compiler of another project warns about is not ours to mend
pytestmark = [pytest.mark.arithmetic, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def as_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are traced as one graph and differentiated, but no code is generated, which takes minutes."""
    torch.compiler.reset()
    counters.clear()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    monkeypatch.setattr(compiled, "missing_compiler", lambda device: None)


def assert_same_weights(run: Trainer, plain: Trainer) -> None:
    """Up to rounding, which moves weights by some 4e-7 in 50 steps (measured with all but the norms in float64)."""
    torch.testing.assert_close(run.learner.flat.values, plain.learner.flat.values, rtol=0, atol=1e-5)
    torch.testing.assert_close(run.learner.tables[0], plain.learner.tables[0], rtol=0, atol=1e-5)
    assert torch.equal(run.slots.halted, plain.slots.halted)
    assert run.learner.model.state_dict().keys() == plain.learner.model.state_dict().keys()


@pytest.mark.slow
@pytest.mark.usefixtures("as_traced")
@pytest.mark.parametrize("recompute", [False, True])
def test_a_step_is_one_graph_traced_once(trainer: Callable[..., Trainer], tiny: RunConfig, recompute: bool) -> None:
    config = replace(tiny, model=replace(tiny.model, num_layers=1), steps=50, recompute=recompute)
    plain, run = trainer("plain", config=config), trainer("compiled", config=replace(config, compile=True))
    run.learner.threads.threads = 2
    assert len(run.learner.threads.slices(tiny.batch_size)) == 1, "a compiler is not to be called by several threads"
    plain.train_step()
    run.train_step()
    with torch.compiler.set_stance("fail_on_recompile"):
        for _ in range(49):
            plain.train_step()
            run.train_step()
    assert counters["stats"]["unique_graphs"] == 1
    assert_same_weights(run, plain)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_generated_code_trains_the_same_weights(trainer: Callable[..., Trainer], tiny: RunConfig) -> None:
    config = replace(tiny, model=replace(tiny.model, num_layers=1, T=1, n=1))
    plain, run = trainer("plain", config=config), trainer("compiled", config=replace(config, compile=True))
    for _ in range(4):
        plain.train_step()
        run.train_step()
    assert_same_weights(run, plain)


@pytest.mark.slow
@pytest.mark.usefixtures("as_traced")
def test_networks_alone_are_compiled_where_that_is_asked_for(trainer: Callable[..., Trainer], tiny: RunConfig) -> None:
    plain, run = trainer("plain"), trainer("compiled", config=replace(tiny, compile=True, graph="network"))
    assert type(run.learner.forward) is Forward
    run.learner.threads.threads = 2
    assert len(run.learner.threads.slices(tiny.batch_size)) == 1, "a compiler is not to be called by several threads"
    for _ in range(4):
        plain.train_step()
        run.train_step()
    assert counters["stats"]["unique_graphs"] == 2, "with and without a gradient"
    assert_same_weights(run, plain)


class Peaks(torch.nn.Module):
    """A maximum of what is computed in half precision, as an equivariant block has it."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = symbol_pool(8, cells=4)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return self.pool(rms_norm(h, eps=1e-5))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_generated_code_finds_maxima_again_in_half_precision() -> None:
    torch.compiler.reset()
    plain = Peaks()
    run = copy.deepcopy(plain)
    run.compile(options=compile_options(run))
    h = torch.randn(16, 4, 6, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    h.requires_grad_()
    found, wanted = (torch.autograd.grad(net(h).float().square().sum(), h)[0].float() for net in (run, plain))
    torch.testing.assert_close(found, wanted, rtol=0.02, atol=0.02 * float(wanted.abs().max()))


@pytest.mark.slow
def test_what_is_not_one_graph_is_compiled_by_networks(tiny: RunConfig) -> None:
    config: ModelConfig = HRMConfig(vocab_size=6, seq_len=16, hidden_size=8, num_heads=2, puzzle_dim=8)
    lines: list[str] = []
    forward = CompiledForward(build_model(config), tiny, CPU, report=lines.append)
    (line,) = lines
    assert re.match("compile: .*HRM .*puzzle table.*networks", line)
    assert all(network._compiled_call_impl is not None for network in forward.model.networks())


def test_without_a_compiler_the_run_goes_on(tiny: RunConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    lines: list[str] = []
    forward = forward_of(build_model(tiny.model), replace(tiny, compile=True), CPU, report=lines.append)
    assert type(forward) is Forward and not forward.compiled, "so that threads share its rows"
    (line,) = lines
    assert line.startswith("compile: ") and "g++" in line
