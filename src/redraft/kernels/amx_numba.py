"""An equivariant block on a CPU with AMX as one kernel: matmuls in tiles, with intermediates kept in the cache.

AMX multiplies tiles of 16 rows of 64 bytes. A matmul here is of 32 rows with 32 columns: four tiles of sums (0 to
3), two of rows (4, 5) and two of weights (6, 7), in which pairs of inputs are adjacent (`amx.packed`).

The type of `tiles` chooses the multiplication: int8 for AMX, int16 for plain loops, which tests use on processors
without AMX.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from redraft.kernels.cpu_numba import array, elementwise, load
from redraft.kernels.lanes import gate, normed_sum, pooled

AMX, LOOPS = np.int8(0), np.int16(0)
ROWS = 32  # of a matmul
_HALF, _FLOAT, _INT = np.int16(0), np.float32(0), np.int32(0)
eps = np.float32  # the type of the epsilon of a norm
_BYTE, _LONG = ir.IntType(8), ir.IntType(64)


class _Tiles:
    """Emits instructions of AMX; tiles are numbers, and addresses integers."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def configure(self, address: Any) -> None:
        self._call("ldtilecfg", self._at(address))

    def save(self, address: Any) -> None:
        self._call("sttilecfg", self._at(address))

    def zero(self, tile: int) -> None:
        self._call("tilezero", ir.Constant(_BYTE, tile))

    def load(self, tile: int, address: Any, stride: Any) -> None:
        self._call("tileloadd64", ir.Constant(_BYTE, tile), self._at(address), stride)

    def store(self, tile: int, address: Any, stride: Any) -> None:
        self._call("tilestored64", ir.Constant(_BYTE, tile), self._at(address), stride)

    def multiply(self, into: int, rows: int, weights: int) -> None:
        self._call("tdpbf16ps", *(ir.Constant(_BYTE, tile) for tile in (into, rows, weights)))

    def _at(self, address: Any) -> Any:
        return self.builder.inttoptr(address, ir.PointerType(_BYTE))

    def _call(self, name: str, *arguments: Any) -> None:
        name, module = f"llvm.x86.{name}", self.builder.module
        kind = ir.FunctionType(ir.VoidType(), [each.type for each in arguments])
        self.builder.call(module.globals.get(name) or ir.Function(module, kind, name), arguments)


@intrinsic
def _configured(context, before, now):
    """Saves the configuration of tiles at `before`, and loads the one at `now`."""

    def code(context, builder, signature, arguments):
        tiles = _Tiles(builder)
        tiles.save(arguments[0])
        tiles.configure(arguments[1])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


@intrinsic
def _restored(context, before):
    def code(context, builder, signature, arguments):
        _Tiles(builder).configure(arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), code


@intrinsic
def _cleared(context):
    def code(context, builder, signature, arguments):
        for tile in range(4):
            _Tiles(builder).zero(tile)
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def _added(context, rows, stride, weights):
    """Adds the matmul of 32 inputs of each row to the sums."""

    def code(context, builder, signature, arguments):
        tiles, (rows, stride, weights) = _Tiles(builder), arguments
        below = builder.add(rows, builder.mul(stride, ir.Constant(_LONG, 16)))
        beside, together = builder.add(weights, ir.Constant(_LONG, 1024)), ir.Constant(_LONG, 64)
        tiles.load(4, rows, stride)
        tiles.load(6, weights, together)
        tiles.multiply(0, 4, 6)
        tiles.load(7, beside, together)
        tiles.multiply(1, 4, 7)
        tiles.load(5, below, stride)
        tiles.multiply(2, 5, 6)
        tiles.multiply(3, 5, 7)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code


@intrinsic
def _stored(context, left, right, stride):
    """Stores the sums, of the first sixteen columns and of the others, as floats."""

    def code(context, builder, signature, arguments):
        tiles, (left, right, stride) = _Tiles(builder), arguments
        down = builder.mul(stride, ir.Constant(_LONG, 16))
        for tile, address in enumerate((left, right, builder.add(left, down), builder.add(right, down))):
            tiles.store(tile, address, stride)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code


def _begin(tiles, before, now):
    """Configures tiles, and keeps the previous configuration for `_end`."""


def _end(tiles, before):
    """Restores the configuration of tiles."""


def _matmul(tiles, rows, stride, advance, weights, steps, left, right, below):
    """Stores the matmul (32, 32) of rows with weights as floats, half of its columns at `left`, half at `right`.

    Rows have 32 x `steps` halves; they lie `stride` bytes apart, each 32 of their inputs `advance` bytes, and rows of
    the result `below` bytes.
    """


@overload(_begin)
def _(tiles, before, now):
    if tiles == types.int8:
        return lambda tiles, before, now: _configured(before, now)
    return lambda tiles, before, now: None


@overload(_end)
def _(tiles, before):
    if tiles == types.int8:
        return lambda tiles, before: _restored(before)
    return lambda tiles, before: None


@overload(_matmul)
def _(tiles, rows, stride, advance, weights, steps, left, right, below):
    if tiles == types.int8:

        def by_tiles(tiles, rows, stride, advance, weights, steps, left, right, below):
            _cleared()
            for step in range(steps):
                _added(rows + advance * step, stride, weights + 2048 * step)
            _stored(left, right, below)

        return by_tiles

    def by_loops(tiles, rows, stride, advance, weights, steps, left, right, below):
        inputs = array(rows, (stride * (ROWS - 1) + advance * (steps - 1)) // 2 + 32, _HALF)
        parts = array(weights, 1024 * steps, _HALF)
        first = array(left, below // 4 * (ROWS - 1) + 16, _FLOAT)
        second = array(right, below // 4 * (ROWS - 1) + 16, _FLOAT)
        for row in range(ROWS):
            for column in range(32):
                total = _FLOAT
                for k in range(32 * steps):
                    step, pair = k // 32, k % 32 // 2
                    number = load(inputs[(stride * row + advance * step) // 2 + k % 32])
                    weight = parts[1024 * step + 512 * (column // 16) + 32 * pair + column % 16 * 2 + k % 2]
                    total += number * load(weight)
                if column < 16:
                    first[below // 4 * row + column] = total
                else:
                    second[below // 4 * row + column - 16] = total

    return by_loops


# Numba's cache of this file does not notice changes of `lanes` or `cpu_numba`: see there.


def scratch_bytes(groups, pools, width, inner):
    """Bytes of scratch memory for `block`, aligned to 64."""
    return 8 * groups * width + ROWS * (6 * width + 2 * inner + 8 * ROWS) + 4 * width + 64 * pools + 128


@elementwise
def block(
    h, result, scratch, maps, gate_up, down, homes, members, counts, firsts,
    batch, places, pools, width, inner, eps, tiles,
):  # fmt: skip
    """The block of states h (batch, places, width): `norm(x + swiglu(x))` of x = `norm(h + pools(h))`.

    All but numbers are addresses. All int32: `homes` (pools, places) is the group of each place, counted within the
    pool; `members` (pools, places) the places of each group one after the other; `counts` (pools) the number of groups
    of a pool; `firsts` (pools + 1) the first row of each pool's groups, rounded up to 32.
    """
    homes, counts = array(homes, pools * places, _INT), array(counts, pools, _INT)
    firsts = array(firsts, pools + 1, _INT)
    summaries = scratch  # mean and maximum of each group
    messages = summaries + 4 * firsts[pools] * width
    x = messages + 4 * firsts[pools] * width
    gates = x + 2 * ROWS * width
    ups = gates + 4 * ROWS * ROWS
    hidden = ups + 4 * ROWS * ROWS
    sums = hidden + 2 * ROWS * inner
    total = sums + 4 * ROWS * width
    before, now, table = total + 4 * width, total + 4 * width + 64, total + 4 * width + 128
    summands = array(table, pools, np.int64(0))
    config = array(now, 64, np.uint8(0))
    config[:] = 0
    config[0] = 1  # the palette
    for tile in range(8):
        config[16 + 2 * tile] = 64  # bytes of a row
        config[48 + tile] = 16  # rows
    _begin(tiles, before, now)
    for puzzle in range(batch):
        old, new = h + 2 * puzzle * places * width, result + 2 * puzzle * places * width
        for pool in range(pools):
            size = places // counts[pool]
            for group in range(counts[pool]):
                into = summaries + 4 * (firsts[pool] + group) * width
                pooled(old, members + 4 * (pool * places + group * size), size, into, into + 2 * width, width)
            for row in range(firsts[pool], firsts[pool + 1], ROWS):
                for column in range(0, width, 32):
                    weights, into = maps + 4 * (pool * width + column) * width, messages + 4 * (row * width + column)
                    rows = summaries + 4 * row * width
                    _matmul(tiles, rows, 4 * width, 64, weights, width // 16, into, into + 64, 4 * width)
        for first in range(0, places, ROWS):
            rows = min(ROWS, places - first)
            for row in range(rows):
                for pool in range(pools):
                    home = firsts[pool] + homes[pool * places + first + row]
                    summands[pool] = messages + 4 * home * width
                normed_sum(old + 2 * (first + row) * width, table, pools, total, x + 2 * row * width, width, eps)
            for part in range(inner // 32):
                for half in range(2):
                    weights, into = gate_up + 4 * (32 * part + 16 * half) * width, gates + 64 * half
                    _matmul(tiles, x, 2 * width, 64, weights, width // 32, into, into + 4 * ROWS * ROWS, 128)
                gate(gates, ups, hidden + 2048 * part, ROWS * ROWS)
            for column in range(0, width, 32):
                into = sums + 4 * column
                _matmul(tiles, hidden, 64, 2048, down + 2 * column * inner, inner // 32, into, into + 64, 4 * width)
            for row in range(rows):
                summands[0] = sums + 4 * row * width
                into = new + 2 * (first + row) * width
                normed_sum(x + 2 * row * width, table, 1, total, into, width, eps)
    _end(tiles, before)
