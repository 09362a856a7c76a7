"""A graph with its products in 8-bit integers: weights rounded once, a scale for each output; inputs at every use."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

from redraft.files import replacing


def write_int8(graph: Path, file: Path) -> None:
    """Writes the graph again in 8-bit integers, whole or not at all."""
    quantization: Any = import_module("onnxruntime.quantization")
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # it advises a preparation of graphs that the exporter has done
    try:
        with replacing(file) as partial:
            quantization.quantize_dynamic(
                graph,
                partial,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
                op_types_to_quantize=["MatMul"],
            )
    finally:
        log.setLevel(level)
