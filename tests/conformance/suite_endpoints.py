"""What every store does for endpoints, and how an endpoint's lane follows its status."""

import pytest

from conformance.backend import ALWAYS, NODE, accept, add_endpoint, claim, fetch, own_lane, release, ring
from ringback.model.endpoint import Auth, AuthType, EndpointStatus, Ordering, RetryRule
from ringback.model.event import MADE_FOR_ONE
from ringback.model.lane import LaneRow
from ringback.model.limits import FOREVER_MS
from ringback.store.port import BadRow, EventQuery, Store
from support.rows import NOW, OTHER_TENANT, TENANT, endpoint, event, secret

NOT_ACTIVE = [status for status in EndpointStatus if status is not EndpointStatus.ACTIVE]
STOPPED = [status for status in NOT_ACTIVE if status is not EndpointStatus.VERIFICATION_PENDING]


@pytest.mark.usefixtures("node")
class TestEndpoints:
    @pytest.mark.parametrize(
        "full",
        [
            endpoint(),
            endpoint(
                label="Büro",
                query="a=1&b=%20",
                event_types=("contact.*", "deal.won"),
                channels=("sales", "β"),
                filter="data.amount > 10",
                profile="other",
                signature="v1a",
                status=EndpointStatus.DISABLED,
                disable_code="gone",
                disable_message="It said 410.",
                auth=Auth(AuthType.BASIC, username="u", password="p\n"),
                headers=(("X-One", "1"), ("x-one", "2")),
                rate_per_second=0.5,
                unverified_since=NOW + 3,
                granted_per_second=2.5,
                created_by="Ünal’s key",
                max_in_flight=64,
                ordering=Ordering.SUBJECT,
                retry=RetryRule(delays_s=(0.25, 5.0)),
                timeout_s=2.5,
                updated_at=NOW + 1,
                revision=7,
            ),
            endpoint(
                channels=(),
                auth=Auth(AuthType.HEADER, headers=(("A", "b"),)),
                ordering=Ordering.STRICT,
                retry=RetryRule(None, 1.5, 3.0, 60.0, 5),
            ),
            endpoint(auth=Auth(AuthType.RAW, value="Bearer x"), retry=RetryRule(delays_s=())),
        ],
        ids=["plain", "full", "exponential", "no retry"],
    )
    def test_an_endpoint_comes_back_as_it_went_in(self, store: Store, full: object) -> None:
        assert store.create_endpoint(full, None, 10) is True  # type: ignore[arg-type]
        assert store.get_endpoint(TENANT, "ep_a") == full
        assert list(store.list_endpoints(TENANT, None, 10)) == [full]
        assert list(store.load_endpoints(["ep_a"])) == [full]
        with store.intake() as transaction:
            assert list(transaction.endpoints(["ep_a"])) == [full]

    def test_an_endpoint_is_its_tenants_only(self, store: Store) -> None:
        add_endpoint(store)
        assert store.get_endpoint(OTHER_TENANT, "ep_a") is None
        assert list(store.list_endpoints(OTHER_TENANT, None, 10)) == []
        assert store.delete_endpoint(OTHER_TENANT, "ep_a", NOW) is False
        assert store.update_endpoint(endpoint(tenant_id=OTHER_TENANT, revision=2), NOW) is False
        assert store.give_up(OTHER_TENANT, "ep_a", "gone", "Gone.", NOW) is False
        assert store.get_endpoint(TENANT, "ep_a") == endpoint()

    def test_endpoints_are_listed_by_id_in_pages(self, store: Store) -> None:
        for name in ("ep_c", "ep_a", "ep_b"):
            add_endpoint(store, name)
        add_endpoint(store, "ep_aa", OTHER_TENANT)
        assert [one.id for one in store.list_endpoints(TENANT, None, 10)] == ["ep_a", "ep_b", "ep_c"]
        assert [one.id for one in store.list_endpoints(TENANT, "ep_a", 1)] == ["ep_b"]
        assert list(store.list_endpoints(TENANT, "ep_c", 1)) == []

    def test_a_tenant_has_no_more_than_it_may_have(self, store: Store) -> None:
        add_endpoint(store, "ep_other", OTHER_TENANT)
        assert store.create_endpoint(endpoint("ep_a"), secret("sec_a", "ep_a"), 2) is True
        assert store.create_endpoint(endpoint("ep_b"), secret("sec_b", "ep_b"), 2) is True
        assert store.create_endpoint(endpoint("ep_c"), secret("sec_c", "ep_c"), 2) is False
        assert store.get_endpoint(TENANT, "ep_c") is None
        assert list(store.list_secrets(TENANT, "ep_c")) == []

    def test_a_tenant_has_no_more_of_a_profile_than_it_may_have(self, store: Store) -> None:
        add_endpoint(store, "ep_other", OTHER_TENANT)
        assert store.create_endpoint(endpoint("ep_a", profile="vessel"), None, 9, of_profile_max=2) is True
        assert store.create_endpoint(endpoint("ep_b"), None, 9, of_profile_max=1) is True
        assert store.create_endpoint(endpoint("ep_c", profile="vessel"), None, 9, of_profile_max=1) is False
        assert store.create_endpoint(endpoint("ep_c", profile="vessel"), None, 9, of_profile_max=2) is True
        assert store.create_endpoint(endpoint("ep_d"), None, 3, of_profile_max=9) is False

    def test_deleted_endpoints_make_room(self, store: Store) -> None:
        add_endpoint(store, "ep_a")
        store.delete_endpoint(TENANT, "ep_a", NOW)
        assert store.create_endpoint(endpoint("ep_b"), None, 1) is True

    def test_an_id_is_used_once(self, store: Store) -> None:
        add_endpoint(store)
        with pytest.raises(BadRow):
            store.create_endpoint(endpoint(label="Another"), None, 10)
        assert store.get_endpoint(TENANT, "ep_a") == endpoint()

    def test_the_event_an_endpoint_begins_with_is_stored_with_it(self, store: Store) -> None:
        add_endpoint(store, "ep_b")
        begun = event(deliveries=1, ordering_key="k", number=7)
        assert store.create_endpoint(endpoint(ordering=Ordering.SUBJECT), secret(), 10, begun) is True
        assert store.get_event(TENANT, "evt_1") == begun
        assert store.missed(TENANT, "evt_1") == MADE_FOR_ONE
        (row,) = fetch(store, ordered=True).rows
        assert row.event == begun
        assert row.delivery[:5] == (TENANT, "ep_a", "evt_1", "k", NOW)
        assert fetch(store, endpoint_id="ep_b").rows == []
        assert set(claim(store, NOW)) == {"ep_a"}
        assert claim(store, ALWAYS) == {}

    def test_one_that_counts_no_delivery_is_in_the_stream_alone(self, store: Store) -> None:
        assert store.create_endpoint(endpoint(), None, 10, event(deliveries=0)) is True
        assert [one.event.id for one in store.list_events(EventQuery(TENANT))] == ["evt_1"]
        assert fetch(store).rows == []
        assert claim(store, ALWAYS) == {}

    def test_where_there_is_no_endpoint_there_is_no_event_and_the_other_way_round(self, store: Store) -> None:
        add_endpoint(store, "ep_b")
        assert store.create_endpoint(endpoint(), secret(), 1, event(deliveries=1)) is False
        assert store.get_event(TENANT, "evt_1") is None
        accept(store, event())
        with pytest.raises(BadRow):
            store.create_endpoint(endpoint(), secret(), 10, event(deliveries=1))
        assert store.get_endpoint(TENANT, "ep_a") is None
        assert list(store.list_secrets(TENANT, "ep_a")) == []
        assert list(store.lanes_of(["ep_a"])) == []

    def test_an_update_counts_from_the_revision_it_was_made_of(self, store: Store) -> None:
        add_endpoint(store)
        second = endpoint(label="Second", revision=2)
        assert store.update_endpoint(second, NOW) is True
        assert store.update_endpoint(endpoint(label="Late", revision=2), NOW) is False
        assert store.update_endpoint(endpoint(label="Early", revision=4), NOW) is False
        assert store.update_endpoint(endpoint("ep_none", revision=2), NOW) is False
        assert store.get_endpoint(TENANT, "ep_a") == second

    def test_a_deleted_endpoint_is_nowhere(self, store: Store) -> None:
        add_endpoint(store)
        assert store.delete_endpoint(TENANT, "ep_a", NOW) is True
        assert store.get_endpoint(TENANT, "ep_a") is None
        assert list(store.list_endpoints(TENANT, None, 10)) == []
        assert list(store.load_endpoints(["ep_a"])) == []
        assert store.update_endpoint(endpoint(revision=2), NOW) is False
        assert store.delete_endpoint(TENANT, "ep_a", NOW) is False
        assert store.give_up(TENANT, "ep_a", "gone", "Gone.", NOW) is False

    def test_many_endpoints_are_loaded_at_once(self, store: Store) -> None:
        names = [f"ep_{place:04d}" for place in range(700)]
        for name in names:
            add_endpoint(store, name)
        assert {one.id for one in store.load_endpoints([*names, "ep_none"])} == set(names)
        assert list(store.load_endpoints([])) == []


@pytest.mark.usefixtures("node")
class TestLanesOf:
    def test_lanes_come_as_they_are_stored_in_the_order_of_the_ids(self, store: Store) -> None:
        own_lane(store)
        add_endpoint(store, "ep_b", status=EndpointStatus.INACTIVE)
        add_endpoint(store, "ep_c", OTHER_TENANT)
        ring(store, "ep_c", NOW + 5, OTHER_TENANT)
        assert list(store.lanes_of(["ep_c", "ep_b", "ep_none", "ep_a"])) == [
            LaneRow(OTHER_TENANT, "ep_c", NOW + 5, 0, None, b""),
            LaneRow(TENANT, "ep_b", None, FOREVER_MS, None, b""),
            LaneRow(TENANT, "ep_a", None, 0, NODE, b""),
        ]
        assert list(store.lanes_of([])) == []

    def test_a_release_shows(self, store: Store) -> None:
        own_lane(store)
        assert release(store, NODE, "ep_a", NOW, NOW + 7, b"its health")
        assert list(store.lanes_of(["ep_a"])) == [LaneRow(TENANT, "ep_a", NOW + 7, NOW + 7, None, b"its health")]


@pytest.mark.usefixtures("node")
class TestLaneFollowsStatus:
    @pytest.mark.parametrize("status", STOPPED)
    def test_a_lane_that_is_made_inactive_is_paused_for_ever(self, store: Store, status: EndpointStatus) -> None:
        add_endpoint(store, status=status)
        ring(store)
        assert claim(store, ALWAYS) == {}

    @pytest.mark.parametrize("status", STOPPED)
    def test_leaving_active_pauses_for_ever_a_ringing_bell_too(self, store: Store, status: EndpointStatus) -> None:
        add_endpoint(store)
        ring(store)
        store.update_endpoint(endpoint(status=status, revision=2), NOW)
        assert claim(store, ALWAYS) == {}
        ring(store)
        assert claim(store, ALWAYS) == {}

    def test_leaving_active_silences_an_owned_lane_too(self, store: Store) -> None:
        own_lane(store)
        ring(store)
        store.update_endpoint(endpoint(status=EndpointStatus.INACTIVE, revision=2), NOW)
        assert store.ringing(NODE, ALWAYS) == []
        assert store.owned(NODE) == ["ep_a"]

    @pytest.mark.parametrize("status", STOPPED)
    def test_becoming_active_ends_the_pause_and_rings_now(self, store: Store, status: EndpointStatus) -> None:
        add_endpoint(store, status=status)
        assert store.update_endpoint(endpoint(revision=2), NOW + 5)
        assert claim(store, NOW + 4) == {}
        assert claim(store, NOW + 5)["ep_a"] == LaneRow(TENANT, "ep_a", NOW + 5, 0, NODE, b"")

    def test_what_stays_active_keeps_its_bell_and_its_pause(self, store: Store) -> None:
        own_lane(store)
        release(store, NODE, "ep_a", NOW + 90, NOW + 60, b"tired")
        store.update_endpoint(endpoint(label="New", revision=2), NOW + 5)
        assert claim(store, ALWAYS)["ep_a"] == LaneRow(TENANT, "ep_a", NOW + 90, NOW + 60, NODE, b"tired")

    def test_what_stays_active_keeps_silent(self, store: Store) -> None:
        add_endpoint(store)
        store.update_endpoint(endpoint(label="New", revision=2), NOW)
        assert claim(store, ALWAYS) == {}

    def test_a_refused_update_leaves_the_lane_alone(self, store: Store) -> None:
        add_endpoint(store)
        ring(store)
        store.update_endpoint(endpoint(status=EndpointStatus.INACTIVE, revision=5), NOW)
        assert set(claim(store)) == {"ep_a"}

    def test_a_deleted_endpoint_is_sent_nothing(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event(), "ep_a")
        ring(store)
        store.delete_endpoint(TENANT, "ep_a", NOW)
        assert claim(store, ALWAYS) == {}
        ring(store)
        assert claim(store, ALWAYS) == {}

    def test_giving_up_disables_an_active_endpoint_and_pauses_it(self, store: Store) -> None:
        add_endpoint(store)
        ring(store)
        assert store.give_up(TENANT, "ep_a", "gone", "It answered 410.", NOW + 5) is True
        assert store.get_endpoint(TENANT, "ep_a") == endpoint(
            status=EndpointStatus.DISABLED,
            disable_code="gone",
            disable_message="It answered 410.",
            disabled_at=NOW + 5,
            updated_at=NOW + 5,
            revision=2,
        )
        assert claim(store, ALWAYS) == {}

    def test_one_that_is_given_up_may_have_to_prove_itself_again_and_matches_nothing_until_then(
        self, store: Store
    ) -> None:
        add_endpoint(store)
        assert store.give_up(TENANT, "ep_a", "gone", "It answered 410.", NOW + 5, unproven=True) is True
        given_up = store.get_endpoint(TENANT, "ep_a")
        assert given_up is not None
        assert (given_up.status, given_up.unverified_since) == (EndpointStatus.DISABLED, NOW + 5)
        assert not given_up.matches

    @pytest.mark.parametrize("status", NOT_ACTIVE)
    def test_only_an_active_endpoint_is_given_up(self, store: Store, status: EndpointStatus) -> None:
        add_endpoint(store, status=status)
        assert store.give_up(TENANT, "ep_a", "gone", "It answered 410.", NOW) is False
        assert store.get_endpoint(TENANT, "ep_a") == endpoint(status=status)

    def test_an_update_from_before_giving_up_is_refused(self, store: Store) -> None:
        add_endpoint(store)
        store.give_up(TENANT, "ep_a", "gone", "It answered 410.", NOW)
        assert store.update_endpoint(endpoint(label="Unaware", revision=2), NOW) is False

    def test_what_is_queued_waits_and_goes_out_on_activation(self, store: Store) -> None:
        add_endpoint(store)
        accept(store, event(), "ep_a")
        store.update_endpoint(endpoint(status=EndpointStatus.INACTIVE, revision=2), NOW)
        store.update_endpoint(endpoint(revision=3), NOW + 5)
        assert set(claim(store, NOW + 5)) == {"ep_a"}
        assert len(fetch(store, NOW + 5).rows) == 1
