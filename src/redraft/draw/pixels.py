"""Boards in pixels, by Pillow: drafts side by side as a PNG, and a board being redrafted as an animated GIF."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from redraft.draw.board import CAPTION, HAIR, PAPER, RULE, Board, boards_of, letter_of, tokens_of
from redraft.errors import ConfigError
from redraft.tasks.base import Grid, Task

BOARD, MARGIN, FOOT = 420, 20, 30  # in pixels; a board is about BOARD wide
SURE, UNSURE, SOLVED = "#0969da", "#d8dee4", "#1a7f37"
FAINT = 0.35  # of its ink is left of a symbol that the model holds for impossible
FIRST, EACH, LAST = 1.2, 0.7, 2.5  # seconds that the question, a draft and the last one are shown
FINE = 8  # a dot is drawn this many times as large and made smaller, for a smooth edge
MISSING = "\uffff"  # no font has it

Picture = Image.Image
Sure = NDArray[np.floating]  # (H, W), how probable the model holds each cell to be


def require_letters(task: Task) -> None:
    """Raises ConfigError where a picture of the task would need a letter that Pillow's font lacks."""
    for symbol, colour in tokens_of(task):
        letter = letter_of(symbol, colour)
        if letter and _shape(letter) == _shape(MISSING):
            raise ConfigError(f"{task.name}: no way to draw {letter!r} in pixels; name a file that ends in .svg")


def png_strip(task: Task, question: Grid, grids: Sequence[Grid], captions: Sequence[str]) -> bytes:
    """A PNG picture of the board at several steps side by side, a caption under each, marked as by `svg_strip`.

    Raises ConfigError where a letter cannot be drawn.
    """
    require_letters(task)
    boards = [_board(board) for board in boards_of(task, question, grids)]
    width, height = boards[0].size
    picture = Image.new("RGB", (MARGIN + len(boards) * (width + MARGIN), height + 2 * MARGIN + FOOT), PAPER)
    font = _font(max(9, min(18, width // 9)))
    for i, (board, caption) in enumerate(zip(boards, captions, strict=True)):
        left = MARGIN + i * (width + MARGIN)
        picture.paste(board, (left, MARGIN))
        middle = (left + width / 2, MARGIN + height + (MARGIN + FOOT) / 2)
        ImageDraw.Draw(picture).text(middle, caption, fill=CAPTION, font=font, anchor="mm")
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def gif_animation(
    task: Task, question: Grid, grids: Sequence[Grid], confidence: Sequence[Sure], *, solved: bool
) -> bytes:
    """An animated GIF of the question, then of each draft, faint where the model is not sure, over and over.

    Below the board stands a dot for each draft, filled as they come; all turn green at the end if it is `solved`.
    Raises ConfigError where a letter cannot be drawn.
    """
    frames = _frames(task, question, grids, confidence, solved=solved)
    first, *rest = _in_palette(frames)
    seconds = [FIRST, *[EACH] * (len(rest) - 1), LAST]
    file = BytesIO()
    durations = [round(1000 * each) for each in seconds[: len(frames)]]
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, disposal=1)
    return file.getvalue()


def _frames(
    task: Task, question: Grid, grids: Sequence[Grid], confidence: Sequence[Sure], *, solved: bool
) -> list[Picture]:
    require_letters(task)
    boards = boards_of(task, question, [question, *grids])
    frames = []
    for number, (board, sure) in enumerate(zip(boards, [None, *confidence], strict=True)):
        drawn = _board(board, sure)
        frame = Image.new("RGB", (drawn.width + 2 * MARGIN, drawn.height + 2 * MARGIN + FOOT), PAPER)
        frame.paste(drawn, (MARGIN, MARGIN))
        done = SOLVED if solved and number == len(grids) else SURE
        _dots(frame, number, len(grids), done, middle=MARGIN + drawn.height + (MARGIN + FOOT) / 2)
        frames.append(frame)
    return frames


def _in_palette(frames: Sequence[Picture]) -> list[Picture]:
    """The frames in one palette: their 256 most frequent colours, which the grounds are among.

    Pillow's own ways to choose a palette change even the white of the paper a little.
    """
    packed = np.stack([np.asarray(frame, np.uint32) for frame in frames]) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], 1).astype(np.int32)
    palette = colours[np.argsort(-counts, kind="stable")[:256]]
    nearest = [int(np.square(palette - colour).sum(1).argmin()) for colour in colours]
    indexed = np.array(nearest, np.uint8)[places].reshape(packed.shape)
    shown = [Image.fromarray(each) for each in indexed]
    for each in shown:
        each.putpalette(palette.astype(np.uint8).tobytes())
    return shown


def _board(board: Board, sure: Sure | None = None) -> Picture:
    rows, columns = board.size
    side = min(max(BOARD // max(board.size), 6), 64)
    picture = Image.new("RGB", (columns * side + 1, rows * side + 1), PAPER)
    draw = ImageDraw.Draw(picture)
    for r, row in enumerate(board.cells):
        for c, cell in enumerate(row):
            left, top = c * side, r * side
            shown = 1.0 if sure is None or cell.bold else FAINT + (1 - FAINT) * float(sure[r, c])
            ground = _mixed(cell.colour, PAPER, shown) if cell.colour else cell.fill or PAPER
            draw.rectangle((left, top, left + side, top + side), ground)
            if cell.frame:
                thick = max(1, side // 8)
                draw.rectangle((left + 1, top + 1, left + side - 1, top + side - 1), None, cell.frame, thick)
            if cell.letter:
                size, middle = round(0.62 * side), (left + side / 2 + 0.5, top + side / 2 + 0.5)
                font, ink = _font(size), _mixed(cell.ink, ground, shown)
                shift = side / 64 if cell.bold else 0  # the font comes in one weight: a bold letter is written twice
                for x in {middle[0] - shift, middle[0] + shift}:
                    draw.text((x, middle[1]), cell.letter, fill=ink, font=font, anchor="mm")
    (tall, wide), (width, height) = board.block, picture.size
    for bold in (False, True):  # the bold lines lie over the others
        for c in range(columns + 1):
            if bold == (c % wide == 0 or c == columns):
                draw.rectangle((max(0, c * side - bold), 0, c * side, height), RULE if bold else HAIR)
        for r in range(rows + 1):
            if bold == (r % tall == 0 or r == rows):
                draw.rectangle((0, max(0, r * side - bold), width, r * side), RULE if bold else HAIR)
    return picture


def _dots(frame: Picture, number: int, steps: int, colour: str, *, middle: float) -> None:
    """A row of dots, `number` of `steps` filled."""
    gap = min(20.0, (frame.width - 2 * MARGIN) / steps)
    size = max(2, round(0.56 * gap))
    large = Image.new("L", (FINE * size, FINE * size), 0)
    ImageDraw.Draw(large).ellipse((0, 0, FINE * size - 1, FINE * size - 1), 255)
    dot = large.resize((size, size), Image.Resampling.BOX)
    for i in range(steps):
        left = round(frame.width / 2 + (i - (steps - 1) / 2) * gap - size / 2)
        frame.paste(colour if i < number else UNSURE, (left, round(middle - size / 2)), dot)


def _mixed(colour: str, ground: str, share: float) -> str:
    """A colour of which a share covers the ground, `#rrggbb`."""
    pairs = ((int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(share * over + (1 - share) * under):02x}" for over, under in pairs)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # it is wherever a size is asked for
    return font


@cache
def _shape(letter: str) -> bytes:
    return bytes(_font(40).getmask(letter))
