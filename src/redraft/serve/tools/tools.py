"""Tools for language models: descriptions, types, and the function of the service behind each.

`redraft mcp` offers them over the Model Context Protocol, `redraft compare --tools` by function calling.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from typing import Any, NamedTuple

from pydantic import ValidationError

from redraft.serve import types
from redraft.serve.limits import Refused, invalid
from redraft.serve.service import Service, Work
from redraft.serve.tools.explain import explain

NOTATION = (
    ' A Sudoku is its cells row by row, a blank as ".": "6.......14..........4.1.1....2..3.5." (6x6; 9x9 has 81). '
    "A maze is drawn, # wall, . free, S start, G goal, o path, a newline after each row: "
    '"..#.#.##\\n.#.#..#.\\n.#.###.#\\n#..##.#.\\n#...##..\\n..##.S#.\\n..#...##\\nG......."; results have it in one '
    "line, row by row, a space for a free cell. Others, with `task`: futoshiki-5x5 (9 rows of 9, digits or . with "
    "< > ^ v or - between them), sokoban-6x6 (# wall, - floor, . goal, $ box, @ player), roster-5x7 (E L N, - off, "
    ". open)."
)


class Tool(NamedTuple):
    """A function that a language model may call; `about` is what it reads.

    `finish` returns the result of the request, or of the work that `begin` has queued, once it is done.
    """

    title: str
    about: str
    request: type[types.Strict]
    response: type[types.Replied]
    finish: Callable[[Service, Any], types.Replied]
    begin: Callable[[Service, Any], Work] | None = None

    def read(self, arguments: Any) -> types.Strict:
        """The request of JSON arguments; raises Refused."""
        try:
            return self.request.model_validate(arguments)
        except ValidationError as error:
            raise invalid(error, self.request) from error

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, without a choice at its top, which some clients reject."""
        whole = self.request.model_json_schema()
        return {name: value for name, value in whole.items() if name not in ("oneOf", "title", "description")}


TOOLS = {
    "solve": Tool(
        "Solve puzzles",
        "Solves a Sudoku, a maze or another puzzle of list_models with a tiny recursive model, one `puzzle` or several "
        "`puzzles`. The status `solved` means that the answer was checked by the rules; otherwise there is a `draft`, "
        "not an answer, and `message` says what is wrong with it." + NOTATION,
        *(types.SolveRequest, types.SolveResponse, lambda service, work: work.response(), Service.begin),
    ),
    "check": Tool(
        "Check an answer",
        "Judges an answer to a puzzle, or what has been filled in so far, by the rules alone, and names the cells that "
        "break one. Write the answer as the puzzle is written." + NOTATION,
        *(types.CheckRequest, types.CheckResponse, Service.check),
    ),
    "make": Tool(
        "Make puzzles",
        "Makes new puzzles with their answers. Name the task with its size: `sudoku-4x4`, `sudoku-6x6`, `sudoku-9x9`, "
        "`maze-8x8`, `futoshiki-5x5`, `sokoban-6x6`, `roster-5x7`. The same seed makes the same puzzles.",
        *(types.MakeRequest, types.MakeResponse, Service.make),
    ),
    "hint": Tool(
        "Hint at one cell",
        "Gives one blank cell of a Sudoku, Futoshiki or roster with its value, and leaves the rest to the player. "
        "`verified` says that the value belongs to an answer that keeps all rules." + NOTATION,
        *(types.OneRequest, types.HintResponse, Service.hint_of, Service.begin_hint),
    ),
    "explain": Tool(
        "Explain the drafts",
        "Solves a puzzle and says in words how the model drafted and revised the answer: cells changed per step, rules "
        "broken, restarts and guesses, and how sure the model was." + NOTATION,
        *(types.OneRequest, types.ExplainResponse, lambda service, work: explain(work)),
        lambda service, request: service.begin(types.SolveRequest(**dict(request), trace=True)),
    ),
    "list_models": Tool(
        "List models",
        "Lists the models, with the task and size that each solves, whether it solves other sizes, and the bounds on "
        "requests.",
        *(types.Strict, types.ModelsResponse, lambda service, request: service.list_models()),
    ),
}


def text_of(response: types.Replied) -> str:
    """A result or an error as a language model reads it: in words if it has some, or as JSON."""
    words = response.words if isinstance(response, types.ExplainResponse) else None
    return words or json.dumps(response.plain(), ensure_ascii=False)


# function calling
def function(name: str) -> dict[str, Any]:
    """A tool as OpenAI-compatible endpoints read it."""
    about = {"name": name, "description": TOOLS[name].about, "parameters": TOOLS[name].schema()}
    return {"type": "function", "function": about}


def call(service: Service, offered: Sequence[str], name: str, arguments: str) -> str:
    """The result of a tool as text, from its arguments in JSON; or the error of a wrong call."""
    try:
        if name not in offered:
            raise Refused(f"unknown tool; expected one of {', '.join(offered)}", status=404)
        tool = TOOLS[name]
        try:
            request = tool.read(json.loads(arguments or "{}"))
        except (ValueError, RecursionError) as error:
            raise Refused(f"the arguments are not JSON: {error}", status=400) from error
        if tool.begin is None:
            return text_of(tool.finish(service, request))
        work = tool.begin(service, request)
        wait(work.futures, service.limits.seconds)
        return text_of(tool.finish(service, work))
    except Refused as error:
        return text_of(error.response())
