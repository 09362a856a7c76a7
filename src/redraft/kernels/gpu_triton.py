"""Triton kernels of an equivariant block on a GPU, with as little memory traffic as its arithmetic needs.

A state h is (B, cells, S, D), contiguous: cells of a grid of HEIGHT rows and WIDTH columns in boxes of TALL x WIDE,
S symbols, D channels. `kernels.gpu` has the formula; a kernel reads a state once where PyTorch's operations, one after
the other, read and write it a dozen times, and values at the three times wider inner width as well.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def pool_cells(
    h, rows, columns, boxes, S: tl.constexpr, D: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
    TALL: tl.constexpr, WIDE: tl.constexpr, ACROSS: tl.constexpr, PART: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """Mean and maximum (2D, one after the other) of a puzzle's symbol over its rows, columns and boxes.

    Program (b * S + s, which PART of the channels); out (B, scopes, S, 2D). With SUM the sums alone, (B, scopes, S, D).
    ACROSS: a power of two that holds a row. A tile is one warp's, so that no sum has to wait for another warp.
    """
    puzzle, symbol = (tl.program_id(0) // S).to(tl.int64), tl.program_id(0) % S
    at, channel = tl.arange(0, ACROSS), tl.program_id(1) * PART + tl.arange(0, PART)
    inside = (at < WIDTH)[:, None]
    BOXES: tl.constexpr = WIDTH // WIDE
    OUT: tl.constexpr = D if SUM else 2 * D
    column_sum = tl.zeros((ACROSS, PART), tl.float32)
    column_peak = tl.full((ACROSS, PART), float("-inf"), tl.float32)
    for band in range(HEIGHT // TALL):
        band_sum = tl.zeros((ACROSS, PART), tl.float32)
        band_peak = tl.full((ACROSS, PART), float("-inf"), tl.float32)
        for line in range(TALL):
            row = band * TALL + line
            cell = (puzzle * HEIGHT + row) * WIDTH + at
            x = tl.load(h + (cell[:, None] * S + symbol) * D + channel[None, :], mask=inside, other=0.0).to(tl.float32)
            place = rows + ((puzzle * HEIGHT + row) * S + symbol) * OUT + channel
            if SUM:
                tl.store(place, tl.sum(x, 0).to(rows.dtype.element_ty))
            else:
                there = tl.where(inside, x, float("-inf"))
                tl.store(place, (tl.sum(x, 0) / WIDTH).to(rows.dtype.element_ty))
                tl.store(place + D, tl.max(there, 0).to(rows.dtype.element_ty))
                column_peak = tl.maximum(column_peak, there)
                band_peak = tl.maximum(band_peak, there)
            column_sum += x
            band_sum += x
        for box in tl.static_range(BOXES):
            own = (at // WIDE == box)[:, None]
            place = boxes + ((puzzle * (HEIGHT // TALL) * BOXES + band * BOXES + box) * S + symbol) * OUT + channel
            total = tl.sum(tl.where(own, band_sum, 0.0), 0)
            if SUM:
                tl.store(place, total.to(boxes.dtype.element_ty))
            else:
                tl.store(place, (total / (TALL * WIDE)).to(boxes.dtype.element_ty))
                tl.store(place + D, tl.max(tl.where(own, band_peak, float("-inf")), 0).to(boxes.dtype.element_ty))
    places = columns + ((puzzle * WIDTH + at[:, None]) * S + symbol) * OUT + channel[None, :]
    if SUM:
        tl.store(places, column_sum.to(columns.dtype.element_ty), mask=inside)
    else:
        tl.store(places, (column_sum / HEIGHT).to(columns.dtype.element_ty), mask=inside)
        tl.store(places + D, column_peak.to(columns.dtype.element_ty), mask=inside)


@triton.jit
def pool_symbols(h, out, S: tl.constexpr, D: tl.constexpr, ACROSS: tl.constexpr, SUM: tl.constexpr):
    """Mean and maximum of a cell over its symbols, (B, cells, 2D), or with SUM their sum, (B, cells, D).

    Program b * cells + cell. ACROSS: a power of two that holds all symbols.
    """
    cell = tl.program_id(0).to(tl.int64)
    at, channel = tl.arange(0, ACROSS), tl.arange(0, D)
    inside = (at < S)[:, None]
    x = tl.load(h + (cell * S + at[:, None]) * D + channel[None, :], mask=inside, other=0.0).to(tl.float32)
    total = tl.sum(x, 0)
    if SUM:
        tl.store(out + cell * D + channel, total.to(out.dtype.element_ty))
    else:
        tl.store(out + cell * 2 * D + channel, (total / S).to(out.dtype.element_ty))
        peak = tl.max(tl.where(inside, x, float("-inf")), 0)
        tl.store(out + cell * 2 * D + D + channel, peak.to(out.dtype.element_ty))


@triton.jit
def mix_and_gate(
    h, rows, columns, boxes, symbols, gate_up, down, mixed, result, scales, tokens, eps,
    S: tl.constexpr, D: tl.constexpr, INNER: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
    TALL: tl.constexpr, WIDE: tl.constexpr, TILE: tl.constexpr, CHUNK: tl.constexpr, KEEP: tl.constexpr,
):  # fmt: skip
    """`mixed = norm(h + message of each scope)`, `result = norm(mixed + down(silu(gate(mixed)) * up(mixed)))`.

    Program: TILE of all B * cells * S tokens; the inner width is never in memory, CHUNK of it at a time in registers.
    With KEEP it also writes, for the gradient, `mixed` and the scale of each norm, `scales` (2, tokens).
    """
    token = tl.program_id(0) * TILE + tl.arange(0, TILE)
    channel, inner = tl.arange(0, D), tl.arange(0, CHUNK)
    there = (token < tokens)[:, None]
    cell, symbol = token // S, token % S
    puzzle, place = cell // (HEIGHT * WIDTH), cell % (HEIGHT * WIDTH)
    row, column = place // WIDTH, place % WIDTH
    box = row // TALL * (WIDTH // WIDE) + column // WIDE
    BOXES: tl.constexpr = (HEIGHT // TALL) * (WIDTH // WIDE)
    own = token.to(tl.int64)[:, None] * D + channel[None, :]
    t = tl.load(h + own, mask=there, other=0.0).to(tl.float32)
    of_row = ((puzzle * HEIGHT + row) * S + symbol)[:, None] * D + channel[None, :]
    t += tl.load(rows + of_row, mask=there, other=0.0).to(tl.float32)
    of_column = ((puzzle * WIDTH + column) * S + symbol)[:, None] * D + channel[None, :]
    t += tl.load(columns + of_column, mask=there, other=0.0).to(tl.float32)
    of_box = ((puzzle * BOXES + box) * S + symbol)[:, None] * D + channel[None, :]
    t += tl.load(boxes + of_box, mask=there, other=0.0).to(tl.float32)
    t += tl.load(symbols + cell[:, None] * D + channel[None, :], mask=there, other=0.0).to(tl.float32)
    first = tl.rsqrt(tl.sum(t * t, 1) / D + eps)
    total = t * first[:, None]
    x = total.to(h.dtype.element_ty)
    if KEEP:
        tl.store(mixed + own, x, mask=there)
    total = x.to(tl.float32)
    for start in range(0, INNER, CHUNK):
        into = (start + inner)[None, :] * D + channel[:, None]  # (D, CHUNK) of a matrix (INNER, D)
        gate = tl.dot(x, tl.load(gate_up + into))
        up = tl.dot(x, tl.load(gate_up + INNER * D + into))
        hidden = (gate * tl.sigmoid(gate) * up).to(x.dtype)
        back = channel[None, :] * INNER + (start + inner)[:, None]  # (CHUNK, D) of a matrix (D, INNER)
        total += tl.dot(hidden, tl.load(down + back))
    second = tl.rsqrt(tl.sum(total * total, 1) / D + eps)
    tl.store(result + own, (total * second[:, None]).to(h.dtype.element_ty), mask=there)
    if KEEP:
        tl.store(scales + token, first, mask=token < tokens)
        tl.store(scales + tokens + token, second, mask=token < tokens)


@triton.jit
def mix_and_gate_backward(
    grad, mixed, result, scales, gate_up, down, d_mixed, d_both, hidden, d_sum, tokens,
    D: tl.constexpr, INNER: tl.constexpr, TILE: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """From the gradient of `result` to `d_sum`, that of the input of the first norm.

    Writes the factors of the gradients of the weights: `d_mixed` (tokens, D), that of the input of the second norm;
    `d_both` (tokens, 2 INNER), of gate and up; and `hidden` (tokens, INNER), computed again.
    """
    token = tl.program_id(0) * TILE + tl.arange(0, TILE)
    channel, inner = tl.arange(0, D), tl.arange(0, CHUNK)
    there = (token < tokens)[:, None]
    own = token.to(tl.int64)[:, None] * D + channel[None, :]
    # of a norm: y = t r with r = 1 / sqrt(mean(t²)), so dt = r (dy - y mean(y dy))
    dy = tl.load(grad + own, mask=there, other=0.0).to(tl.float32)
    y = tl.load(result + own, mask=there, other=0.0).to(tl.float32)
    second = tl.load(scales + tokens + token, mask=token < tokens, other=0.0)
    total = (dy - y * (tl.sum(y * dy, 1) / D)[:, None]) * second[:, None]
    x = tl.load(mixed + own, mask=there, other=0.0)
    d_out = total.to(x.dtype)
    tl.store(d_mixed + own, d_out, mask=there)
    for start in range(0, INNER, CHUNK):
        into = (start + inner)[None, :] * D + channel[:, None]  # (D, CHUNK) of a matrix (INNER, D)
        gate = tl.dot(x, tl.load(gate_up + into))
        up = tl.dot(x, tl.load(gate_up + INNER * D + into))
        d_hidden = tl.dot(d_out, tl.load(down + channel[:, None] * INNER + (start + inner)[None, :]))
        sigmoid = tl.sigmoid(gate)
        silu = gate * sigmoid
        d_gate = (d_hidden * up * (sigmoid + silu * (1 - sigmoid))).to(x.dtype)
        d_up = (d_hidden * silu).to(x.dtype)
        wide = token.to(tl.int64)[:, None] * INNER + (start + inner)[None, :]
        tl.store(hidden + wide, (silu * up).to(x.dtype), mask=there)
        twice = token.to(tl.int64)[:, None] * 2 * INNER + (start + inner)[None, :]
        tl.store(d_both + twice, d_gate, mask=there)
        tl.store(d_both + twice + INNER, d_up, mask=there)
        onto = (start + inner)[:, None] * D + channel[None, :]  # (CHUNK, D) of a matrix (INNER, D)
        total += tl.dot(d_gate, tl.load(gate_up + onto))
        total += tl.dot(d_up, tl.load(gate_up + INNER * D + onto))
    y = x.to(tl.float32)
    first = tl.load(scales + token, mask=token < tokens, other=0.0)
    total = (total - y * (tl.sum(y * total, 1) / D)[:, None]) * first[:, None]
    tl.store(d_sum + own, total.to(x.dtype), mask=there)


@triton.jit
def pool_cells_backward(
    h, d_h, rows, columns, boxes, d_rows, d_columns, d_boxes, S: tl.constexpr, D: tl.constexpr, HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr, TALL: tl.constexpr, WIDE: tl.constexpr, ACROSS: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """Adds to `d_h`, in place, the gradient through means and maxima over rows, columns and boxes.

    Means and maxima as `pool_cells` wrote them, and gradients of the same shape. The gradient of a mean goes to all
    cells, that of a maximum to the cells equal to it. Program (b * S + s, which PART of the channels).
    """
    puzzle, symbol = (tl.program_id(0) // S).to(tl.int64), tl.program_id(0) % S
    at, channel = tl.arange(0, ACROSS), tl.program_id(1) * PART + tl.arange(0, PART)
    inside = (at < WIDTH)[:, None]
    BOXES: tl.constexpr = WIDTH // WIDE
    own_column = ((puzzle * WIDTH + at[:, None]) * S + symbol) * 2 * D + channel[None, :]
    column_peak = tl.load(columns + own_column + D, mask=inside, other=0.0)
    among = tl.zeros((ACROSS, PART), tl.float32)
    for row in range(HEIGHT):
        cell = (puzzle * HEIGHT + row) * WIDTH + at
        x = tl.load(h + (cell[:, None] * S + symbol) * D + channel[None, :], mask=inside, other=0.0)
        among += (x == column_peak).to(tl.float32)
    d_peak_of_column = tl.load(d_columns + own_column + D, mask=inside, other=0.0).to(tl.float32) / among
    d_mean_of_column = tl.load(d_columns + own_column, mask=inside, other=0.0).to(tl.float32) / HEIGHT
    for band in range(HEIGHT // TALL):
        box = puzzle * (HEIGHT // TALL) * BOXES + band * BOXES + at // WIDE
        own_box = (box[:, None] * S + symbol) * 2 * D + channel[None, :]
        box_peak = tl.load(boxes + own_box + D, mask=inside, other=0.0)
        equal = tl.zeros((ACROSS, PART), tl.float32)
        for line in range(TALL):
            cell = (puzzle * HEIGHT + band * TALL + line) * WIDTH + at
            x = tl.load(h + (cell[:, None] * S + symbol) * D + channel[None, :], mask=inside, other=0.0)
            equal += ((x == box_peak) & inside).to(tl.float32)
        among = tl.full((ACROSS, PART), 1.0, tl.float32)
        for number in tl.static_range(BOXES):
            own = (at // WIDE == number)[:, None]
            among = tl.where(own, tl.sum(tl.where(own, equal, 0.0), 0)[None, :], among)
        d_peak_of_box = tl.load(d_boxes + own_box + D, mask=inside, other=0.0).to(tl.float32) / among
        d_mean = d_mean_of_column + tl.load(d_boxes + own_box, mask=inside, other=0.0).to(tl.float32) / (TALL * WIDE)
        for line in range(TALL):
            row = band * TALL + line
            cell = (puzzle * HEIGHT + row) * WIDTH + at
            place = (cell[:, None] * S + symbol) * D + channel[None, :]
            x = tl.load(h + place, mask=inside, other=0.0)
            own_row = ((puzzle * HEIGHT + row) * S + symbol) * 2 * D + channel
            peak = (x == tl.load(rows + own_row + D)[None, :]) & inside
            d_peak = tl.load(d_rows + own_row + D).to(tl.float32) / tl.sum(peak.to(tl.float32), 0)
            total = tl.load(d_h + place, mask=inside, other=0.0).to(tl.float32) + d_mean
            total += (tl.load(d_rows + own_row).to(tl.float32) / WIDTH)[None, :]
            total += tl.where(peak, d_peak[None, :], 0.0)
            total += tl.where(x == column_peak, d_peak_of_column, 0.0)
            total += tl.where(x == box_peak, d_peak_of_box, 0.0)
            tl.store(d_h + place, total.to(d_h.dtype.element_ty), mask=inside)


@triton.jit
def pool_symbols_backward(h, d_h, pooled, d_pooled, S: tl.constexpr, D: tl.constexpr, ACROSS: tl.constexpr):
    """Adds to `d_h`, in place, the gradient through means and maxima over the symbols: program b * cells + cell."""
    cell = tl.program_id(0).to(tl.int64)
    at, channel = tl.arange(0, ACROSS), tl.arange(0, D)
    inside = (at < S)[:, None]
    place = (cell * S + at[:, None]) * D + channel[None, :]
    x = tl.load(h + place, mask=inside, other=0.0)
    own = cell * 2 * D + channel
    peak = (x == tl.load(pooled + own + D)[None, :]) & inside
    d_peak = tl.load(d_pooled + own + D).to(tl.float32) / tl.sum(peak.to(tl.float32), 0)
    total = tl.load(d_h + place, mask=inside, other=0.0).to(tl.float32)
    total += (tl.load(d_pooled + own).to(tl.float32) / S)[None, :]
    total += tl.where(peak, d_peak[None, :], 0.0)
    tl.store(d_h + place, total.to(d_h.dtype.element_ty), mask=inside)
