"""Health, /docs and the OpenAPI document: nothing from another host, and the document tells the truth."""

import re
from typing import Any

import pytest
from starlette.routing import Route

from ringback.api.management import openapi
from ringback.api.management.guard import GuardedRoute
from ringback.api.management.record_paths import RECORD_SCOPES
from ringback.control.readiness import Obstacle
from ringback.store.port import StoreUnavailable
from support.api_world import ApiWorld, problem_of
from support.rows import TENANT

OPEN = {"/healthz", "/readyz", "/metrics"}


@pytest.fixture(scope="module")
def world() -> ApiWorld:
    return ApiWorld()


@pytest.fixture(scope="module")
def document(world: ApiWorld) -> dict[str, Any]:
    answer: dict[str, Any] = world.call("GET", "/openapi.json", key=None).json()
    return answer


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_healthz_answers_always(world: ApiWorld) -> None:
    assert world.call("GET", "/healthz", key=None).json() == {"status": "ok"}
    assert world.call("HEAD", "/healthz", key=None).status_code == 200


def test_readyz_needs_a_store_that_can_commit_and_no_obstacles(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ApiWorld()
    assert world.call("GET", "/readyz", key=None).json() == {"status": "ready", "cautions": []}
    world.obstacles.append(Obstacle("not_ready", "The writer hangs."))
    refused = world.call("GET", "/readyz", key=None)
    assert "The writer hangs" in problem_of(refused, 503, "not_ready")["detail"]
    assert "retry-after" in refused.headers
    world.obstacles.clear()

    def away() -> None:
        raise StoreUnavailable("The disk is full.")

    monkeypatch.setattr(world.store, "check", away)
    problem_of(world.call("GET", "/readyz", key=None), 503, "store_unavailable")
    world.obstacles.append(Obstacle("busy", "Too many events wait."))
    both = problem_of(world.call("GET", "/readyz", key=None), 503, "busy")
    assert both["obstacles"] == ["Too many events wait.", "The disk is full."]
    assert world.call("GET", "/healthz", key=None).status_code == 200


def test_docs_load_nothing_from_another_host(world: ApiWorld) -> None:
    page = world.call("GET", "/docs", key=None)
    assert page.headers["content-type"].startswith("text/html")
    linked = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)["']""", page.text)
    assert len(linked) == 4
    for address in linked:
        assert not re.match(r"[a-z]+:|//", address), address
        assert world.call("GET", f"/{address}", key=None).status_code == 200, address
    assert not re.search(r"https?://|<script(?! src)", page.text)
    start = world.call("GET", "/docs/start.js", key=None).text
    assert "://" not in start
    assert "validatorUrl: null" in start
    assert '"openapi.json"' in start


def test_the_browser_is_told_to_load_nothing_from_another_host(world: ApiWorld) -> None:
    policy = world.call("GET", "/docs", key=None).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "://" not in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    style = world.call("GET", "/docs/assets/swagger-ui.css", key=None).text
    assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", style)


def test_the_document_has_every_route_and_the_event_routes(world: ApiWorld, document: dict[str, Any]) -> None:
    routed = {
        (method, route.path_format)
        for route in world.app.routes
        if isinstance(route, Route)
        and (isinstance(route, GuardedRoute) or route.path in OPEN)
        and route.include_in_schema
        for method in route.methods or ()
    }
    events = {
        ("POST", "/v1/tenants/{tenant_id}/events"),
        ("POST", "/v1/tenants/{tenant_id}/events/batch"),
        ("POST", "/v1/tenants/{tenant_id}/status"),
    }
    records = {(method.upper(), path) for method, path in RECORD_SCOPES}
    assert operations(document).keys() == routed | events | records


def test_names_of_operations_are_unique(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations(document).values())


def test_what_some_operations_answer_is_said_of_operations_that_exist(document: dict[str, Any]) -> None:
    names = {operation["operationId"] for operation in operations(document).values()}
    assert openapi._SOMETIMES.keys() <= names
    assert {"create_endpoint", "send_test", "put_event_type"} <= names
    assert {"201", "200"} <= operations(document)["PUT", "/v1/event-types/{name}"]["responses"].keys()


def test_every_error_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for (_, path), operation in operations(document).items():
        errors = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        for answer in errors.values():
            content = answer["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if path.startswith("/v1/"):
            assert {"400", "401", "403", "404", "422", "503"} <= errors.keys()
            assert operation["security"] == [{"key": []}]
        if "requestBody" in operation:
            assert {"413", "415"} <= errors.keys()
    assert "HTTPValidationError" not in str(document)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    named = set(re.findall(r"#/components/schemas/([A-Za-z0-9_.-]+)", str(document)))
    assert named <= schemas.keys()
    assert {"Problem", "NewEvent", "AcceptedEvent", "AcceptedEvents"} <= named


def test_the_event_routes_have_examples(document: dict[str, Any]) -> None:
    for name in ("NewEvent", "NewStatus", "AcceptedEvent", "AcceptedEvents", "Problem"):
        assert document["components"]["schemas"][name]["example"]
    batch = operations(document)["POST", "/v1/tenants/{tenant_id}/events/batch"]
    assert {"application/json", "application/x-ndjson"} == batch["requestBody"]["content"].keys()
    assert {"200", "202", "409", "429"} <= batch["responses"].keys()


def test_the_document_is_made_once(world: ApiWorld) -> None:
    assert world.app.openapi() is world.app.openapi()


def test_bodies_are_described_as_strict(document: dict[str, Any]) -> None:
    for name in (
        "NewEndpoint",
        "EndpointChange",
        "NewTenant",
        "TenantChange",
        "Rotation",
        "Resend",
        "NewEvent",
        "NewStatus",
    ):
        assert document["components"]["schemas"][name]["additionalProperties"] is False


def test_answers_have_the_fields_that_are_documented(world: ApiWorld, document: dict[str, Any]) -> None:
    made = world.endpoint()
    schemas = document["components"]["schemas"]
    shown = world.get(f"/endpoints/{made['id']}")
    assert shown.keys() == schemas["WholeEndpointView"]["properties"].keys()
    listed = world.get("/endpoints")["items"][-1]
    assert listed.keys() == schemas["EndpointView"]["properties"].keys()
    assert made.keys() == schemas["SecretEndpointView"]["properties"].keys()
    assert world.call("GET", f"/v1/tenants/{TENANT}").json().keys() == schemas["TenantView"]["properties"].keys()
