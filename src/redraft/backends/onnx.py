"""Runs an exported model by ONNX Runtime, without torch: `model.onnx` and its `config.json` in a folder.

The graph is a part of a supervision step: one of the T recursions of a TRM, which is a third of its size:

    tokens (B, L) int64, puzzle_ids (B,) int64, y, z (B, ..., D) float32
    -> y_next, z_next, logits (B, L, V), halt_logit (B,), all float32, and continue_logit where the model has one
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.arrays import require_finite
from redraft.backends.protocol import Draft, Floats, Ints, begin_tries
from redraft.config import from_dict
from redraft.errors import ConfigError, WeightsError
from redraft.formats import HEAD, ONNX, describe_format, what_else

GRAPH = "model.onnx"
STARTS = "starts.f32"
INPUTS = ("tokens", "puzzle_ids", "y", "z")
OUTPUTS = ("y_next", "z_next", "logits", "halt_logit", "continue_logit")

HALT_ABOVE = 2.0  # a probability of 0.88, as `solver.SURE`
MOST_PARTS = 10_000  # runs of a graph per step

# Field numbers of the protocol buffers in a file (a ModelProto holds a GraphProto, which holds TensorProtos).
_GRAPH, _INITIALIZER = 7, 5
_DATA_TYPE, _FLOAT_DATA, _NAME, _RAW_DATA = 2, 4, 8, 9
_FLOATS = {1: "<f4", 10: "<f2", 11: "<f8"}  # by data type


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The description of a graph in `config.json`, under the key `onnx`, beside the task, the card and the model.

    Attributes:
        parts: runs of the graph that make a supervision step.
        positions: shape of a state without batch and width, (S,) or (L, symbols).
        y, z: the first state of every position, D numbers each.
        int8: whether its matmuls are in 8-bit integers.
        halt_every: runs per whole step, after which alone `halt_logit` is trained and may be read.
        halt_above: the answer is accepted where `halt_logit` (less `continue_logit`, if any) is above this.
        tokens: the meaning of each token (V,).
        height, width: of the grid, in cells.
        starts: starting vectors for restarts that `starts.f32` holds: y and z (starts, 2, D) as little-endian float32.

    The last six are for programs other than this one; older folders lack them.
    """

    parts: int
    positions: tuple[int, ...]
    y: tuple[float, ...]
    z: tuple[float, ...]
    int8: bool = False
    halt_every: int = 0
    halt_above: float = HALT_ABOVE
    tokens: tuple[str, ...] = ()
    height: int = 0
    width: int = 0
    starts: int = 0

    def __post_init__(self) -> None:
        if self.parts < 1 or not self.y or len(self.y) != len(self.z):
            widths = f"{len(self.y)}, {len(self.z)}"
            raise ConfigError(f"expected parts and two vectors of one width, got {self.parts} and {widths}")


class OnnxState(NamedTuple):
    """Puzzles and how far their answers have come; `logits` are those of the last step, empty before the first."""

    tokens: NDArray[np.int64]
    puzzle_ids: NDArray[np.int64]
    y: Floats
    z: Floats
    logits: Floats


class OnnxStepper:
    """Runs a graph; `session` is ONNX Runtime's."""

    def __init__(self, session: Any, exported: Exported) -> None:
        self.session, self.exported, self.recursions = session, exported, exported.parts
        self.inputs = [each.name for each in session.get_inputs()]
        self.outputs = [each.name for each in session.get_outputs()]

    def start(self, inputs: Ints, puzzle_ids: Ints, tries: Ints | None = None) -> OnnxState:
        shape = (len(inputs), *self.exported.positions, len(self.exported.y))
        own = (np.broadcast_to(np.array(each, np.float32), shape) for each in (self.exported.y, self.exported.z))
        y, z = map(np.ascontiguousarray, begin_tries(tries, *own))
        none = np.empty((0, 0, 0), np.float32)
        return OnnxState(np.array(inputs, np.int64), np.array(puzzle_ids, np.int64), y, z, none)

    def step(self, state: OnnxState, recursions: int | None = None) -> tuple[OnnxState, Draft]:
        found: dict[str, Floats] = {}
        for _ in range(recursions or self.recursions):
            given = {name: getattr(state, name) for name in self.inputs}
            found = dict(zip(self.outputs, self.session.run(self.outputs, given), strict=True))
            state = state._replace(y=found["y_next"], z=found["z_next"], logits=found["logits"])
        tokens = state.logits.argmax(-1).astype(np.int16)
        return state, Draft(tokens, found["halt_logit"], found.get("continue_logit"))

    def logits(self, state: OnnxState) -> Floats:
        return state.logits

    def select(self, state: OnnxState, rows: Ints) -> OnnxState:
        tokens, ids, y, z, logits = state
        return OnnxState(tokens[rows], ids[rows], y[rows], z[rows], logits[rows] if len(logits) else logits)

    def join(self, first: OnnxState, second: OnnxState) -> OnnxState:
        pairs: Any = zip(_padded(first, second), _padded(second, first), strict=True)
        return OnnxState(*map(np.concatenate, pairs))


def _padded(state: OnnxState, other: OnnxState) -> OnnxState:
    """The state with logits for all its puzzles, zeros before their first step, where the other one has some."""
    if len(state.logits) or not len(other.logits):
        return state
    return state._replace(logits=np.zeros((len(state.tokens), *other.logits.shape[1:]), np.float32))


def open_exported(folder: Path, values: Any) -> OnnxStepper:
    """The stepper of the graph in a folder, which `values` of its `config.json` describe.

    Raises ConfigError where the folder has no graph, WeightsError where the graph is damaged or another one.
    """
    if not (folder / GRAPH).is_file():
        raise ConfigError(f"{folder}: holds no {GRAPH} for the backend onnx; redraft export writes one")
    where = f"{folder / 'config.json'}: onnx"
    try:
        exported = from_dict(Exported, values, where=where)
    except ConfigError as error:
        raise WeightsError(str(error)) from error
    session = open_session(folder / GRAPH)
    described = [*exported.positions, len(exported.y)]
    shapes = [list(each.shape[1:]) for each in session.get_inputs() if each.name in ("y", "z")]
    if exported.parts > MOST_PARTS or any(shape != described for shape in shapes):
        found = f"{exported.parts} parts and states of {described}"
        raise WeightsError(f"{where}: {reprlib.repr(found)} are not those of {folder / GRAPH}")
    return OnnxStepper(session, exported)


def open_session(file: Path, *, threads: int | None = None) -> Any:
    """An ONNX Runtime session for a graph; raises ConfigError without the package, WeightsError for a bad file."""
    try:
        runtime = import_module("onnxruntime")
    except ImportError:
        raise ConfigError(f"{file}: needs ONNX Runtime: pip install 'redraft[onnx]'") from None
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    options.intra_op_num_threads = threads or (int(asked) if asked.isdigit() else 0)  # 0: as many as there are cores
    try:
        content = file.read_bytes()
        found = describe_format(content[:HEAD])
        if found not in (ONNX, None):
            raise WeightsError(f"{file}: {what_else(file, ONNX)}")
    except OSError as error:
        raise WeightsError(f"{file}: {error.strerror or error}") from error
    try:
        tensors = float_tensors(content)
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds of exception have no common name that can be imported
        reason = str(error).splitlines() or [type(error).__name__]
        raise WeightsError(f"{file}: ONNX Runtime cannot read it ({reason[0]})") from error
    require_finite(tensors, str(file))
    missing = {*OUTPUTS[:4]} - {each.name for each in session.get_outputs()}
    unknown = {each.name for each in session.get_inputs()} - {*INPUTS}
    if missing or unknown:
        raise WeightsError(f"{file}: not a graph of redraft's: {', '.join(sorted(missing | unknown))}")
    return session


def float_tensors(content: bytes) -> dict[str, NDArray[np.floating]]:
    """The floating-point initializers of a model, flat, by name; raises ValueError or TypeError for a damaged file.

    ONNX Runtime does not show them, and the package onnx is not needed for this.
    """
    found: dict[str, NDArray[np.floating]] = {}
    for graph in (value for number, value in _fields(memoryview(content)) if number == _GRAPH):
        for tensor in (dict(_fields(value)) for number, value in _fields(graph) if number == _INITIALIZER):
            if (dtype := _FLOATS.get(tensor.get(_DATA_TYPE, 0))) is not None:
                name = str(tensor.get(_NAME, b""), "utf-8", "replace")
                found[name] = np.frombuffer(tensor.get(_RAW_DATA, tensor.get(_FLOAT_DATA, b"")), dtype)
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value of the fields of a protocol buffer: whole numbers, or bytes of every other kind."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind not in (0, 1, 2, 5):
            raise ValueError("not a protocol buffer")
        value, length = 0, {1: 8, 5: 4}.get(kind, 0)
        if kind == 0:
            value, place = _varint(message, place)
        elif kind == 2:
            length, place = _varint(message, place)
        if place + length > len(message):
            raise ValueError("cut off")
        yield key >> 3, value if kind == 0 else message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """The number at a place, seven bits a byte, and the place behind it."""
    value = shift = 0
    while place < len(message) and shift < 64:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError("cut off")
