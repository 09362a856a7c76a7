"""Runs an exported model by ONNX Runtime, without torch: `model.onnx` and its `config.json` in a folder.

The graph is a part of a supervision step, for a TRM one of its T recursions, for then it is a third as large:

    tokens (B, L) int64, puzzle_ids (B,) int64, y, z (B, ..., D) float32
    -> y_next, z_next, logits (B, L, V), halt_logit (B,), all float32, and continue_logit where the model has one
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from redraft.backends.onnx_weights import float_tensors
from redraft.backends.protocol import Draft
from redraft.backends.starts import starting_vectors
from redraft.config import from_dict
from redraft.errors import ConfigError, WeightsError
from redraft.finite import require_finite
from redraft.formats import HEAD, ONNX, describe_format, what_else

GRAPH = "model.onnx"
STARTS = "starts.f32"
INPUTS = ("tokens", "puzzle_ids", "y", "z")
OUTPUTS = ("y_next", "z_next", "logits", "halt_logit", "continue_logit")

HALT_ABOVE = 2.0  # a probability of 0.88, as `solver.SURE`

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What `config.json` tells of a graph besides the task, the card and the model, under the name `onnx`.

    Attributes:
        parts: runs of the graph that make a supervision step.
        positions: shape of a state without batch and width, (S,) or (L, symbols).
        y, z: what every position of a state begins with, D numbers each.
        int8: whether its products are in 8-bit integers.
        halt_every: `halt_logit` is trained at the end of whole steps, and may be read after so many runs alone.
        halt_above: what it should be above for the answer to be taken; less `continue_logit` where there is one.
        tokens: what each token (V,) stands for.
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
    """Puzzles and how far their answers have come; `logits` are those of the last step, `_NONE` before the first."""

    tokens: NDArray[np.int64]
    puzzle_ids: NDArray[np.int64]
    y: Floats
    z: Floats
    logits: Floats


_NONE: Floats = np.empty((0, 0, 0), np.float32)


class OnnxStepper:
    """Runs a graph; `session` is ONNX Runtime's."""

    def __init__(self, session: Any, exported: Exported) -> None:
        self.session, self.exported, self.recursions = session, exported, exported.parts
        self.inputs = [each.name for each in session.get_inputs()]
        self.outputs = [each.name for each in session.get_outputs()]

    def start(
        self, inputs: NDArray[np.integer], puzzle_ids: NDArray[np.integer], tries: NDArray[np.integer] | None = None
    ) -> OnnxState:
        own = np.array([self.exported.y, self.exported.z], np.float32)  # (2, D)
        vectors = np.repeat(own[:, None], len(inputs), axis=1)  # (2, B, D)
        if tries is not None:
            vectors = np.where(np.asarray(tries)[:, None] > 0, starting_vectors(tries, own.shape[1]), vectors)
        positions = self.exported.positions
        states = np.broadcast_to(
            vectors.reshape(2, len(inputs), *[1] * len(positions), -1), (2, len(inputs), *positions, own.shape[1])
        )
        y, z = np.ascontiguousarray(states)
        return OnnxState(np.array(inputs, np.int64), np.array(puzzle_ids, np.int64), y, z, _NONE)

    def step(self, state: OnnxState, recursions: int | None = None) -> tuple[OnnxState, Draft]:
        found: dict[str, Floats] = {}
        for _ in range(recursions or self.recursions):
            given = dict(zip(INPUTS, state[: len(INPUTS)], strict=True))
            found = dict(
                zip(self.outputs, self.session.run(self.outputs, {k: given[k] for k in self.inputs}), strict=True)
            )
            state = state._replace(y=found["y_next"], z=found["z_next"], logits=found["logits"])
        tokens = state.logits.argmax(-1).astype(np.int16)
        return state, Draft(tokens, found["halt_logit"], found.get("continue_logit"))

    def logits(self, state: OnnxState) -> Floats:
        return state.logits

    def select(self, state: OnnxState, rows: NDArray[np.integer]) -> OnnxState:
        tokens, ids, y, z, logits = state
        return OnnxState(tokens[rows], ids[rows], y[rows], z[rows], logits[rows] if len(logits) else logits)

    def join(self, first: OnnxState, second: OnnxState) -> OnnxState:
        pairs: Any = zip(_told(first, second), _told(second, first), strict=True)
        return OnnxState(*map(np.concatenate, pairs))


def _told(state: OnnxState, other: OnnxState) -> OnnxState:
    """The state with logits for all its puzzles, zeros before their first step, where the other one has some."""
    if len(state.logits) or not len(other.logits):
        return state
    return state._replace(logits=np.zeros((len(state.tokens), *other.logits.shape[1:]), np.float32))


def read_exported(folder: Path, values: Any) -> Exported:
    """What `config.json` in the folder tells of its graph; raises WeightsError."""
    where = f"{folder / 'config.json'}: onnx"
    if not isinstance(values, dict):
        raise WeightsError(f"{where}: expected an object, got {values!r}; was this written by redraft export?")
    try:
        return from_dict(Exported, values, where=where)
    except ConfigError as error:
        raise WeightsError(str(error)) from error


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
