"""GIF files, read back by a decoder written from the format's description."""

import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from redraft.draw.gif import gif, lzw


def unpacked(data: bytes, bits: int) -> list[int]:
    """The values of GIF's LZW codes."""
    bits_read = "".join(f"{byte:08b}"[::-1] for byte in data)
    at, values = 0, list[int]()
    clear, end = 1 << bits, (1 << bits) + 1
    table: list[list[int]] = []
    size, before = bits + 1, list[int]()
    while True:
        code = int(bits_read[at : at + size][::-1], 2)
        at += size
        if code == end:
            assert len(bits_read) - at < 8 and "1" not in bits_read[at:], "nothing follows the end"
            return values
        if code == clear:
            table = [[value] for value in range(clear)] + [[], []]
            size, before = bits + 1, []
            continue
        assert code <= len(table) - (not before), "a code that is not in the table yet"
        entry = table[code] if code < len(table) else [*before, before[0]]
        values += entry
        if before and len(table) < 4096:
            table.append([*before, entry[0]])
            size += len(table) == 1 << size and size < 12
        before = entry


def frames_of(file: bytes) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """What each frame shows (H, W, 3), and for how many hundredths of a second."""
    assert file[:6] == b"GIF89a" and file[-1:] == b"\x3b"
    width, height, flags = struct.unpack("<HHB", file[6:11])
    count = 2 << (flags & 7)
    colours = np.frombuffer(file[13 : 13 + 3 * count], np.uint8).reshape(count, 3)
    at, canvas = 13 + 3 * count, np.zeros((height, width, 3), np.uint8)
    frames, times = list[NDArray[np.uint8]](), list[int]()
    while file[at] != 0x3B:
        if file[at] == 0x21:  # an extension: the frame's time, or that all is repeated
            kind, (data, at) = file[at + 1], blocks(file, at + 2)
            if kind == 0xF9:
                times.append(struct.unpack("<H", data[1:3])[0])
            continue
        left, top, wide, tall, _ = struct.unpack("<HHHHB", file[at + 1 : at + 10])
        bits, (data, at) = file[at + 10], blocks(file, at + 11)
        canvas[top : top + tall, left : left + wide] = colours[unpacked(data, bits)].reshape(tall, wide, 3)
        frames.append(canvas.copy())
    return frames, times


def blocks(file: bytes, at: int) -> tuple[bytes, int]:
    """The data of the blocks from a place on, and where they end."""
    data = b""
    while length := file[at]:
        data += file[at + 1 : at + 1 + length]
        at += 1 + length
    return data, at + 1


@pytest.mark.parametrize("colours", [1, 2, 3, 16, 17, 256])
def test_frames_come_back_as_they_were(colours: int) -> None:
    rng = np.random.default_rng(colours)
    palette = rng.integers(0, 1 << 24, colours)
    palette = np.stack([palette >> 16, palette >> 8 & 255, palette & 255], 1).astype(np.uint8)
    drawn = [palette[rng.integers(0, colours, (60, 80))] for _ in range(2)]  # noise: long tables, several clears
    drawn.append(drawn[1].copy())
    drawn[2][10:20, 30:35] = palette[0]
    drawn += [drawn[2].copy(), np.tile(palette[:1], (60, 80, 1))]
    frames, times = frames_of(gif(drawn, [0.1, 0.25, 1, 2, 0.7]))
    assert times == [10, 25, 100, 200, 70]
    assert len(frames) == 5 and all(np.array_equal(*pair) for pair in zip(frames, drawn, strict=True))


def test_too_many_colours_are_merged() -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    drawn[0, 0], drawn[0, 1] = 0, 255
    frame = frames_of(gif([drawn], [1]))[0][0]
    assert np.abs(frame.astype(int) - drawn).max() < 64
    assert frame[0, 0].tolist() == [0, 0, 0] and frame[0, 1].tolist() == [255, 255, 255]


def test_lzw_by_hand() -> None:
    """Clear, 1, 1 1, end in three bits each: 100, 001, 110, 101, the lowest bit first."""
    assert lzw(bytes([1, 1, 1]), 2) == bytes([0b10_001_100, 0b1011])


def test_frames_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="size"):
        gif([np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)], [1, 1])
