"""Describes the API as OpenAPI 3.1, from the table and the shapes themselves: it cannot say anything else."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from pydantic.json_schema import models_json_schema

from newsletter.storage.tokens import Scope
from newsletter.web.api.calling import PARTS, Operation
from newsletter.web.api.shapes import Nothing, Problem, Shape

_REFERENCE = "#/components/schemas/{model}"

#: What any call may be answered with instead, and when.
_REFUSALS = {
    400: "The body is no JSON, or a header is malformed.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The token's scopes, or its owner's roles, do not allow it.",
    404: "It is not there.",
    409: "It cannot be done as things stand; the detail says why.",
    412: "It is not as If-Match names it any more.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "A field is not as it should be; `errors` names it and shows its value.",
    429: "Too much at once; Retry-After says how long to wait.",
    503: "The database cannot be reached.",
}

#: Those that only a call with a body meets, and only one about something that is there.
_WITH_BODY, _WITH_ABOUT = {400, 413, 415}, {412}


def describe(operations: Iterable[Operation], url: str) -> dict[str, Any]:
    """Return the description of these operations, served at `url`."""
    table = tuple(operations)
    named: set[type[Shape]] = {k for o in table for k in (o.body, o.gives) if isinstance(k, type)}
    named |= {Problem, Nothing}
    models = sorted(named, key=lambda kind: kind.__name__)
    modes = [(kind, "validation" if _is_said(kind, table) else "serialization") for kind in models]
    _, schemas = models_json_schema(modes, ref_template=_REFERENCE)  # type: ignore[arg-type]
    paths: dict[str, dict[str, Any]] = {}
    for operation in table:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "newsletter",
            "version": version("beauty-newsletter"),
            "description": "What staff do in the console, for programs with a token. Scopes: " + ", ".join(Scope) + ".",
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "nl_..."}},
        },
    }


def _is_said(kind: type[Shape], table: Iterable[Operation]) -> bool:
    return any(o.body is kind for o in table)


def _operation(operation: Operation) -> dict[str, Any]:
    said = (operation.view.__doc__ or "").strip().partition("\n")[0]
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": said,
        "description": f"Scope: {operation.scope.value}. Its owner must be allowed to: {operation.may.value}.",
        "tags": [operation.scope.value.partition(":")[0]],
        "parameters": [*_parts(operation), *_queries(operation), *_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.body:
        schema = {"$ref": _REFERENCE.format(model=operation.body.__name__)}
        needed = bool(operation.body.model_json_schema().get("required"))
        described["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    return described


def _parts(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", operation.path)
    return [
        {"name": n, "in": "path", "required": True, "schema": {"type": "string", "pattern": PARTS[n]}} for n in names
    ]


def _queries(operation: Operation) -> list[dict[str, Any]]:
    properties = operation.query.model_json_schema().get("properties", {})
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in properties.items()]


def _headers(operation: Operation) -> list[dict[str, Any]]:
    named = {
        "If-Match": operation.about is not None,
        "If-None-Match": operation.method == "GET",
        "Idempotency-Key": operation.status in {201, 202},
    }
    return [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        for name, holds in named.items()
        if holds
    ]


def _responses(operation: Operation) -> dict[str, Any]:
    if isinstance(operation.gives, str):
        content: dict[str, Any] = {operation.gives: {"schema": {"type": "string"}}}
    else:
        content = {"application/json": {"schema": {"$ref": _REFERENCE.format(model=operation.gives.__name__)}}}
    etag = {"ETag": {"schema": {"type": "string"}, "description": "Of exactly this answer."}}
    done = {"description": "Done.", "content": content, "headers": etag}
    answers: dict[str, Any] = {str(operation.status): done}
    if operation.status == 201:
        answers["200"] = done | {"description": "It was there already."}
    if operation.method == "GET":
        answers["304"] = {"description": "It is as If-None-Match names it."}
    problem = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    left_out = (set() if operation.body else _WITH_BODY) | (set() if operation.about else _WITH_ABOUT)
    left_out -= {400} if operation.status in {201, 202} else set()
    for status, said in _REFUSALS.items():
        if status not in left_out:
            answers[str(status)] = {"description": said, "content": problem}
    return answers
