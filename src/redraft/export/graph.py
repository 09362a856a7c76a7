"""One part of a model's step as an ONNX graph of any batch size, by torch's exporter; in 8-bit integers if wanted."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from redraft.backends.onnx import INPUTS, OUTPUTS, Exported
from redraft.core.carry import Carry
from redraft.errors import RedraftError
from redraft.files import replacing
from redraft.models import Model

OPSET = 18  # the newest for which ONNX Runtime turns matmuls into 8-bit integers correctly


class ExportError(RedraftError):
    """A model that cannot be exported."""


def write_graph(model: Model, file: Path) -> Exported:
    """Writes the graph with its weights, whole or not at all; returns the values needed to run it.

    The graph is one recursion of the model where a step has several (`Model.recursions`). Raises ExportError.
    """
    exported = described(model)
    step, example = Step(model.eval()), example_of(model)
    batch = torch.export.Dim("batch")
    names = OUTPUTS if has_continue_logit(model) else OUTPUTS[:-1]
    with replacing(file) as partial, quiet("torch.onnx"):
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
            _tidy(graph)
            content = graph.SerializeToString()
        except Exception as error:  # a tracer may raise anything for a model of one's own
            reason = str(error).strip().splitlines() or [""]
            raise ExportError(f"a step of {type(model).__name__} is no ONNX graph: {reason[0]}") from error
        partial.write_bytes(content)
    return exported


class Step(nn.Module):
    """A step, or one of its recursions, as a function of tensors alone."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, puzzle_ids: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
        one = {"recursions": 1} if self.model.recursions > 1 else {}
        output = self.model(tokens, puzzle_ids, Carry(y, z), **one)
        found = (output.carry.y, output.carry.z, output.logits, output.halt_logit)
        return found if output.continue_logit is None else (*found, output.continue_logit)


def example_of(model: Model) -> tuple[Tensor, ...]:
    """Inputs of a step, each a tensor of its own: the exporter takes one that comes twice for one input."""
    config = model.config
    tokens = torch.arange(2 * config.seq_len).view(2, -1) % config.vocab_size
    carry = model.initial_carry(2)
    return tokens, torch.zeros(2, dtype=torch.int64), carry.y.clone(), carry.z.clone()


@torch.no_grad()
def has_continue_logit(model: Model) -> bool:
    return model(*example_of(model)[:2], model.initial_carry(2)).continue_logit is not None


def described(model: Model) -> Exported:
    """Raises ExportError where states do not begin with the same vector everywhere, or are not float32."""
    carry, parts = model.initial_carry(1), model.recursions
    if not all(state.numel() for state in carry):
        raise ExportError(f"{type(model).__name__}: has no state that a step would update")
    starts = [state.reshape(-1, state.shape[-1])[0] for state in carry]
    alike = all(torch.equal(state, start.expand_as(state)) for state, start in zip(carry, starts, strict=True))
    if not alike or any(state.dtype != torch.float32 or state.shape != carry.y.shape for state in carry):
        raise ExportError(f"{type(model).__name__}: expected states of float32 that begin alike at every position")
    y, z = (tuple(float(f"{value:.9g}") for value in start.tolist()) for start in starts)  # float32 to the digit
    return Exported(parts=parts, positions=tuple(carry.y.shape[1:-1]), y=y, z=z, halt_every=parts)


def write_int8(graph: Path, file: Path) -> None:
    """Writes the graph again with matmuls in 8-bit integers, whole or not at all.

    Weights are rounded once, with a scale per output; inputs at every use.
    """
    quantization: Any = import_module("onnxruntime.quantization")
    with replacing(file) as partial, quiet(None):  # it advises a preparation of graphs that the exporter has done
        quantization.quantize_dynamic(
            graph,
            partial,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul"],
        )


@contextmanager
def quiet(logger: str | None) -> Iterator[None]:
    """Within it, neither warnings nor what a logger logs below errors is shown."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _tidy(model: Any) -> None:
    """Makes an `onnx.ModelProto` as small as its weights, without changing what it computes.

    torch's exporter folds the transpose of a small weight anew for every evaluation of the network, leaves that of a
    large one to be computed in each, and notes the place in a source file at every node.
    """
    graph = model.graph
    if not any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):  # loops read as well
        _fold_transposes(graph)
        _merge_equal(graph)
    for each in (model, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        del each.metadata_props[:]
        each.doc_string = ""


def _fold_transposes(graph: Any) -> None:
    """Replaces every transpose of an initializer by an initializer."""
    from onnx import numpy_helper

    given = {each.name: each for each in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "Transpose" and node.input[0] in given]:
        array = numpy_helper.to_array(given[node.input[0]])
        order = next((list(each.ints) for each in node.attribute if each.name == "perm"), None)
        turned = np.ascontiguousarray(array.transpose(order))
        graph.initializer.append(numpy_helper.from_array(turned, node.output[0]))
        graph.node.remove(node)


def _merge_equal(graph: Any) -> None:
    """Keeps one of equal initializers, and none that nobody reads."""
    from onnx import numpy_helper

    kept: dict[tuple[Any, ...], str] = {}
    renamed = {}
    for each in graph.initializer:
        content = (each.data_type, tuple(each.dims), numpy_helper.to_array(each).tobytes())
        renamed[each.name] = kept.setdefault(content, each.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    read = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    needed = [each for each in graph.initializer if each.name in read]
    del graph.initializer[:]
    graph.initializer.extend(needed)
