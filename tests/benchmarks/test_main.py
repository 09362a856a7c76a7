"""`python -m benchmarks`: every benchmark runs at a tiny size, mistakes are named, and `all` hands each its options."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from helpers.failing import mentions

import benchmarks.__main__ as command
from benchmarks.__main__ import ALL, KINDS, SPEED, AllOptions, ComparedSolve, DataOptions, all_of, main, part_of
from redraft.errors import ConfigError

Report = Callable[[str], None]


def test_usage_lists_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["fly"]) == 2
    mentions(capsys.readouterr().err, *KINDS, ALL, *(kind.what for kind in KINDS.values()))


@pytest.mark.parametrize("name", [*KINDS, ALL])
def test_every_kind_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m benchmarks {name}")


@pytest.mark.slow
def test_data(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "bench.json"
    assert main(["data", "--repeats", "1", "--puzzles", "1", "--threads", "1", "-o", str(file)]) == 0
    found = json.loads(file.read_text())["data"]
    units = [row["unit"] for row in found["rows"]]
    assert units == ["puzzles/s"] * 3 + ["ms"] * 2 + ["views/s"] + ["rows/s"] * 3
    assert all(row["median"] > 0 for row in found["rows"])
    sudoku = next(row for row in found["rows"] if row["name"].endswith("sudoku-extreme-mlp"))
    assert round(sudoku["gpu_rows"], -2) == 11_600  # half of 989 TFLOP/s at 42.7 GFLOP an example
    assert sudoku["of_gpu"] == pytest.approx(sudoku["median"] / sudoku["gpu_rows"])
    assert "H200" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "--recipe", "go"], ["recipe", "'go'"]),
        (["train", "--reference", "/nowhere"], ["/nowhere", "SamsungSAILMontreal/TinyRecursiveModels"]),
        (["solve", "--steps", "0"], ["--steps", 1, 0]),
        (["data", "--threads", "0"], ["--threads", 1, 0]),
        (["data", "--puzzles", "0"], ["--puzzles"]),
        (["data", "-o", "/nowhere/x.json"], ["folder", "/nowhere"]),
        (["start", "--repeats", "0"], ["--repeats", 1, 0]),
        (["all", "--threads", "0"], ["--threads", 1, 0]),
    ],
)
def test_mistakes_are_named(arguments: list[str], named: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    mentions(capsys.readouterr().err, *named)


def test_all_hands_on_what_was_given() -> None:
    args = AllOptions(repeats=2, batch_size=3, weights="sudoku-6x6")
    assert part_of(args, KINDS["data"]) == DataOptions(repeats=2)
    assert part_of(args, KINDS["solve"]) == ComparedSolve(repeats=2, batch_size=3, weights="sudoku-6x6")


def test_all_has_the_options_of_every_kind() -> None:
    offered = {field.name for field in fields(AllOptions)}
    for name, kind in SPEED.items():
        missing = {field.name for field in fields(kind.arguments)} - offered
        assert not missing, f"all cannot hand {missing} to {name}"


def test_all_measures_every_kind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[type, int]] = []

    def measure(args: Any, threads: int, report: Report) -> dict[str, Any]:
        seen.append((type(args), threads))
        return {}

    kinds = {name: replace(kind, measure=measure, needs=()) for name, kind in SPEED.items()}
    monkeypatch.setattr(command, "SPEED", kinds)
    assert main(["all", "--threads", "2", "--json"]) == 0
    assert seen == [(kind.arguments, 2) for kind in SPEED.values()]
    assert {*SPEED, "kernels"} <= set(json.loads(capsys.readouterr().out))


def test_all_leaves_out_what_lacks_a_package_and_checks_options_first(capsys: pytest.CaptureFixture[str]) -> None:
    def check(args: Any) -> None:
        raise ConfigError("not meant")

    lacking = {**SPEED, "export": replace(SPEED["export"], needs=("no_such_package",))}
    assert "export" not in all_of(AllOptions(threads=1), lacking)
    mentions(capsys.readouterr().err, "export", "no_such_package")
    with pytest.raises(ConfigError, match="not meant"):
        all_of(AllOptions(threads=1), {**SPEED, "start": replace(SPEED["start"], check=check)})
