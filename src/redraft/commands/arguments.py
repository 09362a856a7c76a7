"""How every command reads its arguments: a frozen dataclass whose fields become flags (tyro)."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import tyro

T = TypeVar("T")


def parse(kind: type[T], arguments: list[str], *, command: str, description: str, default: Any = None) -> T:
    """The arguments as `kind`; prints help or the mistake and exits with status 0 or 2, as command lines do."""
    extra = {} if default is None else {"default": default}
    try:
        return tyro.cli(
            kind,
            args=arguments,
            prog=f"redraft {command}",
            description=description,
            config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagConversionOff),
            **extra,
        )
    except SystemExit:
        sys.stdout.flush()
        raise
