"""`redraft train`: what its arguments mean, and what it says before it trains. The loop is tested in tests/train."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.failing import mentions, refused
from safetensors.torch import load_file

from redraft.commands import fastest, train
from redraft.commands.fastest import Facts
from redraft.recipes import RECIPES, get_recipe
from redraft.train.config import RunConfig
from redraft.train.trials import Setting, Stand, Together

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RunConfig, Path, Any, bool]]:
    """What would be trained: (configuration, folder, machine, resume)."""
    calls = []

    def note(config: RunConfig, folder: Path, args: Any, *, resume: bool) -> int:
        calls.append((config, folder, args, resume))
        return 0

    monkeypatch.setattr(train, "_train", note)
    return calls


def test_a_recipe_as_it_is(run: Run, asked: list[Any]) -> None:
    assert run("train", "sudoku-4x4")[0] == 0
    config, folder, machine, resume = asked[0]
    assert config == RECIPES["sudoku-4x4"]()
    assert (folder, resume) == (Path("runs/sudoku-4x4"), False)
    assert (machine.device, machine.threads, machine.track) == ("auto", None, None)


@pytest.mark.parametrize("order", [["sudoku-4x4", "--tiny"], ["--tiny", "sudoku-4x4"]])
def test_tiny(run: Run, asked: list[Any], order: list[str]) -> None:
    assert run("train", *order, "--steps", 3)[0] == 0
    tiny = get_recipe("sudoku-4x4", tiny=True)
    assert asked[0][0].steps == 3 and asked[0][0].model == tiny.model


@pytest.mark.parametrize("flags", [["--task", "sudoku-6x6", "--model.n", "1"], ["--model.n=1", "--task=sudoku-6x6"]])
def test_the_model_has_the_shape_of_another_task(run: Run, asked: list[Any], flags: list[str]) -> None:
    assert run("train", "sudoku-4x4", *flags)[0] == 0
    config = asked[0][0]
    assert (config.task, config.model.seq_len, config.model.vocab_size) == ("sudoku-6x6", 36, 8)
    assert config.model == replace(RECIPES["sudoku-4x4"]().model, seq_len=36, vocab_size=8, n=1)


def test_every_value_is_a_flag(run: Run, asked: list[Any]) -> None:
    flags = (
        "--steps 9 --model.hidden-size 32 --model.dtype bfloat16 --optim.kind adam_atan2 --optim.clip 1 "
        "--data.augment False --data.train-limit 7 --compile True --loss softmax --seed 5 "
        "-o elsewhere --device cpu --threads 2 --stop-after 1.5 --track tensorboard"
    )
    assert run("train", "sudoku-4x4", *flags.split())[0] == 0
    config, folder, machine, _ = asked[0]
    assert (config.steps, config.model.hidden_size, config.model.dtype) == (9, 32, "bfloat16")
    assert (config.optim.kind, config.optim.clip, config.loss, config.seed) == ("adam_atan2", 1.0, "softmax", 5)
    assert (config.data.augment, config.data.train_limit, config.compile) == (False, 7, True)
    assert config.optim.lr == RECIPES["sudoku-4x4"]().optim.lr, "the rest stays as the recipe has it"
    assert folder == Path("elsewhere")
    assert (machine.device, machine.threads, machine.stop_after, machine.track) == ("cpu", 2, 1.5, "tensorboard")


def test_folders_are_numbered(run: Run, asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for taken in ("sudoku-4x4", "sudoku-4x4-2"):
        (tmp_path / "runs" / taken).mkdir(parents=True)
    run("train", "sudoku-4x4")
    assert asked[0][1] == Path("runs/sudoku-4x4-3")


def test_fast_takes_what_helps_and_says_so(run: Run, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    able = Facts(device="cuda", cores=16, threads=16, bfloat16=True, compiler=True, numba=True)
    monkeypatch.setattr(Facts, "of", staticmethod(lambda device: able))
    status, out, err = run("train", "sudoku-4x4", "--fast", "--model.hidden-size", 32)
    assert (status, out) == (0, "")
    config = asked[0][0]
    assert (config.compile, config.model.dtype, config.model.hidden_size) == (True, "bfloat16", 32)
    lines = err.splitlines()
    for line, what in zip(lines, ("threads", "bfloat16", "compile", "sampling", "micro-batches"), strict=True):
        mentions(line, what)
    mentions(lines[2], "CUDA graph")


def test_flags_win_over_fast(run: Run, asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    able = Facts(device="cuda", cores=16, threads=16, bfloat16=True, compiler=True, numba=True)
    monkeypatch.setattr(Facts, "of", staticmethod(lambda device: able))
    flags = "--compile False --model.dtype float32 --micro-batch 8 --prefetch 0"
    assert run("train", "sudoku-4x4", "--fast", *flags.split())[0] == 0
    config, _, machine, _ = asked[0]
    assert (config.compile, config.model.dtype, config.micro_batch, machine.prefetch) == (False, "float32", 8, 0)


TWO_CORES = Facts(device="cpu", cores=2, threads=2, bfloat16=True, compiler=True, numba=True)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Two cores on which one thread and bfloat16 are fastest; dtypes and threads as they are timed."""
    seen: list[tuple[str, int]] = []

    class Fake(Stand):
        def __call__(self, candidate: Setting, slots: int) -> Callable[[], float]:
            seen.append((candidate.dtype, candidate.threads))
            return lambda: slots * candidate.threads * (2 if candidate.dtype == "float32" else 1) / 1000

    monkeypatch.setattr(Facts, "of", staticmethod(lambda device: replace(TWO_CORES, threads=torch.get_num_threads())))
    monkeypatch.setattr(fastest, "Stand", Fake)
    monkeypatch.setattr(fastest, "time_together", lambda *_, **__: Together(dtype="bfloat16", processes=2, rate=1500.0))
    return seen


CPU = ("train", "sudoku-4x4", "--fast", "--device", "cpu")


def test_fast_on_a_cpu_times_and_takes_the_best(run: Run, asked: list[Any], timed: list[Any]) -> None:
    status, out, err = run(*CPU)
    assert (status, out) == (0, "")
    config, _, machine, _ = asked[0]
    assert (config.model.dtype, config.threads, machine.threads) == ("bfloat16", 1, 1)
    assert set(timed) == {("float32", 2), ("bfloat16", 2), ("bfloat16", 1)}, "float32 was clearly slower"
    lines = err.splitlines()
    assert lines[0].startswith("fast: ")
    assert [line.split() for line in lines[2:5]] == [
        ["fast:", "threads", "float32", "bfloat16"],
        ["fast:", "2", "250", "500"],
        ["fast:", "1", "slower", "1,000*"],
    ]
    mentions(lines[-1], "1,500 examples/s", "bfloat16", "torchrun --nproc-per-node 2")


def test_flags_win_over_what_was_timed(run: Run, asked: list[Any], timed: list[Any]) -> None:
    _, _, err = run(*CPU, "--model.dtype", "float32", "--prefetch", 1)
    assert (asked[0][0].model.dtype, asked[0][0].threads) == ("float32", 1)
    assert set(timed) == {("float32", 2), ("float32", 1)}
    mentions(err, "bfloat16", "sampling")
    timed.clear()
    _, _, err = run(*CPU, "--threads", 2)
    assert (asked[1][0].model.dtype, asked[1][0].threads) == ("bfloat16", 2)
    assert set(timed) == {("float32", 2), ("bfloat16", 2)}
    timed.clear()
    run(*CPU, "--threads", 1, "--model.dtype", "bfloat16")
    assert (asked[2][0].model.dtype, asked[2][0].threads) == ("bfloat16", 1) and set(timed) == {("bfloat16", 1)}


def test_what_fast_took_is_in_the_configuration_and_resumed(
    run: Run, timed: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that took it gives the weights of one that was given it, in one go or resumed."""
    before = torch.get_num_threads()
    folders = [tmp_path / name for name in ("fast", "given", "resumed")]
    flags = ("--model.dtype", "bfloat16", "--threads", "1")
    assert run(*CPU, *TINY[1:], "--steps", 6, "-o", folders[0])[0] == 0
    assert run("train", *TINY, "--device", "cpu", *flags, "--steps", 6, "-o", folders[1])[0] == 0
    assert run(*CPU, *TINY[1:], "--steps", 6, "--stop-after", 0, "-o", folders[2])[0] == 0
    torch.set_num_threads(before)
    timed.clear()
    assert run("train", "--resume", folders[2], "--device", "cpu")[0] == 0
    assert not timed and torch.get_num_threads() == 1
    torch.set_num_threads(before)
    first, *others = (load_file(folder / "last" / "model.safetensors") for folder in folders)
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in first)
    taken = [json.loads((folder / "config.json").read_text()) for folder in folders]
    assert [(each["model"]["dtype"], each["threads"]) for each in taken] == [("bfloat16", 1)] * 3


def test_help(run: Run) -> None:
    status, out, _ = run("train", "--help")
    assert status == 0 and all(name in out for name in RECIPES)
    status, out, _ = run("train", "sudoku-4x4", "--help")
    assert status == 0 and "--model.hidden-size" in out and "--data.train" in out


TINY = ["sudoku-4x4", "--tiny", "--steps", "1", "--data.train", "make:8@1", "--data.test", "make:4@2"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], "redraft train RECIPE"),
        (["--tiny"], ("redraft train RECIPE", "sudoku-4x4")),
        (["sudoku-5x5"], ("'sudoku-5x5'", "sudoku-4x4")),
        (["--device", "cpu", "sudoku-4x4"], "redraft train RECIPE"),
        (["sudoku-4x4", "--stpes", "3"], "--stpes"),
        (["sudoku-4x4", "--steps", "three"], "three"),
        (["sudoku-4x4", "--optim.kind", "sgd"], "sgd"),
        (["sudoku-4x4", "--steps", "0"], ("steps", 1, 0)),
        (["sudoku-4x4", "--micro-batch", "0"], ("micro_batch", 1, 0)),
        ([*TINY, "--prefetch", "-1"], ("prefetch", 0, -1)),
        (["sudoku-4x4", "--exploration", "2"], ("exploration", "2.0")),
        (["sudoku-4x4", "--model.n", "0"], ("model.n", 1, 0)),
        ([*TINY, "--threads", "0"], ("threads", 1, 0)),
        ([*TINY, "--device", "tpu"], "'tpu'"),
        ([*TINY, "--task", "chess"], "'chess'"),
        ([*TINY, "--task", "sudoku-6x6", "--model.seq-len", "16", "--model.vocab-size", "6"], ("sudoku-6x6", 36, 8)),
        ([*TINY, "--data.train", "nowhere.csv"], "nowhere.csv"),
        ([*TINY, "--data.test", "make:4@1"], "make:4@1"),
        ([*TINY, "--data.train-limit", "0"], ("limit", 1)),
        ([*TINY, "-o", "taken"], ("taken", "--resume")),
        (["--resume"], ("--resume", "folder")),
        (["--resume", "--device", "cpu"], ("--resume", "folder")),
        (["--resume", "nowhere"], "nowhere/config.json"),
        (["--resume", "taken"], ("taken/config.json", "model", "`kind`")),
        (["--resume", "taken", "--stpes", "3"], "--stpes"),
    ],
)
def test_mistakes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: object
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "config.json").write_text(json.dumps({"recipe": "x"}))
    refused(run("train", *arguments), parts)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"], "nothing half-begun is left behind"
