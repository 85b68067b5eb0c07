"""What every store does to clear away what was deleted or has expired, step by step."""

import pytest

from conformance.backend import (
    ALWAYS,
    NODE,
    accept,
    accept_many,
    add_endpoint,
    claim,
    fetch,
    log,
    ring,
    run_out,
    settle,
)
from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import EndpointStatus
from ringback.model.ids import number_part, time_part
from ringback.store.port import EventQuery, Store
from support.rows import NOW, OTHER_TENANT, TENANT, api_key, attempt, endpoint, event, failed, secret, tenant
from support.rows import claim as key_claim

LATER = NOW + 1_000


@pytest.mark.usefixtures("node")
class TestCancelling:
    def test_the_deliveries_of_a_deleted_endpoint_end_and_the_log_says_so(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1), retry_at=NOW + 5, tries=1)
        store.delete_endpoint(TENANT, "ep_a", NOW)
        run_out(lambda: store.cancel_step(LATER, 10), 10)
        assert store.next_due(TENANT, "ep_a", False) is None
        cancelled = log(store)[-1]
        assert cancelled.id == f"att_{time_part(LATER)}{number_part(seq)}"
        assert store.get_attempt(TENANT, cancelled.id) == Attempt(
            tenant_id=TENANT,
            id=cancelled.id,
            endpoint_id="ep_a",
            event_id="evt_1",
            event_type="contact.created",
            number=1,
            at=LATER,
            duration_ms=0.0,
            outcome=Outcome.CANCELLED,
            final=True,
            superseded=False,
            status_code=None,
            error_code="cancelled",
            error_message="It was taken from the queue: its endpoint was deleted, or its payload removed.",
            timings=None,
            remote_address=None,
            http_version=None,
            method="",
            url="",
            request_headers=b"[]",
            request_body=b"",
            body_head=b"",
            body_tail=b"",
            response_headers=None,
            response_body=None,
            response_truncated=False,
            profile="",
        )

    def test_the_end_of_the_story_is_that_it_was_cancelled(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        settle(store, seq, failed(1, 1, id="att_" + "Z" * 26), retry_at=NOW + 5, tries=1)
        store.delete_endpoint(TENANT, "ep_a", NOW)
        run_out(lambda: store.cancel_step(LATER, 10), 10)
        assert list(store.progress(TENANT, "evt_1")) == [("ep_a", None, 1, Outcome.CANCELLED, True, 500)]

    def test_deliveries_of_an_endpoint_that_is_gone_end_too(self, store: Store) -> None:
        accept(store, event(), "ep_never")
        assert store.cancel_step(LATER, 10) == 1
        assert store.cancel_step(LATER, 10) == 0
        assert [(one.endpoint_id, one.outcome, one.number) for one in log(store)] == [("ep_never", "cancelled", 0)]

    def test_living_endpoints_keep_theirs(self, store: Store) -> None:
        add_endpoint(store, "ep_a")
        add_endpoint(store, "ep_b", status=EndpointStatus.DISABLED)
        accept(store, event(), "ep_a", "ep_b")
        assert store.cancel_step(LATER, 10) == 0
        assert len(fetch(store).rows) == 1
        assert len(fetch(store, endpoint_id="ep_b").rows) == 1

    def test_it_goes_in_steps(self, store: Store) -> None:
        add_endpoint(store)
        accept_many(store, 7)
        store.delete_endpoint(TENANT, "ep_a", NOW)
        assert store.cancel_step(LATER, 3) == 3
        assert len(log(store)) == 3
        run_out(lambda: store.cancel_step(LATER, 3), 3)
        assert [one.event_id for one in log(store)] == [f"evt_{place:05d}" for place in range(1, 8)]

    def test_an_emptied_tombstones_lane_and_secrets_go_with_it(self, store: Store) -> None:
        assert store.create_endpoint(endpoint(), secret(), 10)
        ring(store)
        assert set(claim(store)) == {"ep_a"}
        accept_many(store, 3)
        store.delete_endpoint(TENANT, "ep_a", NOW)
        store.cancel_step(LATER, 2)
        assert store.owned(NODE) == ["ep_a"]
        run_out(lambda: store.cancel_step(LATER, 2), 2)
        assert store.owned(NODE) == []
        assert list(store.load_secrets([], ["ep_a"])) == []

    def test_what_was_in_flight_is_superseded(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        store.delete_endpoint(TENANT, "ep_a", NOW)
        run_out(lambda: store.cancel_step(LATER, 10), 10)
        assert settle(store, seq, attempt(1, 1)) is False

    @pytest.mark.parametrize("before", [0, 1])
    def test_what_was_in_flight_when_its_delivery_was_cancelled_counts_as_a_request(
        self, store: Store, before: int
    ) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        for number in range(1, before + 1):
            settle(store, seq, failed(number, number, status_code=503), retry_at=NOW, tries=number)
        store.delete_endpoint(TENANT, "ep_a", NOW)
        run_out(lambda: store.cancel_step(LATER, 10), 10)
        last = 503 if before else None
        assert list(store.progress(TENANT, "evt_1")) == [("ep_a", None, before, Outcome.CANCELLED, True, last)]

        assert settle(store, seq, failed(5, before + 1), retry_at=LATER, tries=1) is False
        assert list(store.progress(TENANT, "evt_1")) == [("ep_a", None, before + 1, Outcome.CANCELLED, True, 500)]

    def test_an_event_that_arrived_although_its_delivery_was_cancelled_is_delivered(self, store: Store) -> None:
        add_endpoint(store)
        (seq,) = accept(store, event(), "ep_a")
        store.delete_endpoint(TENANT, "ep_a", NOW)
        run_out(lambda: store.cancel_step(LATER, 10), 10)
        assert settle(store, seq, attempt(1, 1)) is False
        assert list(store.progress(TENANT, "evt_1")) == [("ep_a", None, 1, Outcome.SUCCEEDED, True, 200)]


@pytest.mark.usefixtures("node")
class TestPurging:
    def fill(self, store: Store, tenant_id: str) -> None:
        """One row of everything."""
        endpoint_id = f"ep_{tenant_id}"
        store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))
        store.create_endpoint(endpoint(endpoint_id, tenant_id), secret(f"sec_{endpoint_id}", endpoint_id, tenant_id), 9)
        store.create_key(api_key(f"key_{tenant_id}", tenant_id))
        events = [event(f"evt_{place}", tenant_id) for place in range(6)]
        with store.intake() as transaction:
            claims = [key_claim(one.id, "event", [one.id], tenant_id=tenant_id) for one in events]
            transaction.claim_keys([*claims, key_claim(tenant_id=tenant_id)], NOW)
            transaction.commit()
        for place, one in enumerate(events):
            (seq,) = accept(store, one, endpoint_id)
            if place % 2:
                settle(store, seq, attempt(place, 1, one.id, endpoint_id, tenant_id=tenant_id))
        ring(store, endpoint_id, NOW, tenant_id)

    def purge(self, store: Store, limit: int) -> None:
        while run_out(lambda: store.cancel_step(LATER, limit), limit) + run_out(lambda: store.purge_step(limit), limit):
            pass

    def test_nothing_is_purged_while_no_tenant_was_deleted(self, store: Store) -> None:
        self.fill(store, TENANT)
        assert store.purge_step(10) == 0
        assert len(store.list_events(EventQuery(TENANT))) == 6

    @pytest.mark.parametrize("limit", [1, 4, 500])
    def test_everything_of_a_deleted_tenant_goes_in_steps(self, store: Store, limit: int) -> None:
        self.fill(store, TENANT)
        self.fill(store, OTHER_TENANT)
        store.delete_tenant(TENANT, NOW)
        self.purge(store, limit)
        assert list(store.list_events(EventQuery(TENANT))) == []
        assert list(log(store)) == []
        assert list(store.list_secrets(TENANT, None)) == []
        assert list(store.load_secrets([TENANT], [f"ep_{TENANT}"])) == []
        assert list(store.day_counts(TENANT, f"ep_{TENANT}", "1970-01-01")) == []
        assert fetch(store, endpoint_id=f"ep_{TENANT}").rows == []
        assert set(claim(store, ALWAYS)) == {f"ep_{OTHER_TENANT}"}

    def test_purging_alone_comes_to_an_end_too(self, store: Store) -> None:
        self.fill(store, TENANT)
        store.delete_tenant(TENANT, NOW)
        run_out(lambda: store.purge_step(5), 5)
        assert list(store.list_events(EventQuery(TENANT))) == []
        assert store.cancel_step(LATER, 10) == 0

    def test_other_tenants_keep_everything(self, store: Store) -> None:
        self.fill(store, TENANT)
        self.fill(store, OTHER_TENANT)
        store.delete_tenant(TENANT, NOW)
        self.purge(store, 7)
        assert len(store.list_events(EventQuery(OTHER_TENANT))) == 6
        assert len(log(store, tenant_id=OTHER_TENANT)) == 3
        assert len(store.list_secrets(OTHER_TENANT, None)) == 1
        assert len(store.list_secrets(OTHER_TENANT, f"ep_{OTHER_TENANT}")) == 1
        assert store.get_endpoint(OTHER_TENANT, f"ep_{OTHER_TENANT}") is not None
        assert store.next_due(OTHER_TENANT, f"ep_{OTHER_TENANT}", False) == NOW
        with store.intake() as transaction:
            taken = transaction.claim_keys([key_claim(tenant_id=name) for name in (TENANT, OTHER_TENANT)], NOW)
        assert {tenant_id for tenant_id, _, _ in taken} == {OTHER_TENANT}

    def test_the_id_can_be_taken_again_when_nothing_is_left(self, store: Store) -> None:
        self.fill(store, TENANT)
        store.delete_tenant(TENANT, NOW)
        assert store.create_tenant(tenant(), secret("sec_new", None)) is False
        self.purge(store, 500)
        assert store.create_tenant(tenant(), secret("sec_new", None)) is True
        assert [one.id for one in store.list_secrets(TENANT, None)] == ["sec_new"]


class TestExpiringKeys:
    def test_expired_idempotency_keys_go_in_steps_and_no_others(self, store: Store) -> None:
        with store.intake() as transaction:
            expired = [key_claim(f"old-{place}", expires_at=NOW + place) for place in range(5)]
            transaction.claim_keys([*expired, key_claim("young", expires_at=NOW + 9), key_claim("e", "event")], NOW - 1)
            transaction.commit()
        assert store.expire_keys_step(NOW - 1, 10) == 0
        assert store.expire_keys_step(NOW, 10) == 1
        assert run_out(lambda: store.expire_keys_step(NOW + 4, 3), 3) == 4
        with store.intake() as transaction:
            asked = [*expired, key_claim("young"), key_claim("e", "event")]
            taken = transaction.claim_keys(asked, NOW - 1)
        assert {key for _, _, key in taken} == {"young", "e"}
