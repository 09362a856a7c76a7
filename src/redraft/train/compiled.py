"""The forward pass and loss of a step, compiled as one graph, in which the network stands once per evaluation.

A region compiled once (torch's `nested_compile_region`) is not possible: weights are views of one buffer, which regions
take for aliases. Marked block by block, torch 2.13 even computed the second block with the weights of the first.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from redraft.models import Model, StepOutput
from redraft.models.execution import compile_networks, compile_options, leave_layout
from redraft.train.config import RunConfig
from redraft.train.forward import Forward, Scored
from redraft.train.losses import StepLoss
from redraft.train.slots import Slots


def print_error(line: str) -> None:
    print(line, file=sys.stderr)


def forward_of(
    model: Model, config: RunConfig, device: torch.device, *, report: Callable[[str], None] = print_error
) -> Forward:
    """The compiled forward pass where the run asks for it and the machine is able to, else the plain one."""
    missing = missing_compiler(device) if config.compile else None
    if missing is not None:
        report(f"compile: {missing} is missing on this machine; the run goes on without compiling")
    if config.compile and missing is None and config.graph == "step":
        return CompiledForward(model, config, device, report=report)
    forward = Forward(model, config)
    if config.compile and missing is None:
        compile_networks(model)
        forward.compiled = True
    return forward


def missing_compiler(device: torch.device) -> str | None:
    """The program that `torch.compile` lacks on this machine, None if none."""
    if device.type == "cuda":
        return None if find_spec("triton") is not None else "Triton"
    if device.type == "cpu":
        return None if shutil.which(os.environ.get("CXX", "g++")) is not None else "a C++ compiler (g++)"
    return None


class CompiledForward(Forward):
    """A `Forward` that runs as one compiled graph, on CUDA replayed as a CUDA graph.

    Where the model is not one graph its networks are compiled one by one, with one line that says so.
    """

    compiled = True

    def __init__(
        self, model: Model, config: RunConfig, device: torch.device, *, report: Callable[[str], None] = print_error
    ) -> None:
        super().__init__(model, config)
        self.report, self.replayed = report, device.type == "cuda"
        leave_layout(model)
        options = {**compile_options(model), "triton.cudagraphs": self.replayed}
        # Shapes are those of the first step, always: a batch has as many rows in every step, so that nothing is
        # compiled twice. (Micro-batches may have two sizes, which differ by one row: two graphs.)
        self._graph: Callable[..., Scored] | None = torch.compile(
            self.scored, fullgraph=True, dynamic=False, options=options
        )
        self._tried = False
        if not model.in_halves and model.sparse_parameters():
            self._by_networks("its puzzle table is looked up amid the step")

    def __call__(self, slots: Slots, rows: slice) -> Scored:
        if self._graph is None:
            return super().__call__(slots, rows)
        tokens, ids = slots.tokens[rows], slots.puzzle_ids[rows]
        rest = self.inputs(slots, rows)
        if self.replayed:
            # A replay overwrites the last one's results. Those that live longer have been copied by then (`kept`, and
            # the gradients, which the learner sums before the next part).
            torch.compiler.cudagraph_mark_step_begin()
        try:
            # a table's gradient is sparse, which compilers do not take: rows are looked up before the graph begins
            if self.model.in_halves:
                found = self._graph(self.model.recur, (self.model.question(tokens, ids),), *rest)
            else:
                found = self._graph(self.model, (tokens, ids), *rest)
        except Exception as error:
            if self._tried or not _by_compiler(error):
                raise
            self._by_networks(type(error).__name__)
            return super().__call__(slots, rows)
        self._tried = True
        return found

    def kept(self, output: StepOutput, loss: StepLoss) -> Scored:
        output, loss = super().kept(output, loss)
        return (_copied(output), _copied(loss)) if self.replayed else (output, loss)

    def _by_networks(self, why: str) -> None:
        self.report(
            f"compile: a step of {type(self.model).__name__} is not one graph ({why}); its networks are compiled"
        )
        self._graph = None
        compile_networks(self.model)


def _copied(parts: Any) -> Any:
    """A named tuple of tensors, or of such tuples, with copies of all tensors."""
    if parts is None or isinstance(parts, Tensor):
        return None if parts is None else parts.clone()
    return type(parts)(*map(_copied, parts))


def _by_compiler(error: Exception) -> bool:
    """Whether an error is the compiler's own, so that the model may still run uncompiled."""
    from torch._dynamo.exc import TorchDynamoException

    return isinstance(error, TorchDynamoException)
