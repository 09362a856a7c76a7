"""Sends prompts to a language model within bounds of time and tokens, and keeps every reply in a file."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from redraft.compare.llm.endpoint import Endpoint, EndpointError, Reply, Toolbox
from redraft.errors import DataError, require_at_least

STOP_AFTER = 3  # failures in a row
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before another try; doubled each time


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Bounds on the cost of requests.

    Attributes:
        retries: more tries at a request after too many requests (429), a server error (5xx) or no reply.
        budget: tokens of prompts and replies together; replies kept from before are free.
        parallel: requests under way at once.
    """

    retries: int = 2
    budget: int = 200_000
    parallel: int = 4

    def __post_init__(self) -> None:
        require_at_least(0, {"retries": self.retries})
        require_at_least(1, {"budget": self.budget, "parallel": self.parallel})


@dataclass(kw_only=True)
class Asked:
    """Replies to prompts, by the place of the prompt.

    Attributes:
        replies: of the prompts that have one.
        failures: reasons why others have none; a prompt that was never sent is in neither.
        tokens: used by these requests, without replies kept from before.
        kept: number of replies kept from before.
        stopped: why not all prompts were sent; empty if all were.
        error: the error of the endpoint that stopped it, if one did.
    """

    replies: dict[int, Reply] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    tokens: int = 0
    kept: int = 0
    stopped: str = ""
    error: EndpointError | None = None


class Cache:
    """Replies in a JSONL file, one per line, added as they come, so that none is paid for twice."""

    def __init__(self, file: Path) -> None:
        """Reads the file, if there is one, without lines that were cut off. Raises DataError."""
        self.file = file
        self._known: dict[str, tuple[Reply, int]] = {}
        try:
            text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        except OSError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror or error}") from error
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                reply = Reply(**{name: entry[name] for name in Reply._fields if name in entry})
                if not isinstance(reply.text, str):
                    raise TypeError
                self._known[str(entry["key"])] = reply, int(entry["max_tokens"])
            except (ValueError, LookupError, TypeError):
                continue
        self._mend = bool(text) and not text.endswith("\n")

    def get(self, endpoint: Endpoint, prompt: str) -> Reply | None:
        """The reply kept; None if there is none, or one that was cut off earlier than it would be now."""
        reply, allowed = self._known.get(_key(endpoint, prompt), (None, 0))
        return None if reply is not None and reply.cut_off and allowed < endpoint.max_tokens else reply

    def add(self, endpoint: Endpoint, prompt: str, reply: Reply) -> None:
        """Keeps a reply; raises DataError if it cannot be written."""
        key = _key(endpoint, prompt)
        self._known[key] = reply, endpoint.max_tokens
        values = {name: value for name, value in reply._asdict().items() if name != "calls"}
        entry = {"key": key, "model": endpoint.name, **values, "max_tokens": endpoint.max_tokens}
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
    progress: Callable[[int], None] = lambda done: None,
) -> Asked:
    """Replies to the prompts, in parallel, from the cache if it has them.

    Stops when the budget is spent, at an error that every other request would meet too, and after `STOP_AFTER` failures
    in a row; the replies until then are kept and returned. `progress` is called with the number of prompts done. A
    request begins only while the budget covers the most it may use, so an endpoint that keeps to `max_tokens` never
    exceeds it.
    """
    return asyncio.run(_ask_all(endpoint, prompts, cache, bounds, progress))


async def _ask_all(
    endpoint: Endpoint, prompts: Sequence[str], cache: Cache, bounds: Bounds, progress: Callable[[int], None]
) -> Asked:
    found = ((place, cache.get(endpoint, prompt)) for place, prompt in enumerate(prompts))
    asked = Asked(replies={place: reply for place, reply in found if reply is not None})
    asked.kept = len(asked.replies)
    waiting = [place for place in range(len(prompts)) if place not in asked.replies]
    running: dict[asyncio.Task[tuple[Reply, int]], int] = {}
    end = asyncio.Event()
    row = 0  # of failures
    while True:
        while waiting and not asked.stopped and len(running) < bounds.parallel:
            most = [endpoint.most(prompts[place]) for place in (*running.values(), waiting[0])]
            if asked.tokens + sum(most) > bounds.budget:
                if not running:
                    asked.stopped = (
                        f"{asked.tokens:,} of the budget of {bounds.budget:,} tokens are used, and the next question "
                        f"may take up to {most[-1]:,}"
                    )
                break
            place = waiting.pop(0)
            running[asyncio.create_task(_converse(endpoint, prompts[place], bounds.retries, end))] = place
        progress(len(asked.replies) + len(asked.failures))
        if not running:
            return asked
        for task in (await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED))[0]:
            place = running.pop(task)
            try:
                reply, tokens = task.result()
            except EndpointError as error:
                asked.failures[place] = str(error)
                asked.tokens += error.tokens
                row += 1
                if asked.error is None and (error.kind == "final" or row >= STOP_AFTER):
                    asked.error = error
                    asked.stopped = str(error) if row == 1 else f"{error} ({row} failures in a row)"
                    end.set()  # those under way may finish: they are paid for
                continue
            row = 0
            asked.replies[place] = reply
            asked.tokens += tokens
            cache.add(endpoint, prompts[place], reply)


async def _converse(endpoint: Endpoint, prompt: str, retries: int, end: asyncio.Event) -> tuple[Reply, int]:
    """The last reply to a prompt, after the calls of tools before it, and the tokens of all; see `_ask`."""
    replies: list[Reply] = []
    turns: list[dict[str, Any]] = []
    tokens, left = 0, endpoint.max_tokens
    while True:
        try:
            replies.append(reply := await _ask(partial(endpoint.ask, prompt, turns, max_tokens=left), retries, end))
        except EndpointError as error:
            error.tokens = tokens
            raise
        asked = prompt if endpoint.tools is None else prompt + json.dumps([endpoint.tools.definitions, turns])
        tokens += _used(asked, reply)
        left -= _used("", reply._replace(prompt_tokens=0))
        if endpoint.tools is None or not reply.calls or reply.cut_off or left < 1 or len(replies) > Toolbox.ROUNDS:
            break
        turns.append({"role": "assistant", "content": reply.text or None, "tool_calls": list(reply.calls)})
        turns += [await asyncio.to_thread(endpoint.tools.answer, call) for call in reply.calls]
    whole = Reply(
        text=reply.text,
        cut_off=reply.cut_off or (left < 1 and bool(reply.calls)),
        prompt_tokens=total([each.prompt_tokens for each in replies]),
        reply_tokens=total([each.reply_tokens for each in replies]),
        seconds=sum(each.seconds for each in replies),
        tool_calls=sum(len(each.calls) for each in replies[:-1]),
    )
    return whole, tokens


async def _ask(ask: Callable[[], Awaitable[Reply]], retries: int, end: asyncio.Event) -> Reply:
    """A reply after at most `retries` more tries, none after `end`; raises the EndpointError of the last one."""
    tried = 0
    while True:
        try:
            return await ask()
        except EndpointError as error:
            if error.kind != "passing" or tried == retries:
                raise
            pause = FIRST_WAIT * 2**tried if error.wait is None else error.wait
            with suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), min(pause, LONGEST_WAIT))
            if end.is_set():
                raise
            tried += 1


def total(counts: Sequence[int | None]) -> int | None:
    """The sum of numbers of tokens; None if the endpoint did not report some."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _used(prompt: str, reply: Reply) -> int:
    """Tokens that a request used; if the endpoint does not report them, about one per two characters."""
    asked = len(prompt) // 2 if reply.prompt_tokens is None else reply.prompt_tokens
    return asked + (len(reply.text) // 2 if reply.reply_tokens is None else reply.reply_tokens)


def _key(endpoint: Endpoint, prompt: str) -> str:
    """A digest of endpoint, model and prompt, in 32 characters."""
    about: list[Any] = [endpoint.place, endpoint.model, prompt]
    if endpoint.tools is not None:
        about += [endpoint.tools.definitions, endpoint.tools.about]
    return hashlib.blake2b(json.dumps(about).encode(), digest_size=16).hexdigest()
