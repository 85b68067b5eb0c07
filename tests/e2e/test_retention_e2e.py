"""A server that finds a file full of what is past its time: it goes while events come in, and the file shrinks."""

import time
from pathlib import Path

import apsw

import seed
from conformance.backend import accept_many
from ringback.model.endpoint import EndpointStatus
from ringback.store.sqlite import SqliteStore
from ringback.times import DAY_MS
from support.inbox import Inbox
from support.process import Server, wait_until
from support.rows import endpoint, secret, tenant

OLD = 7_000
MANY_OLD = 40_000
# Not what it should take (bench/retention.py says that), but far less than the purge as a whole would hold a post up.
ANSWERED_WITHIN_S = 2.0


def fill(path: Path, now: int) -> None:
    """A tenant that keeps things for 2 days, with old events for an endpoint that was switched off, and 1 young one."""
    store = SqliteStore.open(path)
    try:
        store.create_tenant(tenant("t", retention_days=2), secret("sec_t", None, "t"))
        store.create_endpoint(
            endpoint("ep_off", "t", status=EndpointStatus.INACTIVE), secret("sec_e", "ep_off", "t"), 9
        )
        for batch in range(OLD // 1_000):
            old = {"accepted_at": now - 3 * DAY_MS, "data": b'"' + b"x" * 3_500 + b'"', "tenant_id": "t"}
            accept_many(store, 1_000, "ep_off", f"old_{batch}", due_at=now - 3 * DAY_MS, **old)
        accept_many(store, 1, "ep_off", "young", accepted_at=now - DAY_MS, tenant_id="t", due_at=now)
    finally:
        store.close()


def test_what_is_past_its_time_goes_while_events_come_in_and_the_file_shrinks(tmp_path: Path, inbox: Inbox) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    fill(data / "ringback.db", time.time_ns() // 1_000_000)
    full = (data / "ringback.db").stat().st_size
    sent: list[str] = []
    with Server(data, "--allow-private") as server:
        server.make("/v1/tenants/t/endpoints", {"url": inbox.url(), "event_types": ["new.*"]})

        def small() -> bool:
            sent.append(server.make("/v1/tenants/t/events", {"type": "new.one", "data": len(sent)})["id"])
            return (data / "ringback.db").stat().st_size < full * 0.75

        wait_until(small, 40, "the file is smaller")
        inbox.wait_for(len(sent))
        listed = server.get("/v1/tenants/t/events?order=asc&limit=250")["items"]
        assert [item["id"] for item in listed] == ["young_00001", *sent][:250]
        pending = server.get("/v1/tenants/t/events/young_00001/deliveries")["items"]
        assert [item["state"] for item in pending] == ["pending"]
        expired = server.get("/v1/tenants/t/endpoints/ep_off/attempts?limit=250")["items"]
        assert {(item["outcome"], item["error"]["code"]) for item in expired} == {("failed", "expired")}
        assert server.ask("GET", "/v1/tenants/t/events/old_0_00001").status == 404
    assert {received.event_id for received in inbox.received} == set(sent)


def old_ones(data: Path) -> bool:
    """Whether any of the seeded events is there still."""
    with apsw.Connection(str(data / "ringback.db"), flags=apsw.SQLITE_OPEN_READONLY) as connection:
        return bool(connection.execute("SELECT 1 FROM event WHERE type = 'seeded.old' LIMIT 1").get)


def test_posts_are_answered_all_the_time_while_old_events_go(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(data) as server:
        server.make("/v1/tenants", {"id": "t", "name": "t", "retention_days": 2})
    with seed.opened(data) as connection:
        seed.add_old(connection, "t", MANY_OLD, days=4)
    answered_s: list[float] = []
    with Server(data) as server:
        while old_ones(data):
            began_s = time.monotonic()
            server.make("/v1/tenants/t/events", {"type": "new.one", "data": len(answered_s)})
            answered_s.append(time.monotonic() - began_s)
        assert len(server.get("/v1/tenants/t/events?limit=250")["items"]) == min(250, len(answered_s))
    assert len(answered_s) > 5, "the purge was over before anything could be said of it"
    assert max(answered_s) < ANSWERED_WITHIN_S
