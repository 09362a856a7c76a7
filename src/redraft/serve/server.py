"""The server: a socket, uvicorn on it with patience of a bounded length, and an end that finishes what runs."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from redraft.errors import ConfigError
from redraft.serve.guard import Guard

CONNECTIONS = 1_000  # at once
PATIENCE = 10.0  # seconds for the head of a request to arrive
IDLE = 15  # seconds that a connection is kept between requests
HEAD = 32_768  # bytes of a request's head


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which no head of a request arrives in time, or no response is read."""

    patience: float = PATIENCE
    _unsent = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.patience, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            return
        before, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if not self._unsent:
            self.transport.close()
        elif before and self._unsent >= before:
            self.transport.abort()  # nothing of a response was read for a while
        else:
            self._arm()


class Server(uvicorn.Server):
    """Runs the guarded app on a socket; SIGTERM and SIGINT end it once running requests are answered.

    Args:
        seconds: that the end waits for running requests at most.
        ready: called once requests are taken.
    """

    def __init__(self, app: Guard, *, seconds: float, ready: Callable[[], None] = lambda: None) -> None:
        self.guard, self.ready = app, ready
        # the guard keeps the log
        options: dict[str, Any] = {"log_config": None, "log_level": "critical", "access_log": False}
        options |= {
            "server_header": False,
            "lifespan": "on",
            "ws": "none",
            "http": PatientProtocol,
            "proxy_headers": False,
        }
        options |= {"timeout_keep_alive": IDLE, "limit_concurrency": CONNECTIONS, "h11_max_incomplete_event_size": HEAD}
        super().__init__(uvicorn.Config(app, **options, timeout_graceful_shutdown=int(seconds) + 1))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ends at once at the second signal; the first is no failure, so it is not raised again at the end."""
        self.drain(at_once=self.should_exit)

    def drain(self, *, at_once: bool = False) -> None:
        """Takes no new requests, and ends when those that run are answered."""
        self.guard.draining = True
        self.force_exit = at_once
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address; port 0 is any free one. Raises ConfigError where that cannot be."""
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise ConfigError(f"--host {host}: {error}") from error
    family, kind, protocol, _, address = places[0]
    # asyncio sends answers at once (TCP_NODELAY) only where the protocol is named: else they wait for 40 ms
    found = socket.socket(family, kind, protocol)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind(address)
        found.listen(1024)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"--port {port}: in use; --port 0 takes any that is free") from error
        raise ConfigError(f"--host {host} --port {port}: {error.strerror}") from error
    return found


def address_of(bound: socket.socket, host: str) -> str:
    """The URL of a socket, as one types it."""
    port = bound.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
