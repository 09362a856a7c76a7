"""What a model is judged by, and the figures that are worth a line."""

from dataclasses import replace

import numpy as np
import pytest

from redraft.data.build import open_source
from redraft.errors import ConfigError
from redraft.evaluate.judge import in_brief, judge, unseen
from redraft.models import build_model
from redraft.recipes import get_recipe
from redraft.tasks import get_task
from redraft.tasks.arc.augmentations import Views
from redraft.tasks.arc.make import make_tasks

RUN = get_recipe("sudoku-4x4", tiny=True)
TASK = get_task(RUN.task)
DATA = open_source(TASK, RUN.data.train)


def test_only_what_was_not_trained_on_judges() -> None:
    test = unseen(TASK, "make:40@2", trained_on=DATA)
    seen = {row.tobytes() for row in DATA.inputs}
    assert len(test) and not any(row.tobytes() in seen for row in test.inputs)
    assert len(unseen(TASK, "make:40@2", trained_on=DATA, limit=3)) <= 3
    with pytest.raises(ConfigError, match=r"make:16@1 .*trained"):
        unseen(TASK, "make:16@1", trained_on=DATA)


def test_figures() -> None:
    model = build_model(RUN.model)
    test = unseen(TASK, "make:6@2", trained_on=DATA)
    figures = judge(model, TASK, test, steps=3, batch_size=4)
    assert figures["puzzles"] == len(test) and figures["steps"] == 3
    brief = in_brief({**figures, "exact": 0.5, "halting": {"exact": 0.25, "mean_steps": 2.0}})
    assert list(brief) == ["exact", "solved", "cells", "halt_exact", "halt_steps"]
    assert (brief["exact"], brief["halt_exact"], brief["halt_steps"]) == (0.5, 0.25, 2.0)


def test_rows_without_answers_do_not_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    blind = replace(DATA, labels=np.full_like(DATA.labels, -100))
    monkeypatch.setattr("redraft.evaluate.judge.open_source", lambda *arguments, **options: blind)
    with pytest.raises(ConfigError, match=r"x\.csv .*answer"):
        unseen(TASK, "x.csv", trained_on=DATA)
    with pytest.raises(ConfigError, match=r"x\.csv .*answer"):
        unseen(TASK, "x.csv", trained_on=DATA, needed=False)


def test_arc_data_may_have_nothing_to_judge_by(monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views.make(make_tasks(1, 0), count=1)
    for known in (False, True):  # every row has an answer, and is trained on
        labels = DATA.labels if known else np.full_like(DATA.labels, -100)
        store = replace(DATA, labels=labels, views=views)
        monkeypatch.setattr("redraft.evaluate.judge.open_source", lambda *_, store=store, **options: store)
        assert len(unseen(TASK, "arc", trained_on=DATA, needed=False)) == 0
        with pytest.raises(ConfigError, match=r"\barc\b"):
            unseen(TASK, "arc", trained_on=DATA)
