"""Bundled weights: a folder each, with weights, configuration and model card."""

from __future__ import annotations

import json
from pathlib import Path

from redraft.errors import WeightsError

_HERE = Path(__file__).parent


def names() -> list[str]:
    """Names of the bundled weights."""
    return sorted(path.parent.name for path in _HERE.glob("*/model.safetensors"))


def folder(name: str) -> Path | None:
    """The folder of the bundled weights `name`, None where there are none of that name."""
    return _HERE / name if name in names() else None


def summary(name: str) -> str:
    """The summary of the bundled weights `name`, from their model card; raises WeightsError."""
    file = _HERE / name / "config.json"
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["card"].get("summary", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{file}: damaged ({error})") from error
