"""A TRM in NumPy alone, for inference: the step of `models.trm.TRM` without the seconds that torch takes to load.

Everything is float32. Rows of a batch do not depend on one another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.backends.protocol import Floats, Ints
from redraft.errors import WeightsError
from redraft.models.config import TRMConfig

QK_EPS = 1e-6  # as in `core.layers`
Layer = Callable[[Floats], Floats]  # a state, (B, S, D), to the same shape


def work(config: TRMConfig) -> int:
    """About how many multiplications a puzzle takes in a supervision step."""
    width, positions = config.hidden_size, config.sequence
    mixing = {
        "mlp": 2 * config.expansion * positions * width * positions,
        "conv": 9 * positions * width**2,
        "attention": 4 * positions * width**2 + 2 * positions**2 * width,
    }[config.mixer]
    channels = 2 * config.expansion * positions * width**2
    return int(config.T * (config.n + 1) * config.num_layers * (mixing + channels))


class Tensors:
    """Named tensors that are taken one by one, each of the shape expected; none may be left over."""

    def __init__(self, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        self._left = dict(tensors)

    def take(self, name: str, *shape: int | None) -> Floats:
        """The tensor of this name, in float32; None in a shape stands for any length."""
        if name not in self._left:
            raise WeightsError(f"missing tensor {name}")
        found = self._left.pop(name)
        wanted = tuple(got if length is None else length for length, got in zip(shape, found.shape, strict=False))
        if len(shape) != found.ndim or wanted != found.shape:
            expected = " x ".join("any" if length is None else str(length) for length in shape)
            raise WeightsError(f"tensor {name} has shape {found.shape}, expected {expected}")
        return found.astype(np.float32, copy=False)

    def done(self) -> None:
        if self._left:
            raise WeightsError(f"unexpected tensor {min(self._left)}")


class Output(NamedTuple):
    """Result of a supervision step: states `y` and `z`, `logits` (B, L, V) and `halt_logit` (B,)."""

    y: Floats
    z: Floats
    logits: Floats
    halt_logit: Floats


class NumpyModel:
    """A model from tensors, by the names and shapes of its PyTorch `state_dict`: the recursion, and a halting head.

    Raises WeightsError where the tensors do not fit the configuration.

    Attributes:
        config: the model's configuration.
        positions: shape of a state without batch and width: (S,), or (L, symbols).
        layers: of the network.
        halt_head: weight (1, features) and bias (1,).
    """

    config: Any
    positions: tuple[int, ...]
    layers: list[Layer]
    halt_head: tuple[Floats, Floats]

    def __init__(self, config: Any, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        self.config = config
        given, width = Tensors(tensors), config.hidden_size
        self._starts = self.starts(given, width)
        self.take(given, width)
        given.done()

    def starts(self, given: Tensors, width: int) -> tuple[Floats, Floats]:
        """The vectors that every position of y and of z starts from."""
        return given.take("y_init", width), given.take("z_init", width)

    def take(self, given: Tensors, width: int) -> None:
        """Takes the tensors of this model, of width D, and sets the attributes."""
        raise NotImplementedError

    def initial_carry(self, batch: int) -> tuple[Floats, Floats]:
        """The answer y and the latent z (B, ..., D) before the first step."""
        y, z = (np.broadcast_to(start, (batch, *self.positions, len(start))) for start in self._starts)
        return y, z

    def embed(self, tokens: Ints, puzzle_ids: Ints) -> Floats:
        """The question x (B, ..., D) of tokens (B, L) and puzzle ids (B,)."""
        raise NotImplementedError

    def read(self, y: Floats) -> Floats:
        """Logits (B, L, V) of an answer."""
        raise NotImplementedError

    def seen(self, y: Floats, logits: Floats) -> Floats:
        """The input (B, features) of the halting head, from an answer and its logits."""
        raise NotImplementedError

    def halt(self, y: Floats, logits: Floats) -> Floats:
        """The halting logit (B,) of an answer and its logits."""
        weight, bias = self.halt_head
        found: Floats = self.seen(y, logits) @ weight[0] + bias
        return found

    def step(self, x: Floats, y: Floats, z: Floats, *, recursions: int | None = None) -> Output:
        """One supervision step on the question x, or only `recursions` of it."""
        y, z = self.recur(x, y, z, recursions)
        logits = self.read(y)
        return Output(y, z, logits, self.halt(y, logits))

    def recur(self, x: Floats, y: Floats, z: Floats, recursions: int | None) -> tuple[Floats, Floats]:
        """The answer y and the latent z after a step, as in `core.recursion`."""
        for _ in range(recursions or self.config.T):
            context = x + y
            for _ in range(self.config.n):
                z = self._net(context + z)
            y = self._net(y + z)
        return y, z

    def _net(self, h: Floats) -> Floats:
        for layer in self.layers:
            h = layer(h)
        return h


class NumpyTRM(NumpyModel):
    """A tiny recursive model; states are (B, S, D)."""

    config: TRMConfig

    def take(self, given: Tensors, width: int) -> None:
        config = self.config
        self.positions = (config.sequence,)
        self._tokens = given.take("embed.tokens", config.vocab_size, width)
        reserved, learned = config.puzzle_positions, config.positions == "learned"
        self._puzzles = given.take("embed.puzzle.table", config.num_puzzles, config.puzzle_dim) if reserved else None
        self._positions = given.take("embed.positions", config.sequence, width) if learned else None
        self.layers = _layers(config, given)
        self._answer_head = given.take("answer_head.weight", config.vocab_size, width)
        self.halt_head = given.take("halt_head.weight", 1, width), given.take("halt_head.bias", 1)

    def embed(self, tokens: Ints, puzzle_ids: Ints) -> Floats:
        config, width = self.config, self.config.hidden_size
        x = np.zeros((len(tokens), config.sequence, width), np.float32)
        x[:, config.puzzle_positions :] = self._tokens[tokens]
        if self._puzzles is not None:
            reserved = x[:, : config.puzzle_positions].reshape(len(tokens), -1)
            reserved[:, : config.puzzle_dim] = self._puzzles[puzzle_ids]
            x[:, : config.puzzle_positions] = reserved.reshape(len(tokens), -1, width)
        if self._positions is not None:
            x = np.float32(0.5**0.5) * (x + self._positions)
        return np.float32(width**0.5) * x

    def read(self, y: Floats) -> Floats:
        logits: Floats = y[:, self.config.puzzle_positions :] @ self._answer_head.T
        return logits

    def seen(self, y: Floats, logits: Floats) -> Floats:
        return y[:, 0]


def _layers(config: TRMConfig, given: Tensors) -> list[Layer]:
    """The layers of all blocks in order; each block mixes positions, then channels."""
    width, eps = config.hidden_size, np.float32(config.norm_eps)
    turned = config.mixer == "attention" and config.positions in ("rope", "grid")
    rotary = _rotary_tables(config) if turned else None
    layers: list[Layer] = []
    for number in range(config.num_layers):
        mix, mlp = f"net.blocks.{number}.mix", f"net.blocks.{number}.mlp"
        if config.mixer == "mlp":
            layers.append(_gated_positions(*gated_weights(given, mix, config.sequence), eps))
        elif config.mixer == "conv":
            assert config.grid_width is not None
            around = given.take(f"{mix}.around", width, width, 3, 3)
            everywhere = given.take(f"{mix}.everywhere.weight", width, width)
            layers.append(_neighbours(around, everywhere, config.grid_width, eps))
        else:
            qkv = given.take(f"{mix}.qkv.weight", 3 * width, width)
            out = given.take(f"{mix}.out.weight", width, width)
            layers.append(_attention(qkv, out, config, rotary, eps))
        layers.append(gated_channels(*gated_weights(given, mlp, width), eps))
    return layers


def gated_weights(given: Tensors, name: str, features: int) -> tuple[Floats, Floats]:
    """Weights of a SwiGLU: gate and up (2W, features), those of the gate halved (see `_gated`), and down."""
    gate_up = given.take(f"{name}.gate_up.weight", None, features).copy()
    down = given.take(f"{name}.down.weight", features, len(gate_up) // 2)
    gate_up[: len(gate_up) // 2] *= 0.5
    return gate_up, down


def _gated(half: Floats, up: Floats) -> Floats:
    """`silu(2 half) * up`: by tanh, which unlike exp does not overflow, silu(g) is g/2 (1 + tanh(g/2))."""
    hidden: Floats = np.tanh(half)
    hidden += 1
    hidden *= half
    hidden *= up
    return hidden


def normed(total: Floats, axis: int, eps: np.float32) -> Floats:
    """Divided by the root mean square over an axis, in place."""
    squares = np.einsum("...d,...d->..." if axis == -1 else "bsd,bsd->bd", total, total)  # makes no array of squares
    scale = 1 / np.sqrt(squares / np.float32(total.shape[axis]) + eps)
    total *= np.expand_dims(scale, axis)
    return total


def gated_channels(gate_up: Floats, down: Floats, eps: np.float32) -> Layer:
    """`norm(h + swiglu(h))` over channels."""
    inner = len(gate_up) // 2

    def layer(h: Floats) -> Floats:
        flat = h.reshape(-1, h.shape[-1])  # one matrix product for the whole batch
        both = flat @ gate_up.T
        total = _gated(both[:, :inner], both[:, inner:]) @ down.T
        total += flat
        return normed(total.reshape(h.shape), -1, eps)

    return layer


def _gated_positions(gate_up: Floats, down: Floats, eps: np.float32) -> Layer:
    """`norm(h + swiglu(h))` over positions."""
    inner = len(gate_up) // 2

    def layer(h: Floats) -> Floats:
        both = gate_up @ h
        total = down @ _gated(both[:, :inner], both[:, inner:])
        total += h
        return normed(total, 1, eps)

    return layer


def _neighbours(around: Floats, everywhere: Floats, grid_width: int, eps: np.float32) -> Layer:
    """`norm(h + mixed(h))`: a cell mixes with its 3x3 neighbourhood, zeros beyond the edge, and the mean of all."""
    features, kernel = len(around), kernel_matrix(around)

    def layer(h: Floats) -> Floats:
        windows = neighbourhoods(h.reshape(len(h), -1, grid_width, features))
        total = windows.reshape(-1, 9 * features) @ kernel
        total = total.reshape(h.shape)
        total += h
        total += h.mean(1, keepdims=True) @ everywhere.T
        return normed(total, -1, eps)

    return layer


def kernel_matrix(weight: Floats) -> Floats:
    """The weight (D', D, 3, 3) of a convolution as a matrix (9 D, D') for `neighbourhoods`."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).reshape(-1, len(weight))


def neighbourhoods(grid: Floats) -> Floats:
    """The 3x3 surroundings of each cell one after the other, zeros beyond the edge: (B, H, W, D) to (B, H, W, 9 D)."""
    padded = np.pad(grid, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = grid.shape[1:3]
    return np.concatenate(
        [padded[:, row : row + height, column : column + width] for row in range(3) for column in range(3)], -1
    )


def _attention(
    qkv: Floats, out: Floats, config: TRMConfig, rotary: tuple[Floats, Floats] | None, eps: np.float32
) -> Layer:
    """`norm(h + attention(h))`, all positions to all; rotary tables rotate queries and keys where given."""
    heads = config.num_heads
    scale = np.float32((qkv.shape[1] // heads) ** -0.5)

    def layer(h: Floats) -> Floats:
        batch, positions, features = h.shape
        parts = (h.reshape(-1, features) @ qkv.T).reshape(batch, positions, 3, heads, -1)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)  # (B, heads, S, head_dim) each
        if config.qk_norm:
            query, key = (normed(each.copy(), -1, np.float32(QK_EPS)) for each in (query, key))
        if rotary is not None:
            query, key = _rotated(query, *rotary), _rotated(key, *rotary)
        scores = (query * scale) @ key.swapaxes(-1, -2)
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ value).swapaxes(1, 2).reshape(-1, features)
        total = mixed @ out.T
        total += h.reshape(-1, features)
        return normed(total.reshape(h.shape), -1, eps)

    return layer


def _rotary_tables(config: TRMConfig) -> tuple[Floats, Floats]:
    """Cosines and sines (S, head_dim), as in `core.layers.rotary_tables`."""
    half, number = config.hidden_size // config.num_heads // 2, np.arange(config.sequence)
    if config.positions == "grid":
        assert config.grid_width is not None
        row, column = np.divmod(number - config.puzzle_positions, config.grid_width)
        parts = [_angles(row, half - half // 2, config.rope_theta), _angles(column, half // 2, config.rope_theta)]
    else:
        parts = [_angles(number, half, config.rope_theta)]
    angles = np.concatenate((*parts, *parts), 1)
    return np.cos(angles), np.sin(angles)


def _angles(places: Ints, count: int, theta: float) -> Floats:
    """Angles (places, count), each slower than the one before."""
    frequencies = theta ** -(np.arange(count, dtype=np.float32) / np.float32(max(1, count)))
    return np.outer(places.astype(np.float32), np.float32(frequencies))


def _rotated(x: Floats, cos: Floats, sin: Floats) -> Floats:
    """x (B, heads, S, head_dim), rotated by its position."""
    half = x.shape[-1] // 2
    rotated: Floats = x * cos + np.concatenate((-x[..., half:], x[..., :half]), -1) * sin
    return rotated
