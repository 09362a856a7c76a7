"""The folder of all ablations, and what it must not be."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from redraft.ablate.pool import MARK, Pool, note_failure, read_result, require_same, write_result
from redraft.ablate.suite import Plan
from redraft.errors import ConfigError, RedraftError
from redraft.train.config import run_to_dict


def test_it_is_made_and_opened_again(tmp_path: Path, plan: Plan) -> None:
    run = plan.runs()[0]
    pool = Pool(tmp_path / "deep/out")
    assert read_result(pool.of(run)) is None and pool.failure(run) is None
    note_failure(pool.of(run), "too hot")
    write_result(pool.of(run), {"tests": {}})
    again = Pool(tmp_path / "deep/out")
    assert again.failure(run) == "too hot" and read_result(again.of(run)) == {"tests": {}}
    note_failure(pool.of(run), None)
    note_failure(pool.of(run), None)
    assert again.failure(run) is None


def test_other_folders_are_left_alone(tmp_path: Path, plan: Plan) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_text(json.dumps(run_to_dict(plan.base)))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter.txt").touch()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / MARK).write_text('{"format": 7}')
    for name, message in (
        ("file", "file: .*folder"),
        ("run", "run: .*run.*--out"),
        ("home", "home: .*--out"),
        ("new", f"{MARK}: .*7.*1"),
    ):
        with pytest.raises(ConfigError, match=message):
            Pool(tmp_path / name)
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["letter.txt"]


def test_a_folder_with_another_run_than_its_name_says(pool: Pool, plan: Plan) -> None:
    run = plan.runs()[0]
    pool.of(run).mkdir(parents=True)
    file = pool.of(run) / "config.json"
    file.write_text(json.dumps(run_to_dict(run.config)))
    require_same(pool.of(run), run.config)
    file.write_text(json.dumps(run_to_dict(replace(run.config, steps=7))))
    with pytest.raises(ConfigError, match=f"{run.key}: .*--out"):
        require_same(pool.of(run), run.config)
    file.write_text("{")
    with pytest.raises(RedraftError, match=f"{file}: .*JSON"):
        require_same(pool.of(run), run.config)


def test_a_larger_puzzle_table_is_the_same_run(pool: Pool, plan: Plan) -> None:
    """The data decides how many rows a table has."""
    run = plan.runs()[0]
    model = replace(run.config.model, puzzle_positions=1, puzzle_dim=16)  # type: ignore[call-arg]
    run = replace(run, config=replace(run.config, model=model))
    pool.of(run).mkdir(parents=True)
    grown = replace(run.config, model=replace(model, num_puzzles=12))
    (pool.of(run) / "config.json").write_text(json.dumps(run_to_dict(grown)))
    require_same(pool.of(run), run.config)
