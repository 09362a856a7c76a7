"""Opens checkpoints of the published TRM and HRM code: a `torch.save` of a state dict with its own tensor names."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from redraft.arrays import require_finite
from redraft.contents import read_yaml, within
from redraft.core.layers import swiglu_width
from redraft.errors import WeightsError
from redraft.models import build_model
from redraft.models.config import HRMConfig, TRMConfig
from redraft.models.hrm import HRM
from redraft.models.trm import TRM
from redraft.weights.io import require_fit

# our names of tensors by the published ones
_NAMES = {
    "embed_tokens.embedding_weight": "embed.tokens",
    "embed_pos.embedding_weight": "embed.positions",
    "puzzle_emb.weights": "embed.puzzle.table",
    "lm_head.weight": "answer_head.weight",
    "q_head.weight": "halt_head.weight",
    "q_head.bias": "halt_head.bias",
    "H_init": "y_init",
    "L_init": "z_init",
}
_NETWORKS = {"L_level": "net", "H_level": "answer_net"}  # a TRM has only the first
_LAYER = {
    "mlp_t.gate_up_proj.weight": "mix.gate_up.weight",
    "mlp_t.down_proj.weight": "mix.down.weight",
    "self_attn.qkv_proj.weight": "mix.qkv.weight",
    "self_attn.o_proj.weight": "mix.out.weight",
    "mlp.gate_up_proj.weight": "mlp.gate_up.weight",
    "mlp.down_proj.weight": "mlp.down.weight",
}
_VECTORS = ("halt_head.bias", "y_init", "z_init")

# A published name, behind any prefix that ends in a dot.
PUBLISHED = re.compile(
    rf"(.*\.)?({'|'.join(map(re.escape, _NAMES))}|[HL]_level\.layers\.\d+\.({'|'.join(map(re.escape, _LAYER))}))"
)


@dataclass(frozen=True, kw_only=True)
class PublishedShape:
    """Values of a model that its state dict may lack; None where the tensors show them or the paper's value holds."""

    T: int | None = None
    n: int | None = None
    num_heads: int | None = None
    puzzle_positions: int | None = None

    @classmethod
    def beside(cls, checkpoint: Path) -> PublishedShape:
        """Read from the `all_config.yaml` that the published trainer writes beside its checkpoints, if there.

        Raises WeightsError where that cannot be read, or has other things than numbers there.
        """
        file = checkpoint.parent / "all_config.yaml"
        values = read_yaml(file, WeightsError) if file.is_file() else {}
        if not isinstance(values, dict) or not isinstance(values.get("arch", {}), dict):
            raise WeightsError(f"{file}: expected the keys of a configuration, as the published trainer writes them")

        def number(name: str, least: int = 1) -> int | None:
            value = within(values, "arch", name) or within(values, name)
            if value in (None, "", "~", "null"):
                return None
            if not (isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value) and int(value) >= least):
                shown = reprlib.repr(value)
                raise WeightsError(f"{file}: {name}: expected a whole number from {least} to 999999, got {shown}")
            return int(value)

        positions = number("puzzle_emb_len", least=0)
        return cls(
            T=number("H_cycles"), n=number("L_cycles"), num_heads=number("num_heads"), puzzle_positions=positions
        )


def rename(name: str) -> str | None:
    """Our name of a published tensor (`[_orig_mod.]model.inner.…`), None for one that neither TRM nor HRM has."""
    name = name.removeprefix("_orig_mod.").removeprefix("model.").removeprefix("inner.")
    layer = re.fullmatch(r"([HL]_level)\.layers\.(\d+)\.(.+)", name)
    if layer:
        ours = _LAYER.get(layer[3])
        return ours and f"{_NETWORKS[layer[1]]}.blocks.{layer[2]}.{ours}"
    return _NAMES.get(name)


def published_name(name: str) -> str:
    """The published name of one of our tensors: `rename` undone."""

    def theirs(names: Mapping[str, str], name: str) -> str:
        return next(theirs for theirs, ours in names.items() if ours == name)

    layer = re.fullmatch(r"(net|answer_net)\.blocks\.(\d+)\.(.+)", name)
    if layer:
        return f"{theirs(_NETWORKS, layer[1])}.layers.{layer[2]}.{theirs(_LAYER, layer[3])}"
    return theirs(_NAMES, name)


def convert(
    published: Mapping[str, Tensor],
    *,
    vocab_size: int,
    seq_len: int,
    shape: PublishedShape | None = None,
    source: str = "",
) -> TRM | HRM:
    """A TRM, or an HRM where there is an H_level, with the weights of a published state dict.

    The published halting head has a second row, for the continue value of Q-learning; an HRM needs it, TRM never uses
    it and it is dropped. Raises WeightsError naming the tensors that do not fit.
    """
    prefix = f"{source}: " if source else ""
    hierarchical = any("H_level." in name for name in published)
    kind = "an HRM" if hierarchical else "a TRM"
    tensors: dict[str, Tensor] = {}
    extra = []
    for name, value in published.items():
        ours = rename(name)
        if ours is None:
            extra.append(name)
        elif value.ndim != (1 if ours in _VECTORS else 2):
            raise WeightsError(f"{prefix}not {kind}: tensor {name} has shape {tuple(value.shape)}")
        else:
            tensors[ours] = value.detach().float()
    if extra:
        raise WeightsError(f"{prefix}not {kind}: unexpected tensors {', '.join(extra[:5])}")
    require_finite({published_name(ours): tensor for ours, tensor in tensors.items()}, source or "weights")
    for head in ("halt_head.weight", "halt_head.bias"):
        if head in tensors and not hierarchical:
            tensors[head] = tensors[head][:1]
    model = build_model(_config(tensors, vocab_size, seq_len, shape or PublishedShape(), prefix))
    assert isinstance(model, TRM | HRM)
    _require(model.state_dict(), tensors, prefix)
    require_fit(model.state_dict(), tensors, prefix)
    model.load_state_dict(tensors)
    return model


def _require(names: Iterable[str], tensors: Mapping[str, Tensor], prefix: str) -> None:
    missing = sorted(published_name(name) for name in names if name not in tensors)
    if missing:
        raise WeightsError(f"{prefix}missing tensors: {', '.join(missing[:5])}")


def _config(
    tensors: Mapping[str, Tensor], vocab_size: int, seq_len: int, shape: PublishedShape, prefix: str
) -> TRMConfig | HRMConfig:
    """The configuration that the tensors' shapes imply; the paper's value where these do not show it."""
    needed = ("embed.tokens", "net.blocks.0.mlp.gate_up.weight", "net.blocks.0.mlp.down.weight")
    _require(needed, tensors, prefix)
    low, high = (
        len({name.split(".")[2] for name in tensors if name.startswith(f"{network}.blocks.")})
        for network in ("net", "answer_net")
    )
    if high and low != high:
        raise WeightsError(
            f"{prefix}not an HRM: expected as many layers in both networks, got {low} in L_level and {high} in H_level"
        )
    tokens, hidden = tensors["embed.tokens"].shape
    if tokens != vocab_size:
        raise WeightsError(f"{prefix}made for {tokens} tokens, but the task has {vocab_size}: another task?")
    width = tensors["net.blocks.0.mlp.down.weight"].shape[1]
    mixing = tensors.get("net.blocks.0.mix.gate_up.weight")
    learned = tensors.get("embed.positions")
    table = tensors.get("embed.puzzle.table")
    total = mixing.shape[1] if mixing is not None else learned.shape[0] if learned is not None else None
    if total is not None and total < seq_len:
        raise WeightsError(f"{prefix}made for {total} positions, fewer than the task's {seq_len} cells: another task?")
    # as in the published code, 0 stands for as many as a row of the table fills, which every published HRM has
    positions = shape.puzzle_positions if shape.puzzle_positions is not None else 0 if high else 16
    if total is not None:
        positions = total - seq_len
    elif table is None:
        positions = 0
    elif positions == 0:
        positions = -(-table.shape[1] // hidden)
    n, T = (2, 2) if high else (4 if mixing is None else 6, 3)
    values: dict[str, Any] = {
        "vocab_size": vocab_size,
        "seq_len": seq_len,
        "n": n if shape.n is None else shape.n,
        "T": T if shape.T is None else shape.T,
        "hidden_size": hidden,
        "num_layers": low,
        "mixer": "attention" if mixing is None else "mlp",
        "positions": "learned" if learned is not None else "none" if mixing is not None else "rope",
        "num_heads": 8 if shape.num_heads is None else shape.num_heads,
        "expansion": _expansion(hidden, width, total, None if mixing is None else mixing.shape[0] // 2),
        "puzzle_positions": positions,
        "num_puzzles": 1 if table is None else table.shape[0],
        "puzzle_dim": hidden if table is None else table.shape[1],
    }
    return HRMConfig(**values) if high else TRMConfig(**values)


def _expansion(hidden: int, width: int, positions: int | None, mixing_width: int | None) -> float:
    """The usual expansion that rounds to both inner widths found; else the one that gives the channel width."""
    for expansion in (4.0, 2.0, 1.0, 3.0, 8.0):
        fits = swiglu_width(hidden, expansion, 256) == width
        if fits and (mixing_width is None or swiglu_width(positions or 0, expansion, 256) == mixing_width):
            return expansion
    return width * 1.5 / hidden
