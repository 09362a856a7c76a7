"""A command that has commands of its own: `redraft data build`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from redraft.errors import ConfigError


@dataclass(frozen=True)
class Group:
    """Commands by name: `module:function`, imported only when called, and what it does, for the help."""

    name: str
    commands: Mapping[str, tuple[str, str]]

    def run(self, arguments: list[str]) -> int:
        """Calls the command named first with the other arguments; returns its exit status."""
        if not arguments or arguments[0] in ("-h", "--help"):
            print(self.usage(), file=sys.stdout if arguments else sys.stderr)
            return 0 if arguments else 2
        if arguments[0] not in self.commands:
            raise ConfigError(f"unknown command {arguments[0]!r}; known: {', '.join(self.commands)}")
        module, _, function = self.commands[arguments[0]][0].partition(":")
        return int(getattr(import_module(module), function)(arguments[1:]))

    def usage(self) -> str:
        """The text of `redraft NAME --help`."""
        width = max(map(len, self.commands))
        rows = [f"  {name:<{width}}  {what}" for name, (_, what) in self.commands.items()]
        head = f"usage: redraft {self.name} {'|'.join(self.commands)} [options]"
        return "\n".join([head, "", *rows, "", f"redraft {self.name} COMMAND --help lists the options."])
