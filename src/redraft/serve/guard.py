"""The guard of the API: accepted hosts, origins and tokens, requests at once, log and metrics."""

from __future__ import annotations

import hmac
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from redraft.serve.limits import Refused

LogLevel = Literal["info", "warning", "error"]
LEAST_LOGGED = {"info": 0, "warning": 400, "error": 500}  # the statuses that are logged at a level, from this one
GONE = 499  # in the log: the client left before there was an answer
BUCKETS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)  # seconds
FACTS = "redraft"  # the key of the scope under which handlers leave what is logged

PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "600",
}
FAULT = Refused("a fault of the server", status=500)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: names that the Host header may have; none: any.
        token: what a client must send as a bearer, if any.
        origins: of pages elsewhere that may ask from a browser; `*` for all.
        open_paths: paths that need no token.
    """

    hosts: Sequence[str] = ()
    token: str | None = None
    origins: Sequence[str] = ()
    open_paths: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class Figures:
    """Counts since the start, for Prometheus; touched by the event loop's thread alone."""

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    puzzles: Counter[str] = field(default_factory=Counter)  # by the status of the result
    buckets: Counter[float] = field(default_factory=Counter)
    seconds: float = 0.0
    active: int = 0

    def observe(self, path: str, status: int, seconds: float) -> None:
        self.requests[path, status] += 1
        self.seconds += seconds
        for bound in BUCKETS:
            self.buckets[bound] += seconds <= bound

    def text(self, gauges: Mapping[str, Mapping[str, int]]) -> str:
        """All of them in Prometheus' text format; `gauges` by name and weights."""
        total = sum(self.requests.values())
        lines = ["# TYPE redraft_requests_total counter"]
        for (path, status), count in sorted(self.requests.items()):
            lines.append(f'redraft_requests_total{{path="{path}",status="{status}"}} {count}')
        lines.append("# TYPE redraft_puzzles_total counter")
        lines += [f'redraft_puzzles_total{{status="{name}"}} {count}' for name, count in sorted(self.puzzles.items())]
        lines.append("# TYPE redraft_request_seconds histogram")
        lines += [f'redraft_request_seconds_bucket{{le="{bound:g}"}} {self.buckets[bound]}' for bound in BUCKETS]
        lines.append(f'redraft_request_seconds_bucket{{le="+Inf"}} {total}')
        lines += [f"redraft_request_seconds_sum {self.seconds:.6f}", f"redraft_request_seconds_count {total}"]
        lines += ["# TYPE redraft_active_requests gauge", f"redraft_active_requests {self.active}"]
        for gauge, values in gauges.items():
            lines.append(f"# TYPE redraft_{gauge} gauge")
            lines += [f"redraft_{gauge}{{weights={json.dumps(name)}}} {value}" for name, value in values.items()]
        return "\n".join(lines) + "\n"


class ClientGoneError(Exception):
    """The client has disconnected."""


def error_response(error: Refused) -> Response:
    """An error as JSON."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error.response().plain(), error.status, headers)


class Guard:
    """Passes requests on to the app or refuses them, and writes the log."""

    def __init__(self, app: ASGIApp, access: Access, figures: Figures, *, most: int, level: LogLevel) -> None:
        self.app, self.access, self.figures, self.most = app, access, figures, most
        self.least_logged = LEAST_LOGGED[level]
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        scope[FACTS] = facts = {"path": "other", "puzzles": 0}
        status, started = 0, time.monotonic()
        origin = headers.get("origin", "")
        shared = bool(origin) and ("*" in self.access.origins or origin in self.access.origins)

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
                if shared:
                    message["headers"] += [(b"access-control-allow-origin", origin.encode()), (b"vary", b"Origin")]
            await send(message)

        self.figures.active += 1
        try:
            response: ASGIApp = self._refusal(scope, headers, shared=shared) or self.app
            await response(scope, receive, noted)
        except ClientGoneError:
            status = GONE
        except Exception:
            traceback.print_exc(file=sys.stderr)
            if not status:
                await error_response(FAULT)(scope, receive, noted)
            status = 500
        finally:
            self.figures.active -= 1
            seconds = time.monotonic() - started
            self.figures.observe(str(facts["path"]), status, seconds)
            if status >= self.least_logged:
                self._log(scope, status, seconds, facts["puzzles"])

    def _refusal(self, scope: Scope, headers: Mapping[str, str], *, shared: bool) -> Response | None:
        """The response to a refused request; None for one that may pass."""
        access = self.access
        try:
            if access.hosts and host_of(headers.get("host", "")) not in access.hosts:
                raise Refused("this host is not served here; --allow-host NAME lets it in", where="Host", status=421)
            if shared and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                return Response(status_code=204, headers=PREFLIGHT)
            if self.draining:
                raise Refused("the server is shutting down", status=503, retry_after=5)
            if scope["path"] in access.open_paths:
                return None
            if access.token is not None and not _has_token(headers.get("authorization", ""), access.token):
                raise Refused("expected a bearer token", where="Authorization", status=401)
            if self.figures.active > self.most:
                raise Refused(f"{self.most} requests are being worked on", status=429, retry_after=1)
        except Refused as error:
            return error_response(error)
        return None

    def _log(self, scope: Scope, status: int, seconds: float, puzzles: object) -> None:
        """Writes one JSON line, without puzzles or answers."""
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "method": scope["method"][:20],
            "path": scope["path"][:200],
            "status": status,
            "ms": round(seconds * 1000, 1),
            "puzzles": puzzles,
        }
        print(json.dumps(line), file=sys.stderr, flush=True)


def host_of(header: str) -> str:
    """The name in a Host header, without its port and the brackets of an IPv6 address."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.rpartition(":")[0].lower() if ":" in header else header.lower()


def _has_token(header: str, token: str) -> bool:
    scheme, _, sent = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.strip().encode(), token.encode())
