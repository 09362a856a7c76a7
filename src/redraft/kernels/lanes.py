"""Sixteen numbers at a time: the work between matmuls in bfloat16, written for vectors of a CPU.

Compilers vectorise short loops over bfloat16 badly: these are two to three times as fast (docs/log.md) because their
sums stay in registers. All take addresses; halves are bfloat16, computed in float32. LLVM splits vectors where a
processor's are shorter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
# Whether the processor rounds to bfloat16 and estimates inverses itself; elsewhere LLVM would call missing or slow
# functions.
try:
    ABLE = all(get_host_cpu_features().get(name, False) for name in ("avx512f", "avx512bf16"))
except RuntimeError:  # LLVM does not know the processor
    ABLE = False
_INT, _LONG, _FLOAT = ir.IntType(32), ir.IntType(64), ir.FloatType()
_FLOATS, _INTS, _HALVES = (ir.VectorType(each, LANES) for each in (_FLOAT, _INT, ir.IntType(16)))

# 2^f for |f| <= 1/2, within 3e-6 (Chebyshev nodes); adding and subtracting _ROUND leaves a whole number
_POWER = tuple(
    np.polynomial.Polynomial.fit(x := np.cos(np.pi * (np.arange(64) + 0.5) / 64) / 2, 2.0**x, 4).convert().coef
)
_ROUND = 1.5 * 2.0**23


class _Bfloat(ir.Type):
    """A type that llvmlite lacks."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bfloat)

    def __hash__(self) -> int:
        return hash(_Bfloat)


class _Lanes:
    """Emits code for sixteen lanes, with a method per operation."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def floats(self, value: float) -> Any:
        return ir.Constant(_FLOATS, [float(np.float32(value))] * LANES)

    def ints(self, value: int) -> Any:
        return ir.Constant(_INTS, [value] * LANES)

    def every(self, scalar: Any) -> Any:
        """A number in all lanes."""
        first = self.builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), scalar, ir.Constant(_INT, 0))
        zeros = ir.Constant(_INTS, [0] * LANES)
        return self.builder.shuffle_vector(first, ir.Constant(_FLOATS, ir.Undefined), zeros)

    def at(self, address: Any, kind: Any) -> Any:
        return self.builder.inttoptr(address, ir.PointerType(kind))

    def load(self, address: Any) -> Any:
        return self.builder.load(self.at(address, _FLOATS), align=4)

    def load_half(self, address: Any) -> Any:
        wide = self.builder.zext(self.builder.load(self.at(address, _HALVES), align=2), _INTS)
        return self.builder.bitcast(self.builder.shl(wide, self.ints(16)), _FLOATS)

    def store(self, value: Any, address: Any) -> None:
        self.builder.store(value, self.at(address, _FLOATS), align=4)

    def store_half(self, value: Any, address: Any) -> None:
        """Rounded to nearest, ties to even."""
        b = self.builder
        if ABLE:
            rounded = b.bitcast(b.fptrunc(value, ir.VectorType(_Bfloat(), LANES)), _HALVES)
            b.store(rounded, self.at(address, _HALVES), align=2)
            return
        bits = b.bitcast(value, _INTS)
        odd = b.and_(b.lshr(bits, self.ints(16)), self.ints(1))
        rounded = b.lshr(b.add(b.add(bits, self.ints(0x7FFF)), odd), self.ints(16))
        b.store(b.trunc(rounded, _HALVES), self.at(address, _HALVES), align=2)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return self._call("fma", a, b, c)

    def least(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered("<", a, b), a, b)

    def most(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.fcmp_ordered(">", a, b), a, b)

    def total(self, value: Any) -> Any:
        """The sum of all lanes."""
        for step in (8, 4, 2, 1):
            turned = ir.Constant(_INTS, [(lane + step) % LANES for lane in range(LANES)])
            value = self.builder.fadd(value, self.builder.shuffle_vector(value, value, turned))
        return self.builder.extract_element(value, ir.Constant(_INT, 0))

    def inverse(self, value: Any) -> Any:
        """1 / value of lanes from 1 to 2^126, within 7e-5: dividing takes as long as the rest of a gate.

        Without the processor's guess, begins with a line through exponent and mantissa, within an eighth; each step of
        Newton's method squares the error.
        """
        b = self.builder
        if ABLE:
            mask = ir.Constant(ir.IntType(16), -1)
            return self._named("llvm.x86.avx512.rcp14.ps.512", _FLOATS, value, ir.Constant(_FLOATS, ir.Undefined), mask)
        guess = b.bitcast(b.sub(self.ints(0x7EF311C7), b.bitcast(value, _INTS)), _FLOATS)
        minus = b.fsub(self.floats(0.0), value)
        for _ in range(3):
            guess = b.fmul(guess, self.fma(minus, guess, self.floats(2.0)))
        return guess

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + e^-x), within 5e-6 of the value."""
        b = self.builder
        power = b.fmul(x, self.floats(-math.log2(math.e)))
        power = self.most(self.least(power, self.floats(125)), self.floats(-125))
        shifted = b.fadd(power, self.floats(_ROUND))
        part = b.fsub(power, b.fsub(shifted, self.floats(_ROUND)))
        mantissa = self.floats(_POWER[4])
        for factor in reversed(_POWER[:4]):
            mantissa = self.fma(mantissa, part, self.floats(factor))
        exponent = b.shl(b.bitcast(shifted, _INTS), self.ints(23))
        e = b.bitcast(b.add(b.bitcast(mantissa, _INTS), exponent), _FLOATS)
        return self.inverse(b.fadd(e, self.floats(1.0)))

    @contextmanager
    def loop(self, count: Any) -> Iterator[Any]:
        """The code within runs for each number below `count`."""
        with cgutils.for_range(self.builder, count) as numbers:
            yield numbers.index

    def variable(self, kind: Any, first: Any) -> Any:
        place = cgutils.alloca_once(self.builder, kind)
        self.builder.store(first, place)
        return place

    def offset(self, address: Any, number: Any, size: int) -> Any:
        """The address of an element of `size` bytes."""
        return self.builder.add(address, self.builder.mul(number, ir.Constant(_LONG, size)))

    def root(self, value: Any) -> Any:
        return self._call("sqrt", value)

    def _call(self, name: str, *arguments: Any) -> Any:
        kind = arguments[0].type
        return self._named(f"llvm.{name}.{'f32' if kind == _FLOAT else f'v{LANES}f32'}", kind, *arguments)

    def _named(self, name: str, result: Any, *arguments: Any) -> Any:
        function = ir.FunctionType(result, [each.type for each in arguments])
        module = self.builder.module
        return self.builder.call(module.globals.get(name) or ir.Function(module, function, name), arguments)


def _addressed(emit: Callable[..., None], *kinds: Any) -> Any:
    """An intrinsic without a result: `emit(lanes, *values)` writes its code; `kinds` are the types of its arguments."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emit(_Lanes(builder), *arguments)
        return context.get_dummy_value()

    return types.void(*kinds), code


_A, _F = types.int64, types.float32  # addresses, counts; numbers


def _gating(load, size):
    """The intrinsic that gates numbers of `size` bytes, loaded by a method of `_Lanes`."""

    def emit(v, gates, ups, into, count):
        with v.loop(v.builder.sdiv(count, ir.Constant(_LONG, LANES))) as i:
            g, u = (load(v, v.offset(each, i, size * LANES)) for each in (gates, ups))
            v.store_half(v.builder.fmul(v.builder.fmul(g, v.sigmoid(g)), u), v.offset(into, i, 2 * LANES))

    return _addressed(emit, _A, _A, _A, _A)


@intrinsic
def gate(context, gates, ups, into, size):
    """into (halves) = silu(gates) x ups (floats), `size` of them, a multiple of sixteen."""
    return _gating(_Lanes.load, 4)


@intrinsic
def gate_halves(context, gates, ups, into, size):
    """As `gate`, of halves."""
    return _gating(_Lanes.load_half, 2)


@intrinsic
def gate_halves_gradient(context, gates, ups, hidden, d_gates, d_ups, size):
    """From the gradient of `gate_halves` in `hidden`, those of gates and ups; `hidden` then holds its result."""

    def emit(v, gates, ups, hidden, d_gates, d_ups, size):
        b, one = v.builder, v.floats(1.0)
        with v.loop(b.sdiv(size, ir.Constant(_LONG, LANES))) as i:
            g, u, d = (v.load_half(v.offset(each, i, 2 * LANES)) for each in (gates, ups, hidden))
            s = v.sigmoid(g)
            silu = b.fmul(g, s)
            slope = b.fmul(s, v.fma(g, b.fsub(one, s), one))
            v.store_half(b.fmul(silu, u), v.offset(hidden, i, 2 * LANES))
            v.store_half(b.fmul(d, silu), v.offset(d_ups, i, 2 * LANES))
            v.store_half(b.fmul(b.fmul(d, u), slope), v.offset(d_gates, i, 2 * LANES))

    return _addressed(emit, _A, _A, _A, _A, _A, _A)


@intrinsic
def normed_sum(context, half, rows, count, total, into, width, eps):
    """into (halves) = half + the sum of `count` rows (floats), scaled to a mean square of 1.

    `rows` is where their addresses lie, `total` room for a row of floats; `width` is a multiple of sixteen.
    """

    def emit(v, half, rows, count, total, into, width, eps):
        b, zero = v.builder, ir.Constant(_FLOATS, [0.0] * LANES)
        blocks = b.sdiv(width, ir.Constant(_LONG, LANES))
        squares, value = v.variable(_FLOATS, zero), v.variable(_FLOATS, zero)
        with v.loop(blocks) as i:
            b.store(v.load_half(v.offset(half, i, 2 * LANES)), value)
            with v.loop(count) as j:
                row = b.load(v.at(v.offset(rows, j, 8), _LONG), align=8)
                b.store(b.fadd(b.load(value), v.load(v.offset(row, i, 4 * LANES))), value)
            found = b.load(value)
            v.store(found, v.offset(total, i, 4 * LANES))
            b.store(v.fma(found, found, b.load(squares)), squares)
        mean = b.fdiv(v.total(b.load(squares)), b.sitofp(width, _FLOAT))
        scale = v.every(b.fdiv(ir.Constant(_FLOAT, 1.0), v.root(b.fadd(mean, eps))))
        with v.loop(blocks) as i:
            v.store_half(b.fmul(v.load(v.offset(total, i, 4 * LANES)), scale), v.offset(into, i, 2 * LANES))

    return _addressed(emit, _A, _A, _A, _A, _A, _A, _F)


@intrinsic
def pooled(context, h, members, size, mean, peak, width):
    """mean and peak (halves) over `size` rows of h (halves), whose numbers (int32) lie at `members`."""

    def emit(v, h, members, size, mean, peak, width):
        b, zero = v.builder, ir.Constant(_FLOATS, [0.0] * LANES)
        part = v.every(b.fdiv(ir.Constant(_FLOAT, 1.0), b.sitofp(size, _FLOAT)))
        total, most = v.variable(_FLOATS, zero), v.variable(_FLOATS, zero)
        with v.loop(b.sdiv(width, ir.Constant(_LONG, LANES))) as i:
            b.store(zero, total)
            b.store(v.floats(-math.inf), most)
            with v.loop(size) as j:
                member = b.sext(b.load(v.at(v.offset(members, j, 4), _INT), align=4), _LONG)
                element = b.add(b.mul(member, width), b.mul(i, ir.Constant(_LONG, LANES)))
                found = v.load_half(v.offset(h, element, 2))
                b.store(b.fadd(b.load(total), found), total)
                b.store(v.most(b.load(most), found), most)
            v.store_half(b.fmul(b.load(total), part), v.offset(mean, i, 2 * LANES))
            v.store_half(b.load(most), v.offset(peak, i, 2 * LANES))

    return _addressed(emit, _A, _A, _A, _A, _A, _A)
