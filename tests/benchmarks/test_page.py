"""The page's tables are made of the results and of nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.page import TABLES, fill, main
from redraft.errors import DataError

ROOT = Path(__file__).parents[2]
SPREAD = {"median": 2.0, "min": 1.0, "max": 3.0}


def run(name: str, rate: float) -> dict[str, Any]:
    figures = {"rate": {"median": rate, "min": rate, "max": rate}, "of_ideal": 0.8, "memory": {"peak_mib": 1234.5}}
    return {"name": name, **figures, "rounds": [{"solved": 0.5, "steps": 4.0}]}


def contest(*names: str, **more: Any) -> dict[str, Any]:
    ratios = {f"{a} / {b}": SPREAD for a in names for b in names}
    runs = [run(name, 10.0 * (i + 1)) for i, name in enumerate(names)]
    return {"recipe": "a-recipe", "batch_size": 8, "runs": runs, "ratios": ratios, **more}


def write(folder: Path, **results: dict[str, Any]) -> None:
    for name, result in results.items():
        (folder / f"bench-{name}.json").write_text(json.dumps(result))


def page(table: str) -> str:
    return f"before\n<!-- table: {table} -->\nold\n<!-- end -->\nafter\n"


def test_training_and_solving(tmp_path: Path) -> None:
    found = {"train": contest("redraft", "reference"), "solve": contest("redraft", "reference", steps=3)}
    write(tmp_path, **dict.fromkeys({*TABLES["train"][0], *TABLES["solve"][0]}, found))
    text = fill(page("train"), tmp_path)
    assert text.startswith("before\n<!-- table: train -->\n| recipe |") and text.endswith("|\n<!-- end -->\nafter\n")
    assert text.count("| a-recipe | 8 | 10 | 20 | 2 (1–3) | 80% | 1,234 | 1,234 |") == 4
    assert "| a-recipe | 8 | 30 | 60 | 2 (1–3) |" in fill(page("solve"), tmp_path)
    assert fill(text, tmp_path) == text


def test_other_ways_to_solve_and_halting(tmp_path: Path) -> None:
    ways = {"solve": contest("redraft", "reference", "redraft, int8", "redraft, onnx", "redraft, onnx, int8")}
    write(tmp_path, **dict.fromkeys(TABLES["ways"][0], ways))
    assert fill(page("ways"), tmp_path).count("| a-recipe | 2 (1–3) | 2 (1–3) | 2 (1–3) | 2 (1–3) |") == 3
    write(tmp_path, **{"solve-6x6": {"solve": contest("redraft, halt=never", "reference", "redraft, halt=rules")}})
    text = fill(page("halting"), tmp_path)
    assert "| reference | 20 | 4.00 | 50.0% |  |" in text
    assert "| redraft, halt=rules | 30 | 4.00 | 50.0% | 2 (1–3) |" in text


def test_exported_models(tmp_path: Path) -> None:
    graph = {"rate": SPREAD, "ratio": SPREAD, "bytes": 1_234_000, "load_ms": SPREAD}
    model = {"name": "a-model", "export_seconds": 5.5, "sides": [{"rate": SPREAD}, graph, graph]}
    write(tmp_path, export={"export": {"models": [model]}})
    row = "| a-model | 5.5 | 1.23 | 1.23 | 2 | 2 | 2 | 2 (1–3) | 2 (1–3) |"
    assert row in fill(page("export"), tmp_path)


def test_growth(tmp_path: Path) -> None:
    points = [
        {"value": value, "solve": {"seconds": {"median": seconds}, "predicted": {"seconds": 0.5 * seconds}}}
        for value, seconds in ((1, 0.001), (2, 0.003))
    ]
    write(tmp_path, scale={"scale": {"axes": {"batch": {"label": "batch", "points": points}}}})
    assert "| batch | solve | 1 → 2 | 1 → 3 | 3× | 50%–50% |" in fill(page("growth"), tmp_path)


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"table 'speed': .*machine, train"):
        fill(page("speed"), tmp_path)
    (tmp_path / "page.md").write_text(page("data"))
    assert main([str(tmp_path / "page.md"), str(tmp_path)]) == 2
    assert "bench-data.json: " in capsys.readouterr().err
    assert (tmp_path / "page.md").read_text() == page("data")
    assert main([]) == 2


def test_the_page_shows_what_lies_under_results() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    assert fill(text, ROOT / "results") == text, "run: python -m benchmarks.page docs/performance.md results"
