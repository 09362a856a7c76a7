"""What `--fast` chooses on machines of several kinds."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from redraft.device import fast_bfloat16
from redraft.recipes import get_recipe
from redraft.train import compiled
from redraft.train.config import RunConfig
from redraft.train.fast import Choice, Facts, fast_choices
from redraft.train.memory import Need

GIB = 2**30
LAPTOP = Facts(device="cpu", cores=2, threads=2, bfloat16=False, compiler=True, numba=True, free=8 * GIB)
GPU = Facts(device="cuda", cores=16, threads=16, bfloat16=True, compiler=True, numba=True, free=100 * GIB)
SMALL = Need(fixed=GIB, kept=2**20, carried=2**10)


def chosen(config: RunConfig, facts: Facts, need: Need = SMALL, **others: Any) -> tuple[RunConfig, dict[str, Choice]]:
    config, choices = fast_choices(config, facts, lambda model: need, **others)
    return config, {choice.name: choice for choice in choices}


def test_a_laptop_keeps_what_is_fast_there(tiny: RunConfig) -> None:
    config, choices = chosen(tiny, LAPTOP)
    assert config == tiny, "its rows are shared by threads whatever the configuration"
    assert {name for name, choice in choices.items() if choice.taken} == {"rows shared by threads", "kernels"}
    assert str(choices["compile"]).startswith("compile: no, on a CPU the kernels are as fast")
    without = chosen(tiny, replace(LAPTOP, numba=False))[1]["kernels"]
    assert str(without) == "kernels: no, Numba is missing: pip install numba"


def test_a_server_without_an_idle_core_less(tiny: RunConfig) -> None:
    _, choices = chosen(tiny, replace(LAPTOP, cores=8, threads=1, bfloat16=True))
    assert not choices["rows shared by threads"].taken and choices["sampling ahead"].taken
    assert choices["bfloat16"].taken


def test_a_gpu_takes_everything(tiny: RunConfig) -> None:
    config, choices = chosen(tiny, GPU)
    assert (config.compile, config.model.dtype, config.micro_batch) == (True, "bfloat16", None)
    assert choices["sampling ahead"].taken and not choices["rows shared by threads"].taken


def test_kernels_of_our_own_are_not_compiled_away(tiny: RunConfig) -> None:
    model = get_recipe("sudoku-extreme-eq").model
    config, choices = chosen(replace(tiny, model=model), GPU)
    assert (config.compile, config.model.dtype) == (False, "bfloat16")
    assert "kernels of our own" in str(choices["compile"])
    assert chosen(replace(tiny, model=replace(model, hidden_size=96)), GPU)[0].compile, (
        "they are not made for this width"
    )
    assert not chosen(replace(tiny, model=model), replace(GPU, compiler=False))[0].compile


def test_what_a_gpu_lacks_is_left_out(tiny: RunConfig) -> None:
    config, choices = chosen(tiny, replace(GPU, compiler=False, bfloat16=False))
    assert (config.compile, config.model.dtype) == (False, "float32")
    assert str(choices["compile"]) == "compile: no, Triton is missing: pip install triton"


def test_a_step_too_large_is_cut_into_parts(tiny: RunConfig) -> None:
    large = replace(tiny, batch_size=768)
    need = Need(fixed=GIB, kept=GIB // 2, carried=2**10)
    config, choices = chosen(large, GPU, need)
    assert config.micro_batch == 158, "80 % of 99 GiB, half a GiB each"
    assert "158 slots at a time fit" in str(choices["micro-batches"])
    assert chosen(large, GPU, need, world=8)[0].micro_batch is None, "a process has 96 of them"
    assert chosen(large, replace(GPU, free=None), need)[0].micro_batch is None


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
