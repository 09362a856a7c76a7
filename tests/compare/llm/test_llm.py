"""Many prompts within bounds: retries, budgets, failures, and replies that are kept."""

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers.failing import mentions, raises

import redraft.compare.llm.ask
from redraft.compare.llm.ask import Asked, Bounds, Cache, ask_all
from redraft.compare.llm.endpoint import Endpoint
from redraft.errors import ConfigError, DataError

PROMPTS = ["one", "two", "three", "four", "five", "six"]
SLOW = (429, {"Retry-After": "0"}, b"slow down")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.compare.llm.ask, "FIRST_WAIT", 0.001)


def ask(model: Any, file: Path, prompts: list[str] = PROMPTS, *, max_tokens: int = 100, **bounds: int) -> Asked:
    endpoint = Endpoint(model.url, "tiny", timeout=5, max_tokens=max_tokens)
    return ask_all(endpoint, prompts, Cache(file), Bounds(**{"parallel": 1, **bounds}))


def test_each_prompt_gets_its_reply(model: Any, tmp_path: Path) -> None:
    model.reply = str.upper
    told: list[int] = []
    endpoint = Endpoint(model.url, "tiny")
    asked = ask_all(endpoint, PROMPTS, Cache(tmp_path / "c"), Bounds(parallel=3), progress=told.append)
    assert {place: reply.text for place, reply in asked.replies.items()} == dict(enumerate(map(str.upper, PROMPTS)))
    assert (asked.tokens, asked.kept, asked.stopped, asked.failures) == (900, 0, "", {})
    assert told == sorted(told) and told[-1] == 6


def test_never_more_at_once_than_allowed(model: Any, tmp_path: Path) -> None:
    now, most, lock = [0], [0], threading.Lock()
    together = threading.Barrier(2)

    def reply(prompt: str) -> str:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait(5)
        with lock:
            now[0] -= 1
        return "ok"

    model.reply = reply
    assert len(ask(model, tmp_path / "c", parallel=2).replies) == 6
    assert most[0] == 2


def test_passing_failures_are_tried_again(model: Any, tmp_path: Path) -> None:
    tries: Counter[str] = Counter()

    def reply(prompt: str) -> Any:
        tries[prompt] += 1
        return {1: SLOW, 2: (503, {}, b"busy")}.get(tries[prompt], "ok")

    model.reply = reply
    asked = ask(model, tmp_path / "c", retries=2)
    assert len(asked.replies) == 6 and set(tries.values()) == {3}
    assert asked.tokens == 900, "failures are not charged"


def test_a_failure_now_and_then_is_left_out(model: Any, tmp_path: Path) -> None:
    model.reply = lambda prompt: (500, {}, b"no") if prompt in ("two", "four") else "ok"
    asked = ask(model, tmp_path / "c", retries=0)
    assert sorted(asked.replies) == [0, 2, 4, 5] and sorted(asked.failures) == [1, 3]
    assert asked.error is None
    mentions(asked.failures[1], 500)


def test_failures_in_a_row_stop_it_and_keep_what_is_finished(model: Any, tmp_path: Path) -> None:
    model.reply = lambda prompt: "ok" if prompt == "one" else (200, {}, b"<html>")
    asked = ask(model, tmp_path / "c", retries=5)
    assert asked.error is not None and sorted(asked.failures) == [1, 2, 3] and list(asked.replies) == [0]
    mentions(asked.stopped, "<html>", "3 failures")
    assert len(model.bodies) == 4, "what is no completion is not asked for again"


def test_a_refusal_stops_it_at_once(model: Any, tmp_path: Path) -> None:
    model.reply = lambda prompt: (401, {}, b"who are you?")
    asked = ask(model, tmp_path / "c", retries=5)
    assert len(model.bodies) == 1
    mentions(asked.stopped, 401, "who are you?")


def test_the_budget_is_not_overdrawn(model: Any, tmp_path: Path) -> None:
    model.reply = lambda prompt: "ok"
    asked = ask(model, tmp_path / "c", budget=560)
    assert (len(asked.replies), asked.tokens, asked.error) == (4, 600, None), "this endpoint charges more than it may"
    model.usage = {"prompt_tokens": 3, "completion_tokens": 100}
    asked = ask(model, tmp_path / "d", budget=330, parallel=4)
    assert (len(asked.replies), asked.tokens) == (3, 309)
    assert "309 of the budget of 330 tokens are used, and the next question may take up to 104" in asked.stopped
    assert ask(model, tmp_path / "e", budget=100).tokens == 0


def test_tokens_that_nobody_tells_are_estimated(model: Any, tmp_path: Path) -> None:
    model.usage, model.reply = None, lambda prompt: "x" * 60
    assert ask(model, tmp_path / "c", ["y" * 40]).tokens == 50


def test_what_was_answered_is_not_asked_again(model: Any, tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    model.reply = lambda prompt: "ok" if prompt != "three" else (401, {}, b"stop")
    assert sorted(ask(model, file).replies) == [0, 1]
    with file.open("a") as opened:
        opened.write('{"key": "cut off in the mid')
    model.reply = lambda prompt: "later"
    asked = ask(model, file)
    assert [asked.replies[place].text for place in range(6)] == ["ok", "ok", *["later"] * 4]
    assert (asked.kept, asked.tokens, len(model.bodies)) == (2, 600, 3 + 4)
    assert ask(model, file).kept == 6
    lines = file.read_text().splitlines()
    assert len(lines) == 7 and "sk-" not in file.read_text()
    assert json.loads(lines[0])["model"] == "tiny"


def test_only_a_reply_to_the_same_question_counts(model: Any, tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    model.reply, model.finish = lambda prompt: "a beginning", "length"
    ask(model, file, ["one"])
    assert ask(model, file, ["one"]).kept == 1 and ask(model, file, ["two"]).kept == 0
    asked = ask(model, file, ["one"], max_tokens=200)
    assert asked.kept == 0, "it was cut off, and might not be now"
    other = Endpoint(model.url, "other", max_tokens=100)
    assert ask_all(other, ["one"], Cache(file), Bounds()).kept == 0


def test_an_interruption_does_not_wait_for_replies(model: Any, tmp_path: Path) -> None:
    model.reply = lambda prompt: "ok" if prompt == "one" else model.hang(prompt)

    def interrupted(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    endpoint = Endpoint(model.url, "tiny", timeout=30)
    with pytest.raises(KeyboardInterrupt):
        ask_all(endpoint, PROMPTS, Cache(tmp_path / "c"), Bounds(parallel=2), progress=interrupted)
    assert not model.hangs.is_set() and len(Cache(tmp_path / "c")._known) == 1


@pytest.mark.parametrize("bounds", [{"retries": -1}, {"budget": 0}, {"parallel": 0}])
def test_bounds_out_of_range(bounds: dict[str, int]) -> None:
    with raises(ConfigError, *bounds.items()):
        Bounds(**bounds)


def test_a_place_where_nothing_can_be_kept(model: Any, tmp_path: Path) -> None:
    with raises(DataError, tmp_path):
        Cache(tmp_path)
    with raises(DataError, tmp_path / "nowhere" / "c"):
        ask(model, tmp_path / "nowhere" / "c")
