"""A server that finds a file full of what is past its time: it goes while events come in, and the file shrinks."""

import time
from pathlib import Path

from conformance.backend import accept_many
from ringback.model.endpoint import EndpointStatus
from ringback.store.sqlite import SqliteStore
from ringback.times import DAY_MS
from support.inbox import Inbox
from support.process import Server, wait_until
from support.rows import endpoint, secret, tenant

OLD = 7_000


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
