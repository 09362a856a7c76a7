"""Floating-point operations of a supervision step, counted from the model's shape: matmuls only."""

from __future__ import annotations

from dataclasses import dataclass

from redraft.core.layers import swiglu_width
from redraft.errors import ConfigError
from redraft.models import ModelConfig
from redraft.models.config import EquivariantConfig, HRMConfig, RecursiveConfig, TRMConfig
from redraft.models.hrm import ONE_STEP
from redraft.scopes import scope_members


@dataclass(frozen=True, kw_only=True)
class Product:
    """A matmul (rows, inner) x (inner, columns), done `times` times."""

    name: str
    rows: int
    inner: int
    columns: int
    times: int = 1

    @property
    def flops(self) -> int:
        """Operations of all `times`; a multiplication and an addition count as two."""
        return 2 * self.rows * self.inner * self.columns * self.times


Counted = RecursiveConfig | EquivariantConfig
KINDS = (TRMConfig, HRMConfig, EquivariantConfig)  # not their subclasses, which may compute more


def counted(model: ModelConfig) -> Counted:
    """The configuration of a model whose operations are counted here; raises ConfigError for another kind."""
    if type(model) not in KINDS or (isinstance(model, EquivariantConfig) and model.mixer != "scopes"):
        kind = type(model).__name__.removesuffix("Config")
        raise ConfigError(
            f"counts the operations of a TRM, an HRM or an equivariant model that mixes by scopes, not of {kind}"
        )
    assert isinstance(model, Counted)
    return model


def evaluations(config: Counted) -> int:
    """Evaluations of a network in a supervision step: n of the latent and one of the answer, T times."""
    return config.T * (config.n + 1)


def backpropagated(config: Counted) -> int:
    """The evaluations that the gradient passes through: the last recursion of a TRM, the last two of an HRM."""
    return ONE_STEP if isinstance(config, HRMConfig) else config.n + 1


def network_products(config: Counted, batch: int) -> list[Product]:
    """The matmuls of one evaluation of the network on its state."""
    if isinstance(config, EquivariantConfig):
        return _by_scopes(config, batch)
    features, positions, layers = config.hidden_size, config.puzzle_positions + config.seq_len, config.num_layers
    cells = batch * positions
    if config.mixer == "mlp":
        mixing = _swiglu("mix", batch * features, positions, config)
    elif config.mixer == "conv":
        mixing = [
            Product(name="mix.around", rows=cells, inner=9 * features, columns=features, times=layers),
            Product(name="mix.everywhere", rows=batch, inner=features, columns=features, times=layers),
        ]
    else:
        head_dim = features // config.num_heads
        pairs = layers * batch * config.num_heads
        mixing = [
            Product(name="mix.qkv", rows=cells, inner=features, columns=3 * features, times=layers),
            Product(name="mix.scores", rows=positions, inner=head_dim, columns=positions, times=pairs),
            Product(name="mix.values", rows=positions, inner=positions, columns=head_dim, times=pairs),
            Product(name="mix.out", rows=cells, inner=features, columns=features, times=layers),
        ]
    return [*mixing, *_swiglu("mlp", cells, features, config)]


def _by_scopes(config: EquivariantConfig, batch: int) -> list[Product]:
    """Matmuls of an equivariant network: one per scope, one for the symbols of each cell, and the channels' SwiGLU."""
    features, cells, layers = config.hidden_size, config.seq_len, config.num_layers
    height, width = cells // config.grid_width, config.grid_width
    counts = {
        name: len({tuple(scope) for scope in scope_members(name, height=height, width=width)}) for name in config.scopes
    }
    pools = [
        Product(name=f"mix.{name}", rows=batch * count, inner=2 * features, columns=features, times=layers)
        for name, count in [*((name, count * config.fields) for name, count in counts.items()), ("symbols", cells)]
    ]
    return [*pools, *_swiglu("mlp", batch * cells * config.fields, features, config)]


def head_products(config: Counted, batch: int) -> list[Product]:
    """The matmuls of the answer head and the halting head."""
    if isinstance(config, EquivariantConfig):
        return _equivariant_heads(config, batch)
    features, outputs = config.hidden_size, 2 if isinstance(config, HRMConfig) else 1
    return [
        Product(name="answer_head", rows=batch * config.seq_len, inner=features, columns=config.vocab_size),
        Product(name="halt_head", rows=batch, inner=features, columns=outputs),
    ]


def _equivariant_heads(config: EquivariantConfig, batch: int) -> list[Product]:
    features, cells = config.hidden_size, batch * config.seq_len
    pooled = 2 * features if config.halting == "pooled" else 1
    return [
        Product(name="symbol_head", rows=cells * config.symbols, inner=features, columns=1),
        Product(name="own_head", rows=cells, inner=features, columns=config.vocab_size - config.symbols),
        Product(name="halt_head", rows=batch, inner=pooled, columns=1),
    ]


def inference_flops(config: Counted, batch: int = 1) -> int:
    """Operations of a supervision step without gradient: all evaluations of the network, and the heads.

    26 GFLOP for one Sudoku at the paper's size (MLP mixer, D = 512, 97 positions, T = 3, n = 6: 21 evaluations).
    """
    return evaluations(config) * _total(network_products(config, batch)) + _total(head_products(config, batch))


def training_flops(config: Counted, batch: int = 1, *, looks_ahead: bool = False) -> int:
    """Operations of a supervision step with its backward pass, nothing recomputed.

    Back-propagation goes through the last evaluations alone (`backpropagated`) and the heads, and costs two matmuls
    for each of the forward pass: the gradient of its input and that of its weights (for attention: of both factors).
    43 GFLOP for one Sudoku at the paper's size: 21 evaluations forward and twice 7 backward, 35 in all. `looks_ahead`:
    whether halting is trained by Q-learning, which costs a second forward pass.
    """
    once = _total(network_products(config, batch))
    backward = backpropagated(config) * once + _total(head_products(config, batch))
    return (1 + looks_ahead) * inference_flops(config, batch) + 2 * backward


def _swiglu(name: str, rows: int, features: int, config: Counted) -> list[Product]:
    width = swiglu_width(features, config.expansion, config.width_multiple)
    shape = {"rows": rows, "times": config.num_layers}
    return [
        Product(name=f"{name}.gate_up", inner=features, columns=2 * width, **shape),
        Product(name=f"{name}.down", inner=width, columns=features, **shape),
    ]


def _total(products: list[Product]) -> int:
    return sum(product.flops for product in products)
