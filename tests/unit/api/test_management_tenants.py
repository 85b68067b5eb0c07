"""Tenants, keys and secrets over HTTP."""

import hashlib
import re
from typing import Any

import pytest

from ringback.wire.signature import check_secret
from support.api_world import ApiWorld, problem_of
from support.rows import NOW, TENANT

DAY_MS = 86_400_000


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def test_a_tenant_there_and_back(world: ApiWorld) -> None:
    fields = {"id": "t-1_A", "name": "Räuber", "profile": "standard", "webhooks_enabled": False, "retention_days": 7}
    made = world.call("POST", "/v1/tenants", fields)
    assert made.status_code == 201
    moments = {"created_at": "2027-01-15T08:00:00.000Z", "updated_at": "2027-01-15T08:00:00.000Z"}
    quotas = {"events_per_second": None, "endpoints_max": None, "payload_bytes_max": None}
    assert made.json() == {**fields, **quotas, **moments, "viewers_see_bodies": True}
    assert world.call("GET", "/v1/tenants/t-1_A").json() == made.json()


def test_the_defaults_of_a_tenant(world: ApiWorld) -> None:
    made = world.call("POST", "/v1/tenants", {"name": "x"}).json()
    assert re.fullmatch(r"ten_[0-9A-Z]{26}", made["id"])
    assert (made["profile"], made["webhooks_enabled"], made["retention_days"]) == ("standard", True, 30)


def test_an_id_that_is_taken(world: ApiWorld) -> None:
    problem_of(world.call("POST", "/v1/tenants", {"id": TENANT, "name": "x"}), 409, "conflict")
    assert world.call("GET", f"/v1/tenants/{TENANT}").json()["name"] == "Acme"


@pytest.mark.parametrize(
    "change", [{"name": "New"}, {"webhooks_enabled": False}, {"retention_days": 3_650}, {"profile": None}, {}]
)
def test_a_change_of_one_field_leaves_the_others(world: ApiWorld, change: dict[str, Any]) -> None:
    before = world.call("GET", f"/v1/tenants/{TENANT}").json()
    world.clock.pass_s(2)
    after = world.patch("", change)
    expected = {**before, **{name: value for name, value in change.items() if value is not None}}
    if expected != before:
        expected["updated_at"] = "2027-01-15T08:00:02.000Z"
    assert after == expected == world.call("GET", f"/v1/tenants/{TENANT}").json()


def test_a_deleted_tenant_is_gone_with_what_it_had(world: ApiWorld) -> None:
    made = world.endpoint()
    assert world.call("DELETE", f"/v1/tenants/{TENANT}").status_code == 204
    for path in ("", "/endpoints", f"/endpoints/{made['id']}", "/keys", "/secret", "/events", "/attempts"):
        problem_of(world.call("GET", f"/v1/tenants/{TENANT}{path}"), 404, "not_found")
    problem_of(world.call("DELETE", f"/v1/tenants/{TENANT}"), 404, "not_found")


@pytest.mark.parametrize("scope", ["tenant", "ingest"])
def test_a_key_is_shown_once_and_stored_hashed(world: ApiWorld, scope: str) -> None:
    made = world.post("/keys", {"scope": scope, "label": "Shop"})
    assert re.fullmatch(rf"rb_{scope}_[A-Za-z0-9_-]{{43}}", made["key"])
    assert {name: made[name] for name in ("scope", "tenant_id", "label", "created_at")} == {
        "scope": scope,
        "tenant_id": TENANT,
        "label": "Shop",
        "created_at": "2027-01-15T08:00:00.000Z",
    }
    listed = world.call("GET", f"/v1/tenants/{TENANT}/keys")
    assert made["key"] not in listed.text
    assert {name: value for name, value in made.items() if name != "key"} in listed.json()["items"]
    stored = world.store.find_key(hashlib.sha256(made["key"].encode()).digest())
    assert stored is not None
    assert stored.id == made["id"]
    assert made["key"] not in repr(stored)


def test_admin_keys(world: ApiWorld) -> None:
    made = world.call("POST", "/v1/keys", {"label": "Ops"})
    assert made.status_code == 201
    assert re.fullmatch(r"rb_admin_[A-Za-z0-9_-]{43}", made.json()["key"])
    assert world.call("GET", "/v1/tenants", key=made.json()["key"]).status_code == 200
    listed = world.call("GET", "/v1/keys").json()["items"]
    assert {key["scope"] for key in listed} == {"admin"}
    assert made.json()["id"] in {key["id"] for key in listed}
    assert world.call("DELETE", f"/v1/keys/{made.json()['id']}").status_code == 204
    problem_of(world.call("DELETE", f"/v1/keys/{made.json()['id']}"), 404, "not_found")
    problem_of(world.call("GET", "/v1/tenants", key=made.json()["key"]), 401, "no_key")


def test_a_tenants_key_is_no_admin_key(world: ApiWorld) -> None:
    made = world.post("/keys", {"scope": "tenant"})
    problem_of(world.call("DELETE", f"/v1/keys/{made['id']}"), 404, "not_found")
    assert made["id"] not in {key["id"] for key in world.call("GET", "/v1/keys").json()["items"]}


def test_a_tenants_secret(world: ApiWorld) -> None:
    first = world.get("/secret")
    assert first.keys() == {"secret"}
    assert len(first["secret"]) >= 43
    assert world.get("/secret") == first
    second = world.post("/secret/rotate", {"grace_seconds": 60})
    assert second != first
    assert world.get("/secret") == second
    assert world.post("/secret/rotate", {"secret": "chosen-by-us-0001"}) == {"secret": "chosen-by-us-0001"}
    assert [secret.expires_at for secret in world.store.list_secrets(TENANT, None)] == [
        None,
        NOW + DAY_MS,
        NOW + 60_000,
    ]


def test_a_tenants_secret_may_be_chosen(world: ApiWorld) -> None:
    made = world.call("POST", "/v1/tenants", {"name": "x", "id": "x", "secret": "a-word-in-the-clear"})
    assert "a-word-in-the-clear" not in made.text
    assert world.call("GET", "/v1/tenants/x/secret").json() == {"secret": "a-word-in-the-clear"}


def test_an_endpoints_secret_is_revealed_and_rotated(world: ApiWorld) -> None:
    made = world.endpoint()
    path = f"/endpoints/{made['id']}/secret"
    assert world.get(path) == {"secret": made["secret"], "public_key": None}
    second = world.post(f"{path}/rotate")
    check_secret(second["secret"], "hmac-sha256")
    assert world.get(path) == second != made["secret"]
    third = "whsec_" + "B" * 40
    assert world.post(f"{path}/rotate", {"secret": third, "grace_seconds": 0})["secret"] == third
    kept = world.store.list_secrets(TENANT, made["id"])
    assert [(secret.value, secret.expires_at) for secret in kept] == [
        (third, None),
        (second["secret"], NOW),
        (made["secret"], NOW),
    ]


def test_the_secret_that_signs_already_changes_nothing(world: ApiWorld) -> None:
    made = world.endpoint()
    again = world.post(f"/endpoints/{made['id']}/secret/rotate", {"secret": made["secret"]})
    assert again["secret"] == made["secret"]
    assert len(world.store.list_secrets(TENANT, made["id"])) == 1


def test_a_rotation_needs_a_secret_of_the_right_kind(world: ApiWorld) -> None:
    made = world.endpoint(signature="v1a")
    path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}/secret/rotate"
    response = world.call("POST", path, {"secret": "whsec_" + "A" * 32})
    assert [error["field"] for error in problem_of(response, 422, "invalid")["errors"]] == ["secret"]
    rotated = world.call("POST", path, {}).json()
    check_secret(rotated["secret"], "ed25519")
    assert rotated["public_key"].startswith("whpk_")


def test_only_so_many_secrets_sign_at_once(world: ApiWorld) -> None:
    made = world.endpoint()
    path = f"/v1/tenants/{TENANT}/endpoints/{made['id']}/secret/rotate"
    statuses = [world.call("POST", path, {"grace_seconds": 3_600}).status_code for _ in range(8)]
    assert statuses == [200] * 7 + [429]
    refused = world.call("POST", path, {"grace_seconds": 3_600})
    problem_of(refused, 429, "secret_quota")
    assert 3_600 <= int(refused.headers["retry-after"]) <= 3_601
    assert world.call("POST", path, {"grace_seconds": 0}).status_code == 200
    assert world.call("POST", path, {"grace_seconds": 3_600}).status_code == 200


def test_revealing_and_rotating_leave_a_line_without_the_secret(world: ApiWorld) -> None:
    made = world.endpoint()
    key_id = world.get("/keys")["items"][-1]["id"]
    world.audited.clear()
    world.get(f"/endpoints/{made['id']}/secret", key="operator")
    world.post(f"/endpoints/{made['id']}/secret/rotate")
    world.get("/secret", key="tenant")
    world.post("/secret/rotate", {})
    assert [name for name, _ in world.audited] == [
        *("secret_revealed", "secret_rotated", "secret_revealed", "secret_rotated")
    ]
    assert world.audited[0][1] == {"tenant_id": TENANT, "endpoint_id": made["id"], "actor": "operator"}
    assert world.audited[2][1].keys() == {"tenant_id", "actor"}
    assert world.audited[2][1]["actor"].startswith("key_")
    assert key_id
    texts = [secret.value for owner in (made["id"], None) for secret in world.store.list_secrets(TENANT, owner)]
    assert len(texts) == 4
    assert not any(text in repr(world.audited) for text in texts)
