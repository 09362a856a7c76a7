"""The part of `redraft compare` that asks language models: options, endpoints and bounds."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from redraft.errors import ConfigError, require_at_least

if TYPE_CHECKING:
    from redraft.compare.llm.contender import Models

FOLDER = Path("runs/compare")  # where replies are kept unless --save names another
REPLIES = "replies.jsonl"
KEY = "OPENAI_API_KEY"
LONGEST = 86_400  # seconds that a reply may be allowed


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


def open_models(args: Llm, save: Path | None) -> Models | None:
    """The models, if any are named; raises ConfigError for impossible bounds or URLs, and for a missing key."""
    if (args.llm is None) != (not args.llm_model):
        raise ConfigError("--llm URL and --llm-model NAME belong together")
    require_at_least(1, {"--llm-limit": args.llm_limit, "--llm-max-tokens": args.llm_max_tokens})
    require_at_least(1, {"--llm-budget": args.llm_budget, "--llm-parallel": args.llm_parallel})
    require_at_least(0, {"--llm-retries": args.llm_retries})
    if not 0 < args.llm_timeout <= LONGEST:
        raise ConfigError(
            f"--llm-timeout: expected more than 0 and at most {LONGEST:,} seconds, got {args.llm_timeout:g}"
        )
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
    endpoints = [
        Endpoint(args.llm, model, key=key.strip(), timeout=args.llm_timeout, max_tokens=args.llm_max_tokens)
        for model in args.llm_model
    ]
    return Models(
        endpoints=endpoints,
        bounds=Bounds(retries=args.llm_retries, budget=args.llm_budget, parallel=args.llm_parallel),
        limit=args.llm_limit,
        file=(save or FOLDER) / REPLIES,
        report=lambda line: print(line, file=sys.stderr),
    )
