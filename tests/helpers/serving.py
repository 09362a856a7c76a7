"""A server in a thread, a client that speaks to it, and a model whose steps a test lets through one by one."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from redraft.backends.protocol import Draft
from redraft.serve.app import create_app
from redraft.serve.guard import Access, LogLevel
from redraft.serve.limits import Limits
from redraft.serve.models import Served
from redraft.serve.page import page_files
from redraft.serve.server import Server, listen
from redraft.serve.service import Service
from redraft.serve.shared import SharedSolver
from redraft.solve.solver import Solver
from redraft.tasks import get_task

TASK = get_task("sudoku-4x4")
MADE = TASK.make(40, 0)
QUESTIONS = [TASK.format(each) for each in MADE.questions]
ANSWERS = [TASK.format(each) for each in MADE.answers]
WAIT = 60  # seconds after which a test has failed


class Gated:
    """Answers puzzle k of MADE rightly at its step `needed[k]` (1 if not given).

    With `gate`, every step waits until the test lets it through; `widths` are the puzzles of each step.
    """

    recursions = 1

    def __init__(self, needed: dict[int, int] | None = None, *, gated: bool = False) -> None:
        self.needed, self.gated = needed or {}, gated
        self.gate, self.arrived = threading.Semaphore(0), threading.Semaphore(0)
        self.widths: list[int] = []
        self.fails = False
        self.keys = {row.tobytes(): number for number, row in enumerate(TASK.encode(MADE.questions))}
        self.right = TASK.encode(MADE.answers)

    def start(self, inputs: np.ndarray, puzzle_ids: np.ndarray, tries: np.ndarray) -> list[tuple[int, int]]:
        return [(self.keys[row.tobytes()], 0) for row in inputs]

    def step(self, state: list[tuple[int, int]], recursions: int | None = None) -> tuple[list[tuple[int, int]], Draft]:
        self.widths.append(len(state))
        self.arrived.release()
        if self.gated:
            assert self.gate.acquire(timeout=WAIT)
        if self.fails:
            self.fails = False
            raise ArithmeticError("as a test wants it")
        state = [(number, steps + 1) for number, steps in state]
        tokens = [
            self.right[number] if steps >= self.needed.get(number, 1) else np.roll(self.right[number], 1)
            for number, steps in state
        ]
        return state, Draft(np.stack(tokens), np.zeros(len(state), np.float32))

    def logits(self, state: list[tuple[int, int]]) -> np.ndarray:
        """Sure of the right symbol everywhere, and surest of the last cell."""
        found = np.zeros((len(state), TASK.seq_len, TASK.vocab_size), np.float32)
        for row, (number, _) in enumerate(state):
            found[row, np.arange(TASK.seq_len), self.right[number]] = 1 + np.arange(TASK.seq_len)
        return found

    def select(self, state: list[tuple[int, int]], rows: np.ndarray) -> list[tuple[int, int]]:
        return [state[row] for row in rows]

    def join(self, first: list[tuple[int, int]], second: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return first + second

    def reached(self) -> None:
        """Waits until the solver is at its next step."""
        assert self.arrived.acquire(timeout=WAIT)

    def open(self) -> None:
        """Lets all steps through from now on."""
        self.gated = False
        self.gate.release(1000)


def served(stepper: Gated, limits: Limits, folder: Path, *, batch_size: int = 8, max_steps: int = 50) -> Served:
    (folder / "config.json").write_text("{}")
    solver = Solver(stepper, TASK, batch_size=batch_size, max_steps=max_steps, trace=False)
    shared = SharedSolver(solver, queue=limits.queue)
    return Served(name="gated", folder=folder, task=TASK, shared=shared, steps=limits.steps)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        assert set(found) == {"message", "where", "status"} and found["status"] == self.status
        return found


class Client:
    """Asks the server on a port, on a new connection each time."""

    def __init__(self, port: int, server: Server | None = None, service: Service | None = None) -> None:
        self.port = port
        self._server, self._service = server, service

    @property
    def server(self) -> Server:
        assert self._server is not None
        return self._server

    @property
    def service(self) -> Service:
        assert self._service is not None
        return self._service

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            got = connection.getresponse()
            return Reply(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, values: Any, **headers: str) -> Reply:
        named = {"Content-Type": "application/json"} | {name.replace("_", "-"): v for name, v in headers.items()}
        return self.ask("POST", path, values if isinstance(values, bytes) else json.dumps(values), named)


@contextmanager
def serving(
    models: list[Served],
    limits: Limits,
    access: Access | None = None,
    *,
    tools: bool = False,
    level: LogLevel = "info",
    built: Path = Path("nowhere"),
) -> Iterator[Client]:
    """Within it, a server on a free port of this machine; at the end it is shut down as by SIGTERM."""
    service = Service(models, limits)
    app = create_app(service, access or Access(), page_files(models, built=built), tools=tools, level=level)
    bound, ready = listen("127.0.0.1", 0), threading.Event()
    port = bound.getsockname()[1]
    server = Server(app, seconds=limits.seconds, ready=ready.set)
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    try:
        assert ready.wait(WAIT)
        yield Client(port, server, service)
    finally:
        server.drain()
        thread.join(WAIT)
        assert not thread.is_alive()
        service.close()


class Background:
    """A call in a thread, whose result is asked for later."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self._found: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._found.append(call(*arguments)), daemon=True)
        self._thread.start()

    def result(self) -> Any:
        self._thread.join(WAIT)
        assert self._found, "no result"
        return self._found[0]
