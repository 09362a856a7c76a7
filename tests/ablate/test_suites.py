"""Every row of every suite is a run that can be built."""

import pytest

from redraft.ablate.jobs import judged_on, require_movable
from redraft.ablate.suite import Scale, Suite, make_plan
from redraft.ablate.suites import SUITES, get_suite
from redraft.errors import RedraftError
from redraft.models import build_model
from redraft.tasks import get_task
from redraft.train.halting import get_halting

CASES = [(name, scale) for name, suite in SUITES.items() for scale in suite.base]
TRM = {"TRM", "y and z", "last n+1 (TRM)"}


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_rows_can_be_run(name: str, scale: Scale) -> None:
    plan = make_plan(SUITES[name], scale=scale)
    for row, config in plan.configs.items():
        task = get_task(config.task)
        assert (config.model.seq_len, config.model.vocab_size) == (task.seq_len, task.vocab_size), row
        get_halting(config.halting)
        if scale == "small":
            build_model(config.model)
            for test in judged_on(plan, row).values():
                require_movable(config.model, get_task(str(test.task)))


@pytest.mark.parametrize("name", SUITES)
def test_suites_say_what_they_ask(name: str) -> None:
    suite = SUITES[name]
    assert suite.name == name and suite.title and suite.what.endswith((".", "?"))
    assert len(suite.seeds) >= 3, "one seed tells nothing"


def test_published_figures() -> None:
    reported = {name: row.reported for name, row in SUITES["table1"].rows.items() if row.reported is not None}
    assert reported == {
        "TRM": 87.4, "Q-learning ACT": 86.1, "separate networks": 82.4, "no EMA": 79.9, "4 layers, fewer n": 79.5,
        "self-attention": 74.7, "less recursion": 73.7, "one-step gradient": 56.5, "HRM": 55.0, "direct": 0.0,
    }  # fmt: skip
    depths = [row.reported for row in SUITES["table2"].rows.values()]
    assert depths == [63.2, 81.9, 87.4, 84.2, 46.4, 55.0, 61.6, 59.5]
    assert [row.reported for row in SUITES["table3"].rows.values()] == [87.4, 77.6, 71.9]


def test_the_paper_at_full_scale_is_the_paper() -> None:
    plan = make_plan(SUITES["table1"], scale="full")
    depth = {name: config.model.effective_depth for name, config in plan.configs.items()}
    assert depth["TRM"] == 42 and depth["4 layers, fewer n"] == 48 and depth["less recursion"] == 12
    assert depth["HRM"] == 24 and depth["direct"] == 8
    assert plan.base.recipe == "sudoku-extreme-mlp" and plan.base.steps == 65_000


def test_a_suite_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_suite("redraft.ablate.suites:table1").name == "table1"
    assert isinstance(get_suite("redraft.ablate.suites:table3"), Suite)
    for name, message in (
        ("tabel1", "suite 'tabel1'.* table1"),
        ("redraft.ablate.suites:SUDOKU", r"redraft\.ablate\.suite\.Suite.* dict"),
        ("nowhere:SUITE", "nowhere:SUITE: .*suite.*module:NAME"),
    ):
        with pytest.raises(RedraftError, match=message):
            get_suite(name)
