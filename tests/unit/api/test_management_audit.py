"""The audit log: every write through a management API is in it, no reading and no secret is."""

import json
from typing import Any

import httpx
import pytest

from ringback.api.audited import NOT_KEPT
from ringback.api.gate import KeyedRoute
from ringback.store.port import StoreUnavailable
from support.api_world import ApiWorld, problem_of
from support.rows import OTHER_TENANT, TENANT


class TickingWorld(ApiWorld):
    """Time passes between calls: entries of the same millisecond are in any order."""

    def call(self, *args: Any, **more: Any) -> httpx.Response:
        self.clock.pass_s(0.001)
        return super().call(*args, **more)


@pytest.fixture
def world() -> ApiWorld:
    return TickingWorld()


def entries(world: ApiWorld, tenant_id: str | None = TENANT, **more: Any) -> list[dict[str, Any]]:
    path = "/v1/audit" if tenant_id is None else f"/v1/tenants/{tenant_id}/audit"
    answer = world.call("GET", path, **more)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def said(world: ApiWorld, tenant_id: str | None = TENANT) -> list[tuple[str, str, dict[str, str]]]:
    return [(one["action"], one["about"], one["values"]) for one in entries(world, tenant_id)]


class TestWrites:
    def test_what_was_made_changed_and_removed_is_written_down(self, world: ApiWorld) -> None:
        made = world.endpoint()
        path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}"
        world.call("PATCH", path, {"label": "Shop", "url": "https://secret.example/x"}, key="tenant")
        world.post(f"/endpoints/{made['id']}/deactivate")
        assert world.call("DELETE", path, key="operator").status_code == 204
        about = f"endpoint {made['id']}"
        assert said(world) == [
            ("delete_endpoint", about, {}),
            ("deactivate_endpoint", about, {}),
            ("change_endpoint", about, {"fields": "label, url"}),
            ("create_endpoint", about, {}),
        ]
        actors = [one["actor"] for one in entries(world)]
        assert actors[0] == "operator"
        assert [actor.partition("_")[0] for actor in actors[1:]] == ["key"] * 3
        assert actors[2] != actors[1] == actors[3]
        assert {one["tenant_id"] for one in entries(world)} == {TENANT}

    def test_what_belongs_to_no_tenant_is_for_operators(self, world: ApiWorld) -> None:
        key_id = world.call("POST", "/v1/keys", {}).json()["id"]
        world.call("PUT", "/v1/event-types/contact.created", {"description": "x"})
        world.call("POST", "/v1/tenants", {"id": "short", "name": "Short"})
        world.call("DELETE", "/v1/tenants/short")
        world.endpoint()
        found = entries(world, None)
        assert [(one["action"], one["about"], one["tenant_id"]) for one in found[1:]] == [
            ("delete_tenant", "tenant short", None),
            ("create_tenant", "tenant short", None),
            ("put_event_type", "event type contact.created", None),
            ("create_admin_key", f"admin key {key_id}", None),
        ]
        assert found[0]["tenant_id"] == TENANT
        problem_of(world.call("GET", "/v1/audit", key="tenant"), 403, "forbidden")

    def test_reading_refusals_and_trials_are_not(self, world: ApiWorld) -> None:
        world.call("GET", f"/v1/tenants/{TENANT}")
        world.call("DELETE", f"/v1/tenants/{TENANT}/endpoints/ep_0")
        world.call("POST", f"/v1/tenants/{TENANT}/endpoints", {"url": "no"})
        world.call("POST", f"/v1/tenants/{TENANT}/endpoints", {"url": "https://a.example/"}, key="ingest")
        world.call("POST", "/v1/schemas/infer", {"samples": [{"a": 1}]}, key="tenant")
        assert said(world, None) == []

    def test_calls_of_published_contracts_are(self, world: ApiWorld) -> None:
        body = {"Entity": "A", "Action": "b", "Url": "https://a.example/", "Method": "POST", "Format": "JSON"}
        made = world.call("POST", "/compat/vinsight/Webhooks", body, key="tenant").json()["WebhookID"]
        assert world.call("DELETE", f"/compat/vinsight/Webhooks/{made}", key="tenant").status_code < 300
        world.call("GET", "/compat/vinsight/Webhooks", key="tenant")
        assert said(world) == [("delete_webhook", f"webhook {made}", {}), ("create_webhook", "", {})]

    def test_a_reveal_is_written_down_although_it_only_reads(self, world: ApiWorld) -> None:
        made = world.endpoint()
        revealed = world.get(f"/endpoints/{made['id']}/secret")
        world.call("GET", f"/v1/tenants/{TENANT}/secret", key="tenant")
        first, second, _ = said(world)
        assert first == ("secret_revealed", "", {})
        assert second == ("secret_revealed", f"endpoint {made['id']}", {})
        assert world.audited[0][0] == "secret_revealed"
        assert revealed["secret"] not in json.dumps(entries(world))

    def test_no_secret_is_in_it(self, world: ApiWorld) -> None:
        texts = [
            world.call("POST", "/v1/keys", {}).json()["key"],
            world.post("/keys", {"scope": "ingest"})["key"],
            world.endpoint(auth={"type": "basic", "username": "u", "password": "pass-word-1"})["secret"],
            world.post("/secret/rotate", {"secret": "a-secret-of-our-own"})["secret"],
            world.post("/console-links")["url"].rsplit("/", 1)[1],
            "pass-word-1",
            "correct horse battery",
        ]
        world.call("POST", "/v1/operators", {"name": "ada", "password": texts[-1]})
        log = json.dumps(entries(world, None))
        assert len(entries(world, None)) == 6
        assert [text for text in texts if text in log] == []

    def test_what_was_done_stays_done_if_it_cannot_be_written_down(
        self, world: ApiWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(found: object) -> None:
            raise StoreUnavailable("The disk is full.")

        monkeypatch.setattr(world.store, "add_audit_entries", fail)
        made = world.endpoint()
        event, facts = world.audited[-1]
        assert event == "audit_not_written"
        assert facts.keys() == {"action", "about", "tenant_id", "actor", "code"}
        assert facts["action"] == "create_endpoint"
        assert facts["about"] == f"endpoint {made['id']}"
        assert facts["code"] == "store_unavailable"

    def test_what_is_left_out_is_there(self, world: ApiWorld) -> None:
        writing = {
            route.name
            for route in world.app.routes
            if isinstance(route, KeyedRoute) and route.methods & {"POST", "PUT", "PATCH", "DELETE"}
        }
        assert len(writing) > 40
        assert writing >= NOT_KEPT


class TestReading:
    def test_in_pages_newest_first(self, world: ApiWorld) -> None:
        for number in range(3):
            world.call("PUT", f"/v1/tenants/{TENANT}/tracked-sets/set-{number}")
        first = world.call("GET", f"/v1/tenants/{TENANT}/audit?limit=2").json()
        assert [one["about"] for one in first["items"]] == ["tracked set set-2", "tracked set set-1"]
        second = world.call("GET", f"/v1/tenants/{TENANT}/audit?limit=2&cursor={first['next_cursor']}").json()
        assert [one["about"] for one in second["items"]] == ["tracked set set-0"]
        assert second["next_cursor"] is None

    def test_a_tenant_sees_its_own(self, world: ApiWorld) -> None:
        world.endpoint()
        assert [one["action"] for one in entries(world, key="tenant")] == ["create_endpoint"]
        assert entries(world, OTHER_TENANT, key="other_tenant") == []
        problem_of(world.call("GET", f"/v1/tenants/{TENANT}/audit", key="other_tenant"), 404, "not_found")
        problem_of(world.call("GET", "/v1/tenants/nobody/audit"), 404, "not_found")
