"""One part of a model's step as an ExecuTorch program for one puzzle at a time, and a session that runs it."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from redraft.backends.onnx import INPUTS, OUTPUTS, Exported, OnnxStepper
from redraft.config import from_dict
from redraft.export.graph import ExportError, Step, described, example_of, has_continue_logit, quiet
from redraft.files import replacing
from redraft.models import Model

PROGRAM = "model.pte"
MOST_DIMENSIONS = 6  # of a tensor of XNNPACK


def write_program(model: Model, file: Path) -> Exported:
    """Writes the program with its weights, whole or not at all; returns the values needed to run it.

    XNNPACK computes what it can, ExecuTorch's own operators the rest. Raises ExportError.
    """
    exported = described(model)
    example = tuple(each[:1].clone() for each in example_of(model))
    with replacing(file) as partial, quiet(None):
        try:
            exir: Any = import_module("executorch.exir")
            with torch.no_grad():
                traced = torch.export.export(Step(model.eval()), example, strict=False)
            lowered = exir.to_edge_transform_and_lower(traced, partitioner=[_partitioner()])
            content: bytes = lowered.to_executorch().buffer
        except Exception as error:  # a tracer may raise anything for a model of one's own
            reason = str(error).strip().splitlines() or [""]
            raise ExportError(f"a step of {type(model).__name__} is no ExecuTorch program: {reason[0]}") from error
        partial.write_bytes(content)
    return exported


def _partitioner() -> Any:
    """XNNPACK for all that it can compute; a program that hands it a tensor of more dimensions cannot be loaded."""
    partition: Any = import_module("executorch.backends.xnnpack.partition.xnnpack_partitioner")
    known: Any = import_module("executorch.backends.xnnpack.partition.config")

    def limited(config: Any) -> Any:
        def check_constraints(self: Any, node: Any, program: Any) -> bool:
            values = [each.meta.get("val") for each in (node, *node.all_input_nodes)]
            if any(isinstance(value, Tensor) and value.dim() > MOST_DIMENSIONS for value in values):
                return False
            return config.check_constraints(self, node, program)

        return type(config.__name__, (config,), {"check_constraints": check_constraints})

    return partition.XnnpackPartitioner(configs=[limited(config) for config in known.ALL_PARTITIONER_CONFIGS])


class Program:
    """Runs a program as a session of ONNX Runtime is run, whatever the batch: row by row."""

    def __init__(self, file: Path, *, continue_logit: bool) -> None:
        with quiet(None):
            runtime: Any = import_module("executorch.runtime")
            self._program = runtime.Runtime.get().load_program(file.read_bytes())
            self._method = self._program.load_method("forward")
        self._outputs = OUTPUTS if continue_logit else OUTPUTS[:-1]

    @staticmethod
    def of(model: Model, file: Path) -> Program:
        """The program of a model."""
        return Program(file, continue_logit=has_continue_logit(model))

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name=name) for name in INPUTS]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name=name) for name in self._outputs]

    def run(self, names: list[str], given: dict[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        rows = []
        for row in range(len(given["tokens"])):
            found = self._method.execute([torch.from_numpy(given[name][row : row + 1].copy()) for name in INPUTS])
            rows.append([each.numpy().copy() for each in found])  # memory that the next run writes to
        values = dict(zip(self._outputs, map(np.concatenate, zip(*rows, strict=True)), strict=True))
        return [values[name] for name in names]


def open_program(folder: Path, *, continue_logit: bool = False) -> OnnxStepper:
    """The stepper of the program in an exported folder; `continue_logit` says whether its model learns one."""
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))["executorch"]
    exported = from_dict(Exported, values, where=f"{folder / 'config.json'}: executorch")
    return OnnxStepper(Program(folder / PROGRAM, continue_logit=continue_logit), exported)
