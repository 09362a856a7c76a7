"""The tools over the Model Context Protocol: on standard streams, or as HTTP beside the API. Official Python SDK."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import mcp.types as wire
from mcp import MCPError
from mcp.server import Server
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from redraft import __version__
from redraft.serve.async_service import AsyncService
from redraft.serve.guard import FACTS, FAULT, Access
from redraft.serve.limits import Refused
from redraft.serve.tools.tools import TOOLS, Tool, text_of
from redraft.serve.types import Replied

PATH = "/mcp"
APP = "ui://redraft/drafts.html"  # a page that clients may show beside the result of `explain`
INSTRUCTIONS = (
    "Tiny recursive models solve Sudoku and mazes here, offline. Call `solve` rather than working a puzzle out "
    "yourself: `solved` answers are checked by the rules. `check` judges an answer of your own."
)
# no tool changes anything, or reaches anything outside
_HINTS = wire.ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


class ToolServer:
    """The tools of a service, for any transport; its `server` speaks the protocol."""

    def __init__(self, worker: AsyncService) -> None:
        self.worker, self.limits = worker, worker.limits
        self.active = 0
        self.server: Server[Any] = Server(
            "redraft",
            title="redraft",
            version=__version__,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_list_resources=self._resources,
            on_read_resource=self._resource,
        )
        self.server.extensions[EXTENSION_ID] = {}

    async def _list(self, context: Any, params: wire.PaginatedRequestParams | None) -> wire.ListToolsResult:
        return wire.ListToolsResult(
            tools=[
                wire.Tool(
                    name=name,
                    title=tool.title,
                    description=tool.about,
                    input_schema=tool.schema(),
                    output_schema=tool.response.model_json_schema(mode="serialization"),
                    annotations=_HINTS,
                    _meta={"ui": {"resourceUri": APP}} if name == "explain" else None,
                )
                for name, tool in TOOLS.items()
            ]
        )

    async def _resources(self, context: Any, params: wire.PaginatedRequestParams | None) -> wire.ListResourcesResult:
        app = wire.Resource(uri=APP, name="drafts", title="How the answer was drafted", mime_type=APP_MIME_TYPE)
        return wire.ListResourcesResult(resources=[app])

    async def _resource(self, context: Any, params: wire.ReadResourceRequestParams) -> wire.ReadResourceResult:
        if str(params.uri) != APP:
            raise MCPError(wire.INVALID_PARAMS, f"no such resource; expected {APP}", {"uri": str(params.uri)})
        text = files("redraft.serve.tools").joinpath("drafts.html").read_text(encoding="utf-8")
        content = wire.TextResourceContents(uri=APP, mime_type=APP_MIME_TYPE, text=text)
        return wire.ReadResourceResult(contents=[content])

    async def _call(self, context: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            known = ", ".join(TOOLS)
            raise MCPError(wire.INVALID_PARAMS, f"unknown tool {params.name[:80]!r}; expected one of {known}")
        self.active += 1
        try:
            if self.active > self.limits.requests:
                raise Refused(f"{self.limits.requests} requests are being worked on", status=429)
            response = await self._answer(tool, params.arguments or {})
        except Refused as error:
            return _result(error.response(), is_error=True)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return _result(FAULT.response(), is_error=True)
        finally:
            self.active -= 1
        return _result(response, structured_content=response.plain())

    async def _answer(self, tool: Tool, arguments: dict[str, Any]) -> Replied:
        service, worker = self.worker.service, self.worker
        try:
            length = len(json.dumps(arguments))
        except RecursionError:
            raise Refused("nested too deeply", status=400) from None
        if length > self.limits.body:
            raise Refused(f"the arguments are larger than {self.limits.body:,} bytes", status=413)
        request, begin = tool.read(arguments), tool.begin
        if begin is None:
            return await worker.in_thread(lambda: tool.finish(service, request))
        work = await worker.begin(lambda: begin(service, request))
        try:
            await worker.wait(work)
            return await worker.in_thread(lambda: tool.finish(service, work))
        finally:
            work.cancel()  # if the client left

    async def serve_stdio(self) -> None:
        """Serves the client on standard input and output until the input ends."""
        async with stdio_server() as (read, write):
            await self.server.run(read, write, self.server.create_initialization_options())


class ToolEndpoint:
    """Streamable HTTP at a path of an app, behind its guard, without sessions.

    Its `lifespan` has to be that of the app.
    """

    def __init__(self, tools: ToolServer, access: Access) -> None:
        self.access, self.limits = access, tools.limits
        self.manager = StreamableHTTPSessionManager(
            tools.server, stateless=True, max_request_body_size=tools.limits.body
        )

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        async with self.manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[FACTS]["path"] = PATH
        self._require_origin(Request(scope))
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:  # a body arrives in `seconds`, and is worked on for as long
            async with asyncio.timeout(2 * self.limits.seconds + 1):
                await self.manager.handle_request(scope, receive, noted)
        except TimeoutError:
            if not started:
                raise Refused(f"the body did not arrive in {self.limits.seconds:g} seconds", status=408) from None

    def _require_origin(self, request: Request) -> None:
        """Raises Refused for a browser on another page, unless that page is allowed."""
        origin = request.headers.get("origin")
        if origin is None or "*" in self.access.origins or origin in self.access.origins:
            return
        if urlsplit(origin).netloc != request.headers.get("host"):
            raise Refused(
                "pages elsewhere are not allowed; --allow-origin ORIGIN allows one", where="Origin", status=403
            )


def _result(response: Replied, **also: Any) -> wire.CallToolResult:
    """A result, or an error that the model can act on: text alone, because it has not the type of a result."""
    return wire.CallToolResult(content=[wire.TextContent(type="text", text=text_of(response))], **also)
