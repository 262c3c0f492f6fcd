"""The API's description as a page: made from the schema that programs read, so the two never differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "patch", "put", "delete")


class Field(NamedTuple):
    """A parameter, or a field of what is sent or given."""

    name: str
    type: str
    says: str


class Operation(NamedTuple):
    """What one method does at one address."""

    method: str
    path: str
    anchor: str
    says: str
    scope: str
    parameters: list[Field]
    sent: list[Field]
    given: list[Field]


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show every operation, by subject."""
    return render(request, "api_docs.html", {"groups": groups()})


@cache
def groups() -> list[tuple[str, list[Operation]]]:
    """Read the schema once per process."""
    schema: Mapping[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    found: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                found.setdefault(methods[method]["tags"][0], []).append(_read(schema, path, method, methods[method]))
    return sorted(found.items())


def _read(schema: Mapping[str, Any], path: str, method: str, told: Mapping[str, Any]) -> Operation:
    parameters = [
        Field(each["name"], _type(schema, each["schema"]), each.get("description", ""))
        for each in told.get("parameters", [])
    ]
    good: Mapping[str, Any] = next((reply for code, reply in told["responses"].items() if code.startswith("2")), {})
    return Operation(
        method.upper(),
        path,
        told["operationId"],
        told.get("description", ""),
        told.get("x-scope", ""),
        parameters,
        list(_fields(schema, told.get("requestBody", {}))),
        list(_fields(schema, good)),
    )


def _fields(schema: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[Field]:
    """List the fields of a JSON body; of a list, or a page of one, those of its entries."""
    shape = _follow(schema, body.get("content", {}).get("application/json", {}).get("schema", {}))
    if "results" in shape.get("properties", {}):
        shape = _follow(schema, shape["properties"]["results"])
    if shape.get("type") == "array":
        shape = _follow(schema, shape["items"])
    for name, each in shape.get("properties", {}).items():
        yield Field(name, _type(schema, each), each.get("description", ""))


def _follow(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in shape:
        return shape
    name = shape["$ref"].rpartition("/")[2]
    named: Mapping[str, Any] = schema["components"]["schemas"][name]
    return named


def _type(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> str:
    """Say a type in few words: its levels, where it has some."""
    for one in ("allOf", "oneOf", "anyOf"):
        if one in shape:
            return " or ".join(dict.fromkeys(_type(schema, each) for each in shape[one]))
    named = _follow(schema, shape)
    if "enum" in named:
        return ", ".join(str(level) for level in named["enum"] if level not in ("", None))
    kind = named.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema, named.get('items', {}))}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
