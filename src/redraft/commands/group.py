"""A command that has commands of its own: `redraft data build`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NamedTuple

from redraft.errors import ConfigError


class Group(NamedTuple):
    """Commands by name: a module, imported only when called, with its function (`run` by default), and their help."""

    name: str
    commands: Mapping[str, tuple[str, str]]
    description: str = ""
    examples: Sequence[str] = ()

    def run(self, arguments: list[str]) -> int:
        """Calls the command named first with the other arguments; returns its exit status."""
        if not arguments or arguments[0] in ("-h", "--help", "help"):
            print(self.usage(), file=sys.stdout if arguments else sys.stderr)
            return 0 if arguments else 2
        if arguments[0] not in self.commands:
            raise ConfigError(f"unknown command {arguments[0]!r}; known: {', '.join(self.commands)}")
        module, _, function = self.commands[arguments[0]][0].partition(":")
        return int(getattr(import_module(module), function or "run")(arguments[1:]))

    def usage(self) -> str:
        """The text of `redraft NAME --help`."""
        width = max(map(len, self.commands))
        rows = [f"  {name:<{width}}  {what}" for name, (_, what) in self.commands.items()]
        lines = [f"usage: {self.name} COMMAND [options]", "", *([self.description, ""] if self.description else [])]
        lines += ["commands:", *rows, ""]
        if self.examples:
            lines += ["examples:", *(f"  {each}" for each in self.examples), ""]
        return "\n".join([*lines, f"{self.name} COMMAND --help lists the options of a command."])
