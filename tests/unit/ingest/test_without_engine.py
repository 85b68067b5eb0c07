"""What a process that only accepts does for those that send: every bell is rung, and the ring wakes them."""

from conformance.backend import NODE, add_endpoint, claim
from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox
from support.rows import NOW, TENANT, event, secret, tenant


def test_what_a_process_without_an_engine_accepts_wakes_another_which_claims_it() -> None:
    store = MemoryStore(sole=False)
    store.create_tenant(tenant(), secret(f"sec_{TENANT}", None, TENANT))
    add_endpoint(store, "ep_a")
    add_endpoint(store, "ep_b")
    store.register(NODE, NOW)
    writer = Writer(
        store=store, index=MatchIndex(), clock=ManualClock(NOW), inbox=ThreadMailbox(), engine=NoEngine(),
        on_done=lambda submissions: None, pause=lambda seconds: None,
    )  # fmt: skip
    store.wait_for_ring(0.0)
    writer.submit(Submission([event()], [None], None))
    writer.step()
    assert store.wait_for_ring(3_600.0) is True
    assert set(claim(store, NOW + 1_000)) == {"ep_a", "ep_b"}
