"""Nonograms: a program that writes pairs of grids, and the rules that judge an answer.

`python nonogram.py pairs.csv 20000` writes 20,000 puzzles of 4x4 cells with one solution each, in the columns input and
output. The lengths of a line's runs of filled cells stand in a margin, left of a row and above a column: two cells
wide, so that both grids have 6x6 cells. The output is the input with cells filled. It needs nothing but Python.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Sequence
from itertools import groupby

EMPTY, FILLED = ".", "#"
SIZES = {4: 2, 5: 3, 6: 3}  # cells of a picture's side, and of the margin: as many as a line can have runs


# the rules
def check(question: list[list[str]], answer: list[list[str]]) -> str:
    """What is wrong with an answer, by the clues in the question alone; empty when it is right."""
    margin = next(margin for size, margin in SIZES.items() if size + margin == len(question))
    for r, (asked, given) in enumerate(zip(question, answer, strict=True)):
        for c, (clue, cell) in enumerate(zip(asked, given, strict=True)):
            if min(r, c) < margin and cell != clue:
                return f"changes the margin at row {r + 1}, column {c + 1}"
            if min(r, c) >= margin and cell not in (EMPTY, FILLED):
                return f"'{cell}' at row {r + 1}, column {c + 1} is neither filled nor empty"
    for what, grid in (("row", answer), ("column", list(zip(*answer, strict=True)))):
        for i, line in enumerate(grid[margin:]):
            clues = [int(cell) for cell in line[:margin] if cell != EMPTY]
            if runs(line[margin:]) != clues:
                return f"{what} {i + 1} of the picture has runs of {runs(line[margin:])}, expected {clues}"
    return ""


def runs(line: Sequence[str]) -> list[int]:
    """Lengths of the runs of filled cells."""
    return [len(list(run)) for cell, run in groupby(line) if cell == FILLED]


# making puzzles: a line is a number whose bits are its cells, and so is a set of lines, whose bits are the lines in it
class Maker:
    """Makes puzzles whose pictures have `size` x `size` cells."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.margin, self.rng = size, SIZES[size], random.Random(seed)
        self.lines = [[FILLED if line >> i & 1 else EMPTY for i in range(size)] for line in range(1 << size)]
        clues = [runs(line) for line in self.lines]
        self.with_cell = [sum(1 << line for line in range(1 << size) if line >> i & 1) for i in range(size)]
        self.same_clue = [sum((other == clue) << line for line, other in enumerate(clues)) for clue in clues]
        self.clues = ["".join(map(str, clue)).rjust(self.margin, EMPTY) for clue in clues]

    def make(self) -> tuple[str, str]:
        """A question with one solution and its answer, both as text: rows divided by `/`."""
        while True:
            density = self.rng.uniform(0.35, 0.7)
            rows = [sum((self.rng.random() < density) << i for i in range(self.size)) for _ in range(self.size)]
            columns = [sum((row >> c & 1) << r for r, row in enumerate(rows)) for c in range(self.size)]
            possible_rows, possible_columns = ([self.same_clue[line] for line in lines] for lines in (rows, columns))
            if any(rows) and self.solutions(possible_rows, possible_columns) == 1:
                break
        above = zip(*(self.clues[column] for column in columns), strict=True)
        head = [EMPTY * self.margin + "".join(cells) for cells in above]
        question = [*head, *(self.clues[row] + EMPTY * self.size for row in rows)]
        answer = [*head, *(self.clues[row] + "".join(self.lines[row]) for row in rows)]
        return "/".join(question), "/".join(answer)

    def solutions(self, rows: list[int], columns: list[int], r: int = 0) -> int:
        """How many pictures have these sets of possible rows and columns, from row r on; 2 stands for more."""
        if r == self.size:
            return 1
        found = 0
        for line in range(1 << self.size):
            if rows[r] >> line & 1:
                cells = enumerate(columns)
                left = [column & (self.with_cell[r] if line >> c & 1 else ~self.with_cell[r]) for c, column in cells]
                if all(left):
                    found += self.solutions(rows, left, r + 1)
                    if found > 1:
                        return 2
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes nonograms with one solution as a CSV of pairs.")
    parser.add_argument("file", help="the CSV to write")
    parser.add_argument("count", type=int, help="how many different puzzles")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same puzzles")
    parser.add_argument("--size", type=int, default=4, choices=SIZES, help="cells of a picture's side")
    args = parser.parse_args()
    maker = Maker(args.size, args.seed)
    pairs: dict[str, str] = {}
    while len(pairs) < args.count:
        question, answer = maker.make()
        pairs[question] = answer
    with open(args.file, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["input", "output"])
        writer.writerows(pairs.items())
    print(f"wrote {len(pairs)} nonograms to {args.file}")


if __name__ == "__main__":
    main()
