"""The one thing that is changed in the published code: the multiple that inner widths are rounded up to."""

import sys
from pathlib import Path

import pytest

from redraft.bench import reference

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
