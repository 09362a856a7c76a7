"""A language model as a contender: which rows it is asked, and how its replies are judged."""

from pathlib import Path
from typing import Any

import numpy as np
from helpers.failing import mentions, raises

from redraft.compare.llm.ask import Bounds, Cache
from redraft.compare.llm.contender import chosen, examples_of, measure, notes
from redraft.compare.llm.endpoint import Endpoint
from redraft.compare.llm.prompts import script_for
from redraft.data.build import from_examples
from redraft.errors import DataError
from redraft.tasks import get_task
from redraft.tasks.grids.task import Grids, GridSpec

TASK = get_task("maze-5x5")
MADE = TASK.make(8, 0)
STORE = from_examples(TASK, MADE, source="made")
SCRIPT = script_for(TASK)


def test_right_wrong_unreadable_and_left_out(model: Any, tmp_path: Path) -> None:
    replies = {SCRIPT.write(q): SCRIPT.write(a) for q, a in zip(MADE.questions, MADE.answers, strict=True)}
    asked_first = [SCRIPT.write(question) for question in MADE.questions]

    def reply(prompt: str) -> Any:
        place = next(i for i, question in enumerate(asked_first) if question in prompt)
        others = {0: asked_first[0], 1: "No idea.", 2: (500, {}, b"")}
        return others.get(place, f"Here:\n{replies[asked_first[place]]}")

    model.reply = reply
    endpoint = Endpoint(model.url, "tiny")
    bounds = Bounds(retries=0, parallel=1)
    cache = Cache(tmp_path / "c")
    outcome, asked = measure(endpoint, TASK, STORE, lambda row: (), cache, bounds, limit=8)
    assert outcome.answered.tolist() == [True, True, False, *[True] * 5]
    assert outcome.right("solved", "halt").tolist() == [False, False, False, *[True] * 5]
    assert outcome.exact[:, 0].tolist() == outcome.solved[:, 0].tolist()
    assert outcome.name == "tiny" and "1 unreadable" in outcome.kind
    facts = dict(outcome.facts)
    assert (facts["answered"], facts["failed"], facts["unreadable"], facts["prompt_tokens"]) == (7, 1, 1, 700)
    first, second = notes(outcome, asked)
    mentions(first, "tiny", "7 of 8 rows", 1)
    mentions(second, "tiny", 1, 500)


def test_another_shortest_path_is_solved_but_not_exact(model: Any, tmp_path: Path) -> None:
    task = get_task("maze-4x4")
    question = task.parse("S...\n.##.\n.##.\n...G")
    ways = [task.parse("Sooo\n.##o\n.##o\n...G"), task.parse("S...\no##.\no##.\noooG")]
    label = task.encode(ways[0])[None]
    store = from_examples(task, task.make(1, 0, least=3), source="")
    store = type(store)(**{**vars(store), "inputs": task.encode(question)[None], "labels": label})
    for number, way in enumerate(ways):
        model.reply = lambda prompt, way=way: script_for(task).write(way)
        cache = Cache(tmp_path / str(number))
        outcome, _ = measure(Endpoint(model.url, "m"), task, store, lambda row: (), cache, Bounds(), limit=1)
        assert (outcome.solved[0, 0], outcome.exact[0, 0]) == (True, number == 0)


def test_rows_are_drawn_from_all_and_more_include_fewer() -> None:
    few, more = chosen(1000, 20), chosen(1000, 50)
    assert len(few) == 20 and set(few) <= set(more) and few.tolist() == sorted(few)
    assert few.max() > 500, "not the first ones"
    assert chosen(5, 20).tolist() == [0, 1, 2, 3, 4]


def test_examples_where_rules_are_not_known() -> None:
    task = Grids(GridSpec(name="own", alphabet=("a", "b"), height=1, width=2))
    pairs = np.array([[[0, 1]], [[1, 0]]], np.int8)
    ratings = np.full(2, np.nan, np.float32)
    train = from_examples(task, type(MADE)(questions=pairs, answers=pairs[::-1], ratings=ratings), source="")
    shown = examples_of(task, train)(0)
    assert [(a.tolist(), b.tolist()) for a, b in shown] == [([[0, 1]], [[1, 0]]), ([[1, 0]], [[0, 1]])]
    with raises(DataError, "examples"):
        examples_of(task, None)
    assert examples_of(TASK, None)(0) == ()
