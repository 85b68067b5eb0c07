"""How each error code of the API is provoked: by a request to a real server, or to the app where that can't be made.

A provocation returns the answer's status and code. `BY_REQUEST` ask a server, each with a tenant of its own; `BY_APP`
ask the management app on the memory store; `BY_PART` speak to a part of the server, for what no request brings about.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from ringback.api.problem import Problem, problem, status_problem
from ringback.control import backup
from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.model.errors import OverQuota, RingbackError
from ringback.store.memory import MemoryStore
from ringback.store.port import CommitInDoubt, StoreUnavailable
from ringback.testing.clock import ManualClock
from ringback.vault.ring import open_ring
from ringback.workers import ThreadMailbox
from support.api_world import ApiWorld
from support.process import Answer
from support.profiles import profile_text
from support.rows import event, secret, tenant
from support.tenant import TestTenant

Answered = tuple[int, str]
EVENT: Final = {"type": "thing.happened", "data": {"n": 1}}


def ask(tenant: TestTenant, method: str, path: str, body: Any = None, **more: Any) -> Answer:
    """One request below the tenant."""
    return tenant.server.ask(method, f"{tenant.path}{path}", body, **more)


def refused(attempts: int, request: Callable[[], Answer]) -> Answer:
    """The first of so many answers that is an error."""
    answers = (request() for _ in range(attempts))
    return next(answer for answer in answers if answer.status >= 400)


# ── real requests ──────────────────────────────────────────────────────────────────────────────────────────────


def forbidden(tenant: TestTenant) -> Answer:
    key = tenant.server.make(f"{tenant.path}/keys", {"scope": "ingest"})["key"]
    return ask(tenant, "GET", "", key=key)


def event_id_taken(tenant: TestTenant) -> Answer:
    tenant.send(id="mine", data=1)
    return ask(tenant, "POST", "/events", {**EVENT, "id": "mine"})


def idempotency_key_taken(tenant: TestTenant) -> Answer:
    bodies = iter([EVENT, {**EVENT, "data": 2}])
    return refused(2, lambda: ask(tenant, "POST", "/events", next(bodies), headers={"Idempotency-Key": "k"}))


def payload_redacted(tenant: TestTenant) -> Answer:
    event_id = tenant.send()
    assert ask(tenant, "DELETE", f"/events/{event_id}/payload").status == 204
    return ask(tenant, "POST", f"/events/{event_id}/resend", {})


def endpoint_not_active(tenant: TestTenant) -> Answer:
    made = tenant.endpoint("http://127.0.0.1:9/", active=False)
    return ask(tenant, "POST", f"/endpoints/{made['id']}/test", {})


def webhooks_disabled(tenant: TestTenant) -> Answer:
    made = tenant.endpoint("http://127.0.0.1:9/")
    assert ask(tenant, "PATCH", "", {"webhooks_enabled": False}).status == 200
    return ask(tenant, "POST", f"/endpoints/{made['id']}/test", {})


def schema_mismatch(tenant: TestTenant) -> Answer:
    schema = {"schema": {"type": "object", "required": ["name"]}}
    assert tenant.server.ask("PUT", f"/v1/event-types/only.{tenant.id}", schema).status == 201
    return ask(tenant, "POST", "/events", {"type": f"only.{tenant.id}", "data": {}})


def schema_not_additive(tenant: TestTenant) -> Answer:
    path = f"/v1/event-types/grown.{tenant.id}"
    assert tenant.server.ask("PUT", path, {"schema": {"properties": {"name": {}}}}).status == 201
    return tenant.server.ask("PUT", path, {"schema": {"properties": {"first_name": {}}}})


def profile_in_use(tenant: TestTenant) -> Answer:
    path = f"/v1/profiles/{tenant.id}"
    assert tenant.server.ask("PUT", path, {"toml": profile_text(tenant.id)}).status == 201
    tenant.endpoint("http://127.0.0.1:9/", profile=tenant.id)
    return tenant.server.ask("DELETE", path)


def no_secret(tenant: TestTenant) -> Answer:
    made = tenant.endpoint("http://127.0.0.1:9/", profile="vainu")
    return ask(tenant, "GET", f"/endpoints/{made['id']}/secret")


def endpoint_exists(tenant: TestTenant) -> Answer:
    body = {"url": "http://127.0.0.1:9/", "profile": "vessel"}
    return refused(2, lambda: ask(tenant, "POST", "/endpoints", body))


def no_url(tenant: TestTenant) -> Answer:
    path, body = "/compat/insideview/api/v1/subscriptions", {"subscriptionType": "company"}
    made = tenant.server.ask("POST", path, body, key=tenant.key())
    return ask(tenant, "POST", f"/endpoints/{made.json['subscriptionId']}/activate")


def endpoint_quota(tenant: TestTenant) -> Answer:
    assert ask(tenant, "PATCH", "", {"endpoints_max": 1}).status == 200
    return refused(2, lambda: ask(tenant, "POST", "/endpoints", {"url": "http://127.0.0.1:9/"}))


def events_quota(tenant: TestTenant) -> Answer:
    assert ask(tenant, "PATCH", "", {"events_per_second": 1}).status == 200
    many = {"events": [EVENT] * 1_000}  # taken at once, and paid for by waiting a long time
    return refused(2, lambda: ask(tenant, "POST", "/events/batch", many))


def secret_quota(tenant: TestTenant) -> Answer:
    made = tenant.endpoint("http://127.0.0.1:9/")
    return refused(20, lambda: ask(tenant, "POST", f"/endpoints/{made['id']}/secret/rotate", {}))


BY_REQUEST: Final[dict[str, Callable[[TestTenant], Answer]]] = {
    "malformed": lambda tenant: ask(tenant, "POST", "/events", b"{"),
    "no_key": lambda tenant: ask(tenant, "GET", "", key=None),
    "forbidden": forbidden,
    "not_found": lambda tenant: ask(tenant, "GET", "/endpoints/ep_nobody"),
    "method_not_allowed": lambda tenant: ask(tenant, "PUT", "/endpoints", {}),
    "conflict": lambda tenant: tenant.server.ask("POST", "/v1/tenants", {"id": tenant.id, "name": "again"}),
    "event_id_taken": event_id_taken,
    "idempotency_key_taken": idempotency_key_taken,
    "payload_redacted": payload_redacted,
    "endpoint_not_active": endpoint_not_active,
    "endpoint_exists": endpoint_exists,
    "webhooks_disabled": webhooks_disabled,
    "profile_in_use": profile_in_use,
    "no_secret": no_secret,
    "no_url": no_url,
    "profile_reserved": lambda tenant: tenant.server.ask("DELETE", "/v1/profiles/standard"),
    "too_large": lambda tenant: ask(tenant, "POST", "/events", {**EVENT, "data": "x" * 300_000}),
    "head_too_large": lambda tenant: ask(tenant, "GET", "", headers={f"X-{n}": "y" for n in range(130)}),
    "unsupported_media_type": lambda tenant: ask(
        tenant, "POST", "/events", b"type=x", headers={"Content-Type": "application/x-www-form-urlencoded"}
    ),
    "no_such_record": lambda tenant: ask(tenant, "PATCH", "/records/company/never", {}),
    "precondition_failed": lambda tenant: ask(
        tenant, "PUT", "/records/company/1", {"a": 1}, headers={"If-Match": '"7"'}
    ),
    "record_not_object": lambda tenant: ask(tenant, "PUT", "/records/company/1", []),
    "invalid": lambda tenant: ask(tenant, "POST", "/events", {"type": "no type"}),
    "schema_mismatch": schema_mismatch,
    "schema_not_additive": schema_not_additive,
    "too_many_hops": lambda tenant: ask(tenant, "POST", "/events", EVENT, headers={"Ringback-Hops": "5"}),
    "endpoint_quota": endpoint_quota,
    "events_quota": events_quota,
    "secret_quota": secret_quota,
}


# ── the app ────────────────────────────────────────────────────────────────────────────────────────────────────


def backup_running(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> Answered:
    found: list[Answered] = []

    def copy_to(path: Path, between: Callable[[int, int], None]) -> None:
        path.write_bytes(b"a copy")
        found.append(_posted(world, "/v1/backup"))

    monkeypatch.setattr(world, "copy_to", copy_to)
    assert world.call("POST", "/v1/backup").status_code == 200
    return found[0]


def backup_no_room(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> Answered:
    monkeypatch.setattr(backup, "ROOM_KEPT_BYTES", 1 << 62)
    return _posted(world, "/v1/backup")


def backup_elsewhere(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> Answered:
    monkeypatch.setattr(world.parts.backups, "_store", None)  # as it is where the store is PostgreSQL
    return _posted(world, "/v1/backup")


def master_key_not_written(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> Answered:
    folder = Path(world._folder.name) / "keys"
    folder.mkdir()
    monkeypatch.setattr(world.parts.master_key, "_ring", open_ring(None, folder, [], world.clock.token_bytes))
    (folder / "master.key").unlink()
    folder.rmdir()
    return _posted(world, "/v1/master-key/rotate")


def _posted(world: ApiWorld, path: str) -> Answered:
    response = world.call("POST", path)
    return response.status_code, response.json()["code"]


BY_APP: Final[dict[str, Callable[[ApiWorld, pytest.MonkeyPatch], Answered]]] = {
    "backup_running": backup_running,
    "backup_no_room": backup_no_room,
    "backup_elsewhere": backup_elsewhere,
    "master_key_not_written": master_key_not_written,
}


# ── parts ──────────────────────────────────────────────────────────────────────────────────────────────────────


class InDoubt(MemoryStore):
    """A database that goes away in the middle of each commit."""

    def intake(self) -> Any:
        transaction = super().intake()
        transaction.commit = self._lost  # type: ignore[method-assign]
        return transaction

    def _lost(self) -> NoReturn:
        raise CommitInDoubt("The connection broke off.")

    def events_by_id(self, *_: Any) -> NoReturn:
        raise StoreUnavailable("The database is away.")


def _answer_of(answer: Problem) -> Answered:
    return answer.status, json.loads(answer.body)["code"]


def _writer(store: MemoryStore, waiting_events_max: int = 100) -> Writer:
    return Writer(
        store=store,
        index=MatchIndex(),
        clock=ManualClock(),
        inbox=ThreadMailbox(),
        engine=NoEngine(),
        on_done=lambda submissions: None,
        pause=lambda seconds: None,
        waiting_events_max=waiting_events_max,
    )


def commit_in_doubt(_: pytest.MonkeyPatch) -> Answered:
    store = InDoubt()
    store.create_tenant(tenant(), secret(endpoint_id=None))
    writer, submission = _writer(store), Submission([event()], [None], None)
    writer.submit(submission)
    writer.step()
    assert isinstance(submission.outcome, RingbackError)
    return _answer_of(problem(submission.outcome))


def busy(_: pytest.MonkeyPatch) -> Answered:
    writer = _writer(MemoryStore(), waiting_events_max=1)
    writer.submit(Submission([event()], [None], None))
    with pytest.raises(RingbackError) as told:
        writer.submit(Submission([event()], [None], None))
    return _answer_of(problem(told.value))


BY_PART: Final[dict[str, Callable[[pytest.MonkeyPatch], Answered]]] = {
    "commit_in_doubt": commit_in_doubt,
    "busy": busy,
    "over_quota": lambda _: _answer_of(problem(OverQuota("Too much."))),
    "unavailable": lambda _: _answer_of(status_problem(503)),
    "refused": lambda _: _answer_of(status_problem(418)),
}
