"""The published code: the multiple that inner widths are rounded up to is replaced, and its answers are checked."""

import sys
from pathlib import Path

import pytest

from benchmarks.published import reference
from redraft.data.build import open_source
from redraft.tasks import get_task

LAYERS = """
def _find_multiple(a, b):
    return (-(a // -b)) * b


def inner_width(features):
    return _find_multiple(features, 256)
"""


def test_widths_are_rounded_to_the_models_multiple(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    (tmp_path / "models" / "layers.py").write_text(LAYERS)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("models", "models.layers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    from models import layers  # type: ignore[import-not-found, unused-ignore]

    assert layers.inner_width(100) == 256
    reference._round_widths_to(32)
    assert layers.inner_width(100) == 128
    assert layers.inner_width(128) == 128
    for name in ("models", "models.layers"):
        monkeypatch.delitem(sys.modules, name)


def test_share_solved() -> None:
    task = get_task("sudoku-4x4")
    store = open_source(task, "make:4@0")
    assert reference.share_solved(task, store, store.labels) == 1.0
    assert reference.share_solved(task, store, store.inputs) == 0.0
