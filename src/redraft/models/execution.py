"""How a model is executed: functions that change its speed or its memory, but neither results nor names of weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from redraft.core.layers import Attention, Linear, swiglu_width
from redraft.core.pooling import symbol_axes
from redraft.kernels import amx, gpu, int8, ops
from redraft.models.base import DTYPES, Model
from redraft.models.config import EquivariantConfig, ModelConfig
from redraft.models.equivariant import EquivariantBlock
from redraft.models.trm import TRM
from redraft.scopes import scope_axes

SHARE = 32  # multiplications that take as long as a share of attention, soft-max and all
LEAST_FEATURES = 256  # with fewer, on either side, rounding costs as much time as the matmul saves (measured, AVX2)

M = TypeVar("M", bound=nn.Module)


def recompute_networks(model: Model) -> None:
    """Keeps for the gradient, in place, only the inputs of each evaluation of a network.

    The inside is computed again when the gradient is due, to the bit the same.
    """
    for network in model.networks():
        network.forward = _recomputed(network.forward)


def _recomputed(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def again(*inputs: Tensor) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs)
        # nothing random is in a network, so no generator's state has to be put back
        return checkpoint(forward, *inputs, use_reentrant=False, preserve_rng_state=False)

    return again


def cast_networks(model: Model) -> None:
    """Casts the weights of its networks, in place, to the dtype of their states, for a trained model.

    Results stay the same to the bit, and no evaluation casts them again.
    """
    for layer in _linear_layers(*model.networks()):
        layer.weight.data = layer.weight.data.to(DTYPES[model.config.dtype])
    for block in _for_tiles(model):
        block.packed = block.for_tiles()


@contextmanager
def cast_once(model: Model) -> Iterator[None]:
    """Within it, all evaluations share one cast of the weights to the dtype of their states.

    Weights must not change meanwhile. Results and gradients stay the same to the bit: those of many uses are summed in
    float32, not in the dtype of the states.
    """
    dtype = DTYPES[model.config.dtype]
    layers, blocks = [each for each in _linear_layers(model) if each.weight.dtype != dtype], _for_tiles(model)
    before = [block.packed for block in blocks]
    try:
        for layer in layers:
            layer.cast = layer.weight.detach().to(dtype)
        for block in blocks:
            block.packed = block.for_tiles()
        yield
    finally:
        for layer in layers:
            layer.cast = None
        for block, packed in zip(blocks, before, strict=True):
            block.packed = packed


def _linear_layers(*modules: nn.Module) -> list[Linear]:
    return [each for module in modules for each in module.modules() if isinstance(each, Linear)]


def _for_tiles(model: Model) -> list[EquivariantBlock]:
    """The blocks whose weights are laid out for the tiles of this processor, if it has any for this model."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    if model.config.dtype != "bfloat16" or not on_cpu or not amx.usable():
        return []
    return [module for module in model.modules() if isinstance(module, EquivariantBlock)]


def compile_networks(model: Model) -> None:
    """Compiles, in place, the networks, which a step evaluates again and again."""
    leave_layout(model)
    for network in model.networks():
        network.compile(options=compile_options(model))


def compile_options(model: nn.Module) -> dict[str, Any]:
    """Options of `torch.compile`. Where a module takes maxima (`takes_maxima`), casts must round as in eager execution:
    the gradient of a maximum goes to the elements equal to it, and one computed again without its rounding equals none.
    """
    return {"emulate_precision_casts": True} if any(hasattr(m, "takes_maxima") for m in model.modules()) else {}


def leave_layout(model: Model) -> None:
    """Leaves states in memory as they come, which a compiler needs; eager execution prefers another layout."""
    if isinstance(model, TRM):
        model.lays_out = False


def has_gpu_kernels(config: ModelConfig) -> bool:
    """Whether a GPU runs the networks of such a model in our own kernels, which a compiler would replace."""
    if not isinstance(config, EquivariantConfig) or (config.mixer, config.across) != ("scopes", "pool"):
        return False
    inner = swiglu_width(config.hidden_size, config.expansion, config.width_multiple)
    height, width = config.seq_len // config.grid_width, config.grid_width
    scopes = [scope_axes(name, height=height, width=width) for name in config.scopes]
    pools = (*(axes for axes in scopes if axes is not None), symbol_axes(config.seq_len))
    return gpu.boxed(pools) is not None and gpu.fits(config.hidden_size, inner)


class Int8Linear(nn.Module):
    """A `Linear` whose weight is int8, for inference on a CPU: float32 (..., in) to (..., out)."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.rounded = int8.rounded(linear.weight, linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.rounded)

    def weight_as(self, dtype: torch.dtype) -> int8.Weight:
        """The weight and its bias, whatever the dtype."""
        return self.rounded


def quantised(module: M, *, least_features: int = LEAST_FEATURES) -> M:
    """A copy of the module whose linear layers are int8, except those with fewer inputs or outputs.

    Embeddings, heads and norms stay as they are, and so does the mixing of positions where a puzzle has few.
    """
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Linear) and min(child.weight.shape) >= least_features:
                setattr(parent, name, Int8Linear(child))
    return module


def share_quantised(module: nn.Module) -> float:
    """Share of the module's weights that are int8, 0 where every layer was too small."""
    packed = sum(m.rounded.numel() for m in module.modules() if isinstance(m, Int8Linear))
    return packed / max(1, packed + sum(p.numel() for p in module.parameters()))


def work(model: Model, steps: int = 1) -> float:
    """About how many multiplications a puzzle takes over N steps, counted from the model's shape alone.

    Each weight counts once for every vector of a state, a cell's or that of a cell and symbol, and every evaluation;
    attention looks from every cell to every other one besides.
    """
    cells, networks = model.config.seq_len, model.networks()
    vectors = max(cells, math.prod(model.initial_carry(1).y.shape[1:-1]))
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    layers = [layer for network in networks for layer in network.modules() if isinstance(layer, Attention)]
    pairs = sum(2 * layer.out.weight.shape[0] + SHARE * layer.heads for layer in layers)
    return float((weights + pairs * cells) * vectors * len(model.schedule()) * steps / len(networks))
