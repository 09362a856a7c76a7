"""Pictures in pixels: valid files with the colours in their places."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from redraft.draw.png import png


def pixels(file: bytes) -> NDArray[np.uint8]:
    """What a PNG of 8 bits a channel without filters shows (H, W, 3); fails where a checksum is wrong."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(file):
        length = struct.unpack(">I", file[at : at + 4])[0]
        name, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        assert struct.unpack(">I", file[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + data)
        chunks[name] = data
        at += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 3 * width)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_png_keeps_every_pixel() -> None:
    shown = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(pixels(png(shown)), shown)
