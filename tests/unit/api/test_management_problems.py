"""Errors that no route answers: unknown addresses, other methods, defects, a store that is away."""

import pytest

from ringback.store.port import StoreUnavailable
from support.api_world import ApiWorld, problem_of
from support.rows import TENANT


@pytest.fixture(scope="module")
def world() -> ApiWorld:
    return ApiWorld()


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/v1", "/v2/tenants", "/v1/nothing", "/v1/keys/", "/v1//tenants", "/docs/", "/docs/assets/nothing.js"),
        *("/redoc", f"/v1/tenants/{TENANT}/", f"/v1/tenants/{TENANT}/nothing"),
        f"/v1/tenants/{TENANT}/endpoints/ep_1/nothing",
    ],
)
@pytest.mark.parametrize("key", [None, "admin"])
def test_an_unknown_address(world: ApiWorld, path: str, key: str | None) -> None:
    assert "errors" not in problem_of(world.call("GET", path, key=key), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/keys", {"GET", "POST"}),
        ("POST", "/v1/keys/key_1", {"DELETE"}),
        ("POST", f"/v1/tenants/{TENANT}", {"GET", "PATCH", "DELETE"}),
        ("PUT", f"/v1/tenants/{TENANT}/endpoints/ep_1", {"GET", "PATCH", "DELETE"}),
        ("GET", f"/v1/tenants/{TENANT}/endpoints/ep_1/activate", {"POST"}),
        ("DELETE", f"/v1/tenants/{TENANT}/events", {"GET", "POST"}),
        ("DELETE", f"/v1/tenants/{TENANT}/events/batch", {"POST"}),
        ("GET", f"/v1/tenants/{TENANT}/status", {"POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("POST", "/docs", {"GET"}),
        ("BREW", "/v1/keys", {"GET", "POST"}),
    ],
)
def test_another_method(world: ApiWorld, method: str, path: str, allowed: set[str]) -> None:
    response = world.call(method, path)
    problem_of(response, 405, "method_not_allowed")
    assert set(response.headers["allow"].split(", ")) == allowed


def test_a_defect_says_nothing(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tenant_id: str) -> None:
        raise RuntimeError("word-in-clear")

    monkeypatch.setattr(world.store, "get_tenant", broken)
    response = world.call("GET", f"/v1/tenants/{TENANT}")
    problem_of(response, 500, "internal")
    assert "word-in-clear" not in response.text
    assert "Traceback" not in response.text


def test_a_store_that_is_away(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("The store is busy.", retry_after_s=3)

    monkeypatch.setattr(world.store, "get_endpoint", away)
    response = world.call("GET", f"/v1/tenants/{TENANT}/endpoints/ep_1")
    problem_of(response, 503, "store_unavailable")
    assert response.headers["retry-after"] == "3"


def test_others_who_change_the_same_all_the_time(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.endpoint()
    monkeypatch.setattr(world.store, "update_endpoint", lambda endpoint, now: False)
    response = world.call("PATCH", f"/v1/tenants/{TENANT}/endpoints/{made['id']}", {"label": "x"})
    problem_of(response, 409, "conflict")
