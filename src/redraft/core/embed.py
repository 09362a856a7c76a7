"""The question as the network sees it: reserved puzzle positions, then one embedded token a cell."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from redraft.core.layers import truncated_normal_


class PuzzleEmbedding(nn.Module):
    """One learnt vector a puzzle id, zero at first, laid over the reserved positions and padded with zeros.

    The table's gradient is sparse: only rows in the batch have one (see `train.optim.SignSGD`).
    """

    def __init__(self, ids: int, dim: int, *, positions: int, features: int) -> None:
        super().__init__()
        self.positions, self.features = positions, features
        self.table = nn.Parameter(torch.zeros(ids, dim))

    def forward(self, ids: Tensor, dtype: torch.dtype) -> Tensor:
        """Ids (B,) to (B, positions, D)."""
        rows = F.embedding(ids, self.table, sparse=True).to(dtype)
        padded = F.pad(rows, (0, self.positions * self.features - rows.shape[-1]))
        return padded.view(-1, self.positions, self.features)


class QuestionEmbedding(nn.Module):
    """Tokens (B, L) and puzzle ids (B,) to the question x (B, S, D), S = reserved positions + L."""

    def __init__(
        self,
        *,
        vocab_size: int,
        seq_len: int,
        features: int,
        puzzle_positions: int,
        puzzle_ids: int,
        puzzle_dim: int,
        learned_positions: bool,
    ) -> None:
        super().__init__()
        self.scale = features**0.5
        std = 1 / self.scale
        self.tokens = nn.Parameter(truncated_normal_(torch.empty(vocab_size, features), std))
        self.puzzle = (
            PuzzleEmbedding(puzzle_ids, puzzle_dim, positions=puzzle_positions, features=features)
            if puzzle_positions
            else None
        )
        self.positions = (
            nn.Parameter(truncated_normal_(torch.empty(puzzle_positions + seq_len, features), std))
            if learned_positions
            else None
        )

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, dtype: torch.dtype) -> Tensor:
        x = F.embedding(tokens, self.tokens).to(dtype)
        if self.puzzle is not None:
            x = torch.cat((self.puzzle(puzzle_ids, dtype), x), dim=1)
        if self.positions is not None:
            x = 0.5**0.5 * (x + self.positions.to(dtype))  # keeps the variance of one embedding
        return self.scale * x
