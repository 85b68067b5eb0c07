"""What every store does when a tenant's webhooks are switched off and on: its lanes are paused for ever, and go on."""

import pytest

from conformance.backend import ALWAYS, NODE, accept, add_endpoint, claim, fetch, own_lane, ring
from conformance.suite_handshakes import add_asked, end
from ringback.model.endpoint import EndpointMove, EndpointStatus
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.store.port import Store
from support.rows import NOW, OTHER_TENANT, TENANT, endpoint, event, secret, tenant

LATER = NOW + 60_000
STOPPED = [EndpointStatus.INACTIVE, EndpointStatus.DISABLED]


def switch(store: Store, revision: int, *, on: bool, tenant_id: str = TENANT) -> None:
    changed = tenant(tenant_id, webhooks_enabled=on, revision=revision, updated_at=LATER)
    assert store.update_tenant(changed) is True


@pytest.mark.usefixtures("node")
class TestLanesFollowTheTenant:
    @pytest.fixture(autouse=True)
    def tenants(self, store: Store) -> None:
        for tenant_id in (TENANT, OTHER_TENANT):
            assert store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))

    def test_switching_off_pauses_every_lane_for_ever_a_ringing_bell_too(self, store: Store) -> None:
        for endpoint_id in ("ep_a", "ep_b"):
            add_endpoint(store, endpoint_id)
        add_endpoint(store, "ep_other", OTHER_TENANT)
        ring(store)
        ring(store, "ep_other", tenant_id=OTHER_TENANT)
        switch(store, 2, on=False)
        assert set(claim(store, ALWAYS)) == {"ep_other"}
        ring(store, "ep_b")
        assert claim(store, ALWAYS) == {}
        lanes = store.lanes_of(["ep_a", "ep_b", "ep_other"])
        assert [lane.not_before for lane in lanes] == [FOREVER_MS, FOREVER_MS, 0]

    def test_switching_off_silences_an_owned_lane_too(self, store: Store) -> None:
        own_lane(store)
        ring(store)
        switch(store, 2, on=False)
        assert store.ringing(NODE, ALWAYS) == []
        assert store.owned(NODE) == ["ep_a"]

    def test_switching_on_ends_the_pause_and_rings(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event(), "ep_a")
        switch(store, 2, on=False)
        switch(store, 3, on=True)
        assert claim(store, LATER - 1) == {}
        assert claim(store, LATER)["ep_a"] == LaneRow(TENANT, "ep_a", LATER, 0, NODE, b"")
        assert len(fetch(store, LATER).rows) == 1

    @pytest.mark.parametrize("status", STOPPED)
    def test_switching_on_leaves_alone_what_is_stopped_for_another_reason(
        self, store: Store, status: EndpointStatus
    ) -> None:
        add_endpoint(store, status=status)
        add_endpoint(store, "ep_gone")
        switch(store, 2, on=False)
        store.delete_endpoint(TENANT, "ep_gone", NOW)
        switch(store, 3, on=True)
        ring(store)
        ring(store, "ep_gone")
        assert claim(store, ALWAYS) == {}

    def test_another_change_of_the_tenant_touches_no_lane(self, store: Store) -> None:
        add_endpoint(store)
        assert store.update_tenant(tenant(name="New", revision=2, updated_at=LATER))
        assert claim(store, ALWAYS) == {}
        switch(store, 3, on=False)
        assert store.update_tenant(tenant(name="Newer", webhooks_enabled=False, revision=4)) is True
        ring(store)
        assert claim(store, ALWAYS) == {}

    def test_a_refused_change_touches_no_lane(self, store: Store) -> None:
        add_endpoint(store)
        ring(store)
        assert store.update_tenant(tenant(webhooks_enabled=False, revision=9)) is False
        assert set(claim(store)) == {"ep_a"}

    def test_while_it_is_off_an_endpoint_that_becomes_active_stays_paused(self, store: Store) -> None:
        add_endpoint(store, status=EndpointStatus.INACTIVE)
        switch(store, 2, on=False)
        assert store.update_endpoint(endpoint(revision=2), NOW)
        add_endpoint(store, "ep_new")
        for endpoint_id in ("ep_a", "ep_new"):
            ring(store, endpoint_id)
        assert claim(store, ALWAYS) == {}
        switch(store, 3, on=True)
        assert set(claim(store, LATER)) == {"ep_a", "ep_new"}

    def test_while_it_is_off_nobody_is_asked_to_prove_itself(self, store: Store) -> None:
        switch(store, 2, on=False)
        add_asked(store)
        add_endpoint(store, "ep_b")
        asked = endpoint("ep_b", status=EndpointStatus.VERIFICATION_PENDING, unverified_since=NOW, revision=2)
        assert store.update_endpoint(asked, NOW)
        assert claim(store, ALWAYS) == {}
        store.ring_stranded(LATER, 10)
        assert claim(store, ALWAYS) == {}
        switch(store, 3, on=True)
        assert set(claim(store, LATER)) == {"ep_a", "ep_b"}

    def test_an_answer_that_comes_while_it_is_off_opens_nothing(self, store: Store) -> None:
        add_asked(store)
        switch(store, 2, on=False)
        assert store.end_handshake(end(EndpointMove.VERIFIED), LATER) is True
        ring(store)
        assert claim(store, ALWAYS) == {}
        switch(store, 3, on=True)
        assert set(claim(store, LATER)) == {"ep_a"}

    def test_what_sweeps_repair_stays_paused(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event(), "ep_a")
        switch(store, 2, on=False)
        store.ring_stranded(LATER, 10)
        store.make_missing_lanes(LATER, 10)
        assert claim(store, ALWAYS) == {}
