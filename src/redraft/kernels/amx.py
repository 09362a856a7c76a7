"""An equivariant block without a gradient on a CPU with AMX: weights laid out for its tiles, and one kernel.

It computes the same as the layers, in bfloat16, and rounds where they round: after each half of a block, and at the
inner width. Messages of pools, gates and ups stay float32 between.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from redraft.kernels import cpu, matmul
from redraft.scopes import Axes

_PRCTL, _ASK, _TILES = 158, 0x1023, 18  # arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
MOST_WEIGHTS = 2**19  # of a SwiGLU; more would not stay in the cache while rows pass through


class Packed(NamedTuple):
    """Weights of a block, bfloat16 in the order of its tiles, and the groups of its pools: see `amx_numba.block`."""

    maps: Tensor
    gate_up: Tensor
    down: Tensor
    homes: Tensor
    members: Tensor
    counts: Tensor
    firsts: Tensor
    width: int
    inner: int
    plain: tuple[tuple[Axes, ...], Sequence[Tensor], tuple[()], Tensor, Tensor]  # the weights as they were given


@cache
def usable() -> bool:
    """Whether this process may use the tiles of this processor."""
    if not matmul.in_tiles() or platform.system() != "Linux" or cpu.kernels() is None:
        return False
    return ctypes.CDLL(None).syscall(_PRCTL, _ASK, _TILES) == 0


def applies(h: Tensor) -> bool:
    """Whether the kernel takes a state like this one, where there are packed weights for it."""
    return h.dtype == torch.bfloat16 and not torch.is_grad_enabled() and matmul.eager_on_cpu(h) and h.numel() > 0


def packed(
    pools: tuple[Axes, ...], maps: Sequence[Tensor], gate_up: Tensor, down: Tensor, *, symbols: int
) -> Packed | None:
    """The current weights of a block, None where the kernel does not suit them; `symbols` is their number per cell."""
    width, inner = down.shape
    if width % 32 or inner % 32 or 3 * width * inner > MOST_WEIGHTS:
        return None
    groups = cpu.groups_of(pools, symbols)
    counts = [last - first for first, last in pairwise(groups.bounds)]
    firsts = [0]
    for count in counts:
        firsts.append(firsts[-1] + -(-count // 32) * 32)
    gates, ups = gate_up.detach().bfloat16().view(2, inner // 16, 16, width)
    return Packed(
        maps=torch.cat([_in_tiles(each) for each in maps]),
        gate_up=_in_tiles(torch.stack((gates, ups), 1).view(2 * inner, width)),  # sixteen of each in turn
        down=_in_tiles(down),
        homes=groups.homes,
        members=torch.stack([home.argsort(stable=True).to(torch.int32) for home in groups.homes]),
        counts=torch.tensor(counts, dtype=torch.int32),
        firsts=torch.tensor(firsts, dtype=torch.int32),
        width=width,
        inner=inner,
        plain=(pools, maps, (), gate_up, down),
    )


def block(h: Tensor, weights: Packed, *, eps: float, tiles: Any = None) -> Tensor:
    """The block of states h (B, L, S, d); `tiles` is `amx_numba.AMX` by default, or `LOOPS` in tests."""
    kernels, h = _kernels(), h.contiguous()
    result = torch.empty_like(h)
    pools, places = weights.homes.shape
    size = kernels.scratch_bytes(int(weights.firsts[-1]), pools, weights.width, weights.inner)
    scratch = h.new_empty(size, dtype=torch.uint8)
    addresses = (each.data_ptr() for each in (h, result, scratch, *weights[:7]))
    sizes = len(h), places, pools, weights.width, weights.inner
    kernels.block(*addresses, *sizes, kernels.eps(eps), kernels.AMX if tiles is None else tiles)
    return result


@cache
def _kernels() -> Any:
    """The module of kernels, loaded late because importing Numba takes time."""
    return import_module("redraft.kernels.amx_numba")


def _in_tiles(weight: Tensor) -> Tensor:
    """A weight (out, in) as tiles, 32 outputs at a time: per 32 inputs two tiles of 16 outputs, in which pairs of
    inputs are adjacent."""
    outputs, inputs = weight.shape
    tiles = weight.detach().bfloat16().view(outputs // 32, 2, 16, inputs // 32, 16, 2)
    return tiles.permute(0, 3, 1, 4, 2, 5).flatten()
