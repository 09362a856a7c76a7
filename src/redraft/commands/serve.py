"""`redraft serve`: the page that solves in the browser, and the HTTP API beside it."""

from __future__ import annotations

import os
import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from redraft.commands.arguments import Flag, Trusted, parse
from redraft.errors import ConfigError
from redraft.serve.app import create_app
from redraft.serve.guard import LOOPBACK, Access, LogLevel
from redraft.serve.limits import Limits
from redraft.serve.models import open_all
from redraft.serve.page import page_files, write_page
from redraft.serve.server import Server, address_of, listen
from redraft.serve.service import Service

TOKEN = "REDRAFT_TOKEN"
LIMITS = Limits()
# Seconds that the thread which solves keeps the interpreter while a request waits to be read or answered. Python's own
# 0.005 left both idle: 16 clients got 270 answers a second, and get 370 so.
SWITCH = 0.0005


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tuple[str, ...], tyro.conf.arg(metavar="WEIGHTS …")] = ()
    """Bundled weights, folders of weights or of exported models; by default all bundled weights. The page adds
    the exported ones."""
    host: str = "127.0.0.1"
    """Address to listen on; by default this machine alone can connect. 0.0.0.0 or :: for others, too."""
    port: int = 8000
    """Port; 0 for any free one."""
    no_open: bool = False
    """Does not open the page in the browser, which happens on a terminal."""
    mcp: Flag = False
    """Offers the tools for language models at /mcp (streamable HTTP); needs the extra `mcp`."""
    static: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """Writes the page to a folder, for any web host, and serves nothing."""
    token: Annotated[str | None, tyro.conf.arg(metavar="TEXT")] = None
    """Bearer token that clients of the API must send; by default REDRAFT_TOKEN of the environment, if set."""
    allow_origin: Annotated[tuple[str, ...], tyro.conf.arg(metavar="ORIGIN …")] = ()
    """Other origins whose pages may use the API (https://example.org, or *); none by default."""
    allow_host: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME …")] = ()
    """Host names to accept, for example behind a proxy; by default localhost if only this machine can connect."""
    limits: tyro.conf.OmitArgPrefixes[Limits] = LIMITS
    log_level: LogLevel = "info"
    """Logs all requests, only failed ones (warning), or only faults of the server (error)."""
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto"
    """Backend that runs the models, as in redraft solve."""
    batch_size: Annotated[int | Literal["auto"], tyro.conf.arg(metavar="INT|auto")] = "auto"
    """Puzzles worked on at once, of all clients together; auto measures how many pay."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="serve", description="Serves the page and the HTTP API.")
    if not 0 <= args.port <= 65_535:
        raise ConfigError(f"--port: expected 0 to 65535, got {args.port}")
    token = args.token if args.token is not None else os.environ.get(TOKEN)
    if token is not None and not (token.isascii() and token.isprintable() and token.strip()):
        raise ConfigError(f"--token, {TOKEN}: expected printable ASCII, at least one character")
    opening: dict[str, Any] = {"backend": args.backend, "batch_size": args.batch_size, "trust": args.trust}
    if args.static is not None:
        models = open_all(args.weights, args.limits, **opening) if args.weights else []
        write_page(args.static, page_files(models))
        print(f"wrote the page to {args.static}", file=sys.stderr)
        return 0
    bound = listen(args.host, args.port)
    try:
        service = Service(open_all(args.weights, args.limits, **opening), args.limits)
    except BaseException:
        bound.close()
        raise
    local = args.host in LOOPBACK
    hosts = (*(LOOPBACK if local else ()), *map(str.lower, args.allow_host))
    access = Access(hosts=hosts, token=token, origins=args.allow_origin)
    page = page_files(service.models, api=token is None)
    app = create_app(service, access, page, tools=args.mcp, level=args.log_level)
    url = address_of(bound, args.host)
    if not local and token is None:
        print(
            "redraft serve: warning: anyone who reaches this address may use it; --token asks for one", file=sys.stderr
        )

    def ready() -> None:
        print(f"redraft serve: {url} (Ctrl-C ends it)", file=sys.stderr, flush=True)
        if not args.no_open and sys.stdout.isatty():
            webbrowser.open(url)

    sys.setswitchinterval(SWITCH)
    Server(app, seconds=args.limits.seconds, ready=ready).run([bound])
    service.close()
    return 0
