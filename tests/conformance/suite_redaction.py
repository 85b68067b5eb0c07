"""What every store does when a payload is removed: it is gone everywhere, and nothing brings it back."""

import pytest

from conformance.backend import NODE, accept, add_endpoint, claim, fetch, log, ring, run_out, settle
from ringback.model.attempt import Outcome
from ringback.store.port import EventQuery, Store
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed

LATER = NOW + 1_000
WHOLE = {"request_body": b"the payload, whole", "body_head": b"", "body_tail": b""}


def redact(store: Store, *event_ids: str, limit: int = 10, tenant_id: str = TENANT) -> int:
    return run_out(lambda: store.redact_step(tenant_id, event_ids, LATER, limit), limit)


@pytest.mark.usefixtures("node")
class TestRedactions:
    @pytest.mark.parametrize("limit", [1, 3, 500])
    def test_data_and_bodies_go_and_facts_stay(self, store: Store, limit: int) -> None:
        one = event(previous=b'{"old":1}', channel="eu", subject_type="contact", subject_id="c_1")
        seqs = accept(store, one, "ep_a", "ep_b", "ep_c")
        settle(store, seqs[0], attempt(1, 1))
        settle(store, seqs[1], failed(2, 1, endpoint_id="ep_b", **WHOLE), retry_at=NOW, tries=1)
        settle(store, seqs[1], attempt(3, 2, endpoint_id="ep_b", response_headers=None, response_body=None))
        before = {shown.id: store.get_attempt(TENANT, shown.id) for shown in log(store)}
        assert redact(store, "evt_1", limit=limit) == 1 + 1 + 3
        assert store.get_event(TENANT, "evt_1") == one._replace(data=b"", previous=None)
        for name, known in before.items():
            shown = store.get_attempt(TENANT, name)
            assert shown is not None
            assert known is not None
            assert shown == known.without_bodies()
            assert shown.redacted
            assert not known.redacted
            assert (shown.status_code, shown.request_headers, shown.at) == (
                known.status_code,
                known.request_headers,
                known.at,
            )

    def test_again_changes_nothing(self, store: Store) -> None:
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, attempt(1, 1))
        redact(store, "evt_1")
        version = store.version()
        assert redact(store, "evt_1") == 0
        assert store.version() == version

    def test_nothing_else_is_touched(self, store: Store) -> None:
        for owner, name in ((TENANT, "evt_1"), (TENANT, "evt_2"), (OTHER_TENANT, "evt_1")):
            (seq,) = accept(store, event(name, owner), "ep_a")
            settle(store, seq, attempt(seq, 1, name, tenant_id=owner))
        redact(store, "evt_1", "evt_none")
        assert store.get_event(TENANT, "evt_2") == event("evt_2")
        assert store.get_event(OTHER_TENANT, "evt_1") == event("evt_1", OTHER_TENANT)
        shown = [store.get_attempt(one.tenant_id, one.id) for one in [*log(store), *log(store, tenant_id=OTHER_TENANT)]]
        assert [one.redacted for one in shown if one is not None] == [True, False, False]

    @pytest.mark.parametrize("limit", [1, 2, 500])
    def test_pending_deliveries_end_before_with_a_record(self, store: Store, limit: int) -> None:
        for name in ("ep_a", "ep_b"):
            add_endpoint(store, name)
        seqs = accept(store, event(), "ep_a", "ep_b")
        settle(store, seqs[1], failed(1, 1, endpoint_id="ep_b"), retry_at=LATER, tries=1)
        steps = 0
        while store.redact_step(TENANT, ["evt_1"], LATER, limit):
            steps += 1
            due = [*fetch(store, LATER).rows, *fetch(store, LATER, "ep_b").rows]
            assert all(row.event.data for row in due)  # never a delivery of an event without its data
        assert steps >= 4 / limit
        assert [fetch(store, LATER, name).rows for name in ("ep_a", "ep_b")] == [[], []]
        standing = {one.endpoint_id: one for one in store.progress(TENANT, "evt_1")}
        assert {name: (one.pending, one.last_outcome, one.last_final) for name, one in standing.items()} == {
            "ep_a": (None, Outcome.CANCELLED, True),
            "ep_b": (None, Outcome.CANCELLED, True),
        }

    def test_engines_are_told_of_what_had_deliveries_and_of_nothing_else(self, store: Store) -> None:
        accept(store, event("evt_1"), "ep_a", "ep_b")
        accept(store, event("evt_2"))
        version = store.version()
        redact(store, "evt_1", "evt_2")
        changes = store.changes_after(version) or ()
        assert [(change.kind, change.tenant_id, change.id) for change in changes] == [("event", TENANT, "evt_1")]

    def test_what_was_in_flight_is_superseded_and_brings_nothing_back(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        redact(store, "evt_1")
        assert settle(store, seq, attempt(1, 1, **WHOLE)) is False
        shown = store.get_attempt(TENANT, attempt(1).id)
        assert shown == attempt(1, 1, **WHOLE)._replace(superseded=True).without_bodies()

    def test_it_is_not_sent_again(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event())
        redact(store, "evt_1")
        assert store.resend(TENANT, "evt_1", ["ep_a"], LATER) == 0
        ring(store)
        assert set(claim(store, LATER, NODE)) == {"ep_a"}
        assert fetch(store, LATER).rows == []

    def test_a_subjects_events_are_found_page_by_page(self, store: Store) -> None:
        contact = {"subject_type": "contact", "subject_id": "42"}
        for place in range(5):
            accept(store, event(f"evt_{place}", **contact))
        accept(store, event("evt_other", subject_type="contact", subject_id="43"))
        accept(store, event("evt_kind", subject_type="deal", subject_id="42"))
        accept(store, event("evt_foreign", OTHER_TENANT, **contact))
        accept(store, event("evt_none"))
        redact(store, "evt_1")
        page = store.events_of_subject(TENANT, "contact", "42", 0, 3)
        assert [(one.event_id, one.redacted) for one in page] == [("evt_0", False), ("evt_1", True), ("evt_2", False)]
        rest = store.events_of_subject(TENANT, "contact", "42", page[-1].seq, 3)
        assert [one.event_id for one in rest] == ["evt_3", "evt_4"]
        assert list(store.events_of_subject(TENANT, "contact", "42", rest[-1].seq, 3)) == []

    def test_its_place_in_the_stream_stays(self, store: Store) -> None:
        for place in range(3):
            accept(store, event(f"evt_{place}"))
        redact(store, "evt_1")
        stream = store.list_events(EventQuery(TENANT, ascending=True))
        assert [(one.event.id, one.event.redacted) for one in stream] == [
            ("evt_0", False),
            ("evt_1", True),
            ("evt_2", False),
        ]

    def test_traces_can_be_cleared_at_any_time(self, store: Store) -> None:
        assert store.clear_traces() is True
        accept(store, event(), "ep_a")
        redact(store, "evt_1")
        assert store.clear_traces() is True
        assert store.clear_traces() is True
