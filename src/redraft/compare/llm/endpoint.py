"""An OpenAI-compatible endpoint: one prompt to one reply, in bounded time; errors quote the answer."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
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
    """

    def __init__(
        self, message: str, kind: Literal["passing", "useless", "final"] = "passing", wait: float | None = None
    ) -> None:
        self.kind, self.wait = kind, wait
        super().__init__(message)


class Reply(NamedTuple):
    """The text of a reply, whether it was cut off, the tokens it is charged for, and the seconds it took.

    `prompt_tokens` and `reply_tokens` are None if the endpoint does not report them.
    """

    text: str
    cut_off: bool
    prompt_tokens: int | None
    reply_tokens: int | None
    seconds: float


class Endpoint:
    """A chat endpoint and a model behind it."""

    def __init__(self, url: str, model: str, *, key: str = "", timeout: float = 120.0, max_tokens: int = 4096) -> None:
        """`url` up to and including `/v1`; raises ConfigError for other URLs. `key` is sent nowhere else."""
        import httpx  # noqa: F401  # before any work, if it is missing

        parts = split(url)
        self.model, self.timeout, self.max_tokens = model, timeout, max_tokens
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

    async def ask(self, prompt: str) -> Reply:
        """The model's reply to one message; raises EndpointError after `timeout` seconds at the latest."""
        started, limit = time.monotonic(), self._limit
        status, headers, content = await self._post(prompt, limit)
        if status == 400 and b"max_completion_tokens" in content and limit == "max_tokens":
            self._limit = "max_completion_tokens"
            status, headers, content = await self._post(prompt, self._limit)
        if status != 200:
            raise self._refusal(status, headers, content)
        return self._reply(content, time.monotonic() - started)

    async def _post(self, prompt: str, limit: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and content of the answer to a POST."""
        import httpx

        body = {"model": self.model, "messages": [{"role": "user", "content": prompt}], limit: self.max_tokens}
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
            text = choice["message"]["content"]
            if text is not None and not isinstance(text, str):
                raise TypeError
        except (ValueError, LookupError, TypeError, RecursionError):
            raise EndpointError(
                f"{self.place}: expected a chat completion, got {self._snippet(content)}", "useless"
            ) from None
        return Reply(
            text=text or "",
            cut_off=choice.get("finish_reason") == "length",
            prompt_tokens=_count(answer, "prompt_tokens"),
            reply_tokens=_count(answer, "completion_tokens"),
            seconds=seconds,
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
