"""An OpenAI-compatible endpoint: one prompt to one reply, in bounded time; every failure says what came back."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from redraft.errors import ConfigError, RedraftError

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
        parts = split(url)
        self.url, self.model, self.timeout, self.max_tokens = url, model, timeout, max_tokens
        self.place = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")  # a query may hold a key
        path = parts.path.rstrip("/")
        path = path if path.endswith(PATH) else path + PATH
        self._path = path + (f"?{parts.query}" if parts.query else "")
        self._secure, self._host, self._port = parts.scheme == "https", str(parts.hostname), parts.port
        self._key = key
        self._limit = "max_tokens"  # what the endpoint calls it; newer models have another name
        self._open: set[_Line] = set()
        self._closed = False
        self._lock = threading.Lock()

    def ask(self, prompt: str) -> Reply:
        """The model's reply to one message; raises EndpointError after `timeout` seconds at the latest."""
        started = time.monotonic()
        status, headers, content = self._post(self._body(prompt))
        if status == 400 and b"max_completion_tokens" in content and self._limit == "max_tokens":
            self._limit = "max_completion_tokens"
            status, headers, content = self._post(self._body(prompt))
        if status != 200:
            raise self._refusal(status, headers, content)
        return self._reply(content, time.monotonic() - started)

    def close(self) -> None:
        """Ends all requests that are under way, for good; each raises EndpointError in its thread."""
        with self._lock:
            self._closed = True
            for line in self._open:
                line.cut()

    def _body(self, prompt: str) -> bytes:
        message = {"role": "user", "content": prompt}
        return json.dumps({"model": self.model, "messages": [message], self._limit: self.max_tokens}).encode()

    def _post(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of the answer to a POST, within the time allowed."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        late, line = threading.Event(), _Line()

        def end() -> None:
            late.set()
            line.cut()

        watch = threading.Timer(self.timeout, end)  # a socket's own timeout begins anew with every byte
        watch.daemon = True
        connection, target = self._connection()
        with self._lock:
            self._open.add(line)
            if self._closed:
                line.cut()
        try:
            watch.start()
            connection.connect()
            line.hold(connection.sock)
            connection.request("POST", target, body, headers)
            with connection.getresponse() as answer:
                content = answer.read(LARGEST + 1)
                if late.is_set():
                    raise TimeoutError
                if len(content) > LARGEST:
                    raise EndpointError(f"{self.place}: a reply of more than {LARGEST >> 20} MiB", "useless")
                if answer.length:
                    raise IncompleteRead(content, answer.length)
                return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content
        except (OSError, HTTPException, ValueError, AttributeError) as error:
            # the last two where the connection is ended in the middle of an exchange
            if late.is_set() or isinstance(error, TimeoutError):
                raise EndpointError(f"{self.place}: no reply within {self.timeout:g} seconds") from None
            raise EndpointError(f"{self.place}: {_why(error)}") from error
        finally:
            watch.cancel()
            with self._lock:
                self._open.discard(line)
            connection.close()

    def _connection(self) -> tuple[HTTPConnection, str]:
        """A connection, through the proxy of the environment if there is one, and what to request from it."""
        proxy = None if proxy_bypass(self._host) else getproxies().get("https" if self._secure else "http")
        if proxy is None or self._host in LOCAL:
            kind = HTTPSConnection if self._secure else HTTPConnection
            return kind(self._host, self._port, timeout=self.timeout), self._path
        through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if self._secure:
            tunnel = HTTPSConnection(str(through.hostname), through.port, timeout=self.timeout)
            tunnel.set_tunnel(self._host, self._port)
            return tunnel, self._path
        port = f":{self._port}" if self._port else ""
        plain = HTTPConnection(str(through.hostname), through.port, timeout=self.timeout)
        return plain, f"http://{self._host}{port}{self._path}"

    def _refusal(self, status: int, headers: dict[str, str], content: bytes) -> EndpointError:
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


class _Line:
    """The socket of an exchange, which another thread may cut; also before there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cut = False

    def hold(self, opened: socket.socket) -> None:
        """Takes charge of a socket; raises TimeoutError where the line was cut already."""
        with self._lock:
            self._socket = opened
            if self._cut:
                raise TimeoutError

    def cut(self) -> None:
        """Ends what goes on there: its thread gets an OSError or the end of the content."""
        with self._lock, suppress(OSError, ValueError):
            self._cut = True
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; is the server running?"
    if isinstance(error, ssl.SSLError):
        return f"no secure connection ({error.reason or error}); is it http rather than https, or the reverse?"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"the connection broke off ({type(error).__name__})"
