"""`redraft push`: weights to the Hugging Face Hub, with a model card."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from redraft import hub
from redraft.commands.arguments import Trusted, parse
from redraft.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Arguments:
    weights: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="WEIGHTS")]
    """A run's folder, a folder of weights, or of an exported model."""
    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="OWNER/NAME")]
    """The repository; it is created if needed."""
    private: bool = False
    """Makes a new repository private."""
    trust: Trusted = False


def run(arguments: list[str]) -> int:
    args = parse(Arguments, arguments, command="push", description="Uploads weights to the Hugging Face Hub.")
    from redraft.solve.load import find_weights
    from redraft.weights.format import describe

    name = args.name.removeprefix(hub.PREFIX)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ConfigError(f"OWNER/NAME: expected two words with a slash between, got {args.name!r}")
    folder = find_weights(args.weights)
    description = describe(folder)
    address = hub.push(folder, name, card=model_card(name, description.task, description.card), private=args.private)
    print(f"{address}: open it with redraft.load({hub.PREFIX + name!r})")
    return 0


def model_card(name: str, task: str | dict[str, Any], card: dict[str, Any]) -> str:
    """The text of README.md: metadata that the Hub reads, a summary, and how the weights are used."""
    called = task if isinstance(task, str) else str(task.get("name", "own puzzles"))
    summary = str(card.get("summary", f"Weights for {called}.")).strip()
    head = "---\nlibrary_name: redraft\ntags:\n- tiny-recursive-model\n- puzzles\n---"
    use = f'```python\nimport redraft\n\nsolver = redraft.load("{hub.PREFIX}{name}")\n```'
    return f"{head}\n# {name.partition('/')[2]}\n{summary}\n\nA tiny recursive model for {called}.\n\n{use}\n"
