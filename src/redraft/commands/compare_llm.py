"""The part of `redraft compare` that asks language models: endpoints, bounds, prompts, and what is kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import tyro

from redraft.progress import progress

if TYPE_CHECKING:
    from redraft.compare.compare import Outcome
    from redraft.compare.llm.ask import Bounds
    from redraft.compare.llm.contender import Pairs
    from redraft.compare.llm.endpoint import Endpoint
    from redraft.compare.rows import Rows

FOLDER = Path("runs/compare")  # where replies are kept unless --save names another
REPLIES = "replies.jsonl"
KEY = "OPENAI_API_KEY"
LONGEST = 86_400  # seconds that a reply may be allowed


@dataclass(frozen=True, kw_only=True)
class Llm:
    """Language models as contenders."""

    llm: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """An OpenAI-compatible endpoint, such as http://localhost:11434/v1, that is asked the same puzzles."""
    llm_model: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="NAME")] = ()
    """The model to ask there; may be given several times."""
    llm_limit: int = 20
    """Rows it is asked at most, drawn at random, always the same ones."""
    llm_timeout: float = 120.0
    """Seconds that a reply may take."""
    llm_retries: int = 2
    """More tries after too many requests, a fault of the server or no reply."""
    llm_max_tokens: int = 4096
    """Tokens of a reply at most, thinking included."""
    llm_budget: int = 200_000
    """Tokens that asking each model may use, questions and replies together."""
    llm_parallel: int = 4
    """Requests under way at once."""
    llm_key_env: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """The environment variable with the key, OPENAI_API_KEY if not given; it is neither shown nor kept."""


class ModelReplies(NamedTuple):
    """What language models did, what one should know about it, and why some of them stopped."""

    outcomes: list[Outcome]
    notes: list[str]
    errors: list[str]


def ask_models(args: Llm, rows: Rows, examples: Callable[[int], Pairs], save: Path | None) -> ModelReplies:
    """Asks every model, with `examples` of each row; an endpoint that fails ends its own turn alone."""
    from redraft.compare.contest import make_folder
    from redraft.compare.llm.ask import Cache
    from redraft.compare.llm.contender import measure, notes

    folder = save or FOLDER
    make_folder(folder)
    file = folder / REPLIES
    found = ModelReplies([], [], [])
    for endpoint in open_endpoints(args):
        count = min(args.llm_limit, len(rows.store))
        print(
            f"asking {endpoint.model} at {endpoint.place} {count:,} of {len(rows.store):,} rows (--llm-limit), with at "
            f"most {args.llm_budget:,} tokens; replies are kept in {file}",
            file=sys.stderr,
        )
        with progress(f"asking {endpoint.model}", count) as tell:
            outcome, asked = measure(
                endpoint,
                rows.task,
                rows.store,
                examples,
                Cache(file),
                bounds(args),
                limit=args.llm_limit,
                progress=tell,
            )
        facts = {**outcome.facts, "endpoint": endpoint.place, "max_tokens": endpoint.max_tokens}
        found.outcomes.append(replace(outcome, facts=facts))
        found.notes.extend(notes(endpoint.model, asked, facts, endpoint))
        if asked.error is not None:
            kept = (
                f"; the {len(asked.replies):,} replies that came count and are kept in {file}" if asked.replies else ""
            )
            found.errors.append(f"{endpoint.model}: {asked.stopped}{kept}")
    return found


def bounds(args: Llm) -> Bounds:
    """Bounds on the cost of asking a model."""
    from redraft.compare.llm.ask import Bounds

    return Bounds(retries=args.llm_retries, budget=args.llm_budget, parallel=args.llm_parallel)


def open_endpoints(args: Llm) -> list[Endpoint]:
    """An endpoint for each model; raises ConfigError for bounds or a URL that cannot be, and for a missing key."""
    from redraft.compare.llm.endpoint import Endpoint, keeps_secrets
    from redraft.errors import ConfigError, require_at_least

    if (args.llm is None) != (not args.llm_model):
        raise ConfigError("--llm URL and --llm-model NAME belong together")
    require_at_least(1, {"--llm-limit": args.llm_limit, "--llm-max-tokens": args.llm_max_tokens})
    if not 0 < args.llm_timeout <= LONGEST:
        raise ConfigError(
            f"--llm-timeout: expected more than 0 and at most {LONGEST:,} seconds, got {args.llm_timeout:g}"
        )
    bounds(args)
    if args.llm is None:
        return []
    key = os.environ.get(args.llm_key_env or KEY, "")
    if args.llm_key_env is not None and not key:
        raise ConfigError(f"--llm-key-env: the environment has no variable {args.llm_key_env}")
    if args.llm_key_env is None and not keeps_secrets(args.llm):
        key = ""  # nobody said that it is for this server, and others could read it on the way
    return [
        Endpoint(args.llm, model, key=key.strip(), timeout=args.llm_timeout, max_tokens=args.llm_max_tokens)
        for model in args.llm_model
    ]
