"""Bounds on what clients may ask, and the error of a request that is not served."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from redraft.errors import RedraftError, require_at_least
from redraft.serve.types import ErrorDetail, ErrorResponse


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on one request, and on all of them together."""

    body: int = 1 << 20
    """Bytes of a request."""
    puzzles: int = 1_000
    """Puzzles of a request."""
    steps: int = 256
    """Supervision steps per puzzle."""
    seconds: float = 60.0
    """Seconds that a request is worked on; its body must arrive in as many."""
    making: float = 10.0
    """Seconds that making puzzles may take."""
    queue: int = 4_000
    """Puzzles that wait for each set of weights."""
    requests: int = 256
    """Requests worked on at once."""
    cells: int = 10_000
    """Cells of the puzzles that a request has made (123 Sudokus, or 11 mazes of 30x30), and of a maze to solve whose
    size is not that of any weights."""

    def __post_init__(self) -> None:
        require_at_least(1, {field.name: getattr(self, field.name) for field in fields(self) if field.type == "int"})
        require_at_least(0.01, {"seconds": self.seconds, "making": self.making})


class Refused(RedraftError):
    """A refused request: `status` is its HTTP status, `where` the place in the request."""

    def __init__(self, message: str, *, where: str = "", status: int = 422, retry_after: int | None = None) -> None:
        self.message, self.where, self.status, self.retry_after = message, where, status, retry_after
        super().__init__(f"{where}: {message}" if where else message)

    def response(self) -> ErrorResponse:
        return ErrorResponse(error=ErrorDetail(message=self.message, where=self.where, status=self.status))


def invalid(error: ValidationError, kind: type[BaseModel]) -> Refused:
    """The error of an invalid request, with its place: of several the deepest, which was nearly right."""
    first = max(error.errors(include_url=False, include_context=False, include_input=False), key=_depth)
    if first["type"] == "json_invalid":
        return Refused(first["msg"], status=400)
    where = [str(part) for part in first["loc"] if isinstance(part, int) or part in kind.model_fields]
    if first["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields)
        return Refused(f"unknown key {str(first['loc'][-1])[:80]!r}; known keys: {known}", where=".".join(where))
    return Refused(first["msg"].removeprefix("Value error, "), where=".".join(where))


def _depth(error: ErrorDetails) -> int:
    return len(error["loc"])
