"""An OpenAI-compatible endpoint: one prompt to one reply, in bounded time; every failure says what came back."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from redraft.errors import ConfigError, RedraftError

if TYPE_CHECKING:
    import httpx  # which a comparison of models alone does without

PATH = "/chat/completions"
LARGEST = 8 << 20  # bytes of a reply
LOCAL = ("localhost", "127.0.0.1", "::1")
_AGAIN = (408, 409, 425, 429)  # and 5xx: the same request may fare better later
_THIS = (400, 413, 422)  # wrong with this request alone, as a prompt that is too long may be
_SNIPPET = 160


class EndpointError(RedraftError):
    """A request without a chat completion for an answer.

    Attributes:
        kind: `passing`, where another try may help, `useless`, where the same request would fare no better, or
            `final`, where no other request would either.
        wait: seconds that the endpoint asked to be left alone for; None where it did not say.
    """

    def __init__(
        self, message: str, kind: Literal["passing", "useless", "final"] = "passing", wait: float | None = None
    ) -> None:
        self.kind, self.wait = kind, wait
        super().__init__(message)


class Reply(NamedTuple):
    """What a language model said, whether it was cut off, the tokens it is charged for, and the seconds it took.

    `prompt_tokens` and `reply_tokens` are None where the endpoint does not tell.
    """

    text: str
    cut_off: bool
    prompt_tokens: int | None
    reply_tokens: int | None
    seconds: float


class Endpoint:
    """A chat endpoint and a model behind it; `ask` may be called by several threads at once."""

    def __init__(self, url: str, model: str, *, key: str = "", timeout: float = 120.0, max_tokens: int = 4096) -> None:
        """`url` up to and including `/v1`; raises ConfigError where it is none. `key` goes nowhere but there."""
        import httpx  # noqa: F401  # before any work, where it is missing

        parts = split(url)
        self.url, self.model, self.timeout, self.max_tokens = url, model, timeout, max_tokens
        self.place = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")  # a query may hold a key
        path = parts.path.rstrip("/")
        path = path if path.endswith(PATH) else path + PATH
        self._url = f"{parts.scheme}://{parts.netloc}{path}" + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        self._key = key
        # proxies of the environment are for other machines
        self._options: dict[str, Any] = {"timeout": None, "trust_env": parts.hostname not in LOCAL}
        self._options["verify"] = ssl.create_default_context()  # made once, and of the machine's own certificates
        self._limit = "max_tokens"  # what the endpoint calls it; newer models have another name
        self._running: dict[asyncio.Task[Any], asyncio.AbstractEventLoop] = {}
        self._closed = False
        self._lock = threading.Lock()

    def ask(self, prompt: str) -> Reply:
        """The model's reply to one message; raises EndpointError after `timeout` seconds at the latest."""
        started = time.monotonic()
        status, headers, content = asyncio.run(self._post(self._body(prompt)))
        if status == 400 and b"max_completion_tokens" in content and self._limit == "max_tokens":
            self._limit = "max_completion_tokens"
            status, headers, content = asyncio.run(self._post(self._body(prompt)))
        if status != 200:
            raise self._refusal(status, headers, content)
        return self._reply(content, time.monotonic() - started)

    def close(self) -> None:
        """Ends all requests that are under way, for good; each raises EndpointError in its thread."""
        with self._lock:
            self._closed = True
            for task, loop in self._running.items():
                loop.call_soon_threadsafe(task.cancel)

    def _body(self, prompt: str) -> bytes:
        message = {"role": "user", "content": prompt}
        return json.dumps({"model": self.model, "messages": [message], self._limit: self.max_tokens}).encode()

    async def _post(self, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and content of the answer to a POST, within the time allowed."""
        import httpx

        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            if self._closed:
                raise EndpointError(f"{self.place}: closed")
            self._running[task] = asyncio.get_running_loop()
        try:
            # of the whole exchange: timeouts of httpx begin anew with every byte
            async with asyncio.timeout(self.timeout), httpx.AsyncClient(**self._options) as client:
                return await self._exchange(client, body)
        except TimeoutError:
            raise EndpointError(f"{self.place}: no reply within {self.timeout:g} seconds") from None
        except asyncio.CancelledError:
            raise EndpointError(f"{self.place}: closed") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise EndpointError(f"{self.place}: {_why(error)}") from error
        finally:
            with self._lock:
                del self._running[task]

    async def _exchange(self, client: httpx.AsyncClient, body: bytes) -> tuple[int, httpx.Headers, bytes]:
        async with client.stream("POST", self._url, content=body, headers=self._headers) as answer:
            content = b""
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > LARGEST:
                    raise EndpointError(f"{self.place}: a reply of more than {LARGEST >> 20} MiB", "useless")
            return answer.status_code, answer.headers, content

    def _refusal(self, status: int, headers: Mapping[str, str], content: bytes) -> EndpointError:
        said = f"{self.place}: answered with status {status}: {self._snippet(content)}"
        if status in _AGAIN or status >= 500:
            asked = headers.get("retry-after", "")
            return EndpointError(said, wait=float(asked) if re.fullmatch(r"\d+(\.\d+)?", asked) else None)
        return EndpointError(said, "useless" if status in _THIS else "final")

    def _reply(self, content: bytes, seconds: float) -> Reply:
        try:
            answer = json.loads(content)
            choice = answer["choices"][0]
            text = choice["message"]["content"]
            if text is not None and not isinstance(text, str):
                raise TypeError
        except (ValueError, LookupError, TypeError, RecursionError):
            raise EndpointError(
                f"{self.place}: expected a chat completion, got {self._snippet(content)}", "useless"
            ) from None
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return Reply(
            text=text or "",
            cut_off=choice.get("finish_reason") == "length",
            prompt_tokens=_count(usage.get("prompt_tokens")),
            reply_tokens=_count(usage.get("completion_tokens")),
            seconds=seconds,
        )

    def _snippet(self, content: bytes) -> str:
        """The beginning of what came back on one line, the message of an error alone, and never the key."""
        text = content[: 1 << 16].decode(errors="replace")
        with suppress(ValueError, LookupError, TypeError, RecursionError):
            text = str(json.loads(text)["error"]["message"])
        if self._key:
            text = text.replace(self._key, "***")
        text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
        return text[: _SNIPPET - 1] + "…" if len(text) > _SNIPPET else text or "nothing"


def split(url: str) -> Any:
    """The parts of the URL of an endpoint; raises ConfigError where it is none."""
    example = "expected one such as https://api.openai.com/v1 or http://localhost:11434/v1"
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        raise ConfigError(f"{url!r} is no URL of an endpoint; {example}") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"the URL at {parts.hostname} holds a name or password; give the key by the environment")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(f"{url!r} is no URL of an endpoint; {example}")
    return parts


def keeps_secrets(url: str) -> bool:
    """Whether nobody on the way could read a key sent there."""
    parts = split(url)
    return parts.scheme == "https" or parts.hostname in LOCAL


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _why(error: BaseException) -> str:
    """The innermost cause of an error that has words of ours, or its own."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(cause)
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__
    for cause in reversed(causes):
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused; is the server running?"
        if isinstance(cause, ssl.SSLError):
            return f"no secure connection ({cause.reason or cause}); is it http rather than https, or the reverse?"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return f"the connection broke off ({type(error).__name__})"
