"""The recipe for own data: what one dial sets, and that its small runs train."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from redraft.data.build import from_examples
from redraft.data.store import Store
from redraft.errors import ConfigError
from redraft.models import EquivariantConfig, build_model
from redraft.models.config import TRMConfig
from redraft.recipes.own import Size, recipe_for
from redraft.run import evaluator
from redraft.tasks import Examples, Task
from redraft.tasks.grids.task import Grids, GridSpec
from redraft.train.config import RunConfig, run_from_dict, run_to_dict
from redraft.train.loop import Trainer


def store_of(task: Task, count: int) -> Store:
    grids = np.zeros((count, task.height, task.width), np.int8)
    examples = Examples(questions=grids, answers=grids, ratings=np.full(count, np.nan, np.float32))
    return from_examples(task, examples, source="")


def recipe(size: Size = "tiny", *, side: int = 6, varies: bool = False, count: int = 1000) -> RunConfig:
    canvas = side + varies
    task = Grids(GridSpec(name="mine", alphabet=(".", "a"), height=canvas, width=canvas, varies=varies))
    store = store_of(task, count)
    if varies:  # grids one smaller than the canvas
        grids = task.decode(store.inputs)
        grids[:, -1], grids[:, :, -1] = -1, -1
        store = from_examples(
            task, Examples(questions=grids, answers=grids, ratings=np.zeros(count, np.float32)), source=""
        )
    run = recipe_for(task, store, folder=Path("data"), size=size)
    assert run.model.seq_len == task.seq_len and run.model.vocab_size == task.vocab_size
    return run


def model(run: RunConfig) -> TRMConfig:
    assert isinstance(run.model, TRMConfig)
    return run.model


def test_size_is_the_dial() -> None:
    widths = [model(recipe(size)).hidden_size for size in ("nano", "tiny", "paper")]
    steps = [recipe(size).steps for size in ("nano", "tiny", "paper")]
    assert widths == [64, 128, 512] and steps == sorted(steps)
    paper = recipe("paper")
    assert (model(paper).T, model(paper).n, paper.batch_size, paper.optim.kind) == (3, 6, 768, "adam_atan2")
    assert (recipe("paper", side=20).model.n, recipe("paper").optim.lr) == (4, 1e-4)
    with pytest.raises(ConfigError, match=r"size: .*nano, tiny, paper.*'huge'"):
        recipe("huge")  # type: ignore[arg-type]


def test_small_full_grids_are_mixed_by_an_mlp_all_others_by_attention() -> None:
    assert (model(recipe(side=12)).mixer, model(recipe(side=12)).positions) == ("mlp", "none")
    for run in (recipe(side=13), recipe(side=30), recipe(side=5, varies=True)):
        assert (model(run).mixer, model(run).positions) == ("attention", "rope")


def test_batch_and_steps_follow_the_data() -> None:
    assert recipe(count=10).batch_size == 8 and recipe(count=1).batch_size == 1
    assert recipe(side=30).batch_size == 16, "a batch of large grids is smaller"
    assert recipe(count=100).steps < recipe(count=1000).steps < recipe(count=50_000, side=2).steps


def test_puzzles_with_an_embedding_each() -> None:
    task = Grids(GridSpec(name="mine", alphabet=(".", "a"), height=3, width=3))
    store = replace(store_of(task, 20), puzzle_ids=np.arange(20, dtype=np.int32))
    run = recipe_for(task, store, folder="data", size="nano")
    assert (model(run).num_puzzles, model(run).puzzle_positions, run.optim.puzzle_lr) == (20, 1, 1e-2)
    assert model(recipe("nano")).puzzle_positions == 0 and model(recipe("paper")).puzzle_positions == 16


def test_where_the_data_is_and_back_from_json() -> None:
    run = recipe()
    assert (run.task, run.recipe, run.data.train, run.data.test) == ("mine", "own-tiny", "data", "data")
    assert run_from_dict(run_to_dict(run), where="here") == run


@pytest.mark.parametrize("size", ["nano", "tiny"])
@pytest.mark.parametrize("varies", [False, True])
def test_models_are_small(size: Size, varies: bool) -> None:
    built = build_model(recipe(size, side=4, varies=varies).model)
    assert sum(p.numel() for p in built.parameters()) < 300_000


@pytest.mark.slow
def test_two_steps_of_training(tmp_path: Path) -> None:
    task = Grids(GridSpec(name="mine", alphabet=(".", "a"), height=2, width=2, symmetries=("dihedral",)))
    store = store_of(task, 4)
    run = replace(recipe_for(task, store, folder=tmp_path, size="nano"), steps=2, eval_every=2, eval_steps=1)
    trainer = Trainer(run, tmp_path / "run", task=task, data=store, device=torch.device("cpu"))
    outcome = trainer.run(evaluator(task, store, run), [])
    assert outcome.finished and (tmp_path / "run/best/model.safetensors").exists()


def test_symbols_that_are_alike_get_a_model_that_treats_them_so() -> None:
    spec = GridSpec(
        name="latin", alphabet=(".", "1", "2", "3"), height=3, width=3, symmetries=("symbols:123",),
        scopes=("rows", "columns"),
    )  # fmt: skip
    task = Grids(spec)
    run = recipe_for(task, store_of(task, 1000), folder=Path("data"), size="nano")
    assert isinstance(run.model, EquivariantConfig)
    assert (run.model.first_symbol, run.model.symbols, run.model.scopes) == (2, 3, ("rows", "columns"))
    assert run.steps < recipe("nano").steps
    for less in ({"symmetries": ()}, {"scopes": ()}):
        task = Grids(replace(spec, **less))  # type: ignore[arg-type]
        assert isinstance(recipe_for(task, store_of(task, 9), folder=Path("data"), size="nano").model, TRMConfig)
