"""The OpenAPI document is valid, complete, and what the server does."""

import json
from typing import Any

import pytest
import schemathesis
from helpers.serving import Client
from hypothesis import HealthCheck, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from redraft.serve import types
from redraft.serve.openapi import ENDPOINTS, ERRORS, document

DOCUMENT = json.loads(json.dumps(document()))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


def test_the_document_is_valid_and_served(client: Client) -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert client.get("/openapi.json").json == DOCUMENT


def test_every_type_and_every_endpoint_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for endpoint in ENDPOINTS:
        operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
        assert operation["operationId"] == endpoint.name and operation["summary"]
        assert set(operation["responses"]) - {"200"} <= set(map(str, ERRORS))
    assert {"SolveRequest", "SolveResponse", "SolveResult", "DraftEvent", "ErrorResponse"} <= set(schemas)
    assert schemas["SolveRequest"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("values", "fine"),
    [
        ({"puzzle": "1"}, True),
        ({"puzzle": "1", "puzzles": None}, True),
        ({"puzzles": ["1"]}, True),
        ({}, False),
        ({"puzzle": None}, False),
        ({"puzzle": "1", "puzzles": ["1"]}, False),
    ],
)
def test_the_schema_and_the_type_agree_on_what_one_of_two_means(values: dict[str, Any], fine: bool) -> None:
    from jsonschema import Draft202012Validator

    schema = TypeAdapter(types.SolveRequest).json_schema()
    assert Draft202012Validator(schema).is_valid(values) == fine
    if fine:
        types.SolveRequest.model_validate(values)
    else:
        with pytest.raises(ValueError, match="expected either"):
            types.SolveRequest.model_validate(values)


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
def test_the_server_does_what_the_document_says(case: Case, client: Client) -> None:
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{client.port}",
        checks=[
            *(not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance),
            *(response_schema_conformance, negative_data_rejection),
        ],
    )
