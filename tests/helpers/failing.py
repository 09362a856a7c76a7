"""What a message must name: places, values, options and commands, so that its wording stays free."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def mentions(message: object, *parts: object) -> None:
    """Each part stands in the message as a whole word or words, in any order; a tuple stands for its elements.

    Colours and line breaks don't matter, for a terminal may be narrow.
    """
    text = " ".join(re.sub(r"\x1b\[[\d;]*m", "", str(message)).split())
    for part in parts:
        if isinstance(part, tuple):
            mentions(message, *part)
        else:
            words = " ".join(str(part).split())
            before, after = (r"(?<!\w)" if words[:1].isalnum() else ""), (r"(?!\w)" if words[-1:].isalnum() else "")
            assert re.search(before + re.escape(words) + after, text), f"{words!r} is not named in: {text}"


def refused(result: tuple[int, str, str], *parts: object) -> None:
    """A command has exited with status 2, printed nothing but an error, and that names the parts."""
    status, out, err = result
    assert (status, out) == (2, ""), err
    assert "Traceback" not in err
    mentions(err, *parts)


@contextmanager
def raises(kind: type[BaseException], *parts: object) -> Iterator[pytest.ExceptionInfo[BaseException]]:
    """As `pytest.raises`, of an error whose message names the parts."""
    with pytest.raises(kind) as caught:
        yield caught
    mentions(caught.value, *parts)


@contextmanager
def warns(kind: type[Warning], *parts: object) -> Iterator[pytest.WarningsRecorder]:
    """As `pytest.warns`, of one warning whose message names the parts."""
    with pytest.warns(kind) as caught:
        yield caught
    (found,) = caught
    mentions(found.message, *parts)
