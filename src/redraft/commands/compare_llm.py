"""The part of `redraft compare` that asks language models: options, endpoints and bounds."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from redraft.commands.arguments import Flag
from redraft.errors import ConfigError, require_at_least

if TYPE_CHECKING:
    from redraft.compare.llm.contender import Models
    from redraft.compare.llm.endpoint import Toolbox

FOLDER = Path("runs/compare")  # where replies are kept unless --save names another
REPLIES = "replies.jsonl"
KEY = "OPENAI_API_KEY"
LONGEST = 86_400  # seconds that a reply may be allowed
OFFERED = ("solve", "check", "hint")


@dataclass(frozen=True, kw_only=True)
class Llm:
    """Language models as contenders."""

    llm: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """An OpenAI-compatible endpoint, such as http://localhost:11434/v1, that gets the same puzzles."""
    llm_model: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="NAME")] = ()
    """The model there; may be given several times."""
    llm_limit: int = 20
    """Maximum number of rows, drawn at random, always the same ones."""
    llm_timeout: float = 120.0
    """Maximum time of a reply, in seconds."""
    llm_retries: int = 2
    """More tries after too many requests, a server error or no reply."""
    llm_max_tokens: int = 4096
    """Maximum length of a reply in tokens, thinking included."""
    llm_budget: int = 200_000
    """Maximum number of tokens per model, questions and replies together."""
    llm_parallel: int = 4
    """Requests under way at once."""
    llm_key_env: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """The environment variable with the key, by default OPENAI_API_KEY; the key is neither shown nor kept."""
    tools: Flag = False
    """Measure each model a second time, with tools of redraft mcp to call; the tools run the weights compared."""


def open_models(
    args: Llm, save: Path | None, weights: Sequence[str], stack: ExitStack, *, trust: bool = False
) -> Models | None:
    """The models, if any are named; `stack` closes their tools, which run the weights.

    Raises RedraftError for impossible bounds or URLs, for a missing key, and for tools without weights.
    """
    if (args.llm is None) != (not args.llm_model):
        raise ConfigError("--llm URL and --llm-model NAME belong together")
    require_at_least(1, {"--llm-limit": args.llm_limit, "--llm-max-tokens": args.llm_max_tokens})
    require_at_least(1, {"--llm-budget": args.llm_budget, "--llm-parallel": args.llm_parallel})
    require_at_least(0, {"--llm-retries": args.llm_retries})
    if not 0 < args.llm_timeout <= LONGEST:
        raise ConfigError(
            f"--llm-timeout: expected more than 0 and at most {LONGEST:,} seconds, got {args.llm_timeout:g}"
        )
    if args.tools and (args.llm is None or not weights):
        raise ConfigError("--tools needs --llm URL, and the weights that the tools run: sudoku-9x9 --llm URL --tools")
    if args.llm is None:
        return None
    from redraft.compare.llm.ask import Bounds
    from redraft.compare.llm.contender import Models
    from redraft.compare.llm.endpoint import Endpoint, keeps_secrets

    key = os.environ.get(args.llm_key_env or KEY, "")
    if args.llm_key_env is not None and not key:
        raise ConfigError(f"--llm-key-env: the environment has no variable {args.llm_key_env}")
    if args.llm_key_env is None and not keeps_secrets(args.llm):
        key = ""  # nobody named it for this server, and others could read it on the way
    tools = [None, _toolbox(weights, stack, trust)] if args.tools else [None]
    bounds: dict[str, Any] = {"timeout": args.llm_timeout, "max_tokens": args.llm_max_tokens}
    endpoints = [
        Endpoint(args.llm, model, key=key.strip(), tools=each, **bounds) for model in args.llm_model for each in tools
    ]
    return Models(
        endpoints=endpoints,
        bounds=Bounds(retries=args.llm_retries, budget=args.llm_budget, parallel=args.llm_parallel),
        limit=args.llm_limit,
        file=(save or FOLDER) / REPLIES,
        report=lambda line: print(line, file=sys.stderr),
    )


def _toolbox(contenders: Sequence[str], stack: ExitStack, trust: bool) -> Toolbox:
    """The tools that help to solve a puzzle, for function calling; they run the weights of contenders."""
    from redraft.compare.llm.endpoint import Toolbox
    from redraft.serve.limits import Limits
    from redraft.serve.models import open_all
    from redraft.serve.service import Service
    from redraft.serve.tools.tools import call, function

    names = [name if os.path.exists(name) else re.sub(r"@\d+$", "", name) for name in contenders]
    weights = list(dict.fromkeys(name for name in names if not name.endswith(".npz")))
    limits = Limits()
    service = Service(open_all(weights, limits, trust=trust), limits)
    stack.callback(service.close)
    return Toolbox(
        definitions=[function(name) for name in OFFERED],
        call=partial(call, service, OFFERED),
        about=", ".join(weights),
    )
