"""The table of benchmarks: all of them are listed, and `all` hands each its own options."""

from dataclasses import fields, replace
from typing import Any

import pytest
from helpers.failing import mentions

from redraft.cli import main
from redraft.commands import bench
from redraft.commands.bench_kinds import ALIASES, KINDS, AllOptions, DataOptions, SolveOptions, part_of
from redraft.errors import ConfigError


def test_usage_lists_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--help"]) == 0
    said = capsys.readouterr().out
    for name, kind in KINDS.items():
        assert f"  {name:<6} {kind.what}\n" in said
    assert main(["bench"]) == 2
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("name", [*KINDS, *ALIASES, "all"])
def test_every_kind_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: redraft bench {name}")


def test_all_hands_on_what_was_given() -> None:
    args = AllOptions(repeats=2, batch_size=3, weights="sudoku-6x6")
    assert part_of(args, KINDS["data"]) == DataOptions(repeats=2)
    assert part_of(args, KINDS["solve"]) == SolveOptions(repeats=2, batch_size=3, weights="sudoku-6x6")


def test_all_has_the_options_of_every_kind() -> None:
    offered = {field.name for field in fields(AllOptions)}
    for name, kind in KINDS.items():
        missing = {field.name for field in fields(kind.arguments)} - offered
        assert not missing, f"bench all cannot hand {missing} to {name}"


def test_all_measures_every_kind() -> None:
    seen: list[tuple[type, int]] = []

    def measure(args: Any, threads: int, tell: Any) -> dict[str, Any]:
        seen.append((type(args), threads))
        return {}

    result = bench.measure(
        "all", AllOptions(threads=2), {name: replace(kind, measure=measure) for name, kind in KINDS.items()}
    )
    assert seen == [(kind.arguments, 2) for kind in KINDS.values()]
    assert set(KINDS) <= set(result)


def test_all_leaves_out_what_lacks_a_package_and_checks_options_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[str] = []

    def measure(args: Any, threads: int, tell: Any) -> dict[str, Any]:
        seen.append(type(args).__name__)
        return {}

    def check(args: Any) -> None:
        assert not seen, "too late"
        raise ConfigError("not meant")

    kinds = {name: replace(kind, measure=measure) for name, kind in KINDS.items()}
    lacking = {**kinds, "export": replace(kinds["export"], needs=("no_such_package",))}
    assert "export" not in bench.measure("all", AllOptions(threads=1), lacking) and seen
    mentions(capsys.readouterr().err, "export", "no_such_package")
    seen.clear()
    with pytest.raises(ConfigError, match="not meant"):
        bench.measure("all", AllOptions(threads=1), {**kinds, "start": replace(kinds["start"], check=check)})
