"""The OpenAPI document against a real server over HTTP: its parser, the short way for posts of events, its own limits.

The same examples for every operation as in process (test_openapi_contract.py), but fewer: what differs here is the way
in and out. The events routes get all of schemathesis's phases, since they have ways of their own (`api/direct`).
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis import Case
from schemathesis.core.parameters import ParameterLocation

from contracts.each_operation import EACH, contract, stateless
from contracts.test_openapi_contract import UNKNOWN_HEADER, check
from support.api_document import operations
from support.process import ADMIN_KEY, Server
from support.tenant import TestTenant

HERE = {"Authorization": f"Bearer {ADMIN_KEY}"}
PUBLIC = "https://hooks.example"
KEPT = ("DELETE /v1/tenants/{tenant_id}", "DELETE /v1/tenants/{tenant_id}/endpoints/{endpoint_id}")


class Existing:
    """A real server with one of everything; `ids` are those that addresses are led to."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tenant = TestTenant(server, "acme")
        server.ask("PUT", "/v1/event-types/contact.created", {"sample": {"id": 1}})
        self.ids = {"tenant_id": "acme", "name": "contact.created"}
        self.calls = 0

    def lead_to_what_exists(self, case: Case) -> None:
        """In three of four cases, unless a wrong address is what the case is about, or the thing would be gone."""
        self.calls += 1
        if not self.calls % 4 or case.operation.label in KEPT:
            return
        if case.meta is None or not case.meta.is_negative_at(ParameterLocation.PATH):
            case.path_parameters.update({name: self.ids[name] for name in case.path_parameters if name in self.ids})


@pytest.fixture(scope="module")
def existing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Existing]:
    # Nothing that is made up here is looked up anywhere.
    environment = {"RINGBACK_NAME_SERVERS": "127.0.0.1", "RINGBACK_LOG_LEVEL": "error", "RINGBACK_PUBLIC_URL": PUBLIC}
    with Server(tmp_path_factory.mktemp("http") / "data", environment=environment) as server:
        yield Existing(server)


@pytest.fixture(scope="module")
def plain() -> Any:
    return contract(1, coverage=False)


@pytest.fixture(params=operations())
def operation(plain: Any, request: pytest.FixtureRequest) -> Any:
    return EACH.of(plain, request)


@pytest.fixture(scope="module")
def thorough() -> Any:
    return contract(8, coverage=True)


@pytest.fixture(params=[one for one in operations() if re.fullmatch(r"POST .*/events(/batch)?", one)])
def post_of_events(thorough: Any, request: pytest.FixtureRequest) -> Any:
    return EACH.of(thorough, request)


def ask(existing: Existing, case: Case) -> None:
    if UNKNOWN_HEADER in case.headers:
        return
    existing.lead_to_what_exists(case)
    check(case, case.call(base_url=existing.server.url, headers=HERE))


@EACH.parametrize("operation")
@stateless(1)
def test_every_operation_keeps_to_the_document_over_http(existing: Existing, case: Case) -> None:
    ask(existing, case)


@EACH.parametrize("post_of_events")
@stateless(8)
def test_posts_of_events_keep_to_the_document_over_http(existing: Existing, case: Case) -> None:
    ask(existing, case)
