"""Animated GIFs without a library: a palette of at most 256 colours, frames cut to what changes, LZW."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 3), red, green and blue


def gif(frames: Sequence[Pixels], seconds: Sequence[float]) -> bytes:
    """The GIF file of frames of one size, each shown for so long, over and over."""
    if not frames or len(frames) != len(seconds) or len({frame.shape for frame in frames}) > 1:
        raise ValueError(f"expected frames of one size and a time for each, got {len(frames)} and {len(seconds)}")
    palette, indexed = _palette(np.stack(frames))
    height, width = indexed.shape[1:]
    bits = max(2, int(len(palette) - 1).bit_length())  # of a colour
    table = np.zeros((1 << bits, 3), np.uint8)
    table[: len(palette)] = palette
    parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0xF0 | (bits - 1), 0, 0), table.tobytes()]
    parts.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")  # for ever
    for number, (frame, time) in enumerate(zip(indexed, seconds, strict=True)):
        top, bottom, left, right = _changes(indexed[number - 1], frame) if number else (0, height, 0, width)
        parts.append(b"\x21\xf9\x04\x04" + struct.pack("<H", round(100 * time)) + b"\x00\x00")  # lies over the last
        parts.append(b"\x2c" + struct.pack("<HHHHB", left, top, right - left, bottom - top, 0))
        packed = lzw(frame[top:bottom, left:right].tobytes(), bits)
        blocks = [packed[i : i + 255] for i in range(0, len(packed), 255)]
        parts.append(bytes([bits]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\x00")
    return b"".join([*parts, b"\x3b"])


def lzw(values: bytes, bits: int) -> bytes:
    """Values below `1 << bits`, compressed as GIF has it: variable-length codes, the lowest bit first."""
    clear, end = 1 << bits, (1 << bits) + 1
    out = bytearray()
    waiting = filled = 0  # bits that make no whole byte yet, and how many

    def emit(code: int) -> None:
        nonlocal waiting, filled
        waiting |= code << filled
        filled += size
        while filled >= 8:
            out.append(waiting & 255)
            waiting >>= 8
            filled -= 8

    size = bits + 1
    emit(clear)
    codes: dict[tuple[int, int], int] = {}  # of a sequence: the code of all but its last value, and that
    sequence = values[0]
    for value in values[1:]:
        if (longer := codes.get((sequence, value))) is not None:
            sequence = longer
            continue
        emit(sequence)
        new = end + 1 + len(codes)
        if new < 4096:
            codes[sequence, value] = new
            size += new == 1 << size
        else:  # the decoder's table is full as well
            emit(clear)
            codes.clear()
            size = bits + 1
        sequence = value
    emit(sequence)
    # the decoder has added a code for the last sequence before it reads what follows
    size += end + 1 + len(codes) == 1 << size and size < 12
    emit(end)
    if filled:
        out.append(waiting)
    return bytes(out)


def _palette(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """At most 256 colours (K, 3), and the place of each pixel's among them; shades are merged until they are so few."""
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    exact, places = np.unique(packed, return_inverse=True)
    colours = np.stack([exact >> 16, exact >> 8 & 255, exact & 255], 1).astype(np.uint8)
    merged, chosen = colours, np.arange(len(colours))
    for lost in range(1, 8):
        if len(merged) <= 256:
            break
        most = 255 >> lost
        coarse = ((colours >> lost) * (255 / most)).astype(np.uint8)  # black stays black, and white white
        merged, chosen = np.unique(coarse, axis=0, return_inverse=True)
    return merged, chosen.reshape(-1)[places].reshape(packed.shape).astype(np.uint8)


def _changes(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The rectangle where two frames differ: top, bottom, left, right; one pixel where they do not."""
    differs = before != after
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not len(rows):
        return 0, 1, 0, 1
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
