"""Routes are worked out when they are needed, once, whoever comes first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from ringback.api import deferred
from ringback.api.deferred import DeferredRoute
from support.api_world import ApiWorld


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of the routes that were worked out, as it happens."""
    seen: list[str] = []
    work_out = deferred.APIRoute.__init__

    def noted(self: Any, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if isinstance(self, DeferredRoute):
            seen.append(path)
        work_out(self, path, endpoint, **options)

    monkeypatch.setattr(deferred.APIRoute, "__init__", noted)
    return seen


def test_a_call_works_out_its_own_route_once(worked_out: list[str]) -> None:
    world = ApiWorld()
    assert worked_out == []
    for _ in range(2):
        assert world.call("GET", "/v1/tenants").status_code == 200
    assert worked_out == ["/v1/tenants"]
    assert world.call("DELETE", "/v1/tenants").status_code == 405
    assert world.call("GET", "/v1/nothing").status_code == 404
    assert worked_out == ["/v1/tenants"]


def test_the_document_works_out_all_and_has_them_by_name(worked_out: list[str]) -> None:
    app = ApiWorld().app
    routes = [route for route in app.router.routes if isinstance(route, DeferredRoute)]
    assert app.openapi()["paths"]["/v1/tenants"]["get"]["operationId"] == "list_tenants"
    assert sorted(worked_out) == sorted(route.path for route in routes)
    assert len(worked_out) > 80


def test_many_at_once_wait_for_the_one_that_works_it_out(worked_out: list[str]) -> None:
    async def answer(number: int) -> dict[str, int]:
        return {"number": number}

    route = DeferredRoute("/{number}", answer)
    barrier = Barrier(8)

    def read() -> str:
        barrier.wait()
        return str(route.unique_id)

    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(read) for _ in range(8)]} == {"answer"}
    assert worked_out == ["/{number}"]
    app = FastAPI()
    app.router.routes.append(route)
    assert TestClient(app).get("/7").json() == {"number": 7}
    assert TestClient(app).post("/7").status_code == 405


def test_what_a_route_has_not_it_has_not() -> None:
    route = DeferredRoute("/", lambda: None, name="nothing")
    assert route.name == "nothing"
    for _ in range(2):
        with pytest.raises(AttributeError):
            _ = route.no_such_thing
    assert not hasattr(route, "__no_such_protocol__")
