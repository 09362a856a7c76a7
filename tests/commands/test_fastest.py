"""What `--fast` chooses on machines of several kinds."""

import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from redraft.commands.fastest import Choice, Facts, fast_choices
from redraft.device import fast_bfloat16
from redraft.models.config import DType
from redraft.recipes import get_recipe
from redraft.train import compiled
from redraft.train.config import RunConfig
from redraft.train.trials import Setting, Together, Trials

LAPTOP = Facts(device="cpu", cores=2, threads=2, bfloat16=False, compiler=True, numba=True)
GPU = Facts(device="cuda", cores=16, threads=16, bfloat16=True, compiler=True, numba=True)


@pytest.fixture
def tiny() -> RunConfig:
    return get_recipe("sudoku-4x4", tiny=True)


def chosen(
    config: RunConfig, facts: Facts, fits: int | None = 768, **others: Any
) -> tuple[RunConfig, dict[str, Choice]]:
    config, choices = fast_choices(config, facts, lambda config: fits, slots=768, **others)
    return config, {choice.name: choice for choice in choices}


def test_a_laptop_keeps_what_is_fast_there(tiny: RunConfig) -> None:
    config, choices = chosen(tiny, LAPTOP)
    assert config == tiny, "its rows are shared by threads whatever the configuration"
    assert {name for name, choice in choices.items() if choice.taken} == {"rows shared by threads", "kernels"}
    assert str(choices["compile"]).startswith("compile: no, ")
    without = chosen(tiny, replace(LAPTOP, numba=False))[1]["kernels"]
    assert re.match(r"kernels: no, .*pip install 'redraft\[train\]'$", str(without))


def test_a_server_without_an_idle_core_less(tiny: RunConfig) -> None:
    _, choices = chosen(tiny, replace(LAPTOP, cores=8, threads=1, bfloat16=True))
    assert not choices["rows shared by threads"].taken and choices["sampling ahead"].taken
    assert choices["bfloat16"].taken


def of_trials(rates: dict[tuple[DType, int], float], taken: tuple[DType, int], together: float | None = None) -> Trials:
    found = {Setting(dtype=dtype, threads=threads): rate for (dtype, threads), rate in rates.items()}
    side_by_side = None if together is None else Together(dtype=taken[0], processes=2, rate=together)
    return Trials(slots=8, rates=found, taken=Setting(dtype=taken[0], threads=taken[1]), together=side_by_side)


RATES: dict[tuple[DType, int], float] = {("float32", 2): 500.0, ("bfloat16", 2): 800.0, ("bfloat16", 1): 450.0}


def test_on_a_cpu_trials_decide_not_its_flags(tiny: RunConfig) -> None:
    able = replace(LAPTOP, bfloat16=True)
    config, choices = chosen(tiny, able, trials=of_trials(RATES, ("bfloat16", 2)))
    assert (config.model.dtype, config.threads, config.compile) == ("bfloat16", 2, False)
    assert str(choices["bfloat16"]).startswith("bfloat16: yes, 800 examples/s, 500 in float32")
    assert "processes" not in choices
    slow = {**RATES, ("bfloat16", 2): 350.0}
    config, choices = chosen(tiny, able, trials=of_trials(slow, ("float32", 2)))
    assert (config.model.dtype, config.threads) == ("float32", 2)
    assert str(choices["bfloat16"]) == "bfloat16: no, 450 examples/s, 500 in float32"


def test_one_thread_leaves_a_core_for_sampling(tiny: RunConfig) -> None:
    config, choices = chosen(
        tiny, LAPTOP, trials=of_trials({("float32", 2): 50.0, ("float32", 1): 60.0}, ("float32", 1))
    )
    assert config.threads == 1 and choices["sampling ahead"].taken
    assert str(choices["rows shared by threads"]).startswith("rows shared by threads: no, ")


@pytest.mark.parametrize(("rate", "recommended"), [(1000.0, True), (700.0, False)])
def test_processes_are_recommended_by_what_they_did(tiny: RunConfig, rate: float, recommended: bool) -> None:
    _, choices = chosen(tiny, LAPTOP, trials=of_trials(RATES, ("bfloat16", 2), together=rate))
    assert not choices["processes"].taken, "they are not for a process to start"
    said = str(choices["processes"])
    assert re.search(rf" {rate:,.0f} examples/s .*bfloat16.* 800\b", said)
    assert ("torchrun --nproc-per-node 2 -m redraft train" in said) == recommended


def test_a_gpu_takes_everything(tiny: RunConfig) -> None:
    config, choices = chosen(tiny, GPU)
    assert (config.compile, config.model.dtype, config.micro_batch) == (True, "bfloat16", None)
    assert choices["sampling ahead"].taken and not choices["rows shared by threads"].taken


def test_kernels_of_our_own_are_not_compiled_away(tiny: RunConfig) -> None:
    model = get_recipe("sudoku-extreme-eq").model
    config, choices = chosen(replace(tiny, model=model), GPU)
    assert (config.compile, config.model.dtype) == (False, "bfloat16")
    assert re.match("compile: no, .*kernels", str(choices["compile"]))
    assert chosen(replace(tiny, model=replace(model, hidden_size=96)), GPU)[0].compile, (
        "they are not made for this width"
    )
    assert not chosen(replace(tiny, model=model), replace(GPU, compiler=False))[0].compile


def test_what_a_gpu_lacks_is_left_out(tiny: RunConfig) -> None:
    config, choices = chosen(tiny, replace(GPU, compiler=False, bfloat16=False))
    assert (config.compile, config.model.dtype) == (False, "float32")
    assert re.match("compile: no, .*pip install triton$", str(choices["compile"]))


@pytest.mark.parametrize("facts", [LAPTOP, GPU])
def test_a_step_too_large_is_cut_into_parts(tiny: RunConfig, facts: Facts) -> None:
    config, choices = chosen(tiny, facts, fits=158)
    assert config.micro_batch == 158 and "158 slots" in str(choices["micro-batches"])
    for fits in (768, None):
        config, choices = chosen(tiny, facts, fits=fits)
        assert config.micro_batch is None and not choices["micro-batches"].taken


def test_facts_of_this_machine() -> None:
    facts = Facts.of(torch.device("cpu"))
    assert facts.device == "cpu" and facts.cores >= 1 and facts.threads >= 1


def test_bfloat16_on_a_cpu_only_with_instructions_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for names, able in (({"avx2": True, "amx_tile": False}, False), ({"avx512_bf16": True}, True)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda names=names: names, raising=False)
        assert fast_bfloat16(cpu) is able


def test_a_gpu_without_triton_lacks_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "find_spec", lambda name: None)
    assert compiled.missing_compiler(torch.device("cuda")) == "Triton"
