"""Nested lists as Python, JSON and NumPy write them, read by one small grammar; nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from redraft.errors import PuzzleError
from redraft.tasks.reading.records import Numbered

OPENING, CLOSING = "[(", "])"
_NAME = r"\s*(?:[A-Za-z_]\w*\s*=\s*)?"  # of what the lists are assigned to
BEGINNING = re.compile(_NAME + r"(?:[A-Za-z_][\w.]*\s*\(\s*)?[\[(]")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<word>[A-Za-z_][\w.]*)\s*(?P<call>\()?        # None, true, array(
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<sign>[\[\](),=]|\.\.\.)
    )""",
    re.VERBOSE,
)
_NOTHING = {"None", "null", "nan", "NaN", "NA"}
_ESCAPED = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
MOST_DEPTH = 4  # of a list of boards, each a list of rows, whose cells may be lists by mistake


class LiteralError(PuzzleError):
    """Text that begins as nested lists do, and is none."""

    def __init__(self, message: str) -> None:
        super().__init__(f"a list that cannot be read: {message}")


def begins(text: str) -> bool:
    """Whether text begins as nested lists do: with a bracket, as `array([` does, or as `name = [`."""
    return BEGINNING.match(text) is not None


def depth(text: str) -> int:
    """How many brackets are open at the end of the text, those within quotes left out."""
    bare = re.sub(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""", "", text)
    return sum(bare.count(each) for each in OPENING) - sum(bare.count(each) for each in CLOSING)


def whole(line: str, lines: Iterator[Numbered], most: int) -> str:
    """A line, and at most `most` of the lines after it, up to the last one that its brackets reach over."""
    while depth(line) > 0 and line.count("\n") < most and (more := next(lines, None)):
        line += "\n" + more[1]
    return line


@dataclass(frozen=True)
class _Open:
    """A list that is still open, or a call by its `name`: the sign that closes it, and the values found in it."""

    closing: str
    name: str = ""
    values: list[Any] = field(default_factory=list)


def nested(text: str) -> list[Any]:
    """The nested lists in the text: of str, int, float, or None for a cell without a value.

    Commas are optional, as in what NumPy prints; tuples are lists; `array(…, dtype=int8)` stands for its first
    argument. Raises LiteralError.
    """
    text = re.sub(r"^" + _NAME, "", text)
    still_open: list[_Open] = []
    at = 0
    while True:
        token = _TOKEN.match(text, at)
        if token is None:
            rest = text[at:].strip()
            raise LiteralError(f"unexpected {rest[:12]!r}" if rest else "a bracket is not closed")
        at, sign, inner = token.end(), token["sign"], still_open[-1] if still_open else None
        if inner and inner.name and inner.values and sign != ")":  # keywords after the first argument are skipped
            if sign not in (",", "=") and not token["word"] and not token["text"]:
                raise LiteralError(f"unexpected {token[0].strip()!r} in {inner.name}()")
            continue
        if token["call"]:
            still_open.append(_Open(")", token["word"]))
            continue
        if sign in ("[", "("):
            still_open.append(_Open("]" if sign == "[" else ")"))
            if sum(not each.name for each in still_open) > MOST_DEPTH:
                raise LiteralError(f"lists in lists more than {MOST_DEPTH} deep")
            continue
        if inner and not inner.name and sign == ",":
            continue
        if inner and sign == inner.closing and (inner.values or not inner.name):
            still_open.pop()
            value = inner.values[0] if inner.name else inner.values
        else:
            value = _value(token)
        if not still_open:
            break
        still_open[-1].values.append(value)
    if rest := text[at:].strip(" \t\r\n;,"):
        raise LiteralError(f"unexpected {rest[:12]!r} after the last bracket")
    if not isinstance(value, list):
        raise LiteralError("expected a list")
    return value


def _value(token: re.Match[str]) -> str | float | None:
    """The value of a token that is neither a bracket nor a comma between values."""
    if token["word"] in _NOTHING:
        return None
    if token["number"]:
        whole = token["number"].removesuffix(".")
        return int(whole) if whole.lstrip("+-").isdigit() else float(whole)
    if token["text"]:
        text = _ESCAPED.sub(_unescaped, token["text"][1:-1])
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves of a character joined
    if token["sign"] == "...":
        raise LiteralError("'...' stands for values that were left out (numpy.set_printoptions(threshold=1e6))")
    raise LiteralError(f"unexpected {token['word'] or token['sign']!r}")


def _unescaped(found: re.Match[str]) -> str:
    sign = found[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else _ESCAPES.get(sign, sign)
