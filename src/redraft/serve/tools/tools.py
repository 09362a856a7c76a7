"""Tools for language models: what each is for, its types, and how the service runs it.

`redraft mcp` offers them over the Model Context Protocol, `redraft compare --tools` by function calling.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from redraft.serve import types
from redraft.serve.limits import Refused, invalid
from redraft.serve.service import Service, Work
from redraft.serve.tools.explain import explain

NOTATION = (
    'A Sudoku is its cells row by row, a blank as ".": "6.......14..........4.1.1....2..3.5." (6x6; 81 cells for 9x9). '
    "A maze is drawn, # wall, . free, S start, G goal, o path, a newline after each row: "
    '"..#.#.##\\n.#.#..#.\\n.#.###.#\\n#..##.#.\\n#...##..\\n..##.S#.\\n..#...##\\nG......."; results have it in one '
    "line, row by row, a space for a free cell."
)


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function that a language model may call.

    Attributes:
        name, title: for programs, and for people.
        description: what it does, for the model.
        request, response: types of its arguments and of its result.
        begin: puts its work in line, if it is one that solves.
        finish: the result, from that work once it is done, or from the request.
    """

    name: str
    title: str
    description: str
    request: type[types.Strict]
    response: type[types.Replied]
    finish: Callable[[Service, Any], types.Replied]
    begin: Callable[[Service, Any], Work] | None = None

    def read(self, arguments: Mapping[str, Any]) -> types.Strict:
        """The request of these arguments; raises Refused."""
        try:
            return self.request.model_validate(arguments)
        except ValidationError as error:
            raise invalid(error, self.request) from error

    def call(self, service: Service, arguments: Mapping[str, Any]) -> types.Replied:
        """The result, within the limits of the service; raises Refused."""
        request = self.read(arguments)
        if self.begin is None:
            return self.finish(service, request)
        work = self.begin(service, request)
        wait(work.futures, service.limits.seconds)
        return self.finish(service, work)

    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, without a choice at its top, which not all clients take."""
        schema = self.request.model_json_schema()
        for name in ("oneOf", "title", "description"):
            schema.pop(name, None)
        return schema

    def output_schema(self) -> dict[str, Any]:
        """The JSON Schema of the result; a field without a value is left out."""
        return self.response.model_json_schema(mode="serialization")


class NoArguments(types.Strict):
    """No arguments."""


def _explain_work(service: Service, request: types.OneRequest) -> Work:
    asked = types.SolveRequest(**dict(request), trace=True)
    return service.begin(asked)


_TOOLS = (
    Tool(
        name="solve",
        title="Solve puzzles",
        description="Solves a Sudoku or a maze with a tiny recursive model, one `puzzle` or several `puzzles`. The "
        "status `solved` means that the answer was checked by the rules; otherwise there is a `draft`, not an answer, "
        f"and `message` says what is wrong with it. {NOTATION}",
        request=types.SolveRequest,
        response=types.SolveResponse,
        begin=Service.begin,
        finish=lambda service, work: work.response(),
    ),
    Tool(
        name="check",
        title="Check an answer",
        description="Judges an answer to a puzzle, or what has been filled in so far, by the rules alone, and names "
        f"the cells that break one. Write the answer as the puzzle is written. {NOTATION}",
        request=types.CheckRequest,
        response=types.CheckResponse,
        finish=Service.check,
    ),
    Tool(
        name="make",
        title="Make puzzles",
        description="Makes new puzzles with their answers. Name the task with its size: `sudoku-4x4`, `sudoku-6x6`, "
        "`sudoku-9x9`, `maze-8x8`. The same seed makes the same puzzles.",
        request=types.MakeRequest,
        response=types.MakeResponse,
        finish=Service.make,
    ),
    Tool(
        name="hint",
        title="Hint at one cell",
        description="Gives one blank cell of a Sudoku with its value, and leaves the rest to the player. `verified` "
        f"says that the value belongs to an answer that keeps all rules. {NOTATION}",
        request=types.OneRequest,
        response=types.HintResponse,
        begin=Service.begin_hint,
        finish=Service.hint_of,
    ),
    Tool(
        name="explain",
        title="Explain the drafts",
        description="Solves a puzzle and says in words how the model drafted and revised the answer: cells changed per "
        f"step, rules broken, restarts and guesses, and how sure the model was. {NOTATION}",
        request=types.OneRequest,
        response=types.ExplainResponse,
        begin=_explain_work,
        finish=lambda service, work: explain(work),
    ),
    Tool(
        name="list_models",
        title="List models",
        description="Lists the models with the task and size that each solves, and the bounds on requests.",
        request=NoArguments,
        response=types.ModelsResponse,
        finish=lambda service, request: service.list_models(),
    ),
)
TOOLS = {tool.name: tool for tool in _TOOLS}


def text_of(response: types.Replied) -> str:
    """A result as a language model reads it: in words if it has some, or as JSON."""
    return response.words if isinstance(response, types.ExplainResponse) else _json(response)


def error_text(error: Refused) -> str:
    """An error as a language model reads it, as the HTTP API returns it."""
    detail = types.ErrorDetail(message=error.message, where=error.where, status=error.status)
    return _json(types.ErrorResponse(error=detail))


def _json(value: types.Replied) -> str:
    return json.dumps(value.plain(), ensure_ascii=False)


def function(tool: Tool) -> dict[str, Any]:
    """A tool as OpenAI-compatible endpoints read it."""
    about = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema()}
    return {"type": "function", "function": about}


def call(service: Service, offered: Sequence[str], name: str, arguments: str) -> str:
    """The result of a tool as text, by its name and its arguments in JSON; a mistake of the model is a result, too."""
    try:
        if name not in offered:
            raise Refused(f"unknown tool; expected one of {', '.join(offered)}", status=404)
        try:
            values = json.loads(arguments or "{}")
        except (ValueError, RecursionError) as error:
            raise Refused(f"the arguments are not JSON: {error}", status=400) from error
        return text_of(TOOLS[name].call(service, values))
    except Refused as error:
        return error_text(error)
