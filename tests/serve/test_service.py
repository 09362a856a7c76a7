"""The functions behind HTTP and behind the tools for language models: what they answer, and what they refuse."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.serving import ANSWERS, QUESTIONS, TASK, WAIT, Background, Gated, served

import redraft
from redraft.errors import ConfigError, WeightsError
from redraft.naming import USUAL
from redraft.serve.limits import Limits, Refused
from redraft.serve.models import Served, open_all
from redraft.serve.service import Service
from redraft.serve.types import CheckRequest, HintResponse, MakeRequest, OneRequest, SolveRequest, SolveResult
from redraft.tasks import get_task

SIX = "6.......14..........4.1.1....2..3.5."
SIX_ANSWER = "642135531426315264264513156342423651"
SIX_ROWS = [[int(cell) if cell != "." else None for cell in SIX[i : i + 6]] for i in range(0, 36, 6)]
MAZE = get_task("maze-8x8").make(1, 4)
MAZE_TEXT = get_task("maze-8x8").format(MAZE.questions[0])


def solve(service: Service, **values: Any) -> list[SolveResult]:
    return service.solve(SolveRequest(**values)).results


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"task": "sudoku"},
        {"task": "sudoku-6x6"},
        {"task": "sudoku-6x6-v1"},
        {"weights": "sudoku-6x6-eq"},
        {"weights": "sudoku-6x6", "task": "sudoku"},
    ],
)
def test_solves_with_the_weights_that_are_meant(bundled: Service, named: dict[str, str]) -> None:
    response = bundled.solve(SolveRequest(puzzle=SIX, **named))  # type: ignore[arg-type]
    assert (response.task, response.weights) == ("sudoku-6x6", named.get("weights", "sudoku-6x6"))
    [result] = response.results
    assert (result.status, result.answer, result.message, result.draft) == ("solved", SIX_ANSWER, "", None)


def test_results_are_what_solve_json_prints(bundled: Service) -> None:
    [result] = solve(bundled, puzzle=SIX, trace=True)
    printed = redraft.load("sudoku-6x6").solve(SIX).to_dict()
    assert set(printed) <= set(SolveResult.model_fields)
    assert all(set(item) <= {"draft", "halt_probability", "attempt"} for item in printed["trace"])
    assert result.plain() == printed


def test_puzzles_may_be_rows_and_mazes_too(bundled: Service) -> None:
    [result] = solve(bundled, puzzle=SIX_ROWS, task="sudoku")
    assert result.answer == SIX_ANSWER
    [maze] = solve(bundled, puzzle=MAZE_TEXT)
    rows = [list(row) for row in get_task("maze-8x8").draw(MAZE.questions[0]).splitlines()]
    [by_rows] = solve(bundled, puzzle=rows, task="maze")
    assert maze.status == "solved" and by_rows == maze
    with pytest.raises(Refused, match="need a task"):
        solve(bundled, puzzle=SIX_ROWS)


def test_one_bad_puzzle_of_several_is_an_error_in_its_place(bundled: Service) -> None:
    results = solve(bundled, puzzles=[SIX, "66" + SIX[2:], SIX, "6"], task="sudoku-6x6")
    assert [result.status for result in results] == ["solved", "error", "solved", "error"]
    assert [result.place for result in results] == ["puzzle 1", "puzzle 2", "puzzle 3", "puzzle 4"]
    assert "two 6s" in (results[1].message or "") and results[1].answer is None


@pytest.mark.parametrize(
    ("values", "where", "status"),
    [
        ({"puzzle": "66" + SIX[2:]}, "puzzle", 422),
        ({"puzzle": "." * 36}, "puzzle", 422),
        ({"puzzle": "hello"}, "puzzle", 422),
        ({"puzzle": SIX, "task": "sudoku-9x9"}, "puzzle", 422),
        ({"puzzle": SIX, "task": "sudoku-8x8"}, "task", 404),
        ({"puzzle": SIX, "task": "chess"}, "task", 404),
        ({"puzzle": SIX, "task": "os:getcwd"}, "task", 404),
        ({"puzzle": SIX, "weights": "sudoku-7x7"}, "weights", 404),
        ({"puzzle": SIX, "weights": "../sudoku-6x6"}, "weights", 404),
        ({"puzzle": SIX, "weights": "/etc"}, "weights", 404),
        ({"puzzle": SIX, "weights": "hf:a/b"}, "weights", 404),
        ({"puzzle": SIX, "weights": "sudoku-6x6", "task": "maze"}, "task", 422),
        ({"puzzle": SIX, "max_steps": 257}, "max_steps", 422),
        ({"puzzles": [SIX] * 1001}, "puzzles", 413),
        ({"puzzle": [[9]], "task": "maze-8x8"}, "puzzle", 422),
        ({"puzzle": [[99] * 8] * 8, "task": "maze-8x8"}, "puzzle", 422),
        ({"puzzle": [[1, 2], [3]], "task": "maze-8x8"}, "puzzle", 422),
    ],
)
def test_refuses_what_cannot_be_meant(bundled: Service, values: dict[str, Any], where: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        solve(bundled, **values)
    assert (refused.value.where, refused.value.status) == (where, status), refused.value


def test_steps_are_as_asked_but_no_more_than_the_limit(tmp_path: Path) -> None:
    limits, stepper = Limits(steps=5), Gated({0: 4})
    service = Service([served(stepper, limits, tmp_path, max_steps=3)], limits)
    [few] = solve(service, puzzle=QUESTIONS[0], task="sudoku")
    [more] = solve(service, puzzle=QUESTIONS[0], task="sudoku", max_steps=5)
    assert (few.status, few.steps, few.answer) == ("unsolved", 3, None) and few.draft is not None and few.message
    assert (more.status, more.steps, more.draft) == ("solved", 4, None)
    service.close()


def test_what_takes_too_long_is_an_error(tmp_path: Path) -> None:
    limits, stepper = Limits(seconds=0.05), Gated(gated=True)
    service = Service([served(stepper, limits, tmp_path)], limits)
    with pytest.raises(Refused) as refused:
        solve(service, puzzle=QUESTIONS[0])
    assert refused.value.status == 504
    results = solve(service, puzzles=[*QUESTIONS[:2], "1"], task="sudoku-4x4")
    assert [result.status for result in results] == ["error"] * 3
    assert "0.05 seconds" in (results[0].message or "") and "0.05 seconds" not in (results[2].message or "")
    stepper.open()
    service.close()


def test_hints_are_right_and_verified(bundled: Service) -> None:
    made = get_task("sudoku-6x6").make(12, 8)
    for question, answer in zip(made.questions, made.answers, strict=True):
        hint = bundled.hint(OneRequest(puzzle=get_task("sudoku-6x6").format(question)))
        assert question[hint.row - 1, hint.column - 1] == 0
        assert hint.verified and hint.value == str(answer[hint.row - 1, hint.column - 1])
        assert 0 < hint.probability <= 1 and hint.message == ""


def scripted_hint(stepper: Gated, tmp_path: Path, number: int) -> HintResponse:
    service = Service([served(stepper, limits := Limits(steps=4), tmp_path, max_steps=4)], limits)
    found = service.hint(OneRequest(puzzle=QUESTIONS[number]))
    service.close()
    return found


def test_the_hint_is_the_most_certain_open_cell(tmp_path: Path) -> None:
    hint = scripted_hint(Gated(), tmp_path, 0)
    cell = QUESTIONS[0].rindex(".")
    assert (hint.row, hint.column, hint.value) == (cell // 4 + 1, cell % 4 + 1, ANSWERS[0][cell])


def test_a_hint_is_never_knowingly_wrong(tmp_path: Path) -> None:
    class Mistaken(Gated):
        def logits(self, state: list[tuple[int, int]]) -> np.ndarray:
            return np.roll(super().logits(state), 1, axis=1)  # the symbols of the cells before

    hint = scripted_hint(Mistaken({0: 2}), tmp_path, 0)
    cell = (hint.row - 1) * 4 + hint.column - 1
    assert QUESTIONS[0][cell] == "." and hint.verified and hint.value == ANSWERS[0][cell]


def test_a_hint_without_an_answer_says_so(tmp_path: Path) -> None:
    hint = scripted_hint(Gated({0: 99}), tmp_path, 0)
    assert not hint.verified and hint.message


@pytest.mark.parametrize("puzzle", [MAZE_TEXT, SIX_ANSWER])
def test_there_is_no_hint_without_open_cells(bundled: Service, puzzle: str) -> None:
    with pytest.raises(Refused) as refused:
        bundled.hint(OneRequest(puzzle=puzzle))
    assert refused.value.status == 422


def test_checks_answers_and_what_is_filled_in_so_far(bundled: Service) -> None:
    right = bundled.check(CheckRequest(puzzle=SIX, answer=SIX_ANSWER))
    assert (right.task, right.status, right.message, right.wrong) == ("sudoku-6x6", "solved", "", [])
    wrong = bundled.check(CheckRequest(puzzle=SIX, answer="66" + SIX_ANSWER[2:], task="sudoku-6x6"))
    assert wrong.status == "unsolved" and {(1, 1), (1, 2)} <= {(cell.row, cell.column) for cell in wrong.wrong}
    partly = bundled.check(CheckRequest(puzzle=SIX, answer="64" + SIX[2:]))
    assert partly.status == "unsolved" and partly.wrong == [] and "blank" in partly.message
    without_weights = bundled.check(CheckRequest(puzzle=QUESTIONS[0], answer=ANSWERS[0], task="sudoku-4x4"))
    assert without_weights.status == "solved"
    for values, where in (
        ({"puzzle": SIX, "answer": "1"}, "answer"),
        ({"puzzle": "1", "answer": SIX, "task": "sudoku-6x6"}, "puzzle"),
        ({"puzzle": "1", "answer": "1", "task": "arc"}, "task"),
        ({"puzzle": "1", "answer": "1", "task": "redraft.tasks:Sudoku"}, "task"),
    ):
        with pytest.raises(Refused) as refused:
            bundled.check(CheckRequest(**values))  # type: ignore[arg-type]
        assert refused.value.where == where


def test_makes_what_the_command_makes(bundled: Service) -> None:
    made = bundled.make(MakeRequest(task="sudoku-4x4", count=3, seed=5, clues=6))
    [first, *_] = redraft.make("sudoku-4x4", 3, seed=5, clues=6)
    task = get_task("sudoku-4x4")
    assert len(made.puzzles) == 3 and made.puzzles[0].question == task.format(first.question)
    hard = bundled.make(MakeRequest(task="sudoku-6x6", guesses=1, seed=5))
    assert (hard.puzzles[0].rating or 0) >= 1
    drawn = bundled.make(MakeRequest(task="maze"))
    again = bundled.make(MakeRequest(task="maze-8x8", seed=drawn.seed))
    assert drawn == again
    for values, where, status in (
        ({"task": "sudoku", "count": 124}, "count", 413),
        ({"task": "maze-41x999"}, "task", 404),
        ({"task": "sudoku-7x7"}, "task", 404),
        ({"task": "sudoku-4x4-v9"}, "task", 404),
        ({"task": "os:system"}, "task", 404),
        ({"task": "maze", "clues": 3}, "", 422),
        ({"task": "maze", "guesses": 3}, "", 422),
        ({"task": "sudoku-6x6", "clues": 9, "guesses": 3}, "", 422),
        ({"task": "sudoku-4x4", "clues": 1}, "", 422),
    ):
        with pytest.raises(Refused) as refused:
            bundled.make(MakeRequest(**values))  # type: ignore[arg-type]
        assert (refused.value.where, refused.value.status) == (where, status), refused.value


@pytest.mark.parametrize("kind", ["futoshiki", "sokoban", "roster"])
def test_a_kind_of_puzzle_means_the_bundled_size(bundled: Service, kind: str) -> None:
    made = bundled.make(MakeRequest(task=kind, count=3, seed=4))
    task = get_task(made.task)
    assert made.task == USUAL[kind] and made.task in redraft.list_weights()
    found = bundled.solve(SolveRequest(task=kind, puzzles=[each.question for each in made.puzzles]))
    assert found.task == found.weights == made.task
    for each, result in zip(made.puzzles, found.results, strict=True):
        question, answer = task.parse(each.question), task.parse(result.answer or result.draft or "")
        assert (result.status == "solved") == bool(task.check(question, answer))
        judged = bundled.check(CheckRequest(task=kind, puzzle=each.question, answer=each.answer))
        assert (judged.task, judged.status, judged.wrong) == (made.task, "solved", [])
    other = bundled.make(
        MakeRequest(task={"futoshiki": "futoshiki-3x3", "sokoban": "sokoban-5x5"}.get(kind, "roster-4x5"))
    )
    with pytest.raises(Refused) as refused:
        bundled.solve(SolveRequest(task=kind, puzzle=other.puzzles[0].question))
    assert (refused.value.where, refused.value.status) == ("puzzle", 422)


def test_mazes_of_any_size(bundled: Service) -> None:
    """By their look, their rows, their task, and by the weights; each answer is that of `redraft.load`."""
    made = get_task("maze-10x12").make(2, 7)
    solver = redraft.load("maze-30x30", task="maze-10x12")
    wanted = [solver.task.format(solver.solve(question).grid) for question in made.questions]
    text, drawn = solver.task.format(made.questions[0]), solver.task.draw(made.questions[0])
    asked: list[dict[str, Any]] = [
        {"puzzle": drawn},
        {"puzzle": text, "task": "maze-10x12"},
        {"puzzle": text, "task": "maze-10x12", "weights": "maze-30x30"},
        {"puzzle": [list(row) for row in drawn.splitlines()], "task": "maze", "weights": "maze-30x30"},
    ]
    for values in asked:
        response = bundled.solve(SolveRequest(**values))
        assert (response.task, response.weights) == ("maze-10x12", "maze-30x30"), values
        assert [result.answer for result in response.results] == wanted[:1]
    texts = [solver.task.draw(question) for question in made.questions]
    assert [result.answer for result in solve(bundled, puzzles=texts)] == wanted
    by_name = {card["name"]: card["any_size"] for card in bundled.list_models().plain()["models"]}
    assert by_name["maze-30x30"] and not by_name["maze-8x8"]


def test_only_the_sizes_asked_for_last_stay_open(bundled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = next(each.sizes for each in bundled.models if each.name == "maze-30x30")
    assert sizes is not None
    monkeypatch.setattr(sizes, "MOST", 2)
    first = sizes.get("maze-9x9")
    assert sizes.get("maze-9x9") is first
    for name in ("maze-9x10", "maze-9x11"):
        sizes.get(name)
    assert not first.shared._thread.is_alive() and sizes.get("maze-9x9") is not first
    with pytest.raises(Refused) as refused:
        sizes.get("maze-99x99999")
    assert refused.value.status == 404


def test_the_rules_alone_need_no_weights_of_that_size(bundled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    made = get_task("maze-7x9").make(1, 3)
    draw = get_task("maze-7x9").draw
    sizes = next(each.sizes for each in bundled.models if each.name == "maze-30x30")
    assert sizes is not None
    monkeypatch.setattr(sizes, "get", lambda name: pytest.fail(f"{name} was opened"))
    found = bundled.check(CheckRequest(puzzle=draw(made.questions[0]), answer=draw(made.answers[0])))
    assert (found.task, found.status) == ("maze-7x9", "solved")
    with pytest.raises(Refused, match="no cells to fill in"):
        bundled.hint(OneRequest(puzzle=draw(made.questions[0])))


@pytest.mark.parametrize(
    ("values", "where", "status"),
    [
        ({"puzzle": "S.G\n...", "task": "maze-3x3"}, "task", 404),
        ({"puzzle": "S..G\n####\n....\n....\n...", "task": "maze-5x4"}, "puzzle", 422),
        ({"puzzle": "hello", "weights": "maze-30x30"}, "puzzle", 422),
        ({"puzzle": "S.G", "weights": "maze-30x30", "task": "sudoku"}, "task", 422),
        ({"puzzle": MAZE_TEXT, "task": "maze-12x12"}, "puzzle", 422),
        ({"puzzle": MAZE_TEXT, "task": "maze-0x3"}, "task", 404),
    ],
)
def test_mazes_that_are_none(bundled: Service, values: dict[str, Any], where: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        solve(bundled, **values)
    assert (refused.value.where, refused.value.status) == (where, status), refused.value


def test_models_say_what_clients_need_and_nothing_of_where_they_are(bundled: Service) -> None:
    found = bundled.list_models().plain()
    by_name = {card["name"]: card for card in found["models"]}
    assert set(by_name) == set(redraft.list_weights())
    assert by_name["sudoku-6x6"]["hints"] and not by_name["maze-8x8"]["hints"]
    assert found["limits"]["puzzles"] == 1000
    assert str(Path(redraft.__file__).parent) not in str(found)


def test_weights_that_cannot_be_served(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        open_all([str(tmp_path / "none")], Limits())
    with pytest.raises(ConfigError):
        open_all(["sudoku-6x6", "sudoku-6x6"], Limits())
    with pytest.raises(ConfigError):
        Limits(queue=0)


def test_many_threads_get_their_own_answers(bundled: Service) -> None:
    task = get_task("sudoku-6x6")
    made = task.make(24, 77)
    questions = [task.format(each) for each in made.questions]
    calls = [Background(lambda part: solve(bundled, puzzles=part), questions[i : i + 3]) for i in range(0, 24, 3)]
    results = [result for call in calls for result in call.result()]
    assert [result.question for result in results] == questions
    assert [result.answer for result in results] == [task.format(each) for each in made.answers]


def test_serving_needs_no_pytorch() -> None:
    import subprocess

    code = (
        "import sys\nfrom redraft.serve.service import Service\nfrom redraft.serve.models import open_all\n"
        "from redraft.serve.limits import Limits\nimport redraft.commands.serve\n"
        "from redraft.serve.types import SolveRequest\nservice = Service(open_all([], Limits()), Limits())\n"
        f"assert service.solve(SolveRequest(puzzle='{SIX}')).results[0].status == 'solved'\n"
        "service.close()\nassert 'torch' not in sys.modules and 'numba' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=WAIT)


def test_the_first_weights_of_a_task_are_taken_where_none_has_its_name(tmp_path: Path) -> None:
    one, other = (served(Gated(), Limits(), tmp_path) for _ in range(2))
    other = Served(name="other", folder=tmp_path, task=TASK, shared=other.shared, steps=9)
    service = Service([one, other], Limits())
    assert service.solve(SolveRequest(puzzle=QUESTIONS[0])).weights == "gated"
    assert service.solve(SolveRequest(puzzle=QUESTIONS[0], weights="other")).weights == "other"
    service.close()


def test_a_search_without_end_is_ended_and_the_next_request_is_served() -> None:
    service = Service([], Limits(making=1.0))
    with pytest.raises(Refused) as refused:
        for _ in range(2):  # the first may have the time that starting takes
            service.make(MakeRequest(task="maze-40x40", least=1599))
    assert refused.value.status in (422, 504)
    assert service.make(MakeRequest(task="sudoku-4x4", seed=1)).puzzles
    service.close()
