"""A local network in NumPy alone, for inference: the step of `models.local` without torch."""

from __future__ import annotations

import numpy as np

from redraft.backends.numpy.model import NumpyModel, Tensors, kernel_matrix, neighbourhoods
from redraft.backends.protocol import Floats, Ints
from redraft.models.config import LocalConfig


def work(config: LocalConfig) -> int:
    """About how many multiplications a puzzle takes in a supervision step."""
    width = config.hidden_size
    return config.seq_len * 27 * width * (config.n * width + config.question_size)


class NumpyLocal(NumpyModel):
    """A local network; the state y is (B, L, D), and the latent z stays zero."""

    config: LocalConfig

    def take(self, given: Tensors, width: int) -> None:
        config = self.config
        self.positions = (config.seq_len,)
        self._tokens = given.take("tokens", config.vocab_size, config.question_size)
        self._question = kernel_matrix(given.take("around_question.weight", 3 * width, config.question_size, 3, 3))
        self._bias = given.take("around_question.bias", 3 * width)
        self._gates = kernel_matrix(given.take("net.gates.weight", 2 * width, width, 3, 3))
        self._candidate = kernel_matrix(given.take("net.candidate.weight", width, width, 3, 3))
        self._answer_head = given.take("answer_head.weight", config.vocab_size, width)
        if config.notes:
            given.take("note_head.weight", config.notes, width)  # only training reads it
        self.halt_head = given.take("halt_head.weight", 1, width), given.take("halt_head.bias", 1)

    def starts(self, given: Tensors, width: int) -> tuple[Floats, Floats]:
        return np.zeros(width, np.float32), np.zeros(width, np.float32)

    def embed(self, tokens: Ints, puzzle_ids: Ints) -> Floats:
        return self._around(self._tokens[tokens], self._question) + self._bias

    def recur(self, x: Floats, y: Floats, z: Floats, recursions: int | None) -> tuple[Floats, Floats]:
        width = self.config.hidden_size
        for_gates, for_candidate = x[..., : 2 * width], x[..., 2 * width :]
        for _ in range(self.config.n):
            gates = self._around(y, self._gates)
            gates += for_gates
            gates *= 0.5
            np.tanh(gates, out=gates)
            gates += 1
            gates *= 0.5
            candidate = self._around(gates[..., :width] * y, self._candidate)
            candidate += for_candidate
            np.tanh(candidate, out=candidate)
            y = candidate + gates[..., width:] * (y - candidate)
        return y, z

    def read(self, y: Floats) -> Floats:
        logits: Floats = y @ self._answer_head.T
        return logits

    def halt(self, y: Floats, logits: Floats) -> Floats:
        weight, bias = self.halt_head
        found: Floats = (y @ weight[0]).max(1) + bias
        return found

    def _around(self, cells: Floats, kernel: Floats) -> Floats:
        """A linear map of each cell's 3x3 neighbourhood: (B, L, D) to (B, L, D')."""
        windows = neighbourhoods(cells.reshape(len(cells), -1, self.config.grid_width, cells.shape[-1]))
        return (windows.reshape(-1, len(kernel)) @ kernel).reshape(*cells.shape[:2], -1)
