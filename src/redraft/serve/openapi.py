"""The endpoints of the API, as a table, and the OpenAPI 3.1 document that comes of it and of the types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from redraft import __version__
from redraft.serve import types

JSON, EVENTS, TEXT = "application/json", "text/event-stream", "text/plain"

# What may be wrong with a request, by its status.
ERRORS = {
    400: "The body is not JSON.",
    401: "The bearer token is missing or wrong.",
    404: "No such task, or no such weights.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or asks for too much.",
    415: "The body has another media type than application/json.",
    421: "The Host header names another host.",
    422: "The request, or the puzzle, makes no sense.",
    429: "Too much is waiting; try again after Retry-After seconds.",
    503: "The server is shutting down, or too busy.",
    504: "No answer in time.",
}
_GET = (401, 421, 429, 503)


@dataclass(frozen=True, kw_only=True)
class ApiPath:
    """A path of the API; `name` is that of the function in `app.py` that answers it."""

    path: str
    name: str
    summary: str
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    media: str = JSON
    open: bool = False  # also without the token

    @property
    def method(self) -> str:
        return "GET" if self.request is None else "POST"


_STREAM = (
    "Solves one puzzle, with a server-sent event per draft: `draft` (DraftEvent), then `answer` (SolveResponse), then "
    "`done` ({}), or `error` (ErrorResponse)."
)
ENDPOINTS = (
    ApiPath(
        path="/v1/solve",
        name="solve",
        summary="Solves one puzzle or several.",
        request=types.SolveRequest,
        response=types.SolveResponse,
    ),
    ApiPath(path="/v1/solve/stream", name="stream", summary=_STREAM, request=types.OneRequest, media=EVENTS),
    ApiPath(
        path="/v1/check",
        name="check",
        summary="Judges an answer by the rules alone.",
        request=types.CheckRequest,
        response=types.CheckResponse,
    ),
    ApiPath(
        path="/v1/make",
        name="make",
        summary="Makes new puzzles with their answers.",
        request=types.MakeRequest,
        response=types.MakeResponse,
    ),
    ApiPath(
        path="/v1/hint",
        name="hint",
        summary="Fills in the one open cell that the model is most certain of.",
        request=types.OneRequest,
        response=types.HintResponse,
    ),
    ApiPath(path="/v1/models", name="models", summary="Weights that are served.", response=types.ModelsResponse),
    ApiPath(path="/healthz", name="health", summary="Whether the server is up.", media=TEXT, open=True),
    ApiPath(path="/metrics", name="metrics", summary="Figures for Prometheus.", media=TEXT),
)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    kinds = [kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, types.Replied)]
    requests = [endpoint.request for endpoint in ENDPOINTS if endpoint.request is not None]
    named = {(kind, "validation"): kind for kind in requests} | {
        (kind, "serialization"): kind for kind in kinds if kind is not types.Replied
    }
    keys: list[Any] = list(named)
    _, schema = models_json_schema(keys, ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "redraft", "version": __version__, "summary": "Tiny recursive models that solve puzzles."},
        "paths": {endpoint.path: {endpoint.method.lower(): _operation(endpoint)} for endpoint in ENDPOINTS},
        "components": {
            "schemas": schema["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(endpoint: ApiPath) -> dict[str, Any]:
    good = {} if endpoint.response is None else _schema(endpoint.response)
    statuses = _GET if endpoint.request is None else tuple(ERRORS)
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": {
            "200": {"description": "Done.", "content": {endpoint.media: good or {"schema": {"type": "string"}}}},
            **{
                str(status): {"description": ERRORS[status], "content": {JSON: _schema(types.ErrorResponse)}}
                for status in statuses
            },
        },
        "security": [{}] if endpoint.open else [{"token": []}, {}],
    }
    if endpoint.request is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: _schema(endpoint.request)}}
    return operation


def _schema(kind: type[BaseModel]) -> Mapping[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}
