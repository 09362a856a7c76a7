"""Outcomes of contenders: how they are counted, kept, told in words and drawn."""

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from redraft.compare.compare import Outcome, figures, fingerprint, in_words
from redraft.compare.show import markdown, plot_shares, show
from redraft.data.build import from_examples
from redraft.errors import DataError
from redraft.evaluate.evaluate import Records
from redraft.stats import all_pairs, wilson
from redraft.tasks import get_task


def outcome(name: str, solved: list[list[int]], **changes: Any) -> Outcome:
    right = np.array(solved, bool)
    made = Outcome(
        name=name,
        kind="trm",
        answered=np.ones(len(right), bool),
        solved=right,
        exact=right,
        steps=np.arange(1, len(right) + 1, dtype=np.float32),
        facts={"seconds": 1.5},
    )
    return replace(made, **changes)


A = outcome("a", [[1, 1], [1, 0], [1, 1], [0, 0]])
B = outcome("b|[c]", [[0, 1], [1, 1], [0, 0], [0, 0]])


def told(**changes: Any) -> dict[str, Any]:
    found = figures([A, B], measure="solved", at="last")
    return {"task": "sudoku-4x4", "data": "make:4", "judged": True, **found, "reported": [], "notes": [], **changes}


def test_of_records_takes_the_last_step_and_the_one_that_halts() -> None:
    exact = np.array([[0, 1, 0], [0, 0, 1], [0, 1, 1]], bool)
    halts = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]], bool)
    blank = np.zeros((3, 3), np.float32)
    records = Records(
        exact=exact,
        solved=~exact,
        cells=blank,
        halt_logit=blank,
        halts=halts,
        ratings=blank[0],
        grades=np.zeros(3, np.int8),
    )
    made = Outcome.of_records(records, name="x", kind="trm", facts={})
    assert made.exact.tolist() == [[False, True], [True, False], [True, True]]
    assert made.right("solved", "halt").tolist() == [False, True, False]
    assert made.steps.tolist() == [2, 1, 3] and made.answered.all()


def test_shares_and_pairs() -> None:
    found = figures([A, B], measure="solved", at="last")
    first, second = found["entrants"]
    assert first["solved"]["last"] == {"hits": 3, "share": 0.75, "interval": wilson(3, 4)}
    assert second["solved"]["halt"]["hits"] == 2 and first["mean_steps"] == 2.5
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["wins"], pair["losses"], pair["both"]) == ("a", "b|[c]", 2, 0, 1)
    assert figures([A, B], measure="solved", at="halt")["pairs"][0]["difference"] == 0
    json.dumps(found, allow_nan=False)


def test_rows_without_an_answer_count_for_nobody() -> None:
    answered = np.array([1, 1, 0, 0], bool)
    model = Outcome.of_answers(answered, ~answered, ~answered, name="m", kind="language model", facts={})
    found = figures([A, model], measure="exact", at="halt")
    assert found["entrants"][1]["rows"] == 2 and found["entrants"][1]["exact"]["last"]["hits"] == 0
    assert found["entrants"][1]["mean_steps"] is None and found["pairs"][0]["rows"] == 2
    silent = replace(model, answered=np.zeros(4, bool))
    found = figures([A, silent], measure="exact", at="halt")
    assert found["pairs"] == [] and found["entrants"][1]["solved"]["last"]["share"] is None


def test_groups_are_told() -> None:
    assert figures([A, B], measure="solved", at="last", groups=np.array([0, 0, 1, 2]))["grouped"]
    assert not figures([A, B], measure="solved", at="last", groups=np.arange(4))["grouped"]


def words(first: list[int], second: list[int], compared: int = 1) -> str:
    a, b = np.array(first, bool), np.array(second, bool)
    everything = np.ones(len(a), bool)
    return in_words("A", "B", all_pairs([a, b], [everything] * 2)[0, 1], compared=compared)


def test_in_words() -> None:
    better = words([1] * 30 + [0] * 70, [0] * 28 + [1] * 2 + [0] * 70)
    assert re.match(r"A .*28\.0 .*\bB\b.* 100 .*95 %: 19\.0 .*37\.0.*McNemar p < 0\.0001", better)
    worse = words([0] * 28 + [1] * 2 + [0] * 70, [1] * 30 + [0] * 70)
    assert re.match(r"B .*28\.0 .*\bA\b.* 100 .*95 %: 19\.0 .*37\.0", worse)
    few = words([1, 1, 0, 0], [0, 1, 0, 0], compared=3)
    assert re.search(r"McNemar p = 1\.00, p = 1\.00 .*Holm.* 3 .* 1 row.*no difference", few)
    assert re.match(r"A .*\bB\b.* 1 of 2 .*McNemar p = 1\.00.*no difference", words([1, 0], [1, 0]))
    assert re.match(r"A .*\bB\b.* 2 .*95 %: -100\.0 .*100\.0", words([1, 0], [0, 1]))


def test_kept_and_opened_again(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    A.save(file)
    again = Outcome.open(file, rows=4)
    for name in ("answered", "solved", "exact", "steps"):
        np.testing.assert_array_equal(getattr(again, name), getattr(A, name))
    assert (again.name, again.kind, again.facts) == ("a", "trm", {"seconds": 1.5})
    with pytest.raises(DataError, match=r"a\.npz: .*\(5,\)"):
        Outcome.open(file, rows=5)
    for content in (b"", b"no archive", file.read_bytes()[:-40]):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.npz: "):
            Outcome.open(file, rows=4)


def test_a_fingerprint_is_of_questions_and_answers() -> None:
    task = get_task("sudoku-4x4")
    store = from_examples(task, task.make(5, 0), source="here")
    assert fingerprint(store) == fingerprint(replace(store, source="there"))
    labels = store.labels.copy()
    labels[0, 0] += 1
    others = [replace(store, labels=labels), store.rows(slice(4)), replace(store, task="other")]
    assert len({fingerprint(each) for each in (store, *others)}) == 4


def test_tables_name_the_marked_and_escape_names() -> None:
    reported = [{"model": "M", "data": "Hard", "share": 0.5, "source": "Somebody 2025"}]
    found = told(reported=reported, notes=["what to know"])
    screen = Console(file=StringIO(), width=100)
    show(found, screen)
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "b|[c]" in text and "75.00%" in text and "exact" not in text and "what to know" in text
    assert "(Somebody 2025)" in text and "50.0%" in text
    written = markdown(found)
    assert "| 2 | b\\|[c]<br>trm | 4 | 25.00% |" in written and "| 1 : 2 | 4 | 1 | 2 | 0 | 1 |" in written
    assert re.search(r"(?m)^- a .*50\.0 .*b\\\|\[c\].* 4 ", written)


def test_exact_answers_have_a_column_where_they_differ() -> None:
    other = replace(B, exact=np.zeros((4, 2), bool))
    found = told(**figures([A, other], measure="solved", at="last"))
    assert "| exact |" in markdown(found) and "| 0.00% |" in markdown(found)


def test_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    silent = replace(B, name="$ilent$", answered=np.zeros(4, bool))
    plot_shares(told(**figures([A, B, silent], measure="solved", at="last")), tmp_path / "shares.svg")
    assert (tmp_path / "shares.svg").read_text().startswith("<?xml")
    plot_shares(told(**figures([silent], measure="exact", at="last")), tmp_path / "none.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["none.png", "shares.svg"]
