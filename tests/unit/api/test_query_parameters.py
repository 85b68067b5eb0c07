"""Every route under /v1 refuses parameters that it doesn't know, and one that is given twice."""

import asyncio
import json
from typing import Any

import pytest

from ringback.api.management.guard import GuardedRoute
from ringback.api.management.openapi import EVENT_SCOPES
from ringback.api.management.record_paths import RECORD_SCOPES
from ringback.api.query import check_query
from ringback.model.errors import Invalid
from support.api_document import document
from support.api_world import ApiWorld, fields_of
from support.events_route import ADMIN_KEY, EventsWorld
from support.rows import TENANT

IDS = {"tenant_id": TENANT, "endpoint_id": "ep_1", "key_id": "key_1", "event_id": "evt_1", "attempt_id": "att_1",
       "name": "a.b", "job_id": "job_1", "record_type": "company", "record_id": "42",
       "trigger_id": "trg_1", "version": "1", "operator_id": "op_1"}  # fmt: skip


@pytest.fixture(scope="module")
def world() -> ApiWorld:
    return ApiWorld()


def documented() -> list[tuple[str, str, list[str]]]:
    """Every route of the app with the names of its query parameters, as OpenAPI has them."""
    bare = {("post", path) for path in EVENT_SCOPES} | RECORD_SCOPES.keys()
    return [
        (method.upper(), path, [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"])
        for path, methods in document()["paths"].items()
        if path.startswith("/v1/")
        for method, operation in methods.items()
        if (method, path) not in bare
    ]


ROUTES = documented()


def test_all_routes_are_walked() -> None:
    guarded = [route for route in ApiWorld().app.routes if isinstance(route, GuardedRoute)]
    assert len(ROUTES) == sum(len(route.methods) for route in guarded) > 30
    assert ("GET", "/v1/tenants/{tenant_id}/events") in [(method, path) for method, path, _ in ROUTES]


@pytest.mark.parametrize(("method", "path", "known"), ROUTES)
def test_unknown_parameters_are_refused(world: ApiWorld, method: str, path: str, known: list[str]) -> None:
    address = path.format(**IDS)
    for query, fields in (
        ("colour=red", ["colour"]),
        ("colour", ["colour"]),
        ("=x", [""]),
        ("colour=red&colour=blue&%00=1", ["colour", "\0"]),
        ("LIMIT=1&tenant_id=x", ["LIMIT", "tenant_id"]),
        ("x" * 500 + "=1", ["x" * 128]),
    ):
        assert fields_of(world.call(method, f"{address}?{query}")) == fields, query
    assert world.call(method, f"{address}?colour=red", key=None).status_code == 401


@pytest.mark.parametrize(("method", "path", "known"), [route for route in ROUTES if route[2]])
def test_a_parameter_is_given_once(world: ApiWorld, method: str, path: str, known: list[str]) -> None:
    for name in known:
        for query in (f"{name}=1&{name}=1", f"{name}=1&{name}=2&{name}"):
            assert fields_of(world.call(method, f"{path.format(**IDS)}?{query}")) == [name]


@pytest.mark.parametrize("path", ["events", "events/batch", "status"])
def test_posting_events_takes_no_parameters(path: str) -> None:
    world = EventsWorld()
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/tenants/{TENANT}/{path}",
        "query_string": b"type=a",
        "headers": [(b"authorization", f"Bearer {ADMIN_KEY}".encode())],
    }
    try:
        asyncio.run(world.route(scope, receive, send))  # type: ignore[arg-type]
    finally:
        world.stop()
    assert sent[0]["status"] == 422
    assert [error["field"] for error in json.loads(sent[1]["body"])["errors"]] == ["type"]
    assert world.writer.seen == []


def test_an_empty_query_is_none() -> None:
    for query in (b"", b"&", b"&&"):
        check_query(query, ())


def test_not_more_errors_than_can_be_read() -> None:
    with pytest.raises(Invalid) as refused:
        check_query("&".join(f"p{number}=1" for number in range(1_000)).encode(), ())
    assert len(refused.value.errors) == 20
