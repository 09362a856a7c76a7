"""Measures every bundled model in every way to run it: `python -m benchmarks sizes -o results/sizes.json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redraft
import redraft.weights
from benchmarks.published.contest import environment
from benchmarks.sizes.installed import bytes_of_extras, bytes_under
from benchmarks.sizes.probe import joules
from redraft.commands.bench import Common
from redraft.errors import RedraftError
from redraft.tasks import get_task

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src/redraft/serve/page/ort"
WEB = ROOT / "web"
SEED = 11
CHECKED = 16  # puzzles on which graphs are compared with their models


@dataclass(frozen=True, kw_only=True)
class Sizes(Common):
    models: tuple[str, ...] = ()
    """Bundled weights; by default all of them."""
    seconds: float = 3.0
    """How long each way is timed."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to run a model.

    Attributes:
        name: in tables.
        weights: the file that is loaded.
        source: which of the folders that it may lie in: `weights`, `float32`, `int8` or `executorch`.
        missing: why it cannot run here; empty when it can.
        runtime: bytes installed for it, and what they are.
        probe: the command that measures it, with its arguments.
    """

    name: str
    weights: str
    source: str
    missing: str
    runtime: Callable[[], tuple[int, list[str]]]
    probe: tuple[str, ...]


def ways() -> list[Way]:
    """All ways, those that cannot run here among them."""
    python = (sys.executable, "-m", "benchmarks.sizes.probe")
    graph = "" if find_spec("onnxruntime") else "needs redraft[onnx]"
    built = (WEB / "node_modules/onnxruntime-web").is_dir() and (WEB / "redraft-js/dist").is_dir()

    def page() -> tuple[int, list[str]]:
        return bytes_under(PAGE, "*.mjs") + _wasm_bytes(), ["ort-wasm-simd-threaded"]

    return [
        Way(
            name="PyTorch",
            weights="model.safetensors",
            source="weights",
            missing="",
            probe=(*python, "torch"),
            runtime=lambda: bytes_of_extras(["train"]),
        ),
        Way(
            name="NumPy",
            weights="model.safetensors",
            source="weights",
            missing="",
            probe=(*python, "numpy"),
            runtime=lambda: bytes_of_extras([]),
        ),
        Way(
            name="ONNX Runtime",
            weights="model.onnx",
            source="float32",
            missing=graph,
            probe=(*python, "onnx"),
            runtime=lambda: bytes_of_extras(["onnx"]),
        ),
        Way(
            name="ONNX Runtime, int8",
            weights="model.onnx",
            source="int8",
            missing=graph,
            probe=(*python, "onnx"),
            runtime=lambda: bytes_of_extras(["onnx"]),
        ),
        Way(
            name="ExecuTorch",
            weights="model.pte",
            source="executorch",
            missing="" if find_spec("executorch") else "needs redraft[executorch]",
            probe=(*python, "executorch"),
            runtime=lambda: bytes_of_extras(["executorch"]),
        ),
        Way(
            name="WebAssembly, in Node",
            weights="model.onnx",
            source="float32",
            runtime=page,
            missing="" if built else "needs redraft-js: cd web && npm ci && npx tsc --build",
            probe=("node", str(WEB / "step.mjs"), "wasm"),
        ),
    ]


def bench_sizes(args: Sizes, threads: int, report: Callable[[str], None]) -> dict[str, Any]:
    """Of each model and way: bytes of weights and runtime, memory, milliseconds and joules per step of one puzzle."""
    models = args.models or tuple(redraft.weights.names())
    before, rows = os.getloadavg(), []
    for model in models:
        with TemporaryDirectory(prefix="redraft-sizes-") as folder:
            rows += _measure(model, Path(folder), args.seconds, report)
    return {
        "batch_size": 1,
        "load": {"before": before, "after": os.getloadavg()},
        "energy": "RAPL" if joules() is not None else "not counted: the machine has no readable RAPL",
        "rows": rows,
    }


def _measure(model: str, folder: Path, seconds: float, report: Callable[[str], None]) -> list[dict[str, Any]]:
    sources = {"weights": Path(redraft.weights.__file__).parent / model}
    for kind in ("float32", "int8"):
        report(f"{model}: exporting in {kind}")
        sources[kind] = redraft.export(model, folder / kind, int8=kind == "int8", check=CHECKED, quiet=True)
    if find_spec("executorch"):
        report(f"{model}: exporting to ExecuTorch")
        sources["executorch"] = redraft.export(model, folder / "pte", to="executorch", check=1, quiet=True)
    described = json.loads((sources["float32"] / "config.json").read_text())
    task = get_task(described["task"])
    tokens = task.encode(task.make(1, SEED).questions)[0].tolist()
    rows = []
    for way in ways():
        row: dict[str, Any] = {"model": model, "way": way.name}
        rows.append(row)
        if way.missing:
            row["missing"] = way.missing
            continue
        report(f"{model}: {way.name}")
        source = sources[way.source]
        job = {"way": way.probe[-1], "folder": str(source), "tokens": tokens, "seconds": seconds}
        size, packages = way.runtime()
        row |= {"weights": (source / way.weights).stat().st_size, "runtime": size, "packages": packages}
        row |= _probe(way.probe[:-1], job)
    return rows


def _probe(command: tuple[str, ...], job: dict[str, Any]) -> dict[str, Any]:
    """The measurements of a separate process; raises RedraftError with its output if it fails."""
    surroundings = environment(1)
    surroundings["PYTHONPATH"] = os.pathsep.join([surroundings["PYTHONPATH"], str(ROOT)])
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, env=surroundings)
    if done.returncode != 0:
        raise RedraftError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _wasm_bytes() -> int:
    """Of the runtime as it lies unpacked in the browser's cache; the page carries it compressed."""
    import gzip

    return sum(len(gzip.decompress(file.read_bytes())) for file in PAGE.glob("*.wasm.gz"))
