"""Calls of tools in replies: answered in bounded rounds, counted, kept apart from replies without."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.failing import mentions

import redraft.compare.llm.ask
from redraft.compare.llm.ask import Asked, Bounds, Cache, ask_all
from redraft.compare.llm.endpoint import Endpoint, Toolbox

PROMPTS = ["one", "two"]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redraft.compare.llm.ask, "FIRST_WAIT", 0.001)


def calling(*calls: tuple[str, str], text: str | None = None, finish: str = "tool_calls", tokens: int = 50) -> Any:
    """An answer whose reply calls tools, by name and arguments."""
    made = [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]
    choice = {"message": {"role": "assistant", "content": text, "tool_calls": made}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": tokens}
    return 200, {}, json.dumps({"choices": [choice], "usage": usage}).encode()


class Doubling:
    """A toolbox with one function, and what it was called with."""

    def __init__(self, result: str = "") -> None:
        self.called: list[tuple[str, str]] = []
        self.result = result
        definition = {"type": "function", "function": {"name": "double", "parameters": {"type": "object"}}}
        self.box = Toolbox(definitions=[definition], call=self.call, about="this test")

    def call(self, name: str, arguments: str) -> str:
        self.called.append((name, arguments))
        return self.result or arguments * 2


def ask(model: Any, file: Path, box: Toolbox | None, *, max_tokens: int = 500, **bounds: int) -> Asked:
    endpoint = Endpoint(model.url, "tiny", timeout=5, max_tokens=max_tokens, tools=box)
    return ask_all(endpoint, PROMPTS, Cache(file), Bounds(**{"parallel": 1, **bounds}))


def test_a_call_is_answered_and_all_tokens_count(model: Any, tmp_path: Path) -> None:
    tools = Doubling()
    model.reply = lambda prompt: "done" if len(model.bodies[-1]["messages"]) > 1 else calling(("double", "ab"))
    asked = ask(model, tmp_path / "c", tools.box)
    assert tools.called == [("double", "ab")] * 2
    reply = asked.replies[0]
    assert (reply.text, reply.tool_calls, reply.prompt_tokens, reply.reply_tokens) == ("done", 1, 200, 100)
    assert asked.tokens == 600 and not reply.calls
    first, second = model.bodies[:2]
    assert first["tools"] == second["tools"] == list(tools.box.definitions)
    assert (first["max_tokens"], second["max_tokens"]) == (500, 450), "the limit is of the whole answer"
    user, call, result = second["messages"]
    assert user == {"role": "user", "content": "one"} and call["role"] == "assistant"
    assert call["tool_calls"][0]["function"] == {"name": "double", "arguments": "ab"}
    assert result == {"role": "tool", "tool_call_id": "c0", "content": "abab"}


def test_rounds_calls_and_results_are_bounded(model: Any, tmp_path: Path) -> None:
    tools = Doubling("x" * 9000)
    model.reply = lambda prompt: calling(*[("double", "a")] * 5, text="not yet")
    asked = ask(model, tmp_path / "c", tools.box)
    assert [body["tool_choice"] for body in model.bodies[:4]] == ["auto", "auto", "auto", "none"]
    assert len(model.bodies) == 2 * (Toolbox.ROUNDS + 1)
    assert asked.replies[0].tool_calls == Toolbox.ROUNDS * Toolbox.CALLS and asked.replies[0].text == "not yet"
    results = [turn["content"] for turn in model.bodies[3]["messages"] if turn["role"] == "tool"]
    assert len(results) == 6 and max(map(len, results)) < Toolbox.LONGEST + 20


def test_a_reply_that_is_cut_off_calls_nothing(model: Any, tmp_path: Path) -> None:
    tools = Doubling()
    model.reply = lambda prompt: calling(("double", '{"a'), finish="length")
    assert ask(model, tmp_path / "c", tools.box).replies[0].cut_off and not tools.called
    model.reply = lambda prompt: calling(("double", "{}"), tokens=500)
    assert ask(model, tmp_path / "d", tools.box).replies[0].cut_off and not tools.called


@pytest.mark.parametrize(
    "call",
    [3, "double", [3], [{}], [{"id": 3, "function": {"name": "double", "arguments": "{}"}}],
     [{"id": "c", "function": {"name": "double", "arguments": {}}}]],
)  # fmt: skip
def test_what_is_no_call(model: Any, tmp_path: Path, call: Any) -> None:
    choice = {"message": {"content": None, "tool_calls": call}}
    model.reply = lambda prompt: (200, {}, json.dumps({"choices": [choice]}).encode())
    asked = ask(model, tmp_path / "c", Doubling().box)
    assert not asked.replies and len(model.bodies) == 2
    mentions(asked.failures[0], "completion")


def test_a_request_in_the_middle_is_tried_again_and_a_failure_is_charged(model: Any, tmp_path: Path) -> None:
    tools, tries = Doubling(), [0]

    def reply(prompt: str) -> Any:
        if len(model.bodies[-1]["messages"]) == 1:
            return calling(("double", "a"))
        tries[0] += 1
        return (503, {}, b"busy") if prompt == "two" or tries[0] == 1 else "done"

    model.reply = reply
    asked = ask(model, tmp_path / "c", tools.box, retries=1)
    assert asked.replies[0].text == "done" and list(asked.failures) == [1]
    assert asked.tokens == 300 + 150 and len(tools.called) == 2


def test_replies_with_tools_are_kept_apart(model: Any, tmp_path: Path) -> None:
    model.reply = lambda prompt: "ok"
    file, tools = tmp_path / "c", Doubling()
    assert ask(model, file, None).kept == 0 and "tools" not in model.bodies[0]
    assert ask(model, file, tools.box).kept == 0 and ask(model, file, tools.box).kept == 2
    other = Toolbox(definitions=tools.box.definitions, call=tools.call, about="other weights")
    assert ask(model, file, other).kept == 0 and ask(model, file, None).kept == 2


def test_replies_that_were_kept_before_there_were_tools(model: Any, tmp_path: Path) -> None:
    model.reply, file = lambda prompt: "ok", tmp_path / "c"
    ask(model, file, None)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({k: v for k, v in each.items() if k != "tool_calls"}) + "\n" for each in lines))
    assert ask(model, file, None).kept == 2


def test_the_budget_covers_all_rounds_before_a_question_is_asked(model: Any, tmp_path: Path) -> None:
    model.reply = lambda prompt: "ok"
    most = Endpoint(model.url, "tiny", max_tokens=500, tools=Doubling().box).most("one")
    assert ask(model, tmp_path / "c", Doubling().box, budget=most - 1).tokens == 0
    assert len(ask(model, tmp_path / "d", Doubling().box, budget=most).replies) == 1
