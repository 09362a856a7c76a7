"""An OpenAI-compatible endpoint: one prompt to one reply, in bounded time; errors quote the answer."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from redraft.errors import ConfigError, RedraftError

PATH = "/chat/completions"
LARGEST = 8 << 20  # bytes of a reply
LOCAL = ("localhost", "127.0.0.1", "::1")
_AGAIN = (408, 409, 425, 429)  # and 5xx: the same request may succeed later
_THIS = (400, 413, 422)  # wrong with this request alone, as a prompt that is too long may be
_SNIPPET = 160


class EndpointError(RedraftError):
    """A request that was not answered with a chat completion.

    Attributes:
        kind: `passing` if another try may help, `useless` if the same request would fail again, `final` if every
            other request would, too.
        wait: seconds until another try, as the endpoint requests; None if it does not.
        tokens: used for the same prompt before, by replies that called tools.
    """

    tokens = 0

    def __init__(
        self, message: str, kind: Literal["passing", "useless", "final"] = "passing", wait: float | None = None
    ) -> None:
        self.kind, self.wait = kind, wait
        super().__init__(message)


class Reply(NamedTuple):
    """The text of a reply, whether it was cut off, the tokens it is charged for, and the seconds it took.

    `prompt_tokens` and `reply_tokens` are None if the endpoint does not report them. `tool_calls` counts the calls of
    tools that were answered; `calls` are those that wait for an answer, as the endpoint wrote them.
    """

    text: str
    cut_off: bool
    prompt_tokens: int | None
    reply_tokens: int | None
    seconds: float
    tool_calls: int = 0
    calls: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """Functions that a language model may call in its replies.

    Attributes:
        definitions: name, description and JSON Schema of each, as the endpoint reads them.
        call: returns the result of a function, or its error, as text, from its name and its arguments in JSON.
        about: names the weights behind the functions; other weights, other results.
    """

    ROUNDS = 3  # replies with calls that are answered; the next reply must be the answer
    CALLS = 2  # per reply
    LONGEST = 1500  # characters of a result

    definitions: Sequence[dict[str, Any]]
    call: Callable[[str, str], str]
    about: str

    def answer(self, call: dict[str, Any]) -> dict[str, Any]:
        """The message that answers a call."""
        function = call["function"]
        result = self.call(function["name"], function["arguments"])
        if len(result) > self.LONGEST:
            result = result[: self.LONGEST] + "… (cut off)"
        return {"role": "tool", "tool_call_id": call["id"], "content": result}


class Endpoint:
    """A chat endpoint and a model behind it, with or without tools; `name` says which."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        timeout: float = 120.0,
        max_tokens: int = 4096,
        tools: Toolbox | None = None,
    ) -> None:
        """`url` up to and including `/v1`; raises ConfigError for other URLs. `key` is sent nowhere else."""
        import httpx  # noqa: F401  # before any work, if it is missing

        parts = split(url)
        self.model, self.timeout, self.max_tokens, self.tools = model, timeout, max_tokens, tools
        self.name = model if tools is None else f"{model} with tools"
        self.place = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")  # a query may hold a key
        self._url = parts._replace(path=parts.path.rstrip("/").removesuffix(PATH) + PATH, fragment="").geturl()
        self._key = key
        self._options: dict[str, Any] = {
            "headers": {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            "timeout": None,
            "trust_env": parts.hostname not in LOCAL,  # proxies of the environment are for other machines
            "verify": ssl.create_default_context(),  # made once, with the machine's own certificates
        }
        self._limit = "max_tokens"  # the endpoint's name for it; newer models have another

    def most(self, prompt: str) -> int:
        """Tokens that a prompt may use, replies and calls of tools included; a token is a character or more."""
        if self.tools is None:
            return len(prompt) + self.max_tokens
        rounds, results = self.tools.ROUNDS, self.tools.CALLS * self.tools.LONGEST
        every = len(prompt) + len(json.dumps(self.tools.definitions))  # sent with each request
        return (rounds + 1) * (every + self.max_tokens) + rounds * (rounds + 1) // 2 * results

    async def ask(self, prompt: str, turns: Sequence[dict[str, Any]] = (), *, max_tokens: int | None = None) -> Reply:
        """The model's reply to a message, and to `turns` after it: replies that called tools, and the results.

        Raises EndpointError after `timeout` seconds at the latest.
        """
        started, limit = time.monotonic(), self._limit
        body: dict[str, Any] = {"model": self.model, "messages": [{"role": "user", "content": prompt}, *turns]}
        if self.tools is not None:
            last = sum(turn["role"] == "assistant" for turn in turns) >= self.tools.ROUNDS
            body |= {"tools": list(self.tools.definitions), "tool_choice": "none" if last else "auto"}
        most = self.max_tokens if max_tokens is None else max_tokens
        status, headers, content = await self._post(body | {limit: most})
        if status == 400 and b"max_completion_tokens" in content and limit == "max_tokens":
            self._limit = "max_completion_tokens"
            status, headers, content = await self._post(body | {self._limit: most})
        if status != 200:
            raise self._refusal(status, headers, content)
        return self._reply(content, time.monotonic() - started)

    async def _post(self, body: dict[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and content of the answer to a POST."""
        import httpx

        content = b""
        try:
            # of the whole exchange: timeouts of httpx start again with every byte
            async with (
                asyncio.timeout(self.timeout),
                httpx.AsyncClient(**self._options) as client,
                client.stream("POST", self._url, json=body) as answer,
            ):
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > LARGEST:
                        raise EndpointError(f"{self.place}: a reply of more than {LARGEST >> 20} MiB", "useless")
        except TimeoutError:
            raise EndpointError(f"{self.place}: no reply within {self.timeout:g} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise EndpointError(f"{self.place}: {_why(error)}") from error
        return answer.status_code, answer.headers, content

    def _refusal(self, status: int, headers: Mapping[str, str], content: bytes) -> EndpointError:
        message = f"{self.place}: answered with status {status}: {self._snippet(content)}"
        if status in _AGAIN or status >= 500:
            wait = headers.get("retry-after", "")
            return EndpointError(message, wait=float(wait) if re.fullmatch(r"\d+(\.\d+)?", wait) else None)
        return EndpointError(message, "useless" if status in _THIS else "final")

    def _reply(self, content: bytes, seconds: float) -> Reply:
        try:
            answer = json.loads(content)
            choice = answer["choices"][0]
            text = choice["message"].get("content") if self.tools is not None else choice["message"]["content"]
            if text is not None and not isinstance(text, str):
                raise TypeError
            calls = [] if self.tools is None else _calls(choice["message"], self.tools.CALLS)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise EndpointError(
                f"{self.place}: expected a chat completion, got {self._snippet(content)}", "useless"
            ) from None
        return Reply(
            text=text or "",
            cut_off=choice.get("finish_reason") == "length",
            prompt_tokens=_count(answer, "prompt_tokens"),
            reply_tokens=_count(answer, "completion_tokens"),
            seconds=seconds,
            calls=calls,
        )

    def _snippet(self, content: bytes) -> str:
        """The beginning of an answer, or the message of an error in it, on one line and without the key."""
        text = content[: 1 << 16].decode(errors="replace")
        with suppress(ValueError, LookupError, TypeError, RecursionError):
            text = str(json.loads(text)["error"]["message"])
        if self._key:
            text = text.replace(self._key, "***")
        text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
        return text[: _SNIPPET - 1] + "…" if len(text) > _SNIPPET else text or "nothing"


def split(url: str) -> SplitResult:
    """The parts of the URL of an endpoint; raises ConfigError for other text."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(
            f"{url!r} is not the URL of an endpoint; expected one such as https://api.openai.com/v1 or "
            "http://localhost:11434/v1"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"the URL at {parts.hostname} holds a name or password; set an environment variable instead")
    return parts


def keeps_secrets(url: str) -> bool:
    """Whether a key sent there cannot be read on the way."""
    parts = split(url)
    return parts.scheme == "https" or parts.hostname in LOCAL


def _calls(message: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """The first calls of tools in a message; raises TypeError or LookupError for anything else."""
    found = []
    for call in (message.get("tool_calls") or [])[:most]:
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        if not (isinstance(call["id"], str) and isinstance(name, str) and isinstance(arguments, str)):
            raise TypeError
        function = {"name": name, "arguments": arguments}
        found.append({"id": call["id"], "type": "function", "function": function})
    return found


def _count(answer: dict[str, Any], name: str) -> int | None:
    """A number of tokens in the usage that an answer reports, if it does."""
    usage = answer.get("usage")
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and value >= 0 else None


def _why(error: BaseException) -> str:
    """The reason of a failed connection, by the innermost error that has one."""
    reason = f"the connection broke off ({type(error).__name__})"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            detail = cause.reason or cause
            reason = f"no secure connection ({detail}); is it http rather than https, or the reverse?"
        elif isinstance(cause, ConnectionRefusedError):
            reason = "connection refused; is the server running?"
        elif isinstance(cause, OSError) and cause.strerror:
            reason = cause.strerror.lower()
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    return reason
