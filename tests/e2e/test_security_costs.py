"""SECURITY: what one tenant may have others' machine do: replays at once, and schemas, which run on each event."""

from pathlib import Path
from typing import Any, Final

import pytest

from support.inbox import Inbox
from support.process import Answer, Server
from support.receivers import Receiver, answers
from support.tenant import TestTenant


def test_a_tenant_has_so_many_replays_at_once(tmp_path: Path) -> None:
    """A server that only accepts: it makes the jobs and carries none out, so they are all still running."""
    with Server(tmp_path / "data", "--allow-private", "--role", "api") as server:
        tenant = TestTenant(server, "t")
        tenant.send()
        first, *others, last = (tenant.endpoint(f"http://127.0.0.1:7000/{n}")["id"] for n in range(11))

        def replay(endpoint_id: str) -> Answer:
            body = {"since": tenant.server.get(tenant.path)["created_at"], "which": "all"}
            return server.ask("POST", f"{tenant.path}/endpoints/{endpoint_id}/replay", body)

        job = replay(first)
        assert (job.status, job.json["matched"]) == (202, 1)
        again = replay(first)
        assert (again.status, again.json["code"]) == (429, "replay_quota")
        assert int(again.headers["retry-after"]) >= 1
        assert [replay(endpoint_id).status for endpoint_id in others] == [202] * 9
        over = replay(last)
        assert (over.status, over.json["code"]) == (429, "replay_quota")
        assert server.ask("DELETE", f"{tenant.path}/jobs/{job.json['id']}").status == 204
        assert replay(last).status == 202


# Schemas.


def doubling(levels: int) -> dict[str, Any]:
    """Each level refers to the next one twice."""
    definitions: dict[str, Any] = {
        f"a{level}": {"allOf": [{"$ref": f"#/$defs/a{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**definitions, f"a{levels}": {"type": "string"}}}


COSTLY: Final[dict[str, Any]] = {
    "references that double": doubling(40),
    "a recursion that goes two ways": {"allOf": [{"items": {"$ref": "#"}}], "items": {"$ref": "#"}},
    "a recursion that stays where it is": {"allOf": [{"$ref": "#"}]},
    "two hundred patterns": {"allOf": [{"pattern": "a"}] * 200},
    "a pattern that is too large": {"pattern": "(((a{1,99}){1,99}){1,99}){1,99}"},
}


@pytest.mark.parametrize("kind", COSTLY)
def test_a_schema_that_could_run_for_long_is_refused(tenant: TestTenant, kind: str) -> None:
    answer = tenant.server.ask("PUT", "/v1/event-types/costly.schema", {"schema": COSTLY[kind]})
    assert (answer.status, answer.json["code"]) == (422, "invalid")
    assert all(error["field"].startswith("schema") for error in answer.json["errors"])
    assert tenant.server.ask("GET", "/v1/event-types/costly.schema").status == 404


def test_what_is_heavy_to_check_is_checked_and_the_server_goes_on(tenant: TestTenant, inbox: Inbox) -> None:
    """A pattern that takes others for ever, and a recursion as deep as a payload may be."""
    server, events = tenant.server, f"{tenant.path}/events"
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
    for name, schema in {"heavy.pattern": {"pattern": "^(a+)+$"}, "heavy.tree": tree}.items():
        assert server.ask("PUT", f"/v1/event-types/{name}", {"schema": schema}).status in (200, 201)
    deep: dict[str, Any] = {}
    for _ in range(90):
        deep = {"left": deep, "right": {}}
    tenant.endpoint(inbox.url())

    refused_pattern = server.ask("POST", events, {"type": "heavy.pattern", "data": "a" * 200_000 + "b"})
    assert (refused_pattern.status, refused_pattern.json["code"]) == (422, "schema_mismatch")
    assert server.ask("POST", events, {"type": "heavy.pattern", "data": "a" * 200_000}).status == 202
    assert server.ask("POST", events, {"type": "heavy.tree", "data": deep}).status == 202
    tenant.wait_state(tenant.send(), "delivered")


@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$schema"])
def test_a_schema_fetches_nothing(tenant: TestTenant, keyword: str) -> None:
    with Receiver(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as other:
        for schema in (
            {keyword: f"{other.url}/schema.json"},
            {"$id": f"{other.url}/a", keyword: "b.json"},
            {"allOf": [{keyword: "file:///etc/passwd"}], "$schema": f"{other.url}/schema.json"},
        ):
            answer = tenant.server.ask("PUT", "/v1/event-types/fetching.schema", {"schema": schema})
            assert (answer.status, answer.json["code"]) == (422, "invalid"), schema
        assert other.connections == 0
