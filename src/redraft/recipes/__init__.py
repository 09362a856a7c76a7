"""Recipes: functions that return a whole run, by name in `RECIPES`."""

from __future__ import annotations

from collections.abc import Callable

from redraft.data.build import open_source, store_folder, task_of
from redraft.errors import ConfigError
from redraft.naming import known, made
from redraft.recipes import arc, lab, maze, more, sudoku
from redraft.recipes.change import shrunk
from redraft.recipes.own import Size, recipe_for
from redraft.train.config import RunConfig

__all__ = ["RECIPES", "get_recipe", "recipe_of", "shrunk"]

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "sudoku-4x4": sudoku.sudoku_4x4,
    "sudoku-6x6": sudoku.sudoku_6x6,
    "sudoku-6x6-eq": sudoku.sudoku_6x6_eq,
    "sudoku-extreme-mlp": sudoku.sudoku_extreme_mlp,
    "sudoku-extreme-att": sudoku.sudoku_extreme_att,
    "sudoku-extreme-eq": sudoku.sudoku_extreme_eq,
    "sudoku-extreme-symbols": sudoku.sudoku_extreme_symbols,
    "sudoku-6x6-lab": lab.sudoku_6x6_lab,
    "sudoku-6x6-eq-lab": lab.sudoku_6x6_eq_lab,
    "maze-8x8": maze.maze_8x8,
    "maze-8x8-lab": lab.maze_8x8_lab,
    "maze-30x30": maze.maze_30x30,
    "maze-hard": maze.maze_hard,
    "futoshiki-4x4": more.futoshiki_4x4,
    "futoshiki-5x5": more.futoshiki_5x5,
    "sokoban-6x6": more.sokoban_6x6,
    "roster-5x7": more.roster_5x7,
    "arc1": arc.arc1,
    "arc2": arc.arc2,
    "arc1-10x10": arc.arc1_10x10,
    "arc1-10x10-direct": arc.arc1_10x10_direct,
}


def get_recipe(name: str, *, tiny: bool = False) -> RunConfig:
    """The run of a recipe; `tiny` shrinks it to seconds, to check that everything works.

    The name is one in `RECIPES`, or `module:NAME` for a function of your own that takes `tiny` and returns a run.
    """
    if ":" in name:
        expected = "a function that takes `tiny` and returns a RunConfig"
        run: RunConfig = made(name, RunConfig, what="a recipe", expected=expected, tiny=tiny)
        return run
    recipe = known(RECIPES, name, what="recipe")()
    return shrunk(recipe) if tiny else recipe


def recipe_of(name: str, *, size: Size | None = None, tiny: bool = False) -> RunConfig:
    """The recipe of that name, or one inferred from a folder of data (`./NAME` if it is named like a recipe)."""
    if name in RECIPES or store_folder(name, "train") is None:
        if size is not None:
            raise ConfigError("size is for a folder of data, whose recipe is inferred; a recipe has its own")
        return get_recipe(name, tiny=tiny)
    if store_folder(name, "test") is None:
        raise ConfigError(f"{name}: has no store `test` beside `train`; build one with redraft data build")
    task = task_of(name, name)
    recipe = recipe_for(task, open_source(task, name), folder=name, size=size or "tiny")
    return shrunk(recipe, made=False) if tiny else recipe
