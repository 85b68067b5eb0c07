"""The tables of docs/api.md, made of the app itself: every call, and every object with its fields.

What there is to say comes from the routes and their OpenAPI document; nothing is served. Used by scripts/docs.py.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from ringback.api.app import AppParts, build_app
from ringback.api.management.guard import GuardedRoute
from ringback.api.management.openapi import EVENT_SCOPES
from ringback.api.management.record_paths import RECORD_SCOPES

Document = dict[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_WORDS = {"string": "text", "integer": "whole number", "boolean": "yes or no"}
# The same in every list and every error; docs/api.md says how they look.
_NOT_OBJECTS = ("Listing_", "Nothing", "Problem", "RecordState", "RecordPatch")
_SHARED_FIELDS_MIN = 3


def document_and_scopes() -> tuple[Document, dict[tuple[str, str], str]]:
    """The OpenAPI document, and the narrowest key that each call takes."""
    nothing: Any = None  # no route is called, so none of the parts is
    app = build_app(AppParts(**{field.name: nothing for field in dataclasses.fields(AppParts)}))
    scopes = {
        (method.lower(), route.path_format): route.need.value
        for route in app.routes
        if isinstance(route, GuardedRoute)
        for method in route.methods
    }
    scopes |= {("post", path): scope.value for path, scope in EVENT_SCOPES.items()}
    scopes |= {key: scope.value for key, scope in RECORD_SCOPES.items()}
    return app.openapi(), scopes


def calls() -> Iterator[tuple[str, ...]]:
    """(call, key, what it does, what it takes, what it answers), in the order of the paths' names."""
    document, scopes = document_and_scopes()
    for path, operations in sorted(document["paths"].items()):
        for method in (one for one in _METHODS if one in operations):
            operation = operations[method]
            yield (
                f"`{method.upper()} {path}`",
                scopes.get((method, path), "none"),
                operation["summary"],
                "; ".join(filter(None, (_query(operation), _body(operation)))),
                _answers(operation),
            )


def objects() -> Iterator[tuple[str, str]]:
    """(object, its fields and what they are) of everything that calls take and answer."""
    document, _ = document_and_scopes()
    schemas = {
        _named(name): [_field(*field) for field in schema.get("properties", {}).items()]
        for name, schema in document["components"]["schemas"].items()
        if not name.startswith(_NOT_OBJECTS)
    }
    for name, fields in sorted(schemas.items()):
        inner = _contained(name, schemas)
        own = fields if inner is None else [f"what `{inner}` has", *(f for f in fields if f not in schemas[inner])]
        yield f"`{name}`", "; ".join(own)


def _field(name: str, about: Document) -> str:
    kind = _kind(about)
    says = about.get("description", "").removesuffix(".").replace("; ", ", ")
    return f"`{name}` {kind}" + (f" ({says})" if says else "")


def _contained(name: str, schemas: dict[str, list[str]]) -> str | None:
    """The largest other object all of whose fields this one has too, so that they need not be told twice."""
    parts = [
        other
        for other, fields in schemas.items()
        if len(schemas[name]) > len(fields) >= _SHARED_FIELDS_MIN and set(fields) <= set(schemas[name])
    ]
    return max(parts, key=lambda other: len(schemas[other]), default=None)


def _named(schema: str) -> str:
    """`Endpoint` of `EndpointView`, `list of Endpoint` of `Listing_EndpointView_`."""
    if schema.startswith("Listing_"):
        return f"list of {_named(schema.removeprefix('Listing_').removesuffix('_'))}"
    return {"ReplayView": "StartedReplay"}.get(schema, schema.removesuffix("View"))


def _query(operation: Document) -> str:
    names = [one["name"] for one in operation.get("parameters", ()) if one["in"] != "path"]
    return ", ".join(f"`{name}`" for name in names)


def _body(operation: Document) -> str:
    contents = operation.get("requestBody", {}).get("content", {})
    return ", ".join(_described(kind, content) for kind, content in contents.items())


def _described(kind: str, content: Document) -> str:
    schema = content.get("schema", {})
    if kind != "application/json":
        return f"`{kind}`"
    return _name_of(schema)


def _answers(operation: Document) -> str:
    found = []
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            kinds = [_described(kind, content) for kind, content in response.get("content", {}).items()]
            found.append(" ".join([status, *filter(None, kinds)]))
    return " · ".join(found)


def _name_of(schema: Document) -> str:
    """The names of the objects that a schema refers to, else its fields."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "" if name == "Nothing" else f"`{_named(name)}`"
    if "anyOf" in schema:
        return " or ".join(filter(None, map(_name_of, schema["anyOf"])))
    return "`{" + ", ".join(schema["properties"]) + "}`" if "properties" in schema else ""


def _kind(schema: Document) -> str:
    """`text`, `whole number or null`, `list of text`, an object's name."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["anyOf"]))
    if "oneOf" in schema:
        return " or ".join(dict.fromkeys(_kind(one) for one in schema["oneOf"]))
    if "$ref" in schema:
        return _name_of(schema)
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "any JSON")
    if kind == "array":
        return f"list of {_kind(schema['items'])}" if schema.get("items") else "list"
    return _WORDS.get(kind, kind)
