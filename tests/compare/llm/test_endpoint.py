"""One prompt to one reply: what goes to an endpoint, and what may come back."""

import asyncio
import json
import socket
import time
from typing import Any

import pytest
from helpers.failing import raises

from redraft.compare.llm.endpoint import Endpoint, EndpointError, Reply, keeps_secrets
from redraft.errors import ConfigError

KEY = "sk-secret-1234"


def ask(endpoint: Endpoint, prompt: str = "hello") -> Reply:
    return asyncio.run(endpoint.ask(prompt))


def test_what_is_sent_and_what_comes_back(model: Any) -> None:
    model.reply = lambda prompt: prompt.upper()
    reply = ask(Endpoint(model.url + "/", "tiny", key=KEY, max_tokens=77))
    assert (reply.text, reply.cut_off, reply.prompt_tokens, reply.reply_tokens) == ("HELLO", False, 100, 50)
    message = {"role": "user", "content": "hello"}
    assert model.bodies == [{"model": "tiny", "messages": [message], "max_tokens": 77}]
    assert model.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert model.paths == ["/v1/chat/completions"]


def test_a_url_that_names_the_whole_path_and_a_query(model: Any) -> None:
    endpoint = Endpoint(model.url + "/chat/completions?version=2", "tiny")
    ask(endpoint)
    assert model.paths == ["/v1/chat/completions?version=2"]
    assert "version" not in endpoint.place and "Authorization" not in model.headers[0]


def test_a_reply_that_was_cut_off_without_usage(model: Any) -> None:
    model.finish, model.usage = "length", None
    reply = ask(Endpoint(model.url, "tiny"))
    assert reply.cut_off and reply.prompt_tokens is None and reply.reply_tokens is None


def test_models_that_call_the_limit_otherwise(model: Any) -> None:
    def reply(prompt: str) -> Any:
        if "max_tokens" in model.bodies[-1]:
            return 400, {}, b'{"error": {"message": "max_tokens: use max_completion_tokens instead"}}'
        return "fine"

    model.reply = reply
    endpoint = Endpoint(model.url, "tiny", max_tokens=9)
    assert [ask(endpoint, "a").text, ask(endpoint, "b").text] == ["fine", "fine"]
    assert [body.get("max_completion_tokens") for body in model.bodies] == [None, 9, 9]

    async def together(endpoint: Endpoint) -> list[str]:
        return [reply.text for reply in await asyncio.gather(*(endpoint.ask(prompt) for prompt in "abc"))]

    assert asyncio.run(together(Endpoint(model.url, "tiny"))) == ["fine"] * 3, "each of several requests at once"


@pytest.mark.parametrize(
    ("answer", "kind", "parts"),
    [
        ((429, {"Retry-After": "7"}, b"slow down"), "passing", (429, "slow down")),
        ((500, {}, b""), "passing", 500),
        ((401, {}, b'{"error": {"message": "wrong key sk-secret-1234"}}'), "final", (401, "wrong key ***")),
        ((404, {}, b'{"error": {"message": "no model tiny"}}'), "final", (404, "no model tiny")),
        ((301, {"Location": "http://elsewhere/"}, b"moved"), "final", (301, "moved")),
        ((400, {}, b'{"error": {"message": "too long"}}'), "useless", (400, "too long")),
        ((200, {}, b"<html>\n\x1b[31mWelcome"), "useless", "<html> [31mWelcome"),
        ((200, {}, b'{"choices": []}'), "useless", "completion"),
        ((200, {}, b'{"choices": [{"message": {"content": 3}}]}'), "useless", "completion"),
        ((200, {}, b"[" * 5000), "useless", "completion"),
        ((200, {}, b'{"error": {"message": "overloaded"}}'), "useless", "overloaded"),
        ((200, {}, b"x" * 300), "useless", "…"),
        ((200, {"Content-Length": "500"}, b"{"), "passing", ()),
    ],
)
def test_what_is_no_reply(model: Any, answer: Any, kind: str, parts: object) -> None:
    model.reply = lambda prompt: answer
    with raises(EndpointError, parts) as raised:
        ask(Endpoint(model.url, "tiny", key=KEY))
    assert raised.value.kind == kind and str(raised.value).startswith(model.url)
    assert KEY not in str(raised.value) and "\n" not in str(raised.value)
    assert raised.value.wait == (7 if answer[0] == 429 else None)


def test_a_model_that_says_nothing_has_replied(model: Any) -> None:
    model.reply = lambda prompt: (200, {}, json.dumps({"choices": [{"message": {"content": None}}]}).encode())
    assert ask(Endpoint(model.url, "tiny")).text == ""


def test_hanging_and_trickling_end_in_time(model: Any) -> None:
    model.reply = model.hang
    endpoint = Endpoint(model.url, "tiny", timeout=0.2)
    for _ in range(2):
        started = time.monotonic()
        with raises(EndpointError, "0.2 seconds") as raised:
            ask(endpoint)
        assert time.monotonic() - started < 5 and raised.value.kind == "passing"
        model.reply, model.trickle = lambda prompt: "a reply of which each byte takes its time", 0.05


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but does not listen
        with raises(EndpointError, "connection refused"):
            ask(Endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", "tiny"))


def test_https_where_there_is_http(model: Any) -> None:
    with raises(EndpointError, "http", "https"):
        ask(Endpoint(model.url.replace("http:", "https:"), "tiny", timeout=5))


@pytest.mark.parametrize(
    "url", ["", "localhost:8000/v1", "ftp://host/v1", "http://", "http://host:no/v1", "http://a b/", "http://[::1"]
)
def test_no_url(url: str) -> None:
    with raises(ConfigError, "URL", "https"):
        Endpoint(url, "tiny")


def test_a_password_in_a_url_is_not_shown() -> None:
    with pytest.raises(ConfigError) as raised:
        Endpoint("http://me:hidden@host/v1", "tiny")
    assert "hidden" not in str(raised.value)


def test_where_a_key_may_go() -> None:
    assert keeps_secrets("https://api.example.com/v1") and keeps_secrets("http://localhost:1/v1")
    assert not keeps_secrets("http://api.example.com/v1")
