"""One part of a model's step as an ONNX graph, batch size left open, by torch's exporter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from redraft.backends.onnx import INPUTS, OUTPUTS, Exported
from redraft.core.carry import Carry
from redraft.errors import RedraftError
from redraft.export.tidy import tidy
from redraft.files import replacing
from redraft.models import Model

OPSET = 18  # the newest for which ONNX Runtime turns products into 8-bit integers correctly


class ExportError(RedraftError):
    """A model that cannot be exported."""


def write_graph(model: Model, file: Path) -> Exported:
    """Writes the graph whole or not at all, weights inside it; gives what has to be known to run it.

    The graph is one recursion of the model where its steps are several (`Model.recursions`). Raises ExportError.
    """
    exported = _described(model, model.recursions)
    step, example = _Step(model.eval()), _example(model)
    batch = torch.export.Dim("batch")
    names = OUTPUTS if _learns_to_go_on(model) else OUTPUTS[:-1]
    with replacing(file) as partial, _quiet():
        try:
            program = torch.onnx.export(
                step,
                example,
                dynamo=True,
                opset_version=OPSET,
                input_names=INPUTS,
                output_names=names,
                dynamic_shapes={name: {0: batch} for name in INPUTS},
                external_data=False,
                verbose=False,
            )
            assert program is not None
            graph = program.model_proto
            tidy(graph)
            content = graph.SerializeToString()
        except Exception as error:  # whatever a tracer trips over in a model of one's own
            reason = str(error).strip().splitlines() or [""]
            raise ExportError(f"a step of {type(model).__name__} is no ONNX graph: {reason[0]}") from error
        partial.write_bytes(content)
    return exported


class _Step(nn.Module):
    """A step, or one of its recursions, as a function of tensors alone."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
        one = {"recursions": 1} if self.model.recursions > 1 else {}
        output = self.model(tokens, puzzle_ids, Carry(y, z), **one)
        found = (output.carry.y, output.carry.z, output.logits, output.halt_logit)
        return found if output.continue_logit is None else (*found, output.continue_logit)


def _example(model: Model) -> tuple[Tensor, ...]:
    """Inputs of a step, each a tensor of its own: the exporter takes one that comes twice for one input."""
    config = model.config
    tokens = torch.arange(2 * config.seq_len).view(2, -1) % config.vocab_size
    carry = model.initial_carry(2)
    return tokens, torch.zeros(2, dtype=torch.int64), carry.y.clone(), carry.z.clone()


@torch.no_grad()
def _learns_to_go_on(model: Model) -> bool:
    return model(*_example(model)[:2], model.initial_carry(2)).continue_logit is not None


def _described(model: Model, parts: int) -> Exported:
    """Raises ExportError where states do not begin with the same vector everywhere, or are not float32."""
    carry = model.initial_carry(1)
    if not all(state.numel() for state in carry):
        raise ExportError(f"{type(model).__name__}: has no state that a step would renew")
    starts = [state.reshape(-1, state.shape[-1])[0] for state in carry]
    alike = all(torch.equal(state, start.expand_as(state)) for state, start in zip(carry, starts, strict=True))
    if not alike or any(state.dtype != torch.float32 or state.shape != carry.y.shape for state in carry):
        raise ExportError(f"{type(model).__name__}: expected states of float32 that begin alike at every position")
    y, z = (tuple(float(f"{value:.9g}") for value in start.tolist()) for start in starts)  # as float32 tells apart
    return Exported(parts=parts, positions=tuple(carry.y.shape[1:-1]), y=y, z=z, halt_every=parts)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch's exporter says of its own parts."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
