"""JSON and YAML files; anything else in them is an error that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from redraft.errors import RedraftError

MOST = 64 << 20  # bytes of a JSON file: more than any description, and less than fills a memory
MOST_YAML = 256 << 10  # bytes; PyYAML takes seconds for more


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, in any of its encodings, with or without a byte-order mark.

    Raises ValueError, and nothing else, for any other text: also for values nested too deep, for halves of characters,
    which cannot be written again, and for objects with a key twice, which readers understand differently.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text))
        value = json.loads(text, object_pairs_hook=_object)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(value, ensure_ascii=False).encode()  # raises UnicodeEncodeError, a ValueError
        return value
    except RecursionError:
        raise ValueError("nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name[:80]!r} is there twice")
        found[name] = value
    return found


def content_of(file: Path, most: int = MOST) -> bytes:
    """The bytes of a file; raises OSError where it cannot be read, ValueError where it has more than `most`."""
    with file.open("rb") as opened:
        content = opened.read(most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most >> 10:,} kB")
    return content


def read_json(file: Path, error: type[RedraftError], *, expected: str = "") -> Any:
    """The value in a JSON file; raises `error`, which states `expected` where the file cannot be read."""
    try:
        return parse_json(content_of(file, MOST))
    except OSError as problem:
        hint = f"; expected {expected}" if expected else ""
        raise error(f"{file}: {problem.strerror or problem}{hint}") from problem
    except (ValueError, MemoryError) as problem:
        raise error(f"{file}: damaged or not JSON ({problem})") from problem


def read_object(file: Path, error: type[RedraftError], *, expected: str = "") -> dict[str, Any]:
    """The JSON object in a file; raises `error` for anything else."""
    values = read_json(file, error, expected=expected)
    if not isinstance(values, dict):
        raise error(f"{file}: expected a JSON object")
    return values


def within(values: Any, *keys: str) -> Any:
    """The value under these keys, one in the other; None where there is none."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def read_yaml(file: Path, error: type[RedraftError]) -> Any:
    """The dictionaries, lists and texts in a YAML file, in UTF-8 or (with a byte-order mark) UTF-16.

    Tags mean nothing, so no other object is ever made. Raises `error` where the file cannot be read.
    """
    import yaml

    try:
        return yaml.load(content_of(file, MOST_YAML), Loader=yaml.BaseLoader)
    except OSError as problem:
        raise error(f"{file}: {problem.strerror or problem}") from problem
    except RecursionError:
        raise error(f"{file}: damaged or not YAML (nested too deep)") from None
    except (yaml.YAMLError, ValueError) as problem:
        raise error(f"{file}: damaged or not YAML ({' '.join(str(problem).split())})") from problem
