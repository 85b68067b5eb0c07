"""What every store does when an endpoint has to prove itself: its lane rings for somebody to ask it, and the answer
counts for the question that was asked last, once."""

from typing import Any

import pytest

from conformance.backend import ALWAYS, NODE, accept, add_endpoint, claim, fetch, log, release, ring
from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import Endpoint, EndpointMove, EndpointStatus
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, attempt_id, endpoint, event

PENDING = EndpointStatus.VERIFICATION_PENDING
VERIFIED, REFUSED = EndpointMove.VERIFIED, EndpointMove.REFUSED
LATER = NOW + 1_000


def request(place: int = 1, **changes: Any) -> Attempt:
    """A handshake's request as the log has it."""
    return attempt(place, event_id=None, method="HEAD", request_body=b"", body_head=b"", body_tail=b"", **changes)


def add_asked(store: Store, **changes: Any) -> Endpoint:
    return add_endpoint(store, status=PENDING, unverified_since=NOW, **changes)


def end(by: EndpointMove | None, place: int = 1, asked_at: int = NOW, **changes: Any) -> HandshakeEnd:
    whole = HandshakeEnd(TENANT, "ep_a", asked_at, request(place), by)
    return whole._replace(**changes)


def ask(store: Store, made: Endpoint, at: int = NOW, **changes: Any) -> Endpoint:
    """As `control` does: the next revision has to prove itself."""
    fields = {"status": PENDING, "unverified_since": at, "revision": made.revision + 1, **changes}
    asked = endpoint(**fields)
    assert store.update_endpoint(asked, at)
    return asked


class TestHandshakes:
    def test_a_verified_endpoint_is_active_and_its_attempt_is_logged(self, store: Store) -> None:
        add_asked(store)
        before = store.version()
        assert store.end_handshake(end(VERIFIED, per_second=2.5), LATER) is True
        assert store.get_endpoint(TENANT, "ep_a") == endpoint(granted_per_second=2.5, updated_at=LATER, revision=2)
        assert [(one.id, one.event_id, one.method) for one in log(store)] == [(attempt_id(1), None, "HEAD")]
        changes = store.changes_after(before)
        assert changes is not None
        assert [(change.kind, change.id) for change in changes] == [("endpoint", "ep_a")]

    def test_a_refused_endpoint_is_disabled_with_the_reason(self, store: Store) -> None:
        add_asked(store)
        assert store.end_handshake(end(REFUSED, code="400-2101", message="Please echo."), LATER) is True
        assert store.get_endpoint(TENANT, "ep_a") == endpoint(
            status=EndpointStatus.DISABLED,
            disable_code="400-2101",
            disable_message="Please echo.",
            disabled_at=LATER,
            unverified_since=NOW,
            updated_at=LATER,
            revision=2,
        )

    def test_an_attempt_that_decides_nothing_is_logged_alone(self, store: Store) -> None:
        made = add_asked(store)
        before = store.version()
        assert store.end_handshake(end(None), LATER) is True
        assert store.end_handshake(end(None, 2), LATER) is True
        assert store.get_endpoint(TENANT, "ep_a") == made
        assert store.version() == before
        assert len(log(store)) == 2

    def test_the_same_again_changes_nothing_and_answers_the_same(self, store: Store) -> None:
        add_asked(store)
        for _ in range(2):
            assert store.end_handshake(end(VERIFIED), LATER) is True
        for _ in range(2):
            assert store.end_handshake(end(REFUSED, 2), LATER) is False
        assert store.get_endpoint(TENANT, "ep_a") == endpoint(updated_at=LATER, revision=2)
        assert len(log(store)) == 2

    @pytest.mark.parametrize("by", [VERIFIED, REFUSED, None])
    def test_an_answer_to_an_older_question_is_logged_and_counts_for_nothing(
        self, store: Store, by: EndpointMove | None
    ) -> None:
        asked = ask(store, add_asked(store), LATER, url="https://elsewhere.example/hook")
        assert store.end_handshake(end(by), LATER) is False
        assert store.get_endpoint(TENANT, "ep_a") == asked
        (logged,) = log(store)
        assert logged.superseded

    @pytest.mark.parametrize("status", [EndpointStatus.INACTIVE, EndpointStatus.ACTIVE, EndpointStatus.DISABLED])
    def test_who_does_not_wait_any_more_stays_as_it_is(self, store: Store, status: EndpointStatus) -> None:
        made = add_asked(store)
        switched = ask(store, made, NOW, status=status)
        assert store.end_handshake(end(VERIFIED), LATER) is False
        assert store.get_endpoint(TENANT, "ep_a") == switched

    def test_an_endpoint_that_is_gone_leaves_the_attempt(self, store: Store) -> None:
        add_asked(store)
        store.delete_endpoint(TENANT, "ep_a", NOW)
        assert store.end_handshake(end(VERIFIED), LATER) is False
        assert store.get_endpoint(TENANT, "ep_a") is None
        assert len(log(store)) == 1

    def test_another_change_meanwhile_does_not_matter(self, store: Store) -> None:
        ask(store, add_asked(store), NOW, label="Another")
        assert store.end_handshake(end(VERIFIED), LATER) is True
        found = store.get_endpoint(TENANT, "ep_a")
        assert found is not None
        assert (found.label, found.status, found.revision) == ("Another", EndpointStatus.ACTIVE, 3)

    def test_it_can_be_decided_without_a_request(self, store: Store) -> None:
        add_asked(store)
        assert store.end_handshake(end(REFUSED, attempt=None, code="a", message="b"), LATER) is True
        assert store.end_handshake(end(VERIFIED, attempt=None), LATER) is False
        assert list(log(store)) == []

    def test_another_tenant_decides_nothing(self, store: Store) -> None:
        made = add_asked(store)
        assert store.end_handshake(end(VERIFIED, tenant_id=OTHER_TENANT, attempt=None), LATER) is False
        assert store.get_endpoint(TENANT, "ep_a") == made

    def test_no_day_counts_it(self, store: Store) -> None:
        add_asked(store)
        store.end_handshake(end(None, attempt=request(outcome=Outcome.FAILED)), LATER)
        store.end_handshake(end(VERIFIED, 2), LATER)
        assert list(store.day_counts(TENANT, "ep_a", "1970-01-01")) == []


@pytest.mark.usefixtures("node")
class TestLanesThatAsk:
    def test_the_lane_of_a_new_endpoint_that_must_prove_itself_rings(self, store: Store) -> None:
        add_asked(store)
        assert claim(store, NOW - 1) == {}
        assert claim(store, NOW) == {"ep_a": LaneRow(TENANT, "ep_a", NOW, 0, NODE, b"")}

    def test_a_lane_whose_endpoint_is_asked_rings_whatever_pause_it_had(self, store: Store) -> None:
        made = add_endpoint(store)
        ring(store)
        claim(store)
        release(store, NODE, "ep_a", None, LATER, b"tired")
        ask(store, made, NOW + 5)
        assert claim(store, NOW + 5)["ep_a"] == LaneRow(TENANT, "ep_a", NOW + 5, 0, NODE, b"tired")

    def test_an_owned_lane_rings_for_its_owner(self, store: Store) -> None:
        made = add_endpoint(store)
        ring(store)
        claim(store)
        ask(store, made)
        assert store.ringing(NODE, NOW) == ["ep_a"]

    def test_a_lane_that_is_left_while_it_asks_rings_on(self, store: Store) -> None:
        add_asked(store)
        claim(store)
        assert store.next_due(TENANT, "ep_a", False) == store.next_due(TENANT, "ep_a", True) == 0
        assert release(store, NODE, "ep_a", 0, 0, b"")
        assert set(claim(store)) == {"ep_a"}

    def test_a_lane_that_is_freed_while_it_asks_rings(self, store: Store) -> None:
        add_asked(store)
        claim(store)
        store.leave(NODE, NOW)
        store.register("node_b", NOW)
        assert set(claim(store, NOW, "node_b")) == {"ep_a"}

    def test_one_that_asks_and_is_silent_is_found(self, store: Store) -> None:
        add_asked(store)
        claim(store)
        assert store.ring_stranded(NOW, 10) == 0  # somebody owns it
        release(store, NODE, "ep_a", None, 0, b"")
        assert claim(store, ALWAYS) == {}
        assert store.ring_stranded(NOW, 10) == 1
        assert store.ring_stranded(NOW, 10) == 0
        assert set(claim(store)) == {"ep_a"}

    def test_what_waited_goes_out_once_it_is_verified(self, store: Store) -> None:
        add_asked(store)
        accept(store, event(), "ep_a")
        claim(store)
        store.end_handshake(end(VERIFIED), LATER)
        assert store.ringing(NODE, LATER) == ["ep_a"]
        assert len(fetch(store, LATER).rows) == 1
        assert store.next_due(TENANT, "ep_a", False) == NOW

    def test_a_refused_one_is_paused_for_ever(self, store: Store) -> None:
        add_asked(store)
        ring(store)
        store.end_handshake(end(REFUSED), LATER)
        assert claim(store, ALWAYS) == {}
        assert store.lanes_of(["ep_a"])[0].not_before == FOREVER_MS
