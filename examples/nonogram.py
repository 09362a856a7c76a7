"""Nonograms of 5x5 cells: a program that writes pairs of grids, and the rules that judge an answer.

`python nonogram.py pairs.csv 20000` writes 20,000 puzzles with one solution each, with the columns input and output.
The lengths of a line's runs of filled cells stand in a margin of three cells, left of a row and above a column. So
both grids have 8x8 cells, and the output is the input with cells filled. It needs nothing but Python.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Sequence
from itertools import groupby

SIZE, MARGIN = 5, 3
EMPTY, FILLED = ".", "#"


# the rules
def check(question: list[list[str]], answer: list[list[str]]) -> str:
    """What is wrong with an answer, by the clues in the question alone; empty when it is right."""
    for r, (asked, given) in enumerate(zip(question, answer, strict=True)):
        for c, (clue, cell) in enumerate(zip(asked, given, strict=True)):
            if min(r, c) < MARGIN and cell != clue:
                return f"changes the margin at row {r + 1}, column {c + 1}"
            if min(r, c) >= MARGIN and cell not in (EMPTY, FILLED):
                return f"'{cell}' at row {r + 1}, column {c + 1} is neither filled nor empty"
    for what, grid in (("row", answer), ("column", list(zip(*answer, strict=True)))):
        for i, line in enumerate(grid[MARGIN:]):
            clues = [int(cell) for cell in line[:MARGIN] if cell != EMPTY]
            if runs(line[MARGIN:]) != clues:
                return f"{what} {i + 1} of the picture has runs of {runs(line[MARGIN:])}, expected {clues}"
    return ""


def runs(line: Sequence[str]) -> list[int]:
    """Lengths of the runs of filled cells."""
    return [len(list(run)) for cell, run in groupby(line) if cell == FILLED]


# making puzzles: a line is a number of 5 bits, and a set of lines one of 32 bits
LINES = [[FILLED if line >> i & 1 else EMPTY for i in range(SIZE)] for line in range(1 << SIZE)]
WITH_CELL = [sum(1 << line for line in range(1 << SIZE) if line >> i & 1) for i in range(SIZE)]
SAME_CLUE = [sum(1 << other for other in range(1 << SIZE) if runs(LINES[other]) == runs(line)) for line in LINES]


def solutions(rows: list[int], columns: list[int], r: int = 0) -> int:
    """How many pictures there are, 2 standing for more, for the sets of lines that each row and column may be."""
    if r == SIZE:
        return 1
    found = 0
    for line in range(1 << SIZE):
        if rows[r] >> line & 1:
            left = [column & (WITH_CELL[r] if line >> c & 1 else ~WITH_CELL[r]) for c, column in enumerate(columns)]
            if all(left):
                found += solutions(rows, left, r + 1)
                if found > 1:
                    return 2
    return found


def make(rng: random.Random) -> tuple[str, str]:
    """A question with one solution and its answer, both as text: rows divided by `/`."""
    while True:
        density = rng.uniform(0.35, 0.7)
        rows = [sum((rng.random() < density) << i for i in range(SIZE)) for _ in range(SIZE)]
        columns = [sum((row >> c & 1) << r for r, row in enumerate(rows)) for c in range(SIZE)]
        if any(rows) and solutions([SAME_CLUE[row] for row in rows], [SAME_CLUE[column] for column in columns]) == 1:
            break
    left, top = [_margin(row) for row in rows], [_margin(column) for column in columns]
    head = [EMPTY * MARGIN + "".join(clues) for clues in zip(*top, strict=True)]
    question = [*head, *(clues + EMPTY * SIZE for clues in left)]
    answer = [*head, *(clues + "".join(LINES[row]) for clues, row in zip(left, rows, strict=True))]
    return "/".join(question), "/".join(answer)


def _margin(line: int) -> str:
    return "".join(map(str, runs(LINES[line]))).rjust(MARGIN, EMPTY)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes nonograms with one solution as a CSV of pairs.")
    parser.add_argument("file", help="the CSV to write")
    parser.add_argument("count", type=int, help="how many different puzzles")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same puzzles")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    pairs: dict[str, str] = {}
    while len(pairs) < args.count:
        question, answer = make(rng)
        pairs[question] = answer
    with open(args.file, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["input", "output"])
        writer.writerows(pairs.items())
    print(f"wrote {len(pairs)} nonograms to {args.file}")


if __name__ == "__main__":
    main()
