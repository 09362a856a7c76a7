"""`redraft bench`: how fast this machine trains, solves, makes data and starts, also beside the published code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from redraft import terminal
from redraft.bench.show import show_machine
from redraft.commands.arguments import parse
from redraft.commands.bench_common import Common
from redraft.commands.bench_kinds import ALIASES, KINDS, AllOptions, Kind, part_of
from redraft.errors import ConfigError, require_at_least
from redraft.files import require_place, write_text

ALL = "all"


def run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    name = ALIASES.get(arguments[0], arguments[0])
    if name not in (*KINDS, ALL):
        raise ConfigError(f"unknown benchmark {name!r}; known: {', '.join((*KINDS, ALL))}")
    kind = KINDS.get(name)
    args = parse(
        kind.arguments if kind else AllOptions,
        arguments[1:],
        command=f"bench {arguments[0]}",
        description=f"Measures {kind.what if kind else 'all of it'}.",
    )
    return report(name, args, KINDS if kind is None else {name: kind})


def report(name: str, args: Common, kinds: Mapping[str, Kind]) -> int:
    """Measures a kind, or all of them, and prints or writes what came out, as `args` asks for it."""
    if args.output is not None:
        require_place(args.output)
    result = measure(name, args, kinds)
    text = json.dumps(result, indent=2)
    if args.output is not None:
        write_text(args.output, text + "\n")
    if args.json:
        print(text)
    else:
        console = terminal.console()
        show_machine(result, console)
        for each in _kinds(name, kinds):
            kinds[each].show(result[each], console)
    return 0


def measure(name: str, args: Common, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The benchmark of that name, or all of them, with what they were measured on, as plain values for JSON."""
    from redraft.device import choose_device
    from redraft.machine import context

    threads, device = _threads(name, args, kinds), choose_device(getattr(args, "device", "cpu"))
    values = {field.name: getattr(args, field.name) for field in fields(args)}
    plain = {key: value.name if isinstance(value, Path) else value for key, value in values.items()}
    result = {"benchmark": name, **context(threads, device), "arguments": plain}
    console = terminal.console(stderr=True)
    with console.status("starting") as status:
        tell: Callable[[str], None] = status.update if console.is_terminal else _plain
        options = {
            each: part_of(args, kinds[each]) if isinstance(args, AllOptions) else args for each in _kinds(name, kinds)
        }
        for each, given in options.items():
            kinds[each].check(given)
        for each, given in options.items():
            with _so_many_threads(threads):
                result[each] = kinds[each].measure(given, threads, tell)
    for each in kinds:
        if each not in options:
            _plain(f"{each} was left out: it needs {', '.join(kinds[each].needs)}")
    return result


def _threads(name: str, args: Common, kinds: Mapping[str, Kind]) -> int:
    """How many the benchmark is to run with; raises ConfigError for less than one."""
    import torch

    given: int | None = getattr(args, "threads", None)
    require_at_least(1, {"--threads": given})
    if name != ALL and kinds[name].one_thread:
        return 1
    return given or torch.get_num_threads()


@contextmanager
def _so_many_threads(threads: int) -> Iterator[None]:
    """Within it torch has so many threads."""
    import torch

    kept = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(kept)


def _kinds(name: str, kinds: Mapping[str, Kind]) -> list[str]:
    """The kinds measured under that name: for `all`, those whose packages are installed."""
    return [name] if name != ALL else [each for each, kind in kinds.items() if all(map(find_spec, kind.needs))]


def _plain(text: str) -> None:
    print(text, file=sys.stderr)


def _usage() -> str:
    rows = [f"  {name:<6} {kind.what}" for name, kind in KINDS.items()]
    rows.append(f"  {ALL:<6} all of it")
    tail = "redraft bench train --help lists the options."
    return "\n".join([f"usage: redraft bench {'|'.join((*KINDS, ALL))} [options]", "", *rows, "", tail])
