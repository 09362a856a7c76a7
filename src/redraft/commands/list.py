"""`redraft list`: tasks, recipes, weights."""

from __future__ import annotations

from redraft.api import list_recipes, list_tasks, list_weights
from redraft.errors import ConfigError
from redraft.tasks import ANY_SIZE


def run(arguments: list[str]) -> int:
    if arguments:
        if arguments[0] in ("-h", "--help"):
            print("usage: redraft list\n\nLists tasks, recipes and bundled weights.")
            return 0
        raise ConfigError(f"unexpected argument {arguments[0]!r}; redraft list takes none")
    _print("tasks, also with their version, as sudoku-9x9-v1", {**dict.fromkeys(list_tasks(), ""), **ANY_SIZE})
    _print("recipes", list_recipes())
    _print("bundled weights", list_weights())
    return 0


def _print(title: str, rows: dict[str, str]) -> None:
    """A name and what there is to say about it, a line each."""
    print(title if rows else f"{title}: none")
    for name, text in rows.items():
        print(f"  {name:<20} {text}".rstrip())
