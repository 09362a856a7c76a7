"""The work between the matmuls of a block, each in one pass over memory: kernels for a CPU, compiled by Numba.

All take addresses of contiguous elements: to view a tensor as an array takes four calls, each of which releases
Python's lock, and threads would wait for it rather than compute. `like` is a zero of the storage dtype (float32,
float64, or int16 for bfloat16), `zero` one of the dtype of sums and scales (float64 for float64, else float32). So
every kernel rounds once, where it stores.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic, overload

from redraft.jit import jit
from redraft.kernels import lanes

# of each dtype, `like` and `zero`
KINDS = {
    torch.float32: (np.float32(0), np.float32(0)),
    torch.float64: (np.float64(0), np.float64(0)),
    torch.bfloat16: (np.int16(0), np.float32(0)),
}
ONE = np.float32(1)
# e^x = 2^k e^r with |r| <= ln 2 / 2; k ln 2 is subtracted in two parts, of which the first is exact
_LOG2_E, _LN2_HIGH = np.float32(math.log2(math.e)), np.float32(0.693359375)
_LN2_LOW = np.float32(math.log(2) - 0.693359375)
_TERMS = tuple(np.float32(1 / math.factorial(k)) for k in range(7, 1, -1))  # of the series of e^r


# Numba's cache of kernels on disk notices changes of their own file alone: after a change of `lanes`, or of anything
# defined above the first kernel, remove the `__pycache__` beside this file.


def _compiled(*liberties):
    """Compiles a kernel, which may fuse products into sums, and take the other liberties with rounding named here."""
    return partial(jit, nogil=True, fastmath={"contract", *liberties}, error_model="numpy")


elementwise = _compiled()
summing = _compiled("reassoc", "nsz")  # sums in any order; NaN and infinity are kept


@intrinsic
def _as_bits(context, value):
    return types.uint32(types.float32), lambda _, builder, __, args: builder.bitcast(args[0], ir.IntType(32))


@intrinsic
def _as_float(context, bits):
    return types.float32(types.uint32), lambda _, builder, __, args: builder.bitcast(args[0], ir.FloatType())


@intrinsic
def _pointer(context, address, like):
    def found(context, builder, signature, args):
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(like)(address, like), found


@njit(inline="always")
def array(address, size, like):
    """The elements at an address."""
    return carray(_pointer(address, like), size)


def load(stored):
    """A stored number in the dtype of computation."""


def store(value, like):
    """A computed number in the storage dtype of `like`: bfloat16 is rounded to nearest, ties to even."""


def _sigmoid(x):
    """1 / (1 + e^-x)."""


@overload(load, inline="always")
def _(stored):
    if isinstance(stored, types.Integer):
        return lambda stored: _as_float(np.uint32(np.uint16(stored)) << np.uint32(16))
    return lambda stored: stored


@overload(store, inline="always")
def _(value, like):
    if isinstance(like, types.Integer):

        def rounded(value, like):
            bits = _as_bits(value)
            return np.int16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))

        return rounded
    return lambda value, like: value


@overload(_sigmoid, inline="always")
def _(x):
    if x == types.float64:
        return lambda x: 1 / (1 + math.exp(-x))

    def quick(x):
        x = min(max(-x, np.float32(-87)), np.float32(87))
        whole = np.floor(x * _LOG2_E + np.float32(0.5))
        r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
        power = _TERMS[0]
        power = power * r + _TERMS[1]
        power = power * r + _TERMS[2]
        power = power * r + _TERMS[3]
        power = power * r + _TERMS[4]
        power = power * r + _TERMS[5]
        power = power * (r * r) + (r + ONE)
        scaled = _as_float(_as_bits(power) + (np.uint32(np.int32(whole)) << np.uint32(23)))
        return ONE / (ONE + scaled)

    return quick


def _in_lanes(like):
    """Whether `lanes` is faster for this storage dtype."""


@overload(_in_lanes, inline="always")
def _(like):
    if isinstance(like, types.Integer) and lanes.ABLE:
        return lambda like: True
    return lambda like: False


@elementwise
def gate(both, hidden, size, run, like):
    """hidden = silu(gates) x ups (`size`); `both` holds `run` consecutive gates, then as many ups, and so on."""
    both, hidden = array(both, 2 * size, like), array(hidden, size, like)
    for start in range(0, size, run):
        gates, ups = both[2 * start : 2 * start + run], both[2 * start + run : 2 * (start + run)]
        into, first = hidden[start : start + run], 0
        if _in_lanes(like):
            first = run // lanes.LANES * lanes.LANES
            lanes.gate_halves(gates.ctypes.data, ups.ctypes.data, into.ctypes.data, first)
        for i in range(first, run):
            g = load(gates[i])
            into[i] = store(g * _sigmoid(g) * load(ups[i]), like)


@elementwise
def gate_gradient(both, hidden, d_both, size, run, like):
    """From the gradient in `hidden`, those of gates and ups; `hidden` then holds the result of `gate`."""
    both, hidden, d_both = array(both, 2 * size, like), array(hidden, size, like), array(d_both, 2 * size, like)
    for start in range(0, size, run):
        gates, ups = both[2 * start : 2 * start + run], both[2 * start + run : 2 * (start + run)]
        d_gates, d_ups = d_both[2 * start : 2 * start + run], d_both[2 * start + run : 2 * (start + run)]
        inner, first = hidden[start : start + run], 0
        if _in_lanes(like):
            first = run // lanes.LANES * lanes.LANES
            halves = gates.ctypes.data, ups.ctypes.data, inner.ctypes.data, d_gates.ctypes.data, d_ups.ctypes.data
            lanes.gate_halves_gradient(*halves, first)
        for i in range(first, run):
            g, u, d = load(gates[i]), load(ups[i]), load(inner[i])
            s = _sigmoid(g)
            inner[i] = store(g * s * u, like)
            d_ups[i] = store(d * g * s, like)
            d_gates[i] = store(d * u * s * (ONE + g * (ONE - s)), like)


@summing
def norm_rows(h, total, scale, rows, width, eps, like, zero):
    """total = (h + total) x scale, so that each row (rows, width) has mean square 1; one scale per row."""
    h, total, scale = array(h, rows * width, like), array(total, rows * width, like), array(scale, rows, zero)
    for row in range(rows):
        old, new = h[row * width : (row + 1) * width], total[row * width : (row + 1) * width]
        square = zero
        for i in range(width):
            value = load(old[i]) + load(new[i])
            square += value * value
        factor = ONE / np.sqrt(square / np.float32(width) + eps)
        scale[row] = factor
        for i in range(width):
            new[i] = store((load(old[i]) + load(new[i])) * factor, like)


@summing
def norm_columns(h, total, scale, height, width, eps, like, zero):
    """As `norm_rows`, so that each column (height, width) has mean square 1."""
    size = height * width
    h, total, scale = array(h, size, like), array(total, size, like), array(scale, width, zero)
    scale[:] = zero
    for row in range(height):
        old, new = h[row * width : (row + 1) * width], total[row * width : (row + 1) * width]
        for i in range(width):
            value = load(old[i]) + load(new[i])
            scale[i] += value * value
    for i in range(width):
        scale[i] = ONE / np.sqrt(scale[i] / np.float32(height) + eps)
    for row in range(height):
        old, new = h[row * width : (row + 1) * width], total[row * width : (row + 1) * width]
        for i in range(width):
            new[i] = store((load(old[i]) + load(new[i])) * scale[i], like)


@summing
def norm_rows_gradient(grad, result, scale, d_total, rows, width, like, zero):
    """Gradient of a norm's input from that of its result: with y = t r, dt = r (dy - y mean(y dy))."""
    size = rows * width
    grad, result, d_total = array(grad, size, like), array(result, size, like), array(d_total, size, like)
    scale = array(scale, rows, zero)
    for row in range(rows):
        dy, y = grad[row * width : (row + 1) * width], result[row * width : (row + 1) * width]
        into = d_total[row * width : (row + 1) * width]
        along = zero
        for i in range(width):
            along += load(dy[i]) * load(y[i])
        along /= np.float32(width)
        for i in range(width):
            into[i] = store((load(dy[i]) - load(y[i]) * along) * scale[row], like)


@summing
def norm_columns_gradient(grad, result, scale, d_total, height, width, like, zero):
    """As `norm_rows_gradient`, for `norm_columns`."""
    size = height * width
    grad, result, d_total = array(grad, size, like), array(result, size, like), array(d_total, size, like)
    scale = array(scale, width, zero)
    along = np.full(width, zero)
    for row in range(height):
        dy, y = grad[row * width : (row + 1) * width], result[row * width : (row + 1) * width]
        for i in range(width):
            along[i] += load(dy[i]) * load(y[i])
    for i in range(width):
        along[i] /= np.float32(height)
    for row in range(height):
        dy, y = grad[row * width : (row + 1) * width], result[row * width : (row + 1) * width]
        into = d_total[row * width : (row + 1) * width]
        for i in range(width):
            into[i] = store((load(dy[i]) - load(y[i]) * along[i]) * scale[i], like)
