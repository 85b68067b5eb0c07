"""Profiles through the API: what may be put, what may be deleted, and what endpoints may have."""

from typing import Any

import pytest

from support.api_world import ApiWorld, fields_of, problem_of
from support.profiles import contract, profile_text, without_variant
from support.rows import TENANT

ENDPOINTS = f"/v1/tenants/{TENANT}/endpoints"
URL = {"url": "https://a.example/hook"}


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld(files=[contract("filed")], profiles_max=3)


def put(world: ApiWorld, name: str = "own", text: str | None = None, **replaced: str) -> Any:
    text = profile_text(name, **replaced) if text is None else text
    return world.call("PUT", f"/v1/profiles/{name}", {"toml": text})


def test_a_profile_is_shown_as_it_was_put(world: ApiWorld) -> None:
    made = put(world)
    assert made.status_code == 201
    shown = world.call("GET", "/v1/profiles/own", key="tenant").json()
    assert made.json() == shown
    assert shown["toml"] == profile_text()
    assert (shown["origin"], shown["title"], shown["error"]) == ("api", "Standard Webhooks", None)
    assert (shown["signatures"], shown["default_signature"]) == (["v1", "v1a"], "v1")
    world.clock.pass_s(5)
    again = put(world, prefix="x,")
    assert again.status_code == 200
    assert again.json()["created_at"] == shown["created_at"] < again.json()["updated_at"]
    assert again.json()["version"] != shown["version"]
    assert world.notified == 2


def test_all_are_listed_by_name_in_pages_without_their_texts(world: ApiWorld) -> None:
    put(world, "zz")
    put(world, "aa")
    listed = world.call("GET", "/v1/profiles").json()["items"]
    names = [one["name"] for one in listed]
    assert names == sorted(names)
    origins = {one["name"]: one["origin"] for one in listed}
    assert origins["aa"] == origins["zz"] == "api"
    assert (origins["filed"], origins["standard"]) == ("file", "built_in")
    assert all("toml" not in one for one in listed)
    first = world.call("GET", "/v1/profiles?limit=1").json()
    second = world.call("GET", f"/v1/profiles?limit=250&cursor={first['next_cursor']}").json()
    assert [one["name"] for one in first["items"] + second["items"]] == names
    assert second["next_cursor"] is None
    for name in ("standard", "filed"):
        shown = world.call("GET", f"/v1/profiles/{name}").json()
        assert (shown["created_at"], f'name = "{name}"' in shown["toml"]) == (None, True)


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("own", {"toml": profile_text("other")}, "name"),
        ("own", {"toml": profile_text().replace('"POST"', '"SHOUT"')}, "request.method"),
        ("own", {"toml": profile_text().replace('secret_of = "endpoint"', "")}, "signature.secret_of"),
        ("own", {"toml": profile_text() + "\n[extra]\na = 1"}, "extra"),
        ("own", {"toml": "name = "}, "file"),
        ("own", {"toml": "#" * 2_001}, "toml"),
        ("own", {"toml": "#\n" * 40_000}, "toml"),
        ("own", {"toml": 5}, "toml"),
        ("own", {}, "toml"),
        ("own", {"toml": profile_text(), "more": 1}, "more"),
        ("Own", {"toml": profile_text("Own")}, "name"),
        ("o" * 65, {"toml": profile_text("o" * 65)}, "name"),
    ],
)
def test_what_is_no_profile_is_refused_with_its_key(
    world: ApiWorld, name: str, body: dict[str, Any], field: str
) -> None:
    response = world.call("PUT", f"/v1/profiles/{name}", body)
    assert fields_of(response) == [field]
    assert field in response.json()["detail"]
    problem_of(world.call("GET", f"/v1/profiles/{name}"), 404, "not_found")
    assert world.notified == 0


@pytest.mark.parametrize("name", ["standard", "filed"])
def test_names_that_are_taken_can_not_be_put_or_deleted(world: ApiWorld, name: str) -> None:
    problem_of(put(world, name), 409, "profile_reserved")
    problem_of(world.call("DELETE", f"/v1/profiles/{name}"), 409, "profile_reserved")


def test_there_are_so_many_at_most(world: ApiWorld) -> None:
    for name in ("a", "b", "c"):
        assert put(world, name).status_code == 201
    problem_of(put(world, "d"), 429, "profile_quota")
    assert put(world, "c", prefix="x,").status_code == 200


def test_writing_is_for_admin_keys(world: ApiWorld) -> None:
    put(world)
    for method, body in (("PUT", {"toml": profile_text()}), ("DELETE", None)):
        problem_of(world.call(method, "/v1/profiles/own", body, key="tenant"), 403, "forbidden")
    problem_of(world.call("GET", "/v1/profiles", key="ingest"), 403, "forbidden")
    for name in ("nobodys", "%00", "ä", "a" * 100):
        problem_of(world.call("DELETE", f"/v1/profiles/{name}"), 404, "not_found")
        problem_of(world.call("GET", f"/v1/profiles/{name}"), 404, "not_found")


def test_one_in_use_is_not_deleted(world: ApiWorld) -> None:
    put(world)
    made = world.endpoint(profile="own")
    assert made["id"] in problem_of(world.call("DELETE", "/v1/profiles/own"), 409, "profile_in_use")["detail"]
    world.patch(f"/endpoints/{made['id']}", {"profile": "standard"})
    world.call("PATCH", f"/v1/tenants/{TENANT}", {"profile": "own"})
    assert TENANT in problem_of(world.call("DELETE", "/v1/profiles/own"), 409, "profile_in_use")["detail"]
    world.call("PATCH", f"/v1/tenants/{TENANT}", {"profile": None})
    assert world.call("DELETE", "/v1/profiles/own").status_code == 204
    problem_of(world.call("GET", "/v1/profiles/own"), 404, "not_found")
    assert fields_of(world.call("POST", ENDPOINTS, {**URL, "profile": "own"})) == ["profile"]


@pytest.mark.parametrize(
    ("fields", "text", "said"),
    [
        ({"signature": "v1a"}, without_variant(profile_text(), "v1a"), "signature must be one of: v1."),
        ({"headers": {"X-Mine": "1"}}, profile_text().replace("x-own-id", "x-mine"), "headers.X-Mine is a header"),
        ({}, profile_text().replace('algorithm = "hmac-sha256"', 'algorithm = "ed25519"'), "another kind of secret"),
    ],
)
def test_one_in_use_is_replaced_only_by_one_that_its_endpoints_can_live_with(
    world: ApiWorld, fields: dict[str, Any], text: str, said: str
) -> None:
    put(world)
    made = world.endpoint(profile="own", **fields)
    before = world.call("GET", "/v1/profiles/own").json()
    detail = problem_of(put(world, text=text), 409, "profile_in_use")["detail"]
    assert said in detail
    assert made["id"] in detail
    assert world.call("GET", "/v1/profiles/own").json() == before
    world.call("DELETE", f"{ENDPOINTS}/{made['id']}")
    assert put(world, text=text).status_code == 200


def test_an_endpoint_has_its_profiles_signature_unless_it_chose(world: ApiWorld) -> None:
    put(world, variant="main")
    made = world.endpoint(profile="own")
    assert made["signature"] == "main"
    assert made["secret"].startswith("whsec_")
    assert world.get(f"/endpoints/{made['id']}/secret")["secret"] == made["secret"]
    assert world.post(f"/endpoints/{made['id']}/secret/rotate")["secret"].startswith("whsec_")
    for refused in (
        world.call("POST", ENDPOINTS, {**URL, "profile": "own", "signature": "v1"}),
        world.call("PATCH", f"{ENDPOINTS}/{made['id']}", {"signature": "v1"}),
    ):
        (error,) = problem_of(refused, 422, "invalid")["errors"]
        assert error == {"field": "signature", "message": "must be one of: main, v1a"}
    back = world.patch(f"/endpoints/{made['id']}", {"profile": "standard"})
    assert (back["signature"], back.get("secret")) == ("v1", None)  # its secret is of the right kind
    changed = world.patch(f"/endpoints/{made['id']}", {"profile": "own", "signature": "v1a"})
    assert changed["secret"].startswith("whsk_")


def test_an_unknown_profile_is_refused_with_those_that_there_are(world: ApiWorld) -> None:
    put(world)
    made = world.endpoint()
    for refused in (
        world.call("POST", ENDPOINTS, {**URL, "profile": "vesel"}),
        world.call("PATCH", f"{ENDPOINTS}/{made['id']}", {"profile": "vesel"}),
        world.call("PATCH", f"/v1/tenants/{TENANT}", {"profile": "vesel"}),
    ):
        (error,) = problem_of(refused, 422, "invalid")["errors"]
        assert error["field"] == "profile"
        assert {"filed", "own", "standard"} <= set(error["message"].removeprefix("must be one of: ").split(", "))


def test_headers_of_the_profile_are_not_an_endpoints_own(world: ApiWorld) -> None:
    put(world)
    refused = world.call("POST", ENDPOINTS, {**URL, "profile": "own", "headers": {"X-Own-ID": "1"}})
    assert fields_of(refused) == ["headers.X-Own-ID"]
    made = world.endpoint(headers={"X-Own-ID": "1"})
    assert fields_of(world.call("PATCH", f"{ENDPOINTS}/{made['id']}", {"profile": "own"})) == ["headers.X-Own-ID"]


def test_an_endpoint_whose_profile_is_gone_can_be_changed_and_mended(world: ApiWorld) -> None:
    put(world)
    made = world.endpoint(profile="own")
    world.store.delete_profile("own")  # as a file that an operator removed
    world.authenticator.refresh()
    path = f"{ENDPOINTS}/{made['id']}"
    for method, what in (("GET", "preview"), ("POST", "verify"), ("GET", "secret"), ("POST", "secret/rotate")):
        problem_of(world.call(method, f"{path}/{what}"), 409, "profile_missing")
    assert world.patch(f"/endpoints/{made['id']}", {"label": "mine"})["label"] == "mine"
    assert fields_of(world.call("PATCH", path, {"signature": "v1a"})) == ["profile"]
    world.patch(f"/endpoints/{made['id']}", {"profile": "standard"})
    assert world.get(f"/endpoints/{made['id']}/preview")["method"] == "POST"
