"""`redraft list`: tasks, recipes, weights."""

from __future__ import annotations

import redraft.weights
from redraft.errors import ConfigError
from redraft.tasks import ANY_SIZE, TASKS


def run(arguments: list[str]) -> int:
    if arguments:
        if arguments[0] in ("-h", "--help"):
            print("usage: redraft list\n\nLists tasks, recipes and the weights that ship with redraft.")
            return 0
        raise ConfigError(f"unexpected argument {arguments[0]!r}; redraft list takes none")
    _print("tasks, also with their version, as sudoku-9x9-v1", {**dict.fromkeys(TASKS, ""), **ANY_SIZE})
    try:
        from redraft.recipes import RECIPES

        _print("recipes", {name: recipe.__doc__ or "" for name, recipe in RECIPES.items()})
    except ModuleNotFoundError as error:
        print(f"recipes: need the package {error.name}")
    _print("weights that ship", {name: redraft.weights.summary(name) for name in redraft.weights.names()})
    return 0


def _print(title: str, rows: dict[str, str]) -> None:
    """A name a line, with the first line of what there is to say about it."""
    print(title if rows else f"{title}: none")
    for name, text in rows.items():
        first = text.strip().partition("\n")[0]
        print(f"  {name:<20} {first}".rstrip())
