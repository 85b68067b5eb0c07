"""SECURITY: access. Every route of a real server, by its own OpenAPI document, with every key that should not open it.

The things whose ids stand in the addresses exist: what is refused is refused because of the key.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

import pytest

from support.inbox import Inbox
from support.process import ADMIN_KEY, Answer, Server, wait_until
from support.tenant import TestTenant

OPEN: Final = {"/healthz", "/readyz", "/metrics"}
METHODS: Final = ("get", "post", "put", "patch", "delete")
RECORD: Final = "/v1/tenants/{tenant_id}/records/{record_type}/{record_id}"
# What an ingest key is for.
POSTING: Final = {
    ("POST", "/v1/tenants/{tenant_id}/events"),
    ("POST", "/v1/tenants/{tenant_id}/events/batch"),
    ("POST", "/v1/tenants/{tenant_id}/records/batch"),
    *((method, RECORD) for method in ("PUT", "PATCH", "DELETE")),
}
# What whoever has a tenant's key may ask about the server; `infer` stores nothing.
ABOUT_ALL: Final = re.compile(
    r"GET /v1/(event-types|record-types|profiles|trigger-templates)\b|POST /v1/schemas/infer$"
)
NOTHING: Final = "there-is-no-such-thing"


class World:
    """Two tenants with everything a route can name, and keys of every kind."""

    def __init__(self, server: Server, inbox: Inbox) -> None:
        self.server = server
        self.own, self.other = TestTenant(server, "own"), TestTenant(server, "other")
        endpoint = self.own.endpoint(inbox.url())
        event_id = self.own.send("thing.happened", {"n": 1})
        self.own.wait_state(event_id, "delivered")
        (attempt,) = wait_until(self.own.attempts, 10, "the attempt")
        self.keys = {
            "tenant": self._key(self.own, "tenant"),
            "ingest": self._key(self.own, "ingest"),
            "another tenant's": self._key(self.other, "tenant"),
            "another tenant's for ingest": self._key(self.other, "ingest"),
            "revoked": self._revoked(),
        }
        self._ids: Mapping[str, str] = {
            "tenant_id": self.own.id,
            "endpoint_id": endpoint["id"],
            "event_id": event_id,
            "attempt_id": attempt["id"],
        }
        self.before = self.read_all()

    def _key(self, tenant: TestTenant, scope: str) -> str:
        return str(self.server.make(f"{tenant.path}/keys", {"scope": scope})["key"])

    def _revoked(self) -> str:
        made = self.server.make("/v1/keys", {"label": "short-lived"})
        assert self.server.ask("GET", "/v1/tenants", key=made["key"]).status == 200
        assert self.server.ask("DELETE", f"/v1/keys/{made['id']}").status == 204
        return str(made["key"])

    def routes(self) -> Iterator[tuple[str, str]]:
        document = self.server.ask("GET", "/openapi.json", key=None).json
        for path, operations in document["paths"].items():
            yield from ((method.upper(), path) for method in operations if method in METHODS)

    def call(self, method: str, path: str, key: str | None) -> Answer:
        """With ids that exist, where there are any, and an empty body, which no route may get to see."""
        for part in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            path = path.replace(f"{{{part}}}", self._ids.get(part, NOTHING))
        return self.server.ask(method, path, {} if method != "GET" else None, key=key)

    def read_all(self) -> list[Any]:
        """Everything of the tenant, to see that nothing was changed."""
        parts = ("", "/endpoints", "/keys", "/events", "/attempts")
        return [self.server.get(self.own.path + part) for part in parts]


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    with Inbox() as opened:
        yield World(server, opened)


@pytest.fixture(scope="module")
def routes(world: World) -> list[tuple[str, str]]:
    return [(method, path) for method, path in world.routes() if path not in OPEN]


def wrong(world: World, routes: list[tuple[str, str]], key: str | None, *expected: tuple[int, str]) -> list[Any]:
    """The routes that answer this key with anything else."""
    answers = [(method, path, world.call(method, path, key)) for method, path in routes]
    return [
        (method, path, answer.status, answer.body)
        for method, path, answer in answers
        if (answer.status, answer.json.get("code") if answer.body else "") not in expected
    ]


def test_the_document_has_the_routes_of_the_contract(routes: list[tuple[str, str]]) -> None:
    assert len(routes) > 25
    assert set(routes) >= POSTING
    assert all(path.startswith("/v1/") for _, path in routes), "what is not below /v1 is on the list of open ones"


@pytest.mark.parametrize("key", [None, "x", "rb_admin_" + "A" * 43, ADMIN_KEY + "x", ADMIN_KEY[:-1], ADMIN_KEY.upper()])
def test_without_a_key_that_is_known_every_route_answers_401(
    world: World, routes: list[tuple[str, str]], key: str | None
) -> None:
    assert wrong(world, routes, key, (401, "no_key")) == []


@pytest.mark.parametrize(
    "value", [None, "Bearer", "Basic YTpi", "rb_admin_without_its_scheme", "Bearer rb_admin_wrong"]
)
@pytest.mark.parametrize("place", ["/endpoints", "/events"])
def test_who_comes_without_a_key_is_told_how_to_send_one(world: World, place: str, value: str | None) -> None:
    """Both ways through the server: the events' own, and that of all other routes."""
    headers = {} if value is None else {"Authorization": value}
    answer = world.server.ask("POST", f"/v1/tenants/{world.own.id}{place}", {}, key=None, headers=headers)
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "`Authorization: Bearer rb_…`" in answer.json["detail"]
    assert value is None or len(value) < 12 or value.split()[-1] not in answer.json["detail"]


def test_a_revoked_key_opens_nothing(world: World, routes: list[tuple[str, str]]) -> None:
    assert wrong(world, routes, world.keys["revoked"], (401, "no_key")) == []


def test_an_ingest_key_posts_events_and_opens_nothing_else(world: World, routes: list[tuple[str, str]]) -> None:
    others = [route for route in routes if route not in POSTING]
    assert wrong(world, others, world.keys["ingest"], (403, "forbidden")) == []
    answer = world.server.ask("POST", f"{world.own.path}/events", {"type": "a", "data": 1}, key=world.keys["ingest"])
    assert answer.status == 202


@pytest.mark.parametrize("whose", ["another tenant's", "another tenant's for ingest"])
def test_to_another_tenant_nothing_of_this_one_exists(world: World, routes: list[tuple[str, str]], whose: str) -> None:
    below = [route for route in routes if "{tenant_id}" in route[1]]
    assert len(below) > 20
    assert wrong(world, below, world.keys[whose], (404, "not_found")) == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_id_of_this_tenant_does_not_exist_below_another(world: World, method: str) -> None:
    """Another tenant's own key, its own address, and an id that isn't its own."""
    key = world.keys["another tenant's"]
    for (name, thing), ending in product(
        (("endpoint_id", "endpoints"), ("event_id", "events"), ("attempt_id", "attempts")),
        ("", "/secret", "/deliveries"),
    ):
        path = f"{world.other.path}/{thing}/{world._ids[name]}{ending}"
        answer = world.server.ask(method, path, {"label": "x"} if method == "PATCH" else None, key=key)
        assert answer.status in (404, 405), path


def test_a_tenants_key_opens_nothing_that_belongs_to_no_tenant(world: World, routes: list[tuple[str, str]]) -> None:
    """Reading what types and profiles there are is for everybody; tenants and admin keys are for admins alone."""
    above = [
        (method, path)
        for method, path in routes
        if "{tenant_id}" not in path and ABOUT_ALL.match(f"{method} {path}") is None
    ]
    assert {path for _, path in above} >= {"/v1/tenants", "/v1/keys"}
    assert wrong(world, above, world.keys["tenant"], (403, "forbidden")) == []


def test_nothing_was_changed_by_all_that_and_no_answer_was_a_trace(world: World) -> None:
    after = world.read_all()
    assert after[:3] == world.before[:3]
    log = world.server.log.read_text()
    assert "Traceback" not in log
    assert not any(key in log for key in (*world.keys.values(), ADMIN_KEY))


def test_a_key_is_stored_as_a_hash_and_shown_once(world: World) -> None:
    files = [path.read_bytes() for path in world.server.data.iterdir() if path.is_file()]
    listed = world.server.ask("GET", f"{world.own.path}/keys").body.decode()
    for key in world.keys.values():
        assert not any(key.encode() in content for content in files)
        assert key not in listed
