"""The picture of efforts."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.effort.plot import LINES, plot_effort
from benchmarks.effort.policies import POLICIES
from redraft.errors import ConfigError, RedraftError

pytest.importorskip("matplotlib")


def result(*policies: str, solved: float = 0.9) -> dict[str, Any]:
    points = [
        {"policy": policy, "parameter": parameter, "solved": solved, "evaluations": 8.0 + parameter}
        for policy in policies
        for parameter in (0.0, 16.0)
    ]
    return {"weights": "sudoku-6x6", "puzzles": 200, "steps": 16, "points": points}


@pytest.mark.slow
def test_png_and_svg(tmp_path: Path) -> None:
    plot_effort(result(*POLICIES), tmp_path / "effort.png")
    assert (tmp_path / "effort.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    plot_effort(result(*POLICIES), tmp_path / "effort.svg")
    assert ElementTree.parse(tmp_path / "effort.svg").getroot().tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["effort.png", "effort.svg"]


@pytest.mark.slow
def test_without_rules_and_with_nothing_left_unsolved(tmp_path: Path) -> None:
    plot_effort(result("fixed", "head", solved=1.0), tmp_path / "effort.svg")
    assert (tmp_path / "effort.svg").stat().st_size > 1000


def test_only_known_policies_are_drawn() -> None:
    assert set(LINES) <= set(POLICIES)


def test_places_where_none_can_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.png.*\.svg"):
        plot_effort(result("head"), tmp_path / "effort.pdf")
    with pytest.raises(RedraftError, match=r"folder.*\bnowhere"):
        plot_effort(result("head"), tmp_path / "nowhere" / "effort.png")
