"""Memory of a step: predicted as measured, and a clear line where it does not suffice."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from redraft.models import Model, TRMConfig
from redraft.train import memory
from redraft.train.config import RunConfig
from redraft.train.loop import Trainer
from redraft.train.memory import HEADROOM, Need, OutOfMemory, free_bytes, is_out_of_memory, need_of

CPU = torch.device("cpu")
GIB = 2**30
ALLOCATOR = "[enforce fail at alloc_cpu.cpp:119] err == 0. DefaultCPUAllocator: can't allocate memory: you tried ..."

# Peak resident memory in bytes after a step of one slot, of many that recomputes, and of many that does not.
MEASURE = """
import json, re, sys, torch
from redraft.models import TRMConfig, build_model
from redraft.train.losses import step_loss
peaks = []
for rows, recompute in ((1, True), (int(sys.argv[1]), True), (int(sys.argv[1]), False)):  # recomputing imports much
    model = build_model(TRMConfig(**json.loads(sys.argv[2])))
    if recompute:
        model.recompute_networks()
    tokens = torch.zeros(rows, model.config.seq_len, dtype=torch.int64)
    output = model(tokens, tokens[:, 0], model.initial_carry(rows))
    torch.autograd.grad(step_loss(output, tokens).total, list(model.net.parameters()))
    del output
    # not getrusage, which begins at the peak of who started this process
    peaks.append(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024)
print(json.dumps([peak - peaks[0] for peak in peaks[1:]]))
"""
SHAPE = {"vocab_size": 8, "seq_len": 36, "hidden_size": 96, "num_layers": 2, "mixer": "mlp", "positions": "none"}
SHAPE |= {"puzzle_positions": 0, "width_multiple": 32, "n": 3, "T": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_predicted_as_measured() -> None:
    slots = 128
    command = [sys.executable, "-c", MEASURE, str(slots), json.dumps(SHAPE)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    for recompute, measured in zip((True, False), json.loads(told), strict=True):
        predicted = need_of(TRMConfig(**SHAPE), CPU, recompute=recompute).kept * slots
        assert predicted == pytest.approx(measured, rel=0.3), f"recompute={recompute}"


def test_weights_in_half_precision_are_not_counted_for_every_slot() -> None:
    assert need_of(TRMConfig(**SHAPE, dtype="bfloat16"), CPU).kept < 0.6 * need_of(TRMConfig(**SHAPE), CPU).kept


def test_recomputation_keeps_far_less() -> None:
    config = TRMConfig(**{**SHAPE, "n": 6})
    assert need_of(config, CPU, recompute=True).kept < need_of(config, CPU).kept / 2


def test_a_table_counts_by_its_rows() -> None:
    config = TRMConfig(**{**SHAPE, "puzzle_positions": 1, "puzzle_dim": 96})
    small, large = need_of(config, CPU), need_of(replace(config, num_puzzles=1001), CPU)
    assert large.fixed - small.fixed == 1000 * 96 * 4 and large.kept == small.kept


def test_what_fits() -> None:
    need = Need(fixed=7, kept=1000, carried=10)
    assert need.total(8, 4) == 7 + 80 + 4000
    free = int(5000 / HEADROOM)
    assert need.fitting(free, 100) == 4, "the states of all slots take 1000 of 5000"
    assert need.fitting(10 * free, 3) == 3 and need.fitting(500, 100) == 0


def test_which_errors_it_is_about() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(MemoryError()) and is_out_of_memory(RuntimeError(ALLOCATOR))
    assert not is_out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_free_memory_of_this_machine() -> None:
    free = free_bytes(CPU)
    assert free is not None and free > 2**20


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError(ALLOCATOR), torch.OutOfMemoryError("CUDA")])
@pytest.mark.parametrize(
    ("change", "free", "advice"),
    [
        ({}, GIB, r"4 slots at a time take about .* MiB, 1 GiB are free .*; add --micro-batch 2 or --recompute True"),
        ({"micro_batch": 2}, GIB, r"2 slots at a time .*; add --micro-batch 1 or --recompute True, the result stays"),
        ({"recompute": True}, GIB, r"4 slots .*; add --micro-batch 2, the result stays the same"),
        ({}, 1000, r"not even one at a time is sure to fit: add --recompute True --micro-batch 1"),
        ({"recompute": True}, 1000, r"not even one at a time is sure to fit: choose a smaller model"),
        ({}, None, r"take about .* MiB; add --micro-batch 2 or --recompute True"),
    ],
)
def test_out_of_memory_says_what_would_fit(
    trainer: Callable[..., Trainer],
    tiny: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    change: dict[str, object],
    free: int | None,
    advice: str,
) -> None:
    run = trainer("run", config=replace(tiny, **change))  # type: ignore[arg-type]

    def fail(*rows: object) -> None:
        raise error

    monkeypatch.setattr(run.learner, "forward", fail)
    monkeypatch.setattr(memory, "free_bytes", lambda device: free)
    with pytest.raises(
        OutOfMemory, match="out of memory on cpu: " + (advice if advice[0].isdigit() else ".*" + advice)
    ):
        run.run(no_figures, [])
    trainer("run")  # the folder can be used again


def test_other_errors_stay_what_they_are(trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch) -> None:
    run = trainer("run")

    def fail(*rows: object) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(run.learner, "forward", fail)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run.run(no_figures, [])


def no_figures(model: Model) -> dict[str, float]:
    return {"exact": 0.0}
