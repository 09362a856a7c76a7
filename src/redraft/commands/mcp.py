"""`redraft mcp`: tools for a language model's client, on standard input and output."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import mcp  # noqa: F401  # first, as its extra has all that the rest needs
import tyro

from redraft.commands.arguments import Trusted, parse
from redraft.serve.async_service import AsyncService
from redraft.serve.limits import Limits
from redraft.serve.models import open_all
from redraft.serve.service import Service
from redraft.serve.tools.mcp import ToolServer

LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tuple[str, ...], tyro.conf.arg(metavar="WEIGHTS …")] = ()
    """Bundled weights, or folders of weights or of exported models; by default all bundled ones."""
    limits: tyro.conf.OmitArgPrefixes[Limits] = LIMITS
    backend: Literal["auto", "torch", "numpy", "onnx"] = "auto"
    """Backend that runs the models, as in redraft solve."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    description = "Offers tools to a language model over the Model Context Protocol, on standard input and output."
    args = parse(Arguments, arguments, command="mcp", description=description)
    service = Service(open_all(args.weights, args.limits, backend=args.backend, trust=args.trust), args.limits)
    if sys.stdin.isatty():
        print("redraft mcp: a client starts this command and speaks to it; Ctrl-C ends it", file=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once: a thread that reads the input cannot be interrupted
    asyncio.run(ToolServer(AsyncService(service)).serve_stdio())
    service.close()
    return 0
