"""Digits and letters as round strokes, for pictures in pixels: no font is needed, and edges are smooth at any size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redraft.errors import ConfigError

WIDTH, HEIGHT = 10, 14  # of the box that strokes are written in, y downwards
THIN, BOLD = 0.75, 1.15  # half a stroke's thickness, in the same units

# A stroke is pieces: a point to go to (2 numbers), a curve by a control point to an end (4), or an arc of an ellipse:
# centre, radii, and the angles in degrees from where to where, clockwise from the right (6).
Stroke = Sequence[tuple[float, ...]]
STROKES: dict[str, Sequence[Stroke]] = {
    "0": [[(5, 7, 3.8, 6, 0, 360)]],
    "1": [[(2.4, 3.6), (5.4, 1), (5.4, 13)]],
    "2": [[(5, 4.7, 3.7, 3.7, -165, 30), (1.4, 13), (8.9, 13)]],
    "3": [[(4.8, 4.1, 3.1, 3.1, -155, 90), (4.8, 10.1, 3.6, 2.9, -90, 155)]],
    "4": [[(6.8, 13), (6.8, 1), (1.1, 9.6), (9.2, 9.6)]],
    "5": [[(8.2, 1), (2.6, 1), (2, 6.6), (4.9, 9.1, 3.8, 3.9, -140, 150)]],
    "6": [[(5, 9.2, 3.8, 3.8, 0, 360)], [(1.2, 9.2), (1.6, 4.2, 6.8, 1)]],
    "7": [[(1.3, 1), (8.8, 1), (3.8, 13)]],
    "8": [[(5, 4, 3, 3, 0, 360)], [(5, 10, 3.7, 3, 0, 360)]],
    "9": [[(5, 4.8, 3.8, 3.8, 0, 360)], [(8.8, 4.8), (8.4, 9.8, 3.2, 13)]],
    "A": [[(0.8, 13), (5, 1), (9.2, 13)], [(2.4, 8.8), (7.6, 8.8)]],
    "B": [[(1.8, 7), (5.2, 7), (5.2, 10, 3.4, 3, -90, 90), (1.8, 13), (1.8, 1), (5.2, 4, 3, 3, -90, 90), (5.2, 7)]],
    "C": [[(5.4, 7, 4.2, 6, -50, -310)]],
    "D": [[(1.6, 1), (4, 7, 4.8, 6, -90, 90), (1.6, 13), (1.6, 1)]],
    "E": [[(8.4, 1), (1.8, 1), (1.8, 13), (8.4, 13)], [(1.8, 7), (7.4, 7)]],
    "F": [[(8.4, 1), (1.8, 1), (1.8, 13)], [(1.8, 7), (7.4, 7)]],
    "G": [[(5.2, 7, 4.2, 6, -50, -360), (6, 7)]],
    "H": [[(1.4, 1), (1.4, 13)], [(8.6, 1), (8.6, 13)], [(1.4, 7), (8.6, 7)]],
    "I": [[(5, 1), (5, 13)]],
    "J": [[(7.2, 1), (4.4, 9.6, 2.8, 3.4, 0, 160)]],
    "K": [[(1.8, 1), (1.8, 13)], [(8.6, 1), (1.8, 8)], [(4.2, 5.6), (8.8, 13)]],
    "L": [[(2, 1), (2, 13), (8.4, 13)]],
    "M": [[(0.9, 13), (0.9, 1), (5, 9), (9.1, 1), (9.1, 13)]],
    "N": [[(1.4, 13), (1.4, 1), (8.6, 13), (8.6, 1)]],
    "O": [[(5, 7, 4.3, 6, 0, 360)]],
    "P": [[(1.8, 13), (1.8, 1), (5.2, 4.3, 3.4, 3.3, -90, 90), (1.8, 7.6)]],
    "Q": [[(5, 7, 4.3, 6, 0, 360)], [(6, 9.8), (9.2, 13.4)]],
    "R": [[(1.8, 13), (1.8, 1), (5.2, 4.3, 3.4, 3.3, -90, 90), (1.8, 7.6)], [(5, 7.6), (8.6, 13)]],
    "S": [[(5, 4, 3.5, 3, -25, -270), (5, 10, 3.7, 3, -90, 155)]],
    "T": [[(0.8, 1), (9.2, 1)], [(5, 1), (5, 13)]],
    "U": [[(1.3, 1), (5, 9.2, 3.7, 3.8, 180, 0), (8.7, 1)]],
    "V": [[(0.9, 1), (5, 13), (9.1, 1)]],
    "W": [[(0.4, 1), (2.8, 13), (5, 4), (7.2, 13), (9.6, 1)]],
    "X": [[(1.2, 1), (8.8, 13)], [(8.8, 1), (1.2, 13)]],
    "Y": [[(1, 1), (5, 7), (9, 1)], [(5, 7), (5, 13)]],
    "Z": [[(1.4, 1), (8.6, 1), (1.4, 13), (8.6, 13)]],
    "#": [[(3.6, 2), (2.8, 12)], [(7.2, 2), (6.4, 12)], [(1, 5), (9, 5)], [(1, 9), (9, 9)]],
    "+": [[(5, 3), (5, 11)], [(1, 7), (9, 7)]],
    "-": [[(1.6, 7), (8.4, 7)]],
    "=": [[(1.4, 5), (8.6, 5)], [(1.4, 9), (8.6, 9)]],
    "*": [[(5, 3), (5, 11)], [(1.5, 5), (8.5, 9)], [(8.5, 5), (1.5, 9)]],
    "/": [[(8, 1), (2, 13)]],
    "?": [[(5, 4.4, 3.4, 3.4, -170, 45), (5, 9)], [(5, 12.6), (5, 12.7)]],
    "_": [[(1.4, 13), (8.6, 13)]],
    ".": [[(5, 12.4), (5, 12.5)]],
    ",": [[(5.2, 12), (4.4, 14)]],
    ":": [[(5, 4), (5, 4.1)], [(5, 11), (5, 11.1)]],
}
SMALL = 0.78  # of the height, for a small letter: it is drawn as a small capital


@cache
def letter(symbol: str, size: int, *, bold: bool = False) -> NDArray[np.float64]:
    """How much of each pixel of a cell (size, size) the ink of a symbol covers, 0 to 1; raises ConfigError."""
    strokes = STROKES.get(symbol.upper())
    if strokes is None:
        raise ConfigError(f"no way to draw {symbol!r} in pixels; an .svg picture and the report can show it")
    scale = 0.56 * size / HEIGHT * (SMALL if symbol.islower() else 1)
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    away = np.full((size, size), np.inf)
    for stroke in strokes:
        points = scale * (_points(stroke) - (WIDTH / 2, HEIGHT / 2))
        for start, end in pairwise(points):
            along = end - start
            length = max(float(along @ along), 1e-9)
            part = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length, 0, 1)
            away = np.minimum(away, np.hypot(x - start[0] - part * along[0], y - start[1] - part * along[1]))
    covered = np.clip((BOLD if bold else THIN) * scale - away + 0.5, 0, 1)
    covered.flags.writeable = False  # it is kept
    return covered


def _points(stroke: Stroke) -> NDArray[np.float64]:
    """The corners (N, 2) of a stroke, its curves in short straight pieces."""
    points: list[tuple[float, float]] = []
    for piece in stroke:
        if len(piece) == 2:
            points.append((piece[0], piece[1]))
        elif len(piece) == 4:
            (x0, y0), (cx, cy, x1, y1) = points[-1], piece
            points += [
                ((1 - t) ** 2 * x0 + 2 * t * (1 - t) * cx + t * t * x1,
                 (1 - t) ** 2 * y0 + 2 * t * (1 - t) * cy + t * t * y1)
                for t in np.linspace(0, 1, 13)[1:].tolist()
            ]  # fmt: skip
        else:
            cx, cy, rx, ry, first, last = piece
            turns = np.radians(np.linspace(first, last, 2 + int(abs(last - first) // 12)))
            points += list(zip((cx + rx * np.cos(turns)).tolist(), (cy + ry * np.sin(turns)).tolist(), strict=True))
    return np.array(points)
