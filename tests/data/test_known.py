"""The table of known data agrees with tasks and recipes."""

from redraft.data.known import KNOWN
from redraft.recipes import RECIPES, get_recipe
from redraft.tasks import TASKS, get_task


def test_names_and_tasks() -> None:
    names = [known.name for known in KNOWN]
    assert len(set(names)) == len(names)
    for known in KNOWN:
        assert known.task in TASKS, known.name
        assert known.licence and known.rows, known.name
        made = known.source.startswith("make:")
        assert made == (not known.origin) == (not known.megabytes), f"{known.name}: made here or downloaded"


def test_every_task_can_be_made() -> None:
    assert {known.task for known in KNOWN if known.source.startswith("make:")} == set(TASKS)
    for name in TASKS:
        if name != "maze-30x30":  # as hard ones are rare, the slowest
            assert len(get_task(name).make(1, 0)) >= 1


def test_recipes_are_listed_with_their_data() -> None:
    """Whoever adds a recipe adds it to the row of its data."""
    users = {recipe: known for known in KNOWN for recipe in known.recipes}
    assert set(users) <= set(RECIPES), "recipes in the table that do not exist"
    for name in RECIPES:
        config = get_recipe(name)
        kind = config.data.train.partition(":")[0]
        if kind not in ("hf", "make"):  # a folder that the recipe's docstring says how to build
            continue
        known = users.get(name)
        assert known is not None, f"data/known.py: name the recipe {name} in the row of {config.data.train}"
        assert known.task == config.task
        assert known.source == config.data.train or (kind == "make" and known.source.startswith("make:"))
