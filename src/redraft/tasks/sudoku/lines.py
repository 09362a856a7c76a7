"""Lines of Sudoku drawings: ruled ones, remarks, and the blocks between empty ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from redraft.tasks.reading.records import Numbered
from redraft.tasks.sudoku.cells import BLANKS, bare

WORD = re.compile(r"[^\W\d_]{2,}")
RULED = re.compile(r"(?=.*[-=─━═]{3})[-=+*.:'`,|!─-╿\s]+|\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?)?\s*")
SECTION = re.compile(r"\[\s*([A-Za-z][\w ]*)\]")  # of SadMan's files
NUMBER = re.compile(r"[\d.#)(:]{1,4}")  # numbers the puzzle that comes next
VALUE = re.compile(r"none|null|nan|na", re.IGNORECASE)  # a word that stands for a blank


def texts_of(drawing: Sequence[Numbered]) -> list[str]:
    return [line for _, line in drawing]


def blocks_of(drawing: Sequence[Numbered]) -> list[list[Numbered]]:
    """The lines of a drawing between its empty lines."""
    blocks: list[list[Numbered]] = [[]]
    for number, line in drawing:
        if line:
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def last_block(drawing: Sequence[Numbered]) -> int:
    """How many lines stand after the last empty one."""
    lines = texts_of(drawing)
    return lines[::-1].index("") if "" in lines else len(lines)


def halves(size: int) -> tuple[slice, slice]:
    return slice(None, size), slice(size, None)


def fields_in(text: str) -> int:
    return max(map(text.count, ",;\t")) + 1


def is_damaged(text: str) -> bool:
    """Whether a line that is no puzzle, row or ruled line was meant as one, rather than as a remark."""
    longest = max(text.split(), key=len)
    signs = sum(longest.count(sign) for sign in "123456789" + BLANKS)
    if len(longest) >= 16 and 2 * signs > len(longest):
        return True
    return not WORD.search(text) and len(bare(text)) > 10
