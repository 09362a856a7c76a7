"""Reads the numbers that an ONNX graph holds from its file, without the package onnx, to see that they are finite.

A file is a ModelProto: protocol-buffer fields, each a key (its number and kind of value) and a value. The graph is
field 7 of it; field 5 of a graph is a tensor with dims (1), data type (2), float_data (4), name (8) and raw_data (9).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_FLOATS = {1: "<f4", 10: "<f2", 11: "<f8"}  # by data type
_GRAPH, _INITIALIZER = 7, 5
_DATA_TYPE, _FLOAT_DATA, _NAME, _RAW_DATA = 2, 4, 8, 9


def float_tensors(content: bytes) -> dict[str, NDArray[np.floating]]:
    """The floating-point initializers of a model, flat, by name; raises ValueError where it is cut off or no such."""
    found: dict[str, NDArray[np.floating]] = {}
    for number, value in _fields(memoryview(content)):
        if number == _GRAPH and isinstance(value, memoryview):
            for inner, tensor in _fields(value):
                if inner == _INITIALIZER and isinstance(tensor, memoryview):
                    name, array = _tensor(tensor)
                    if array is not None:
                        found[name] = array
    return found


def _tensor(message: memoryview) -> tuple[str, NDArray[np.floating] | None]:
    name, dtype, data = "", 0, memoryview(b"")
    for number, value in _fields(message):
        if isinstance(value, int):
            dtype = value if number == _DATA_TYPE else dtype
        elif number == _NAME:
            name = bytes(value).decode("utf-8", "replace")
        elif number in (_RAW_DATA, _FLOAT_DATA):
            data = value
    return name, np.frombuffer(data, _FLOATS[dtype]) if dtype in _FLOATS else None


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: their numbers, with whole numbers or, of every other kind, bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == 2:
            length, place = _varint(message, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("not a protocol buffer")
        if place + length > len(message):
            raise ValueError("cut off")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number at a place, seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        if place >= len(message) or shift > 63:
            raise ValueError("cut off")
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
