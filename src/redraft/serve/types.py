"""Requests and responses: one set of types that validates them and generates the OpenAPI document.

Fields are named as `redraft solve --json` names them; docs/serve.md has the table.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Cell = Annotated[str, Field(max_length=8)] | Annotated[int, Field(ge=-128, le=127)] | None
Rows = Annotated[list[Annotated[list[Cell], Field(min_length=1, max_length=100)]], Field(min_length=1, max_length=100)]
Board = Text | Rows
Name = Annotated[str, Field(min_length=1, max_length=100)]
Steps = Annotated[int, Field(ge=1)]
Place = Annotated[int, Field(ge=1)]
Status = Literal["solved", "unsolved", "halted", "unhalted", "error"]

PUZZLE = "A puzzle written out (blanks as `.`, `0` or `_`), or its rows as lists of cells, null for a blank."


class Strict(BaseModel):
    """Base of requests: unknown keys are errors, and no value is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Replied(BaseModel):
    """Base of responses; fields without a value are left out."""

    model_config = ConfigDict(frozen=True)

    def plain(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


# requests
class Named(Strict):
    task: Name | None = Field(default=None, description="A task (`sudoku-6x6`) or a kind (`sudoku`, `sokoban`).")
    weights: Name | None = Field(default=None, description="Weights by the name that the list of models gives.")


class OneRequest(Named):
    """One puzzle."""

    puzzle: Board = Field(description=PUZZLE)
    max_steps: Steps | None = Field(
        default=None, description="Supervision steps per puzzle; by default from the model card."
    )


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


class SolveRequest(Named):
    """One `puzzle`, or several `puzzles` of one task."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_given("puzzle"), _given("puzzles")]})

    puzzle: Board | None = Field(default=None, description=PUZZLE)
    puzzles: Annotated[list[Board], Field(min_length=1)] | None = Field(default=None, description="Several puzzles.")
    max_steps: Steps | None = Field(
        default=None, description="Supervision steps per puzzle; by default from the model card."
    )
    trace: bool = Field(default=False, description="Whether every draft is returned.")

    @model_validator(mode="after")
    def _one_of_two(self) -> SolveRequest:
        if (self.puzzle is None) == (self.puzzles is None):
            raise ValueError("expected either puzzle or puzzles")
        return self


class CheckRequest(Named):
    """A puzzle and an answer to it, or what has been filled in so far."""

    puzzle: Board = Field(description=PUZZLE)
    answer: Board = Field(description="The answer, written as a puzzle is.")


class MakeRequest(Strict):
    """New puzzles of a task."""

    task: Name = Field(
        description="A task (`sudoku-6x6`, `maze-12x12`); `sudoku` is `sudoku-9x9`, `maze` is `maze-8x8` and so on."
    )
    count: Annotated[int, Field(ge=1)] = Field(default=1, description="How many.")
    seed: Annotated[int, Field(ge=0, lt=1 << 53)] | None = Field(
        default=None, description="The same seed gives the same puzzles; drawn if not given, and returned."
    )
    clues: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Givens of a Sudoku; minimal if not given."
    )
    guesses: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None, description="Guesses that solving a Sudoku by search needs at least: 12 is hard."
    )
    least: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Cells that a maze's shortest path has at least."
    )


# responses
class TraceItem(Replied):
    """A draft: the answer as it stood after one supervision step."""

    draft: str
    halt_probability: float
    attempt: Place = Field(description="The try it belongs to, 1 for the first; a restart begins the next.")


class SolveResult(Replied):
    """The result of a puzzle: an `answer` only if it is right by the rules, else a `draft`."""

    place: str | None = Field(default=None, description="Which of several puzzles, from `puzzle 1`.")
    question: str | None = Field(default=None, description="The puzzle in one line.")
    status: Status = Field(
        description="`solved` or `unsolved` by the rules; `halted` or `unhalted` where no rules can judge; `error`."
    )
    answer: str | None = Field(
        default=None, description="The answer in one line, right by the rules, or at least halted."
    )
    draft: str | None = Field(default=None, description="The last draft of a puzzle that has no answer.")
    steps: int | None = Field(default=None, description="Supervision steps spent, the last maybe in part.")
    tries: int | None = Field(default=None, description="How often it was started.")
    halt_probability: float | None = Field(
        default=None, description="The model's own probability that the answer is right."
    )
    message: str | None = Field(default=None, description="What is wrong, empty if nothing is.")
    trace: list[TraceItem] | None = Field(default=None, description="Every draft, if requested.")


class SolveResponse(Replied):
    """The results, in the order of the puzzles."""

    task: str
    weights: str
    results: list[SolveResult]


class CellPlace(Replied):
    """A cell, counted from 1."""

    row: Place
    column: Place


class CheckResponse(Replied):
    """The judgement by the rules alone."""

    task: str
    status: Literal["solved", "unsolved"]
    message: str = Field(description="What is wrong, empty if nothing is.")
    wrong: list[CellPlace] = Field(description="Cells that break a rule.")


class MadePuzzle(Replied):
    """A new puzzle with its answer, in one line each."""

    question: str
    answer: str
    rating: float | None = Field(
        default=None,
        description="Difficulty: guesses that a search needs (Sudoku), or cells of the shortest path (maze).",
    )


class MakeResponse(Replied):
    """New puzzles, and the seed that makes them again."""

    task: str
    seed: int
    puzzles: list[MadePuzzle]


class HintResponse(Replied):
    """The open cell that the model is most certain of."""

    task: str
    weights: str
    row: Place
    column: Place
    value: str = Field(description="What to write there.")
    probability: float = Field(description="The model's own probability of it, after its first draft.")
    verified: bool = Field(description="Whether it is part of an answer that keeps all rules.")
    message: str


class FilledCell(CellPlace):
    """A cell, counted from 1, and its value."""

    value: str


class ExplainedDraft(TraceItem):
    """A draft, compared with the one before and with the rules."""

    step: Place = Field(description="Supervision steps spent.")
    changed: int = Field(description="Cells that differ from the draft before, or from the puzzle.")
    wrong: int | None = Field(default=None, description="Cells that break a rule.")
    message: str = Field(description="The first rule that is broken; empty if none is.")
    guesses: list[FilledCell] = Field(default=[], description="The guesses that its try began with.")


class ExplainResponse(Replied):
    """The way to an answer, or to none: every draft, in figures and in words."""

    task: str
    weights: str
    result: SolveResult
    drafts: list[ExplainedDraft]
    words: str


class ModelCard(Replied):
    """Weights that are served."""

    name: str
    task: str
    summary: str
    height: int
    width: int
    judges: bool = Field(description="Whether rules judge an answer; if not, results are `halted`, not `solved`.")
    max_steps: int = Field(description="Supervision steps per puzzle unless a request sets them.")
    hints: bool = Field(description="Whether there are hints: whether puzzles have cells to fill in.")
    any_size: bool = Field(description="Whether they also solve puzzles of other sizes of this kind.")


class ModelsResponse(Replied):
    """All weights that are served, and the bounds on requests."""

    models: list[ModelCard]
    limits: dict[str, float]


class DraftEvent(TraceItem):
    """A draft, as an event of a stream."""

    step: Place = Field(description="Supervision steps spent.")


class ErrorDetail(Replied):
    """An error, and its place in the request."""

    message: str
    where: str = Field(description="The place in the request, such as `puzzle`; empty if it is the request as a whole.")
    status: int = Field(description="The status of the response.")


class ErrorResponse(Replied):
    """An error."""

    error: ErrorDetail
