"""`python -m benchmarks serve`: a load test of `redraft serve`, with clients and server on this machine.

A server process of its own is asked by some clients at once, each of which sends a puzzle as soon as it has the answer
to the last. Every answer is checked against the question it was sent for. The same is measured of a server that works
on one puzzle at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.published.contest import environment
from redraft.commands.bench import Common
from redraft.errors import RedraftError, require_at_least
from redraft.tasks import Task, get_task

if TYPE_CHECKING:
    from redraft.bench.contest import Log

MOST = 512  # clients
WARM = 300  # requests before the clock runs: the 256th Sudoku has its check compiled


@dataclass(frozen=True, kw_only=True)
class Serve(Common):
    weights: str = "sudoku-6x6"
    """Bundled weights."""
    requests: int = 1000
    """Requests of all clients together, a puzzle each."""
    clients: tuple[int, ...] = (1, 16, 128)
    """How many ask at once; each number is measured."""
    seed: int = 4242
    """Of the puzzles."""


def measure_serve(args: Serve, threads: int, log: Log) -> dict[str, Any]:
    """The measurement as plain values for JSON; raises RedraftError where an answer is lost, mixed up or wrong."""
    require_at_least(1, {"--requests": args.requests, "--clients": min(args.clients, default=0)})
    if max(args.clients) > MOST:
        raise RedraftError(f"--clients: expected at most {MOST}, got {max(args.clients)}")
    task = get_task(args.weights.removesuffix("-eq"))
    questions = [task.format(each) for each in task.make(args.requests, args.seed).questions]
    rows = []
    for batch in ("auto", "1"):
        with _server(args.weights, batch, threads) as (port, process):
            asyncio.run(_ask(task, port, questions[:WARM], clients=16))  # kernels are loaded
            for clients in args.clients:
                log(f"{clients} clients, batch of {batch}")
                before = _processor_seconds(process)
                row = asyncio.run(_ask(task, port, questions, clients=clients))
                spent = (_processor_seconds(process) - before) / row["answers"] * 1000
                rows.append({"batch_size": batch, **row, "server_cpu_ms_per_request": spent})
    return {"weights": args.weights, "requests": args.requests, "rows": rows}


@contextmanager
def _server(weights: str, batch: str, threads: int) -> Iterator[tuple[int, int]]:
    """Within it a server runs: its port, and the number of its process."""
    options = ["--weights", weights, "--batch-size", batch, "--port", "0", "--no-open", "--log-level", "error"]
    command = [sys.executable, "-m", "redraft", "serve", *options, "--requests", str(2 * MOST)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(threads))
    assert running.stderr is not None
    try:
        for line in running.stderr:
            if found := re.search(r"http://\S+:(\d+)/", line):
                yield int(found[1]), running.pid
                break
        else:
            raise RedraftError(f"redraft serve --weights {weights} did not start")
    finally:
        running.terminate()
        running.wait()
        running.stderr.close()


def _processor_seconds(process: int) -> float:
    """Processor seconds of a process, which a busy machine changes less than waiting times; 0 if unknown."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _ask(task: Task, port: int, questions: Sequence[str], *, clients: int) -> dict[str, Any]:
    """The results of all questions from several clients at once."""
    waiting, seconds, solved = list(reversed(questions)), [], 0

    async def client() -> None:
        nonlocal solved
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            question = waiting.pop()
            started = perf_counter()
            result = await _solve(reader, writer, question)
            seconds.append(perf_counter() - started)
            solved += _require_own(task, question, result)
        writer.close()
        await writer.wait_closed()

    started = perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    whole = perf_counter() - started
    if len(seconds) != len(questions):
        raise RedraftError(f"{len(questions):,} requests, {len(seconds):,} answers")
    p50, p99 = (float(each) * 1000 for each in np.percentile(seconds, [50, 99]))
    figures = {"requests_per_second": len(seconds) / whole, "p50_ms": p50, "p99_ms": p99, "seconds": whole}
    return {"clients": clients, "answers": len(seconds), "solved": solved, **figures}


async def _solve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: str) -> dict[str, Any]:
    """The result of one puzzle, over a connection that is kept."""
    body = json.dumps({"puzzle": question}).encode()
    head = "POST /v1/solve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    writer.write(head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
    content = await reader.readexactly(int(length[1]) if length else 0)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RedraftError(f"{question}: {answer.splitlines()[0].decode()} {content.decode()}")
    [result] = json.loads(content)["results"]
    return dict(result)


def _require_own(task: Task, question: str, result: dict[str, Any]) -> bool:
    """True for a solved puzzle; raises RedraftError if the result belongs to another puzzle or is wrong."""
    if result["question"] != question:
        raise RedraftError(f"{question}: the answer is to {result['question']}")
    if result["status"] != "solved":
        return False
    if not task.check(task.parse(question), task.parse(result["answer"])):
        raise RedraftError(f"{question}: wrong answer {result['answer']}")
    return True


def show_serve(found: dict[str, Any], console: Console) -> None:
    """Prints the table."""
    columns = ("batch", "clients", "requests/s", "p50 ms", "p99 ms", "server CPU ms", "solved")
    table = Table(*columns, title=f"redraft serve, {found['weights']}")
    for row in found["rows"]:
        milliseconds = (f"{row[key]:,.1f}" for key in ("p50_ms", "p99_ms", "server_cpu_ms_per_request"))
        figures = (f"{row['requests_per_second']:,.0f}", *milliseconds)
        table.add_row(row["batch_size"], str(row["clients"]), *figures, f"{row['solved']:,} of {row['answers']:,}")
    console.print(table)
