"""Growth along axes: what is measured and predicted, the machine's roof, and the pictures of both."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from benchmarks.__main__ import main
from benchmarks.plot import draw_pictures, require_pictures
from benchmarks.scale import AXES, BASE, Axis, Case, bench_scale, named_axes
from benchmarks.scale_show import show_scale
from redraft.errors import ConfigError

SMALL = replace(BASE, seq_len=16, hidden_size=32, n=1, T=1)
TINY = {
    "batch": Axis(label="batch", values=(1, 2), case=lambda v: Case(model=SMALL, batch=v)),
    "steps": Axis(label="steps", values=(1, 3), case=lambda v: Case(model=SMALL, batch=1, steps=v), modes=("solve",)),
}


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return bench_scale(TINY, recipe="sudoku-4x4", batch_size=2, warmup=0, repeats=1, report=lambda text: None)


def test_points(found: dict[str, Any]) -> None:
    first, second = found["axes"]["batch"]["points"]
    assert (first["value"], second["value"]) == (1, 2)
    for mode in ("solve", "train"):
        assert second[mode]["gflop"] == pytest.approx(2 * first[mode]["gflop"])
        for point in (first[mode], second[mode]):
            parts = point["predicted"]
            assert min(point["seconds"]["median"], parts["products"], parts["element_wise"]) > 0
            assert parts["seconds"] == pytest.approx(parts["products"] + parts["element_wise"])
    once, thrice = found["axes"]["steps"]["points"]
    assert set(once) == {"value", "solve"}
    assert thrice["solve"]["element_wise_gb"] == pytest.approx(3 * once["solve"]["element_wise_gb"])


def test_roofline(found: dict[str, Any]) -> None:
    roofline = found["roofline"]
    assert {product["name"] for product in roofline["products"]} == {
        "mix.gate_up",
        "mix.down",
        "mlp.gate_up",
        "mlp.down",
    }
    for mode in ("solve", "train"):
        step = roofline[mode]
        assert step["gflops"] == pytest.approx(step["gflop"] / step["seconds"]["median"])
        # a step moves all that its products do, and more
        assert 0 < step["intensity"] < max(product["intensity"] for product in roofline["products"])


def test_table(found: dict[str, Any]) -> None:
    console = Console(width=100, record=True, quiet=False)
    with console.capture() as captured:
        show_scale(found, console)
    said = captured.get()
    assert "batch" in said and "roof:" in said and "sudoku-4x4, batch 2, train" in said


@pytest.mark.slow
def test_pictures(found: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    require_pictures(tmp_path)
    draw_pictures(found, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["growth.svg", "roofline.svg"]
    for file in tmp_path.iterdir():
        assert ElementTree.parse(file).getroot().tag.endswith("svg")


def test_pictures_need_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: .*folder"):
        require_pictures(tmp_path / "nowhere")


def test_axes_are_known_by_name_and_can_be_built() -> None:
    assert list(named_axes(["n", "T"])) == ["n", "T"]
    with pytest.raises(ConfigError, match=r"--axes: .*'depth'.*batch, cells-mlp"):
        named_axes(["depth"])
    for name, axis in AXES.items():
        cases = [axis.case(value) for value in axis.values]
        assert len(set(map(str, cases))) == len(axis.values), f"{name}: values that make no difference"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repeats", "0"], "--repeats"),
        (["--axes", "height"], "--axes: .*'height'.*batch, cells-mlp"),
        (["--recipe", "sudoku-6x6-eq"], "--recipe sudoku-6x6-eq: "),
        (["--pictures", "/nowhere"], "--pictures /nowhere: "),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scale", *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)
