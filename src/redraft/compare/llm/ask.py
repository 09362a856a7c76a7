"""Asks a language model many prompts within bounds of time and tokens, and keeps every finished reply in a file."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redraft.compare.llm.endpoint import Endpoint, EndpointError, Reply
from redraft.errors import ConfigError, DataError

STOP_AFTER = 3  # failures in a row
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before another try; doubled each time


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What asking may cost.

    Attributes:
        retries: more tries at a request after too many requests (429), a fault of the server (5xx) or no reply.
        budget: tokens, questions and replies together, that requests may use; replies kept from before are free.
        parallel: requests under way at once.
    """

    retries: int = 2
    budget: int = 200_000
    parallel: int = 4

    def __post_init__(self) -> None:
        if self.retries < 0 or self.budget < 1 or self.parallel < 1:
            raise ConfigError(
                "expected at least 0 retries, a budget of at least 1 token and 1 request at a time, got "
                f"{self.retries}, {self.budget} and {self.parallel}"
            )


@dataclass(kw_only=True)
class Asked:
    """What came of asking.

    Attributes:
        replies: by the place of the prompt, those that have one.
        failures: why others have none, by place; what was never asked stands in neither.
        tokens: used by requests now, replies kept from before not counted.
        kept: replies that were kept from before.
        stopped: why not all were asked, in words; empty where all were.
        error: what stopped it, where that was the endpoint.
    """

    replies: dict[int, Reply] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    tokens: int = 0
    kept: int = 0
    stopped: str = ""
    error: EndpointError | None = None


class Cache:
    """Replies in a JSONL file, one a line, added as they come; what was paid for is not paid for again."""

    def __init__(self, file: Path) -> None:
        """Reads what the file holds, if there is one; a line that was cut off is passed over. Raises DataError."""
        self.file = file
        self._known: dict[str, tuple[Reply, int]] = {}
        try:
            text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror or error}") from error
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                reply = Reply(**{name: entry[name] for name in Reply._fields})
                if not isinstance(reply.text, str):
                    raise TypeError
                self._known[str(entry["key"])] = reply, int(entry["max_tokens"])
            except (ValueError, LookupError, TypeError):
                continue
        self._mend = bool(text) and not text.endswith("\n")

    def get(self, endpoint: Endpoint, prompt: str) -> Reply | None:
        """The reply kept; None where there is none, or one that was cut off earlier than it would be now."""
        reply, allowed = self._known.get(_key(endpoint, prompt), (None, 0))
        return None if reply is not None and reply.cut_off and allowed < endpoint.max_tokens else reply

    def add(self, endpoint: Endpoint, prompt: str, reply: Reply) -> None:
        """Keeps a reply; raises DataError where it cannot be written."""
        key = _key(endpoint, prompt)
        self._known[key] = reply, endpoint.max_tokens
        entry = {"key": key, "model": endpoint.model, **reply._asdict(), "max_tokens": endpoint.max_tokens}
        try:
            with self.file.open("a", encoding="utf-8") as opened:
                opened.write("\n" * self._mend + json.dumps(entry) + "\n")
        except OSError as error:
            raise DataError(f"{self.file}: cannot be written: {error.strerror or error}") from error
        self._mend = False


def ask_all(
    endpoint: Endpoint,
    prompts: Sequence[str],
    cache: Cache,
    bounds: Bounds,
    *,
    progress: Callable[[int], None] | None = None,
) -> Asked:
    """Replies to the prompts, in parallel, from the cache where it has them.

    Stops when the budget is spent, at a refusal that every other request would meet too, and after `STOP_AFTER`
    failures in a row; what is finished is kept and given back then as well. `progress` is told how many prompts are
    done with. A request begins only while the budget covers the most it may use, so it is never overdrawn by an
    endpoint that keeps to `max_tokens`.
    """
    asked = Asked()
    waiting = []
    for place, prompt in enumerate(prompts):
        reply = cache.get(endpoint, prompt)
        if reply is None:
            waiting.append(place)
        else:
            asked.replies[place] = reply
    asked.kept = len(asked.replies)
    running: dict[Future[Reply], int] = {}
    end = threading.Event()
    row = 0  # of failures
    with ThreadPoolExecutor(bounds.parallel) as pool:
        try:
            while True:
                while waiting and not asked.stopped and len(running) < bounds.parallel:
                    reserved = sum(_most(endpoint, prompts[place]) for place in running.values())
                    if asked.tokens + reserved + _most(endpoint, prompts[waiting[0]]) > bounds.budget:
                        if not running:
                            asked.stopped = _spent(endpoint, prompts[waiting[0]], asked, bounds)
                        break
                    place = waiting.pop(0)
                    running[pool.submit(_ask, endpoint, prompts[place], bounds.retries, end)] = place
                if progress is not None:
                    progress(len(asked.replies) + len(asked.failures))
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    place = running.pop(future)
                    try:
                        reply = future.result()
                    except EndpointError as error:
                        asked.failures[place] = str(error)
                        row += 1
                        if asked.error is None and (error.kind == "final" or row >= STOP_AFTER):
                            asked.error = error
                            asked.stopped = str(error) if row == 1 else f"{error} ({row} failures in a row)"
                            end.set()  # those under way may finish: they are paid for
                        continue
                    row = 0
                    asked.replies[place] = reply
                    asked.tokens += _used(prompts[place], reply)
                    cache.add(endpoint, prompts[place], reply)
        except BaseException:  # an interruption does not wait for replies
            end.set()
            endpoint.close()
            raise
    return asked


def _ask(endpoint: Endpoint, prompt: str, retries: int, end: threading.Event) -> Reply:
    """A reply, at the last of `retries` more tries at the latest; raises the EndpointError of the last one."""
    for tried in range(retries + 1):
        try:
            return endpoint.ask(prompt)
        except EndpointError as error:
            if error.kind != "passing" or tried == retries:
                raise
            pause = FIRST_WAIT * 2**tried if error.wait is None else error.wait
            if end.wait(min(pause, LONGEST_WAIT)):
                raise
    raise AssertionError("unreachable")


def _most(endpoint: Endpoint, prompt: str) -> int:
    """Tokens that a request may use at most: a token is a character or more."""
    return len(prompt) + endpoint.max_tokens


def _used(prompt: str, reply: Reply) -> int:
    """Tokens that a request used; where the endpoint does not tell, about one for each two characters."""
    asked = len(prompt) // 2 if reply.prompt_tokens is None else reply.prompt_tokens
    return asked + (len(reply.text) // 2 if reply.reply_tokens is None else reply.reply_tokens)


def _spent(endpoint: Endpoint, prompt: str, asked: Asked, bounds: Bounds) -> str:
    most = _most(endpoint, prompt)
    return (
        f"{asked.tokens:,} of the budget of {bounds.budget:,} tokens are used, and the next question may take up to "
        f"{most:,}"
    )


def _key(endpoint: Endpoint, prompt: str) -> str:
    """What was asked of whom, in 32 characters."""
    about: list[Any] = [endpoint.place, endpoint.model, prompt]
    return hashlib.blake2b(json.dumps(about).encode(), digest_size=16).hexdigest()
