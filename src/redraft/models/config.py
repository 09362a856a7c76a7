"""Configurations of all models, as frozen data, without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from redraft.errors import ConfigError, require_at_least
from redraft.scopes import scope_members

if TYPE_CHECKING:
    from redraft.models.base import Model

DType = Literal["float32", "bfloat16"]
MOST_LAYERS = 1000


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Base of all models' configurations; each adds its size and shape.

    Attributes:
        vocab_size, seq_len: tokens of the task, and cells of a puzzle (L).
        puzzle_positions: positions reserved for the puzzle embedding; 0 does without one.
        num_puzzles: rows of the puzzle-embedding table.
        dtype: of the activations; weights are float32.
    """

    vocab_size: int
    seq_len: int
    puzzle_positions: int = 0
    num_puzzles: int = 1
    dtype: DType = "float32"

    def build(self) -> Model:
        """The model of this configuration, with random weights: for a model of your own (see `models.build`)."""
        raise NotImplementedError(f"{type(self).__qualname__}.build")

    @property
    def effective_depth(self) -> int:
        """Layers that a supervision step passes through (42 in the paper)."""
        raise NotImplementedError

    def require(self, **least: int) -> None:
        """Raises ConfigError naming the first of these fields that is smaller than its minimum."""
        for name, bound in least.items():
            require_at_least(bound, {f"model.{name}": getattr(self, name)})

    def require_layers(self, layers: int) -> None:
        """Raises ConfigError for more layers than memory holds."""
        if layers > MOST_LAYERS:
            raise ConfigError(f"model.num_layers: expected at most {MOST_LAYERS}, got {layers}")


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(ModelConfig):
    """Size and shape of a network of blocks over positions.

    Attributes:
        hidden_size: width D.
        num_layers: blocks of a network.
        mixer: how positions mix, `mlp` (fixed length, best on small full grids), `attention`, or `conv` (each cell with
            its neighbours and the mean of all, for local rules, such as those of mazes).
        positions: `rope` (rotary, by number), `grid` (rotary, by row and column) or `learned` (attention), or `none`
            (the other mixers know where a cell is, or need not).
        grid_width: cells in a row, for `conv` and `grid`.
        num_heads: attention heads; ignored by the other mixers.
        qk_norm: whether attention normalises queries and keys.
        expansion, width_multiple: inner width of each SwiGLU, see `core.layers.swiglu_width`.
        puzzle_dim: width of the puzzle-embedding table.
    """

    hidden_size: int = 512
    num_layers: int = 2
    mixer: Literal["mlp", "attention", "conv"] = "attention"
    positions: Literal["rope", "grid", "learned", "none"] = "rope"
    grid_width: int | None = None
    num_heads: int = 8
    qk_norm: bool = False
    expansion: float = 4.0
    width_multiple: int = 256
    puzzle_positions: int = 16
    puzzle_dim: int = 512
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        _require_shape(self)
        self.require(num_puzzles=1, puzzle_positions=0)
        if self.mixer == "conv" and self.puzzle_positions:
            raise ConfigError("model.puzzle_positions: the conv mixer has none, as they are not part of the grid")
        if not 0 <= self.puzzle_dim <= max(1, self.puzzle_positions) * self.hidden_size and self.puzzle_positions:
            raise ConfigError(
                f"model.puzzle_dim: {self.puzzle_dim} does not fit into {self.puzzle_positions} positions "
                f"of width {self.hidden_size}"
            )

    @property
    def sequence(self) -> int:
        """Positions S of a state: the reserved ones, then a cell each."""
        return self.puzzle_positions + self.seq_len


@dataclass(frozen=True, kw_only=True)
class RecursiveConfig(NetworkConfig):
    """Networks that recur: `n` latent updates per recursion, `T` recursions per supervision step."""

    n: int = 6
    T: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(n=1, T=1)

    @property
    def effective_depth(self) -> int:
        return self.T * (self.n + 1) * self.num_layers


@dataclass(frozen=True, kw_only=True)
class TRMConfig(RecursiveConfig):
    """Size and shape of a TRM's one network, and how often it recurs."""


@dataclass(frozen=True, kw_only=True)
class VariantConfig(TRMConfig):
    """A TRM with some choices of the paper undone, or with something added; the defaults do neither.

    Attributes:
        separate: two networks: one updates the latent z, the other the answer y.
        latents: their number; 0 for a single state that is latent and answer at once, more than 1 for a multi-scale z,
            updated in turn.
        gradient: how many evaluations at the end of a step are back-propagated; None for the last recursion (n + 1),
            2 for HRM's one-step gradient.
        reinject: every latent update reads the question; False: only the first of a step.
        continue_head: a second halting output, the value of continuing, for Q-learning.
        tables: families of scopes (`redraft.scopes`); each scope has a learned vector, which its cells add to the
            question. They need `grid_width`.
        gated: an update keeps part of the state, a learned share for each channel, at first half.
        feedback: the question includes the draft that the state before the step gives, as probabilities.
    """

    separate: bool = False
    latents: int = 1
    gradient: int | None = None
    reinject: bool = True
    continue_head: bool = False
    tables: tuple[str, ...] = ()
    gated: bool = False
    feedback: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(latents=0)
        if self.tables:
            _require_scopes(self.tables, self.seq_len, self.grid_width)
        if self.latents > self.n:
            raise ConfigError(
                f"model.latents: expected at most n = {self.n}, one for each latent update, got {self.latents}"
            )
        if not 2 <= self.back_propagated <= self.evaluations:
            raise ConfigError(
                f"model.gradient: expected 2 (less would not reach the question) to T x (n + 1) = {self.evaluations}, "
                f"got {self.gradient}"
            )
        if not self.reinject and self.back_propagated < self.evaluations:
            raise ConfigError(
                "model.reinject: without it only the first evaluation of a step reads the question, and the gradient "
                f"must reach it: expected model.gradient = T x (n + 1) = {self.evaluations}, got {self.back_propagated}"
            )

    @property
    def evaluations(self) -> int:
        """Evaluations of a network in a supervision step."""
        return self.T * (self.n + 1)

    @property
    def back_propagated(self) -> int:
        """How many of them, at the end, are back-propagated."""
        return self.n + 1 if self.gradient is None else self.gradient


@dataclass(frozen=True, kw_only=True)
class HRMConfig(RecursiveConfig):
    """Size and shape of an HRM, with twice the layers and twice the networks of a TRM.

    Attributes:
        num_layers: blocks of each of the two networks.
        n: latent updates before an update of the answer (their L_cycles).
        T: updates of the answer per step (their H_cycles).
    """

    num_layers: int = 4
    puzzle_positions: int = 1
    n: int = 2
    T: int = 2


@dataclass(frozen=True, kw_only=True)
class DirectConfig(NetworkConfig):
    """Size and shape of the one network.

    For a fair comparison choose `num_layers` by the parameters of the other model (8 for an HRM's two networks of 4) or
    by its effective depth, which is far more. Every step repeats the same answer, so train it with `max_steps=1`.
    """

    num_layers: int = 8

    @property
    def effective_depth(self) -> int:
        return self.num_layers


@dataclass(frozen=True, kw_only=True)
class EquivariantConfig(ModelConfig):
    """Size and shape of a symbol-equivariant TRM; it has no puzzle embedding.

    Attributes:
        first_symbol, symbols: the interchangeable tokens (`Task.interchangeable`), `symbols` of them from
            `first_symbol` on. Others, such as a blank, stand for themselves. With no symbols there is one field.
        grid_width: cells in a row.
        scopes: families of cells that rules hold in (`Task.scopes`, `redraft.scopes`), for the mixer of that name.
        mixer: how cells mix within a symbol's field: `scopes` (mean and maximum over each scope, so that a cell's place
            counts by its scopes alone), `mlp` (over all cells) or `attention` (rotary positions).
        places: what attention among cells knows of a cell's place, its number on the `line` of all cells, or its row
            and column in the `grid`.
        across: how symbols mix within a cell: `pool` (mean and maximum over them) or `attention` among them.
        hidden_size: width d of a cell's state for one symbol.
        num_layers, n, T: as in a TRM.
        halting: input of the halting head, `pooled` (mean and maximum of y over cells and symbols) or `margin`: the gap
            between the two best logits of the least certain cell, since one wrong cell makes an answer wrong.
        num_heads, qk_norm: attention heads, and whether attention normalises queries and keys.
        expansion, width_multiple: inner width of each SwiGLU, see `core.layers.swiglu_width`.
    """

    first_symbol: int
    symbols: int
    grid_width: int
    scopes: tuple[str, ...] = ()
    mixer: Literal["scopes", "mlp", "attention"] = "scopes"
    places: Literal["line", "grid"] = "line"
    across: Literal["pool", "attention"] = "pool"
    halting: Literal["pooled", "margin"] = "pooled"
    hidden_size: int = 32
    num_layers: int = 2
    n: int = 3
    T: int = 2
    num_heads: int = 4
    qk_norm: bool = False
    expansion: float = 4.0
    width_multiple: int = 32
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        _require_shape(self)
        self.require(n=1, T=1, first_symbol=0, symbols=0)
        if self.first_symbol + self.symbols > self.vocab_size:
            raise ConfigError(
                f"model.symbols: {self.symbols} from token {self.first_symbol} on, "
                f"but there are only {self.vocab_size} tokens"
            )
        if self.halting == "margin" and self.vocab_size < 2:
            raise ConfigError("model.halting: margin needs at least two tokens to tell apart")
        if self.puzzle_positions:
            raise ConfigError("model.puzzle_positions: an equivariant model has none")
        if self.mixer == "scopes" and not self.scopes:
            raise ConfigError("model.scopes: the scopes mixer needs at least one, such as rows")
        _require_scopes(self.scopes, self.seq_len, self.grid_width)

    @property
    def fields(self) -> int:
        """Symbol fields S of a state."""
        return max(1, self.symbols)

    @property
    def effective_depth(self) -> int:
        return self.T * (self.n + 1) * self.num_layers


@dataclass(frozen=True, kw_only=True)
class LocalConfig(ModelConfig):
    """Size and shape of a local network: one gated cell for every place of a grid; it has no puzzle embedding.

    Attributes:
        grid_width: cells in a row.
        hidden_size: width D of a cell's state.
        question_size: width of a token's embedding.
        n: iterations per supervision step, all of them back-propagated.
        notes: kinds of notes that it learns to take about a cell on the way (`Task.notes`); 0 for none.
    """

    grid_width: int
    hidden_size: int = 32
    question_size: int = 8
    n: int = 10
    notes: int = 0

    def __post_init__(self) -> None:
        self.require(vocab_size=1, seq_len=1, hidden_size=1, question_size=1, n=1, notes=0)
        _require_rows(self.seq_len, self.grid_width)
        if self.puzzle_positions:
            raise ConfigError("model.puzzle_positions: a local network has none")

    @property
    def effective_depth(self) -> int:
        return 2 * self.n

    def resized(self, height: int, width: int) -> LocalConfig:
        """The configuration for grids of another size, which the same weights fit."""
        return replace(self, seq_len=height * width, grid_width=width)


def _require_rows(cells: int, width: int | None) -> int:
    """The width of a grid's rows; raises ConfigError where a number of cells is not that of whole rows."""
    if width is None or width < 1 or cells % width:
        raise ConfigError(f"model.grid_width: expected a divisor of {cells} cells, got {width}")
    return width


def _require_scopes(names: tuple[str, ...], cells: int, width: int | None) -> None:
    """Raises ConfigError for families of scopes that do not fit the grid."""
    width = _require_rows(cells, width)
    for name in names:
        scope_members(name, height=cells // width, width=width)


def _require_shape(config: NetworkConfig | EquivariantConfig) -> None:
    """Raises ConfigError for sizes below 1, too many layers, or a width that does not fit heads or grid."""
    config.require(vocab_size=1, seq_len=1, hidden_size=1, num_layers=1, num_heads=1, width_multiple=1)
    config.require_layers(config.num_layers)
    heads = config.num_heads
    across = config.across if isinstance(config, EquivariantConfig) else ""
    if "attention" in (config.mixer, across) and config.hidden_size % (2 * heads):
        raise ConfigError(
            f"model.hidden_size: expected a multiple of 2 x num_heads = {2 * heads}, got {config.hidden_size}"
        )
    if isinstance(config, EquivariantConfig) or config.mixer == "conv" or config.positions == "grid":
        _require_rows(config.seq_len, config.grid_width)
