"""The tables of docs/performance.md, made from the files of `scripts/measure.sh`, and of docs/sizes.md.

python -m benchmarks.page docs/performance.md results
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.sizes.show import SIZE_HEAD, size_remark, size_rows
from redraft.bench.show import spread_words
from redraft.errors import DataError, RedraftError
from redraft.files import write_text
from redraft.terminal import figure_words

Result = dict[str, Any]

OURS, THEIRS, INT8 = "redraft", "reference", "redraft, int8"
GRAPH, GRAPH_INT8 = "redraft, onnx", "redraft, onnx, int8"
OTHERS = {"sizes": "sizes.json", "sizes-more": "sizes-more.json"}  # files not of `scripts/measure.sh`
_TABLE = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(text: str, folder: Path) -> str:
    """The page with every table between its marks replaced; raises DataError for an unknown table or result."""

    def table(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in TABLES:
            raise DataError(f"table {name!r}: unknown; known: {', '.join(TABLES)}")
        files, make = TABLES[name]
        results = [_read(folder / OTHERS.get(file, f"bench-{file}.json")) for file in files]
        try:
            return f"{found[1]}{make(results)}\n{found[3]}"
        except KeyError as error:
            raise DataError(f"table {name!r}: no {error} in its results; run scripts/measure.sh again") from error

    return _TABLE.sub(table, text)


def machine(results: Sequence[Result]) -> str:
    found = results[0]
    where = found["machine"]
    return (
        f"{where['cpu']}, {where['cores']} cores, {where['threads']} threads, {where['capability']}, "
        f"torch {found['torch']}, {found['date'][:10]}, commit {(found['commit'] or 'unknown')[:8]}."
    )


def train(results: Sequence[Result]) -> str:
    head = ("recipe", "batch", "examples/s", "published", "ratio", "of the products' rate", "peak MiB", "published")
    return _markdown(head, (_beside(result["train"]) for result in results))


def solve(results: Sequence[Result]) -> str:
    head = ("model", "batch", "puzzle steps/s", "published", "ratio", "of the products' rate", "peak MiB", "published")
    return _markdown(head, (_beside(result["solve"]) for result in results))


def ways(results: Sequence[Result]) -> str:
    """Speed of each execution of a model relative to the published code."""
    rows = [
        (found["recipe"], *(_ratio(found, name, THEIRS) for name in (_ours(found), INT8, GRAPH, GRAPH_INT8)))
        for found in (result["solve"] for result in results)
    ]
    return _markdown(("model", "torch", "torch, int8", "graph", "graph, int8"), rows)


def export(results: Sequence[Result]) -> str:
    rows = []
    for model in results[0]["export"]["models"]:
        torch, graph, rounded = model["sides"]
        rows.append(
            (
                model["name"],
                figure_words(model["export_seconds"]),
                *(f"{side['bytes'] / 1e6:.2f}" for side in (graph, rounded)),
                *(figure_words(side["load_ms"]["median"]) for side in (graph, rounded)),
                figure_words(torch["rate"]["median"]),
                *(spread_words(side["ratio"]) for side in (graph, rounded)),
            )
        )
    head = ("model", "s to export", "MB", "int8", "ms to open", "int8", "puzzle steps/s in torch", "graph", "int8")
    return _markdown(head, rows)


def halting(results: Sequence[Result]) -> str:
    found = results[0]["solve"]
    rows = []
    for name, run in _runs(found).items():
        last = run["rounds"][-1]
        ratio = "" if name == THEIRS else _ratio(found, name, THEIRS)
        rows.append((name, figure_words(run["rate"]["median"]), f"{last['steps']:.2f}", f"{last['solved']:.1%}", ratio))
    return _markdown(("", "puzzles/s", "steps a puzzle", "solved", "to published"), rows)


def data(results: Sequence[Result]) -> str:
    rows = results[0]["data"]["rows"]
    cells = ((r["name"], spread_words(r), r["unit"], f"{r['of_gpu']:.1f}" if "of_gpu" in r else "") for r in rows)
    return _markdown(("", "median (least–greatest)", "", "times what an H200 would consume"), cells)


def start(results: Sequence[Result]) -> str:
    rows = results[0]["start"]["rows"]
    return _markdown(("", "median (least–greatest)", ""), ((r["name"], spread_words(r), r["unit"]) for r in rows))


def growth(results: Sequence[Result]) -> str:
    rows = []
    for axis in results[0]["scale"]["axes"].values():
        for mode in ("solve", "train"):
            points = [(point["value"], point[mode]) for point in axis["points"] if mode in point]
            if not points:
                continue
            (least, first), (most, last) = points[0], points[-1]
            before, after = (1000 * point["seconds"]["median"] for point in (first, last))
            shares = [p["predicted"]["seconds"] / p["seconds"]["median"] for _, p in points]
            rows.append(
                (
                    axis["label"],
                    mode,
                    f"{least:,} → {most:,}",
                    f"{figure_words(before)} → {figure_words(after)}",
                    f"{figure_words(after / before)}×",
                    f"{min(shares):.0%}–{max(shares):.0%}",
                )
            )
    return _markdown(("what grows", "", "from → to", "ms", "measured growth", "predicted, of measured"), rows)


def roof(results: Sequence[Result]) -> str:
    found = results[0]["scale"]
    rows = []
    for mode in ("solve", "train"):
        step = found["roofline"][mode]
        products = step["predicted"]["products"] / step["seconds"]["median"]
        between = step["predicted"]["element_wise"] / step["seconds"]["median"]
        rate = f"{figure_words(step['gflops'])} of {figure_words(found['peak']['gflops'])}"
        rows.append((mode, rate, figure_words(step["intensity"]), f"{products:.0%}", f"{between:.0%}"))
    return _markdown(
        ("step", "GFLOP/s, of the peak", "operations a byte", "time of its products", "of the bytes between"), rows
    )


def sizes(results: Sequence[Result]) -> str:
    return _markdown(SIZE_HEAD, size_rows(results[0]["sizes"]))


def sizes_machine(results: Sequence[Result]) -> str:
    """Where the sizes were measured, and how busy that machine was."""
    return f"{machine(results)} {size_remark(results[0]['sizes'])}"


# per table, the results it is made of and its function
TABLES: dict[str, tuple[tuple[str, ...], Callable[[Sequence[Result]], str]]] = {
    "machine": (("train",), machine),
    "train": (("train", "train-att", "train-maze", "train-6x6"), train),
    "solve": (("solve", "solve-att", "solve-maze", "solve-6x6"), solve),
    "solve-half": (("solve-bfloat16",), solve),
    "train-half": (("train-bfloat16", "train-att-bfloat16", "train-maze-bfloat16", "train-6x6-bfloat16"), train),
    "ways": (("solve", "solve-att", "solve-maze"), ways),
    "export": (("export",), export),
    "halting": (("solve-6x6",), halting),
    "data": (("data",), data),
    "start": (("start",), start),
    "growth": (("scale",), growth),
    "sizes": (("sizes",), sizes),
    "sizes-machine": (("sizes",), sizes_machine),
    "sizes-more": (("sizes-more",), sizes),
    "sizes-more-machine": (("sizes-more",), sizes_machine),
    "roof": (("scale",), roof),
}


def _read(file: Path) -> Result:
    try:
        found: Result = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({error}); scripts/measure.sh makes it") from error
    return found


def _runs(found: Result) -> dict[str, Result]:
    return {run["name"]: run for run in found["runs"]}


def _ours(found: Result) -> str:
    """The name of our float32 run at equal steps, the first one."""
    return str(found["runs"][0]["name"])


def _beside(found: Result) -> tuple[str, ...]:
    """A row of our figures beside the published code's."""
    runs, steps = _runs(found), found.get("steps", 1)
    ours, theirs = runs[_ours(found)], runs[THEIRS]
    return (
        found["recipe"],
        str(found["batch_size"]),
        figure_words(steps * ours["rate"]["median"]),
        figure_words(steps * theirs["rate"]["median"]),
        _ratio(found, ours["name"], THEIRS),
        f"{ours['of_ideal']:.0%}",
        *(f"{run['memory']['peak_mib']:,.0f}" for run in (ours, theirs)),
    )


def _ratio(found: Result, a: str, b: str) -> str:
    return spread_words(found["ratios"][f"{a} / {b}"])


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Fills the page named first from the folder of results named second; exit status 2 on an error."""
    if len(arguments) != 2:
        print("usage: python -m benchmarks.page PAGE RESULTS", file=sys.stderr)
        return 2
    page, folder = map(Path, arguments)
    try:
        write_text(page, fill(page.read_text(), folder))
    except (RedraftError, OSError) as error:
        print(f"benchmarks.page: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
