"""Consent to the code that a file names: writers of a `config.json` or `store.json` remember it, readers require it.

A `module:NAME` in a file is imported only with consent (docs/trust.md): by `--trust` or `trust=True`; by naming it on
the command line of this process; or earlier, when this user's own redraft wrote that very file. For the last there is a
note in the user's state folder, outside of anything a stranger could send: the path of the file, each name in it, and
where its module came from. It counts only for that path, and only while the module would still come from there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from redraft.contents import parse_json
from redraft.errors import RedraftError, TrustError
from redraft.files import write_text
from redraft.naming import NAME, origin

Trust = bool | Iterable[str]  # every name, none, or these

# A context variable, so that consent ends with the call it was given to. A new thread begins without any.
_given: ContextVar[Literal[True] | frozenset[str]] = ContextVar("_given", default=frozenset())


@contextmanager
def trusting(trust: Trust) -> Iterator[None]:
    """Within it there is consent to every name, or to these, in addition to consent given before."""
    before = given()
    more = frozenset() if isinstance(trust, bool) else frozenset(trust)
    token = _given.set(True if trust is True or before is True else before | more)
    try:
        yield
    finally:
        _given.reset(token)


def given() -> Literal[True] | frozenset[str]:
    """The present consent: True for every name, else the names."""
    return _given.get()


def asked_for(arguments: Iterable[str]) -> Trust:
    """The consent of a command line: to everything by `--trust`, else to each `module:NAME` in it."""
    words = list(arguments)
    if "--trust" in words:
        return True
    return {name for word in words for name in (word, word.partition("=")[2]) if NAME.fullmatch(name)}


def code_named(values: Any) -> list[tuple[str, str]]:
    """Purpose and name of each `module:NAME` in the values of a `config.json` or `store.json`."""
    if not isinstance(values, dict):
        return []
    task, model = values.get("task"), values.get("model")
    found = {
        "task": task,
        "checker": task.get("checker") if isinstance(task, dict) else None,
        "model": model.get("kind") if isinstance(model, dict) else None,
        "loss": values.get("loss"),
        "halting rule": values.get("halting"),
    }
    return [(what, name) for what, name in found.items() if isinstance(name, str) and ":" in name]


def names_in(values: Any) -> set[str]:
    """The names of `code_named` alone."""
    return {name for _, name in code_named(values)}


def require_consent(file: Path, values: Any, *, trust: Trust = ()) -> None:
    """Raises TrustError if the values of a file name code without consent; `trust` adds to consent."""
    wanted = code_named(values)
    with trusting(trust):
        known = given()
    if known is True or not wanted:
        return
    known = known.union(remembered_names(file))
    if unknown := [(what, name) for what, name in wanted if name not in known]:
        named = " and ".join(f"{what} {_shown(name)}" for what, name in unknown)
        moved = "".join(
            f"; when this was written, {_shown(name)} came from {there}, now it would from {now}"
            for _, name in unknown
            if (there := _note(file).get(name)) and (now := origin(name))
        )
        raise TrustError(f"{file} wants to run {named}{moved}; if you trust it, add --trust (in Python: trust=True)")


def _shown(name: str) -> str:
    """A name as it is; other text, which may hold control characters or be long, is quoted and cut."""
    return name if NAME.fullmatch(name) and len(name) <= 200 else repr(name[:80])


def remember(file: Path, *values: Any) -> None:
    """Notes that this user's own redraft has written the file with the code that these values name, if any.

    Without a place for notes there is none, and opening the file requires consent.
    """
    code = {name: origin(name) for each in values for _, name in code_named(each)}
    place = _place(file)
    if code and place is not None:
        with suppress(OSError, RedraftError):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_text(place, json.dumps({"file": os.path.realpath(file), "code": code}, indent=2) + "\n")


def remembered_names(file: Path) -> list[str]:
    """The names remembered with a file whose modules are still where they were, or nowhere."""
    return [name for name, there in _note(file).items() if origin(name) in (there, None)]


def _note(file: Path) -> dict[str, str | None]:
    """Origin of the module of each name remembered with a file; empty without a note."""
    place = _place(file)
    if place is None:
        return {}
    try:
        note = parse_json(place.read_bytes())
        return dict(note["code"]) if note["file"] == os.path.realpath(file) else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _place(file: Path) -> Path | None:
    """The file of the note on a file; None for a user without a home."""
    named = os.environ.get("XDG_STATE_HOME", "")  # a relative one does not count: it could be a stranger's folder
    try:
        state = Path(named) if os.path.isabs(named) else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return state / "redraft" / "written" / f"{sha256(os.fsencode(os.path.realpath(file))).hexdigest()[:32]}.json"
