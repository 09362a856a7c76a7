"""Makes a graph as small as its weights: each is stored once, in the shape that it is used in, and nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np


def tidy(model: Any) -> None:
    """Changes an `onnx.ModelProto`, not what it computes.

    torch's exporter folds the transpose of a small weight anew for every evaluation of the network, leaves that of a
    large one to be computed in each, and notes at every node where in which source file it came from.
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
    """Keeps one of initializers that are equal, and none that nobody reads."""
    kept: dict[tuple[Any, ...], str] = {}
    renamed = {}
    for each in graph.initializer:
        content = (each.data_type, tuple(each.dims), _content(each))
        renamed[each.name] = kept.setdefault(content, each.name)
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    read = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    needed = [each for each in graph.initializer if each.name in read]
    del graph.initializer[:]
    graph.initializer.extend(needed)


def _content(initializer: Any) -> bytes:
    from onnx import numpy_helper

    content: bytes = numpy_helper.to_array(initializer).tobytes()
    return content
