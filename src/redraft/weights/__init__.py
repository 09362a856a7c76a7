"""Small trained weights that ship with the package: a folder each, with weights, configuration and card."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def names() -> list[str]:
    """Names of the weights that ship."""
    return sorted(path.parent.name for path in _HERE.glob("*/model.safetensors"))


def folder(name: str) -> Path | None:
    """The folder of the weights called `name`, None where none ship under that name."""
    return _HERE / name if name in names() else None
