"""The HTTP API: reads a request, calls the service in a thread, writes the response. Starlette."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from redraft.serve import openapi
from redraft.serve.async_service import AsyncService
from redraft.serve.guard import FACTS, FAULT, Access, ClientGoneError, Figures, Guard, LogLevel, error_response
from redraft.serve.limits import Refused, invalid
from redraft.serve.page import PageFile, page_response
from redraft.serve.service import Service, Work
from redraft.serve.types import DraftEvent, OneRequest, Replied, SolveRequest
from redraft.solve.answer import TraceStep
from redraft.tasks import Task

T = TypeVar("T")
K = TypeVar("K", bound=BaseModel)

LINGER = 1.0  # seconds that the rest of a body which is not wanted is read


class Api:
    """The endpoints; `openapi.ENDPOINTS` has the table."""

    def __init__(self, worker: AsyncService, figures: Figures) -> None:
        self.worker, self.service, self.figures, self.limits = worker, worker.service, figures, worker.service.limits
        self._document = openapi.document()

    # endpoints
    async def solve(self, request: Request) -> Response:
        asked = await self._read(request, SolveRequest)
        work = await self.worker.begin(lambda: self.service.begin(asked))
        async with self._while_there(request, work):
            await self.worker.wait(work)
        response = work.response()
        self._count(request, response.results)
        return JSONResponse(response.plain())

    async def stream(self, request: Request) -> Response:
        asked = await self._read(request, OneRequest)
        loop, events = asyncio.get_running_loop(), asyncio.Queue[TraceStep | None]()

        def listen(step: TraceStep, logits: object) -> None:
            _put(loop, events, step)

        work = await self.worker.begin(lambda: self.service.watch(asked, listen))
        task = work.served.task
        for future in work.futures:
            future.add_done_callback(lambda _: _put(loop, events, None))

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            head = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 200, "headers": head})

            async def put(name: str, event: Replied | None) -> None:
                data = "{}" if event is None else json.dumps(event.plain())
                body = f"event: {name}\ndata: {data}\n\n".encode()
                await send({"type": "http.response.body", "body": body, "more_body": True})

            async with self._while_there(request, work):
                with suppress(TimeoutError):  # `work.response` has the words for it
                    async with asyncio.timeout(self.limits.seconds):
                        steps = 0
                        while (step := await events.get()) is not None:
                            steps += 1
                            await put("draft", _draft_event(task, step, steps))
                try:
                    response = work.response()
                    self._count(request, response.results)
                    await put("answer", response)
                    await put("done", None)
                except Refused as error:
                    await put("error", error.response())
                await send({"type": "http.response.body", "body": b""})

        return _Raw(respond)

    async def check(self, request: Request) -> Response:
        return await self._call(request, self.service.check)

    async def make(self, request: Request) -> Response:
        return await self._call(request, self.service.make)

    async def hint(self, request: Request) -> Response:
        asked = await self._read(request, OneRequest)
        work = await self.worker.begin(lambda: self.service.begin_hint(asked))
        async with self._while_there(request, work):
            await self.worker.wait(work)
        return JSONResponse(self.service.hint_of(work).plain())

    async def models(self, request: Request) -> Response:
        return JSONResponse(self.service.list_models().plain())

    async def health(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def metrics(self, request: Request) -> Response:
        each = {served.name: served.shared for served in self.service.models}
        gauges = {
            "waiting_puzzles": {name: shared.waiting for name, shared in each.items()},
            "running_puzzles": {name: shared.running for name, shared in each.items()},
        }
        return PlainTextResponse(self.figures.text(gauges), media_type="text/plain; version=0.0.4")

    async def document(self, request: Request) -> Response:
        return JSONResponse(self._document)

    def routes(self) -> list[Route]:
        """The routes of all endpoints, and of the document that describes them."""
        named = [(endpoint.path, endpoint.name, endpoint.method) for endpoint in openapi.ENDPOINTS]
        found = []
        for path, name, method in [*named, ("/openapi.json", "document", "GET")]:
            found.append(Route(path, _placed(path, getattr(self, name)), methods=[method], name=name))
        return found

    # requests
    async def _read(self, request: Request, kind: type[K]) -> K:
        """The body of a request, validated; raises Refused if it is too large, too slow or invalid."""
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != "application/json":
            raise Refused("expected application/json", where="Content-Type", status=415)
        most = self.limits.body
        too_large = Refused(f"the body is larger than {most:,} bytes", status=413)
        length = request.headers.get("content-length", "0")
        request.scope[FACTS]["unread"] = True
        if not length.isdecimal() or int(length[:20]) > most:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > most:
                        raise too_large
        except TimeoutError:
            raise Refused(f"the body did not arrive in {self.limits.seconds:g} seconds", status=408) from None
        except ClientDisconnect:
            raise ClientGoneError from None
        request.scope[FACTS]["unread"] = False
        try:
            return kind.model_validate_json(bytes(body))
        except ValidationError as error:
            raise invalid(error, kind) from error

    async def _call(self, request: Request, function: Callable[[Any], Replied]) -> Response:
        """The response of a function that needs no solver."""
        kind = next(each.request for each in openapi.ENDPOINTS if each.path == request.url.path)
        assert kind is not None
        asked = await self._read(request, kind)
        response = await self.worker.in_thread(lambda: function(asked))
        return JSONResponse(response.plain())

    @asynccontextmanager
    async def _while_there(self, request: Request, work: Work) -> AsyncIterator[None]:
        """Raises ClientGoneError inside as soon as the client leaves; cancels unfinished work at the end."""
        task = asyncio.current_task()
        assert task is not None
        left = False

        async def watch() -> None:
            nonlocal left
            while (await request.receive())["type"] != "http.disconnect":
                pass
            left = True
            task.cancel()

        watcher = asyncio.create_task(watch())
        try:
            yield
        except asyncio.CancelledError:
            if not left:
                raise
            task.uncancel()
            raise ClientGoneError from None
        finally:
            watcher.cancel()
            work.cancel()

    def _count(self, request: Request, results: list[Any]) -> None:
        request.scope[FACTS]["puzzles"] = len(results)
        self.figures.puzzles.update(result.status for result in results)


class _Raw(Response):
    """A response that writes itself."""

    def __init__(self, respond: Callable[[Scope, Receive, Send], Any]) -> None:
        self.respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.respond(scope, receive, send)


def create_app(
    service: Service,
    access: Access,
    page: Mapping[str, PageFile],
    *,
    tools: bool = False,
    level: LogLevel = "info",
) -> Guard:
    """The API and the page behind their guard; with `tools`, also tools for language models at /mcp."""
    figures, worker = Figures(), AsyncService(service)
    pages = [Route(f"/{path}", _placed("page", page_response(file)), methods=["GET"]) for path, file in page.items()]
    if "index.html" in page:
        pages.append(Route("/", _placed("page", page_response(page["index.html"])), methods=["GET"]))
    lifespan = None
    if tools:
        from redraft.serve.tools.mcp import PATH, ToolEndpoint, ToolServer  # an extra of its own

        endpoint = ToolEndpoint(ToolServer(worker), access)
        lifespan = endpoint.lifespan
        pages.append(Route(PATH, endpoint, methods=["POST"]))
    app = Starlette(
        routes=[*Api(worker, figures).routes(), *pages],
        exception_handlers={Refused: _refused, HTTPException: _http_error, Exception: _fault},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    needs_none = {each.path for each in openapi.ENDPOINTS if each.open} | {f"/{path}" for path in page}
    open_access = Access(
        hosts=access.hosts, token=access.token, origins=access.origins, open_paths=frozenset(needs_none | {"/"})
    )
    return Guard(app, open_access, figures, most=service.limits.requests, level=level)


def _placed(path: str, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """The handler, which records its path for log and metrics."""

    async def handle(request: Request) -> Response:
        request.scope[FACTS]["path"] = path
        response: Response = await handler(request)
        return response

    return handle


def _draft_event(task: Task, step: TraceStep, steps: int) -> DraftEvent:
    probability = round(step.halt_probability, 6)
    return DraftEvent(step=steps, attempt=step.attempt, draft=task.format(step.grid), halt_probability=probability)


def _put(loop: asyncio.AbstractEventLoop, events: asyncio.Queue[T], event: T) -> None:
    """Puts an event from another thread, unless the loop has ended."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(events.put_nowait, event)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    response = error_response(error)
    return _Raw(partial(_linger, response)) if request.scope[FACTS].get("unread") else response


async def _linger(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a response to a request that was not read to its end, and discards more of it for a moment.

    A client that is still sending would otherwise find the connection reset, and not see the response.
    """
    response.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                pass
    await send({"type": "http.response.body", "body": b""})


async def _fault(request: Request, error: Exception) -> Response:
    return error_response(FAULT)  # the guard writes what it was to the log


async def _http_error(request: Request, error: Exception) -> Response:
    """An error of the router: no such path, or another method."""
    assert isinstance(error, HTTPException)
    allowed = (error.headers or {}).get("Allow", "")
    message = f"expected {allowed}, got {request.method[:20]}" if error.status_code == 405 else "no such path"
    response = error_response(Refused(message, where=request.url.path[:200], status=error.status_code))
    response.headers.update(error.headers or {})
    return response
