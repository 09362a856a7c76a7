"""How many bytes a way to run models takes on disk: what pip installs for it, besides redraft."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def bytes_of_extras(extras: Iterable[str], project: Path = PROJECT) -> tuple[int, list[str]]:
    """Bytes of redraft's dependencies with some extras, and their names; raises KeyError for an extra it has not."""
    described = tomllib.loads(project.read_text())["project"]
    wanted = [
        *described["dependencies"],
        *(line for name in extras for line in described["optional-dependencies"][name]),
    ]
    found: dict[str, Distribution] = {}
    left = [Requirement(line) for line in wanted]
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        if name == "redraft":  # an extra made of others
            left += [
                Requirement(line) for each in requirement.extras for line in described["optional-dependencies"][each]
            ]
            continue
        if name in found or not _applies(requirement, {""}):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        further = (Requirement(line) for line in found[name].requires or ())
        left += [each for each in further if _applies(each, {"", *requirement.extras})]
    return sum(map(bytes_of, found.values())), sorted(found)


def bytes_of(package: Distribution) -> int:
    """Of all files that a package put in place."""
    files = [Path(str(package.locate_file(each))) for each in package.files or () if each.suffix != ".pyc"]
    return sum(file.stat().st_size for file in files if file.is_file())


def bytes_under(folder: Path, pattern: str = "*") -> int:
    return sum(file.stat().st_size for file in folder.glob(pattern) if file.is_file())


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras)
