"""Recipes: functions that return a whole run. `RECIPES` names them."""

from __future__ import annotations

from collections.abc import Callable

from redraft.errors import ConfigError
from redraft.recipes import arc, maze, sudoku
from redraft.recipes.shrink import shrunk
from redraft.train.config import RunConfig

__all__ = ["RECIPES", "get_recipe", "shrunk"]

RECIPES: dict[str, Callable[..., RunConfig]] = {
    "sudoku-4x4": sudoku.sudoku_4x4,
    "sudoku-6x6": sudoku.sudoku_6x6,
    "sudoku-extreme-mlp": sudoku.sudoku_extreme_mlp,
    "sudoku-extreme-att": sudoku.sudoku_extreme_att,
    "maze-8x8": maze.maze_8x8,
    "maze-hard": maze.maze_hard,
    "arc1": arc.arc1,
    "arc2": arc.arc2,
}


def get_recipe(name: str, *, tiny: bool = False) -> RunConfig:
    """The run of a recipe; `tiny` shrinks it to seconds, to see whether everything works."""
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}; known: {', '.join(RECIPES)}")
    return RECIPES[name](tiny=tiny)
