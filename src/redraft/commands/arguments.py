"""The arguments of every command: a frozen dataclass whose fields become flags (tyro)."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import tyro

from redraft.commands.examples import examples
from redraft.errors import require_at_least

T = TypeVar("T")
LEAST = 40  # columns that help is laid out for; tyro does not come to an end for five

# The field `trust` of every command that opens weights, runs or data. `cli.main` reads it off the command line, since a
# command may open files before it knows its arguments.
_RUNS = "Run code (module:NAME) that opened files name, with all it may do to this machine; see docs/trust.md."
Trusted = Annotated[bool, tyro.conf.arg(help=_RUNS, help_behavior_hint="")]
Flag = Annotated[bool, tyro.conf.arg(help_behavior_hint="")]  # off by default, which its help need not say


def option(metavar: str, *aliases: str, default: str = "") -> Any:
    """An option that is None, or empty, where it is not given; its help states `default` instead, if anything."""
    hint = f"(default: {default})" if default else ""
    return tyro.conf.arg(metavar=metavar, aliases=aliases or None, help_behavior_hint=hint)


def require_options(args: Any, *names: str, least: int = 1) -> None:
    """Raises ConfigError naming the first of these options that is smaller; None is an option not given."""
    require_at_least(least, {f"--{name.replace('_', '-')}": getattr(args, name) for name in names})


def parse(
    kind: type[T],
    arguments: list[str],
    *,
    command: str,
    description: str,
    default: Any = None,
    gather: str | None = None,
    program: str = "redraft",
) -> T:
    """The arguments as `kind`; prints help or the mistake and exits with status 0 or 2, as command lines do.

    `gather` names a field of positional arguments, a tuple, that may stand before, between and after options.
    """
    settings: dict[str, Any] = {
        "prog": f"{program} {command}",
        "description": description,
        "config": (tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
        **({} if default is None else {"default": default}),
    }
    try:
        with _wide_enough():
            if gather is not None:
                args, loose = tyro.cli(kind, args=arguments, return_unknown_args=True, **settings)
                if not any(argument.startswith("-") for argument in loose):
                    return replace(args, **{gather: (*getattr(args, gather), *loose)})
            return tyro.cli(kind, args=arguments, **settings)
    except SystemExit as error:
        if error.code == 0 and (text := examples(command)):  # help was printed
            print(text)
        raise
    finally:
        sys.stdout.flush()


@contextmanager
def _wide_enough() -> Iterator[None]:
    """Within it the terminal is taken to be at least LEAST columns wide."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(max(LEAST, shutil.get_terminal_size().columns))
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
