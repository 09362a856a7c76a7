"""The report: one HTML file that a browser shows without a network.

The style and scripts in `page/` are written into the file with the data, as JSON.
"""

from __future__ import annotations

import base64
import json
import math
import re
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from redraft.draw.board import ink_on, letter_of, tokens_of, used
from redraft.inspect.drafts import ShownDraft
from redraft.inspect.influence import asked
from redraft.inspect.pca import Projection
from redraft.inspect.trace import StateReading, TracedStep
from redraft.tasks import Grid, Task
from redraft.tasks.base import OUTSIDE

if TYPE_CHECKING:
    from redraft.inspect.inspection import Inspection, Landscape

CANDIDATES = 4  # tokens per cell with their probabilities
FINE = 10000  # whole numbers that coordinates of a landscape are rounded to
DIGITS = 6
SCRIPTS = ("boards.js", "plots.js", "report.js")

Glyphs = dict[tuple[str, str], int]  # symbol and fill of a cell, and their place in the page's list


def report(found: Inspection) -> str:
    """The report as HTML."""
    page = files("redraft.inspect") / "page"
    text = (page / "report.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(f"{found.weights}: looking inside"),
        "STYLE": (page / "report.css").read_text(encoding="utf-8"),
        "DATA": embedded(page_data(found)),
        "SCRIPT": "\n".join((page / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], text)  # at once, since a part may contain {{…}}


def embedded(values: dict[str, Any]) -> str:
    """JSON that may stand in a script element: no text in it can end the element."""
    return json.dumps(values, allow_nan=False, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def plain(values: NDArray[Any] | float) -> Any:
    """Numbers as (lists of) Python's, rounded; None for those that are not finite."""
    if isinstance(values, np.ndarray):
        return [plain(value) for value in values] if values.ndim else plain(values.item())
    return round(float(values), DIGITS) if math.isfinite(values) else None


def page_data(found: Inspection) -> dict[str, Any]:
    """The data of the page. Cells are numbered row by row within the `size` that is drawn; see `_packed` for arrays."""
    task = found.task
    glyphs: Glyphs = {}
    size = used(found.question, *(draft.grid for draft in found.drafts))
    shown = np.arange(task.seq_len).reshape(task.height, task.width)[: size[0], : size[1]].ravel()  # cells drawn
    open_cells = asked(task, found.question)
    frames = _frames(found, shown, glyphs)
    return {
        "weights": found.weights,
        "place": found.place,
        "verdict": found.verdict,
        "right": found.drafts[-1].right,
        "solvedAt": found.solved_at,
        "judged": task.judges,
        "known": found.answer is not None,
        "probability": found.trace.probability,
        "task": task.name,
        "facts": found.facts,
        "notes": found.notes,
        "size": size,
        "block": task.block,
        "tokens": [_glyph(glyphs, *each) for each in tokens_of(task)],
        "given": _packed((~open_cells & (found.question.ravel() != OUTSIDE))[shown]),
        "asked": _packed(open_cells[shown]),
        "frames": frames,
        "influence": _influence(found, shown),
        "attention": _attention(found.trace.steps, shown),
        "landscape": None if found.landscape is None else _landscape(found.landscape),
        "glyphs": [[symbol, fill, ink_on(fill) if fill else ""] for symbol, fill in glyphs],
    }


def _frames(found: Inspection, shown: NDArray[np.intp], glyphs: Glyphs) -> list[dict[str, Any]]:
    """The question, then each step, with the network's evaluations before it where they were kept."""
    task, question = found.task, found.question
    y = {"y": _board(task, question, shown, glyphs)}
    frames: list[dict[str, Any]] = [{"step": 0, "end": True, **y}]
    z: dict[str, Any] = {}
    for number, (step, draft) in enumerate(zip(found.trace.steps, found.drafts, strict=True), 1):
        for place, each in enumerate(step.evaluations[:-1], 1):
            if each.reading is not None and each.renews == "y":
                wrong = task.wrong_cells(question, task.decode(each.reading.tokens))
                y = {**_read("y", task, each.reading, shown, glyphs), "wrong": _packed(wrong.ravel()[shown])}
            elif each.reading is not None:
                z = _read("z", task, each.reading, shown, glyphs)
            values = {"evaluation": [place, len(step.evaluations)], "renews": each.renews, "moved": plain(each.moved)}
            frames.append({"step": number, "end": False, **values, **y, **z})
        y, z = _read("y", task, step.y, shown, glyphs), _read("z", task, step.z, shown, glyphs)
        frames.append({"step": number, "end": True, **y, **z, **_step(step, draft, shown)})
        y["wrong"] = frames[-1]["wrong"]  # until y is updated
    return frames


def _step(step: TracedStep, draft: ShownDraft, shown: NDArray[np.intp]) -> dict[str, Any]:
    """The values of a step besides its readings."""
    likely = np.argsort(-step.y.probabilities[shown], axis=1, kind="stable")[:, :CANDIDATES]
    values = {
        "wrong": _packed(draft.wrong.ravel()[shown]),
        "differs": None if draft.differs is None else _packed(draft.differs.ravel()[shown]),
        "likely": _packed(likely),
        "shares": _packed(255 * np.take_along_axis(step.y.probabilities[shown], likely, 1)),
        "halt": plain(step.halt_probability),
        "halts": step.halts,
        "right": draft.right,
        "reason": draft.reason,
        "changed": draft.changed,
        "sure": plain(draft.confidence),
        "yMoved": plain(step.y_moved),
        "zMoved": plain(step.z_moved),
        "residual": plain(step.residual),
    }
    if step.evaluations:
        last, count = step.evaluations[-1], len(step.evaluations)
        values |= {"evaluation": [count, count], "renews": last.renews, "moved": plain(last.moved)}
    return values


def _read(
    name: str, task: Task, reading: StateReading | None, shown: NDArray[np.intp], glyphs: Glyphs
) -> dict[str, str]:
    """The board of a state, and how probable each cell of it is."""
    if reading is None:
        return {}
    return {
        name: _board(task, task.decode(reading.tokens), shown, glyphs),
        f"{name}Sure": _packed(255 * reading.confidence[shown]),
    }


def _board(task: Task, grid: Grid, shown: NDArray[np.intp], glyphs: Glyphs) -> str:
    symbols, fills = np.array(task.symbols(grid)).ravel()[shown], np.array(task.fills(grid)).ravel()[shown]
    return _packed([_glyph(glyphs, *each) for each in zip(symbols.tolist(), fills.tolist(), strict=True)])


def _glyph(glyphs: Glyphs, symbol: str, fill: str) -> int:
    return glyphs.setdefault((letter_of(symbol, fill), fill), len(glyphs))


def _influence(found: Inspection, shown: NDArray[np.intp]) -> dict[str, Any] | None:
    """Per step, how much each cell's answer changes with each blanked cell."""
    if found.influence is None:
        return None
    places = {cell: place for place, cell in enumerate(shown.tolist())}
    kept = [i for i, cell in enumerate(found.influence.cells.tolist()) if cell in places]
    change = found.influence.change[:, kept][:, :, shown]
    return {
        "cells": [places[cell] for cell in found.influence.cells[kept].tolist()],
        "steps": [_packed(255 * each) for each in change],
    }


def _attention(steps: tuple[TracedStep, ...], shown: NDArray[np.intp]) -> dict[str, Any] | None:
    """The maps of each step that has any, scaled so that each row's greatest share is 255."""
    maps = {i: step.attention for i, step in enumerate(steps, 1) if step.attention is not None}
    if not maps:
        return None
    layers, heads = next(iter(maps.values())).shape[:2]
    packed = {}
    for step, each in maps.items():
        seen = each[:, :, shown][..., shown]
        packed[str(step)] = [[_packed(255 * head / head.max(-1, keepdims=True)) for head in layer] for layer in seen]
    return {"layers": layers, "heads": heads, "steps": packed}


def _landscape(land: Landscape) -> dict[str, Any]:
    seen = {"y": land.y} if land.z is None else {"y": land.y, "z": land.z}
    projected = {name: _projected(each) for name, each in seen.items()}
    return {"source": land.source, "right": land.right.astype(int).tolist(), **projected}


def _projected(each: Projection) -> dict[str, Any]:
    """Coordinates as whole numbers from 0 to FINE, both axes on the same scale."""
    everything = np.concatenate([each.points.reshape(-1, 2), each.own])
    low, extent = everything.min(0), np.ptp(everything, axis=0)
    span = max(float(extent.max()), 1e-12)
    return {
        "points": np.round((each.points - low) / span * FINE).astype(int).tolist(),
        "own": np.round((each.own - low) / span * FINE).astype(int).tolist(),
        "extent": np.ceil(extent / span * FINE).astype(int).tolist(),
        "explained": plain(each.explained),
    }


def _packed(values: ArrayLike) -> str:
    """Whole numbers from 0 to 255, one per byte, in base64."""
    return base64.b64encode(np.rint(np.asarray(values)).astype(np.uint8).tobytes()).decode()
