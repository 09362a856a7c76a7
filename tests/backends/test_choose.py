"""What computes, and in which dtype: tables of configurations, wishes and machines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import redraft.weights
from benchmarks.flops import inference_flops
from redraft.backends import choose
from redraft.backends.choose import (
    LOOK_AHEAD,
    Here,
    bfloat16_pays,
    choose_backend,
    look_ahead,
    most_for_numpy,
    numpy_work,
)
from redraft.config import to_dict
from redraft.errors import ConfigError, WeightsError
from redraft.models import ModelConfig, model_kind
from redraft.recipes import get_recipe

LAPTOP, SERVER, BARE = Here(), Here(gpu=True), Here(torch=False)


def bundled(name: str) -> dict[str, Any]:
    folder = redraft.weights.folder(name)
    assert folder is not None
    model: dict[str, Any] = json.loads((folder / "config.json").read_text())["model"]
    return model


def described(config: ModelConfig) -> dict[str, Any]:
    return {"kind": model_kind(config), **to_dict(config)}


FULL = described(get_recipe("sudoku-extreme-mlp").model)
HRM = {"kind": "hrm", "vocab_size": 11, "seq_len": 81, "hidden_size": 512}
OWN = {"kind": "my_module:Config", "sides": 3}


@pytest.mark.parametrize(
    ("model", "asked", "here", "backend"),
    [
        ("sudoku-6x6", {}, LAPTOP, "numpy"),
        ("sudoku-6x6", {"device": "cpu", "dtype": "float32"}, LAPTOP, "numpy"),
        ("sudoku-6x6", {"puzzles": 300}, LAPTOP, "numpy"),
        ("sudoku-6x6", {"puzzles": 10_000}, LAPTOP, "torch"),
        ("sudoku-6x6", {"puzzles": 10_000, "backend": "numpy"}, LAPTOP, "numpy"),
        ("sudoku-6x6", {"backend": "torch"}, LAPTOP, "torch"),
        ("sudoku-6x6", {"dtype": "bfloat16"}, LAPTOP, "torch"),
        ("sudoku-6x6", {"dtype": "int8"}, LAPTOP, "torch"),
        ("sudoku-6x6", {"device": "mps"}, LAPTOP, "torch"),
        ("sudoku-6x6-eq", {}, LAPTOP, "numpy"),
        ("maze-8x8", {"puzzles": 50}, LAPTOP, "numpy"),
        ("maze-8x8", {"puzzles": 500}, LAPTOP, "torch"),
        ("sudoku-9x9", {}, LAPTOP, "numpy"),
        ("sudoku-9x9", {"puzzles": 20}, LAPTOP, "torch"),
        (FULL, {}, LAPTOP, "torch"),
        (HRM, {}, LAPTOP, "torch"),
        (OWN, {}, LAPTOP, "torch"),
        # beside a GPU: one puzzle is solved before torch is there, thousands are not for one thread
        ("sudoku-6x6", {}, SERVER, "numpy"),
        ("sudoku-6x6", {"device": "cuda"}, SERVER, "torch"),
        ("sudoku-6x6", {"puzzles": 10_000}, SERVER, "torch"),
        ("tiny", {"puzzles": 10_000}, SERVER, "torch"),
        ("tiny", {"puzzles": 10_000, "device": "cpu"}, SERVER, "numpy"),
        ("tiny", {"puzzles": 10_000}, LAPTOP, "numpy"),
        # without torch there is nothing to wait for
        ("sudoku-9x9", {"puzzles": 10_000}, BARE, "numpy"),
        (FULL, {}, BARE, "numpy"),
        (HRM, {}, BARE, "torch"),
        # graphs
        (HRM, {"graph": True}, LAPTOP, "onnx"),
        ("sudoku-6x6", {"graph": True, "puzzles": 10_000}, SERVER, "onnx"),
        ("sudoku-6x6", {"graph": True, "backend": "torch"}, LAPTOP, "torch"),
        ("sudoku-6x6", {"backend": "onnx"}, LAPTOP, "onnx"),
    ],
)
def test_backends(model: str | dict[str, Any], asked: dict[str, Any], here: Here, backend: str) -> None:
    tiny = {
        "kind": "trm",
        "vocab_size": 6,
        "seq_len": 16,
        "hidden_size": 16,
        "mixer": "mlp",
        "puzzle_positions": 0,
        "n": 1,
    }
    config = tiny if model == "tiny" else bundled(model) if isinstance(model, str) else model
    assert choose_backend(config, here=here, **asked) == backend


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"backend": "jax"}, "backend: .*auto, torch, numpy, onnx.*'jax'"),
        ({"backend": "numpy", "dtype": "bfloat16"}, "backend numpy: .*float32 .*cpu .*bfloat16 and auto"),
        ({"backend": "onnx", "device": "cuda"}, "backend onnx: .*auto and cuda"),
        ({"graph": True, "dtype": "int8"}, "backend onnx: .*float32 .*int8 and auto"),
    ],
)
def test_what_does_not_go_together(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        choose_backend(bundled("sudoku-6x6"), here=LAPTOP, **asked)


@pytest.mark.parametrize("asked", [{}, {"device": "cpu"}, {"dtype": "bfloat16"}])
@pytest.mark.parametrize("here", [LAPTOP, SERVER])
def test_up_to_how_many_is_the_same_choice(asked: dict[str, Any], here: Here) -> None:
    for name in redraft.weights.names():
        most = most_for_numpy(bundled(name), here=here, **{"device": "auto", "dtype": "auto", **asked})
        assert most is not None
        for puzzles in (1, most, most + 1):
            chosen = choose_backend(bundled(name), puzzles=puzzles, here=here, **asked)
            assert chosen == ("numpy" if puzzles <= most else "torch")


@pytest.mark.parametrize("mixer", ["mlp", "attention"])
def test_equivariant_models_that_numpy_does_not_know(mixer: str) -> None:
    assert numpy_work({**bundled("sudoku-6x6-eq"), "mixer": mixer}) is None


def test_an_equivariant_model_is_more_work_the_more_scopes_and_symbols_it_has() -> None:
    jigsaw = "map:" + "aabbcc" * 5 + "abcabc"
    changes: list[dict[str, Any]] = [
        {"scopes": [jigsaw], "symbols": 0, "first_symbol": 0},
        {"scopes": [jigsaw]},
        {"scopes": ["rows", jigsaw]},
        {"scopes": ["rows", "around"]},
    ]
    work = [numpy_work({**bundled("sudoku-6x6-eq"), **change}) or 0 for change in changes]
    assert 0 < work[0] < work[1] < work[2] < work[3]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("sudoku-6x6", {"n": 0}, r"model\.n: .*1.*0"),
        ("sudoku-6x6", {"depth": 3}, "model: .*'depth'"),
        ("sudoku-6x6-eq", {"hidden_size": "wide"}, "hidden_size: .*int.*'wide'"),
        ("sudoku-6x6-eq", {"scopes": ["diagonals"]}, "scopes: .*'diagonals'"),
        ("sudoku-6x6-eq", {"grid_width": 4}, "blocks-2x3 .*9x4"),
        ("sudoku-6x6-eq", {"scopes": 3}, "scopes: .*list.* 3"),
    ],
)
def test_a_configuration_that_makes_no_sense(name: str, change: dict[str, Any], message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        numpy_work({**bundled(name), **change})


@pytest.mark.parametrize(
    "recipe",
    ["sudoku-6x6", "sudoku-6x6-eq", "sudoku-extreme-eq", "maze-8x8", "sudoku-extreme-mlp", "sudoku-extreme-att"],
)
def test_work_is_about_what_the_products_of_a_step_multiply(recipe: str) -> None:
    config: Any = get_recipe(recipe).model
    work = numpy_work(described(config))
    assert work is not None and 0.75 < 2 * work / inference_flops(config) < 1.1


def read_by(items: Iterator[int], counter: list[int]) -> Iterator[int]:
    for item in items:
        counter.append(item)
        yield item


@pytest.mark.parametrize(
    ("count", "most", "few", "read"),
    [
        *((3, 10, True, 3), (10, 10, True, 10), (11, 10, False, 11), (500, 10, False, 11), (0, 10, True, 0)),
        *((LOOK_AHEAD, 10**6, True, LOOK_AHEAD), (10**5, 10**6, False, LOOK_AHEAD + 1)),
    ],
)
def test_a_stream_is_looked_at_no_further_than_it_takes(count: int, most: int, few: bool, read: int) -> None:
    seen: list[int] = []
    items, are_few = look_ahead(read_by(iter(range(count)), seen), most)
    assert (are_few, len(seen)) == (few, read)
    assert list(items) == list(range(count))
    assert look_ahead(range(count), most) == (range(count), count <= most), "a list says how many there are"


@pytest.mark.parametrize(
    ("name", "able", "puzzles", "threads", "pays"),
    [
        # measured: docs/performance.md
        ("sudoku-9x9", "amx", 1, 1, True),
        ("sudoku-9x9", "amx", 1000, 2, True),
        ("sudoku-9x9", "avx512_bf16", 1, 2, True),
        ("sudoku-9x9", "avx512_bf16", 1000, 16, True),
        ("sudoku-9x9", None, 1000, 1, False),
        ("sudoku-6x6", "amx", 1, 1, False),
        ("sudoku-6x6", "amx", 8, 1, False),
        ("sudoku-6x6", "amx", 1000, 1, True),
        ("sudoku-6x6", "amx", 1000, 4, False),
        ("sudoku-6x6-eq", "amx", 4, 1, False),
        ("maze-8x8", "amx", 1, 1, False),
        ("maze-8x8", "amx", 1000, 1, True),
    ],
)
def test_bfloat16_where_products_are_large_enough(name: str, able: Any, puzzles: int, threads: int, pays: bool) -> None:
    assert bfloat16_pays(bundled(name), puzzles=puzzles, threads=threads, able=able) is pays


def test_bfloat16_for_models_of_other_kinds() -> None:
    many = {"puzzles": 1000, "threads": 1, "able": "amx"}
    assert bfloat16_pays(HRM, **many) and bfloat16_pays(FULL, **many)  # type: ignore[arg-type]
    assert not bfloat16_pays(OWN, **many), "nobody knows how large it is"  # type: ignore[arg-type]


def test_a_gpu_is_seen_without_importing_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a torch built for it, a driver, and that the user has not hidden it."""
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(choose.sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    exists, drivers = Path.exists, {"/dev/nvidiactl"}
    monkeypatch.setattr(Path, "exists", lambda path: str(path) in drivers or exists(path))
    assert not choose._sees_gpu(tmp_path), "built for a CPU"
    (tmp_path / "lib" / "libtorch_cuda.so").touch()
    assert choose._sees_gpu(tmp_path)
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not choose._sees_gpu(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert choose._sees_gpu(tmp_path)
    drivers.clear()
    assert not choose._sees_gpu(tmp_path), "no driver"
    monkeypatch.setattr(choose.sys, "platform", "darwin")
    for machine, seen in (("arm64", True), ("x86_64", False)):
        monkeypatch.setattr(choose.platform, "machine", lambda machine=machine: machine)
        assert choose._sees_gpu(tmp_path) is seen


def test_this_machine_has_torch() -> None:
    assert Here.of_this_machine().torch
