"""The management API on the memory store (or another), with a key of every kind: what the API's tests talk to.

Two tenants (`acme`, whose keys the tests use, and `globex`, the other one). The clock stands still; `notified` and
`kicked` count what the use cases told the rest of the process; `audited` holds the audit log.
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.testclient import TestClient

from ringback.api.app import AppParts, build_app
from ringback.api.auth import Authenticator
from ringback.control.alerts import AlertUseCases
from ringback.control.attempts import AttemptUseCases
from ringback.control.audit import AuditTrail
from ringback.control.backup import BackupUseCases
from ringback.control.console_access import ConsoleAccess
from ringback.control.endpoints import EndpointUseCases
from ringback.control.event_types import EventTypeUseCases
from ringback.control.events import EventUseCases
from ringback.control.keys import KeyUseCases
from ringback.control.master_key import MasterKeyUseCases
from ringback.control.operators import OperatorUseCases
from ringback.control.profiles import ProfileUseCases
from ringback.control.readiness import Obstacle, Readiness
from ringback.control.record_types import RecordTypeUseCases
from ringback.control.records import RecordUseCases
from ringback.control.redaction import RedactionUseCases
from ringback.control.replays import ReplayUseCases
from ringback.control.rules import RuleUseCases
from ringback.control.samples import SampleUseCases
from ringback.control.secrets import SecretUseCases
from ringback.control.tenants import TenantUseCases
from ringback.control.tracked_sets import TrackedSetUseCases
from ringback.control.triggers import TriggerUseCases
from ringback.model.event import Event, NewDelivery
from ringback.model.record import Record
from ringback.model.tenant import Scope
from ringback.policy.url import UrlRules
from ringback.profiles import Registry
from ringback.store.memory import MemoryStore
from ringback.store.port import RecordPut
from ringback.testing.clock import ManualClock
from ringback.vault.ring import KeyRing
from ringback.wire.contract import Contract
from support.passwords import PlainPasswords
from support.rows import NOW, OTHER_TENANT, TENANT
from support.sealing import OLD_KEY

OPERATOR_KEY = "operators-own-key-of-40-characters-here."


class ApiWorld:
    """A whole management plane; `call` speaks for the admin unless told otherwise."""

    def __init__(
        self,
        endpoints_max: int = 1_000,
        rules: UrlRules | None = None,
        store: Any = None,
        *,
        files: Iterable[Contract] = (),
        profiles_max: int = 10,
        public_url: str | None = "https://hooks.example/ringback/",
    ) -> None:
        self.store = store or MemoryStore()
        self.clock = ManualClock(NOW)
        self.notified = 0
        self.kicked = 0
        self.hastened = 0
        self._folder = tempfile.TemporaryDirectory(prefix="ringback-api-")
        self.ring = KeyRing([OLD_KEY], None, self.clock.token_bytes)
        self.audited: list[tuple[str, dict[str, str]]] = []
        self.obstacles: list[Obstacle] = []
        profiles = self.profiles = Registry(self.store, files)
        self.authenticator = Authenticator(self.store, self.store, self.clock, OPERATOR_KEY, (profiles,))
        store, clock = self.store, self.clock
        self.passwords = PlainPasswords()
        trail = AuditTrail(store, clock, self._audit)
        self.parts = AppParts(
            tenants=TenantUseCases(store, clock, profiles, self._notify),
            event_types=EventTypeUseCases(store, clock, self._notify),
            profiles=ProfileUseCases(store, clock, profiles, self._notify, profiles_max=profiles_max),
            keys=KeyUseCases(store, clock, self._notify),
            endpoints=EndpointUseCases(
                store, clock, rules or UrlRules(), profiles, self._notify, endpoints_max=endpoints_max
            ),
            secrets=SecretUseCases(store, clock, profiles, self._notify, trail.told),
            events=EventUseCases(store, clock, profiles, self._kick),
            alerts=AlertUseCases(store, profiles),
            attempts=AttemptUseCases(store, clock),
            master_key=MasterKeyUseCases(store, self.ring, self._hasten, self._audit),
            backups=BackupUseCases(self, Path(self._folder.name), lambda _: None, self._audit),
            samples=SampleUseCases(store, clock, profiles, self._kick),
            tracked_sets=TrackedSetUseCases(store, clock),
            records=RecordUseCases(store),
            record_types=RecordTypeUseCases(store, clock, self._notify, types_max=10),
            redactions=RedactionUseCases(store, clock, self._notify, self._audit),
            replays=ReplayUseCases(store, clock, profiles, self._kick),
            triggers=TriggerUseCases(store, clock, self._notify),
            rules=RuleUseCases(store, clock),
            operators=OperatorUseCases(store, clock, self.passwords, operators_max=3),
            access=ConsoleAccess(
                store,
                clock,
                self.passwords,
                trail,
                admin_key=OPERATOR_KEY,
                public_url=public_url,
            ),
            trail=trail,
            readiness=Readiness(store, lambda: self.obstacles),
            metrics=lambda accept: (b"", "text/plain"),
            authenticator=self.authenticator,
        )
        self.app: FastAPI = build_app(self.parts)
        self.client = TestClient(self.app, raise_server_exceptions=False)
        for tenant_id in (TENANT, OTHER_TENANT):
            self.parts.tenants.create(tenant_id, {"name": tenant_id.title()}, None)
        self.keys = {
            "operator": OPERATOR_KEY,
            "admin": self.parts.keys.create(None, Scope.ADMIN).text,
            "tenant": self.parts.keys.create(TENANT, Scope.TENANT).text,
            "ingest": self.parts.keys.create(TENANT, Scope.INGEST).text,
            "other_tenant": self.parts.keys.create(OTHER_TENANT, Scope.TENANT).text,
        }
        self.notified = 0

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = "admin", **more: Any
    ) -> httpx.Response:
        """One request; `key` names a key of `keys`, or is a key's text; None: without one."""
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        if body is not None:
            more["json"] = body
        return self.client.request(method, path, headers=headers, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """POST under the tenant `acme`, which must succeed; what was answered."""
        return self._under_tenant("POST", path, body, **more)

    def get(self, path: str, **more: Any) -> Any:
        """GET under the tenant `acme`, which must succeed; what was answered."""
        return self._under_tenant("GET", path, None, **more)

    def patch(self, path: str, body: Any, **more: Any) -> Any:
        """PATCH under the tenant `acme`, which must succeed; what was answered."""
        return self._under_tenant("PATCH", path, body, **more)

    def endpoint(self, **fields: Any) -> dict[str, Any]:
        """Register an endpoint; what was answered."""
        answer: dict[str, Any] = self.post("/endpoints", {"url": "https://a.example/hook", **fields})
        return answer

    def add_records(self, *records: Record) -> None:
        """Store records as they are."""
        with self.store.intake() as transaction:
            transaction.put_records([RecordPut(one, None) for one in records])
            transaction.commit()

    def accept(self, events: list[Event], endpoint_ids: list[str] | None = None) -> list[int]:
        """Store events with a delivery for each endpoint, as the ingest writer does."""
        deliveries = [
            NewDelivery(event.tenant_id, endpoint_id, event.id, None, NOW)
            for event in events
            for endpoint_id in endpoint_ids or []
        ]
        with self.store.intake() as transaction:
            drawn = transaction.insert(events, deliveries)
            transaction.commit()
        return list(drawn)

    def _under_tenant(self, method: str, path: str, body: Any, **more: Any) -> Any:
        response = self.call(method, f"/v1/tenants/{TENANT}{path}", body, **more)
        assert response.is_success, response.text
        return response.json()

    def copy_to(self, path: Path, between: Callable[[int, int], None]) -> None:
        """Stands in for a store that can be copied."""
        path.write_bytes(b"a copy")
        between(6, 6)

    def _notify(self) -> None:
        self.notified += 1
        self.authenticator.refresh()

    def _kick(self) -> None:
        self.kicked += 1

    def _hasten(self) -> None:
        self.hastened += 1

    def _audit(self, name: str, facts: dict[str, str]) -> None:
        self.audited.append((name, facts))


def problem_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that a refusal carries; fails unless it looks as every problem must."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["code"] == code
    assert {"type", "title", "detail"} <= document.keys()
    assert document["type"] == f"urn:ringback:error:{code}"
    return document


def fields_of(response: httpx.Response) -> list[str]:
    """The fields that a 422 names."""
    return [error["field"] for error in problem_of(response, 422, "invalid")["errors"]]
