"""`python -m benchmarks sizes`: a small run, what is installed, joules, and the table."""

import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.page import fill
from benchmarks.sizes.installed import bytes_of, bytes_of_extras, bytes_under
from benchmarks.sizes.probe import joules, measure
from benchmarks.sizes.show import size_remark, size_rows

ROOT = Path(__file__).parents[3]


def row(**changes: Any) -> dict[str, Any]:
    figures = {"weights": 1_234_567, "runtime": 98_000_000, "packages": ["numpy"], "resident": 50_000_000}
    times = {"clock_ms": [9.0, 9.0, 9.0], "processor_ms": [3.0, 1.0, 2.0], "joules": None}
    return {"model": "a", "way": "NumPy", **figures, **times, **changes}


def test_the_table() -> None:
    rows = [
        row(),
        row(way="page", joules=0.0125),
        {"model": "a", "way": "none", "missing": "needs luck"},
        row(model="b"),
    ]
    found = {"rows": rows, "load": {"before": [0.5, 0, 0], "after": [2.25, 0, 0]}, "energy": "RAPL"}
    assert size_rows(found) == [
        ("a", "NumPy", "1,235", "98", "50", "2"),
        ("", "page", "1,235", "98", "50", "2, 12.5 mJ"),
        ("", "none", "", "", "", "needs luck"),
        ("b", "NumPy", "1,235", "98", "50", "2"),
    ]
    assert "2.2" in size_remark(found) and "RAPL" in size_remark(found)
    assert size_rows({"rows": [row(resident=None)]})[0][4] == ""


def test_the_page_shows_what_was_measured() -> None:
    page = (ROOT / "docs" / "sizes.md").read_text()
    assert fill(page, ROOT / "results") == page


def test_what_an_extra_installs(tmp_path: Path) -> None:
    plain, packages = bytes_of_extras([])
    assert {"numpy", "safetensors"} <= set(packages) and "redraft" not in packages
    assert plain > bytes_of(distribution("numpy")) > 1_000_000
    more, further = bytes_of_extras(["train"])
    assert more > plain and {*packages, "torch"} <= set(further)
    with pytest.raises(KeyError):
        bytes_of_extras(["moon"])
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[project]\ndependencies = ["numpy", "absent-package", "rich; python_version < \'3\'"]\n'
        '[project.optional-dependencies]\nall = ["redraft[one]"]\none = ["safetensors"]\n'
    )
    assert bytes_of_extras(["all"], project)[1] == ["numpy", "safetensors"]
    (tmp_path / "a.bin").write_bytes(b"12345")
    assert bytes_under(tmp_path, "*.bin") == 5


def test_joules_are_those_of_all_packages(tmp_path: Path) -> None:
    assert joules(tmp_path) is None
    for number, used in enumerate((1_500_000, 500_000)):
        folder = tmp_path / f"intel-rapl:{number}"
        folder.mkdir()
        (folder / "energy_uj").write_text(f"{used}\n")
    assert joules(tmp_path) == 2.0
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("?")
    assert joules(tmp_path) is None


def test_steps_are_timed_in_rounds() -> None:
    calls: list[int] = []
    found = measure(lambda: calls.append(1), seconds=0)
    assert len(found["clock_ms"]) == len(found["processor_ms"]) == 5 and len(calls) == 3 + 5


@pytest.mark.slow
def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxscript")
    file = tmp_path / "sizes.json"
    assert main(["sizes", "--models", "sudoku-6x6", "--seconds", "0.01", "-o", str(file)]) == 0
    found = json.loads(file.read_text())["sizes"]
    by_way = {each["way"]: each for each in found["rows"]}
    graph, rounded = by_way["ONNX Runtime"], by_way["ONNX Runtime, int8"]
    assert graph["weights"] > rounded["weights"] > 0 and graph["runtime"] == rounded["runtime"]
    assert by_way["PyTorch"]["runtime"] > graph["runtime"] > by_way["NumPy"]["runtime"]
    assert all(min(each["processor_ms"]) > 0 for each in found["rows"] if "missing" not in each)
    assert by_way["PyTorch"]["resident"] > by_way["NumPy"]["resident"] > 0
    assert "sudoku-6x6" in capsys.readouterr().out
    assert size_rows(found)[0][0] == "sudoku-6x6"


def test_unknown_models_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sizes", "--models", "go-19x19"]) == 2
    assert "go-19x19" in capsys.readouterr().err
