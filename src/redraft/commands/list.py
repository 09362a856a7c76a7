"""`redraft list`: tasks, recipes, weights."""

from __future__ import annotations

import json

import redraft.weights
from redraft.errors import ConfigError
from redraft.tasks import TASKS


def run(arguments: list[str]) -> int:
    if arguments:
        if arguments[0] in ("-h", "--help"):
            print("usage: redraft list\n\nLists tasks, recipes and the weights that ship with redraft.")
            return 0
        raise ConfigError(f"unexpected argument {arguments[0]!r}; redraft list takes none")
    from redraft.recipes import RECIPES

    print("tasks    " + ", ".join(TASKS))
    print("recipes")
    for name, recipe in RECIPES.items():
        print(f"  {name:<20} {(recipe.__doc__ or '').splitlines()[0]}")
    print("weights that ship")
    for name in redraft.weights.names():
        card = json.loads((redraft.weights.folder(name) / "config.json").read_text())["card"]  # type: ignore[operator]
        print(f"  {name:<20} {card.get('summary', '')}")
    return 0
