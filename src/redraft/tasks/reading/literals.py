"""Nested lists as Python, JSON and NumPy write them, read by one small grammar; nothing is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    """A line, and those of the lines after it, at most so many, which its brackets reach over."""
    while depth(line) > 0 and line.count("\n") < most and (more := next(lines, None)):
        line += "\n" + more[1]
    return line


def nested(text: str) -> list[Any]:
    """The nested lists in the text: of str, int, float, or None for a cell without a value.

    Commas are optional, as in what NumPy prints; tuples are lists; `array(…, dtype=int8)` is what stands in it.
    Raises LiteralError.
    """
    items = _Items(re.sub(r"^" + _NAME, "", text))
    found = items.value()
    items.end()
    if not isinstance(found, list):
        raise LiteralError("expected a list")
    return found


class _Items:
    """The text as tokens, and the lists that they make."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def next(self) -> re.Match[str]:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            rest = self.text[self.at :].strip()
            raise LiteralError(f"unexpected {rest[:12]!r}" if rest else "a bracket is not closed")
        self.at = found.end()
        return found

    def value(self) -> Any:
        return self._value(self.next())

    def end(self) -> None:
        if rest := self.text[self.at :].strip(" \t\r\n;,"):
            raise LiteralError(f"unexpected {rest[:12]!r} after the last bracket")

    def _value(self, token: re.Match[str]) -> Any:
        if token["call"]:
            return self._inside_call(token["word"])
        if token["word"]:
            if token["word"] in _NOTHING:
                return None
            raise LiteralError(f"unexpected {token['word']!r}")
        if token["number"]:
            whole = token["number"].removesuffix(".")
            return int(whole) if whole.lstrip("+-").isdigit() else float(whole)
        if token["text"]:
            text = _ESCAPED.sub(_unescaped, token["text"][1:-1])
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves of a character joined
        if token["sign"] in ("[", "("):
            return self._list("]" if token["sign"] == "[" else ")")
        if token["sign"] == "...":
            raise LiteralError("'...' stands for values that were left out (numpy.set_printoptions(threshold=1e6))")
        raise LiteralError(f"unexpected {token['sign']!r}")

    def _list(self, closing: str) -> list[Any]:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise LiteralError(f"lists in lists more than {MOST_DEPTH} deep")
        found: list[Any] = []
        while True:
            token = self.next()
            if token["sign"] == closing:
                self.depth -= 1
                return found
            if token["sign"] != ",":
                found.append(self._value(token))

    def _inside_call(self, name: str) -> Any:
        """The first argument of `array(…)`, or of `int8(…)`; keywords after it are passed over."""
        found = self.value()
        while True:
            token = self.next()
            if token["sign"] == ")":
                return found
            if token["sign"] not in (",", "=") and not token["word"] and not token["text"]:
                raise LiteralError(f"unexpected {token[0].strip()!r} in {name}()")


def _unescaped(found: re.Match[str]) -> str:
    sign = found[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else _ESCAPES.get(sign, sign)
