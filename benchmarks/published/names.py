"""Our weights and configurations in the published code's names, so that both can run the same model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from redraft.models.config import TRMConfig
from redraft.models.trm import TRM
from redraft.train.config import RunConfig
from redraft.weights.published import published_name

THEIR_MULTIPLE = 256  # of inner widths, fixed in the published code


def to_published(model: TRM) -> dict[str, Tensor]:
    """The state dict that the published code loads.

    Its halting head has a second row, for Q(continue), which TRM never uses: zeros.
    """
    ours = model.state_dict()
    tensors = {f"model.inner.{published_name(name)}": tensor.detach().clone() for name, tensor in ours.items()}
    for name in ("model.inner.q_head.weight", "model.inner.q_head.bias"):
        tensors[name] = torch.cat((tensors[name], torch.zeros_like(tensors[name])))
    return tensors


def published_arch(model: TRMConfig, *, batch_size: int, max_steps: int, exploration: float) -> dict[str, Any]:
    """The published code's configuration of the same model, except `model.width_multiple`, which it lacks."""
    return {
        "batch_size": batch_size,
        "seq_len": model.seq_len,
        "vocab_size": model.vocab_size,
        "num_puzzle_identifiers": model.num_puzzles,
        "puzzle_emb_ndim": model.puzzle_dim if model.puzzle_positions else 0,
        "puzzle_emb_len": model.puzzle_positions,
        "H_cycles": model.T,
        "L_cycles": model.n,
        "H_layers": 0,
        "L_layers": model.num_layers,
        "hidden_size": model.hidden_size,
        "expansion": model.expansion,
        "num_heads": model.num_heads,
        "pos_encodings": model.positions,
        "rms_norm_eps": model.norm_eps,
        "rope_theta": model.rope_theta,
        "halt_max_steps": max_steps,
        "halt_exploration_prob": exploration,
        "forward_dtype": model.dtype,
        "mlp_t": model.mixer == "mlp",
        "no_ACT_continue": True,
    }


def published_settings(run: RunConfig) -> dict[str, float]:
    """Settings of its optimisers and its moving average."""
    optim = run.optim
    return {
        "lr": optim.lr,
        "beta1": optim.beta1,
        "beta2": optim.beta2,
        "weight_decay": optim.weight_decay,
        "puzzle_lr": optim.puzzle_lr,
        "puzzle_weight_decay": optim.puzzle_weight_decay,
        "ema": optim.ema,
    }
