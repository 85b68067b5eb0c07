"""Whom an event misses: what is kept when it is accepted says what `policy.reasons` says of each endpoint."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.ingest import index as index_module
from ringback.ingest.index import MatchIndex, Reach
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.event import OPERATIONS, TOO_MANY_MISSED, Event
from ringback.policy.missed import MISSED_KEPT_MAX, NOBODY, read_kept
from ringback.policy.reasons import why, words
from ringback.store.memory import MemoryStore
from ringback.store.port import Membership
from support.rows import NOW, TENANT, endpoint, event, secret, tenant


def world(*endpoints: Endpoint) -> tuple[MemoryStore, MatchIndex]:
    store = MemoryStore()
    store.create_tenant(tenant(), secret("sec_t", None))
    for one in endpoints:
        store.create_endpoint(one, None, 10_000)
    index = MatchIndex()
    refresh(store, index)
    return store, index


def refresh(store: MemoryStore, index: MatchIndex) -> None:
    with store.intake() as transaction:
        index.refresh(transaction)


def is_vip(name: str, member: str) -> bool:
    return (name, member) == ("vip", "c_1")


def reach(index: MatchIndex, told: Event) -> Reach:
    asked = index.memberships(told)
    return index.reach(told, {one for one in asked if one == Membership(TENANT, "vip", "c_1")})


FIELDS = st.fixed_dictionaries(
    {
        "event_types": st.sampled_from([("*",), ("contact.*",), ("contact.created",), ("order.*", "contact")]),
        "channels": st.sampled_from([None, ("eu",), ("eu", "us")]),
        "filter": st.sampled_from([None, "data.age > 40", "data.none == 1", "event.channel == null"]),
        "tracked_set": st.sampled_from([None, "vip", "gone"]),
        "status": st.sampled_from(list(EndpointStatus)),
        "unverified_since": st.sampled_from([None, NOW]),
    }
)
EVENTS = st.builds(
    lambda subject, **fields: event(subject_type="endpoint" if subject else None, subject_id=subject, **fields),
    st.sampled_from([None, "c_1", "c_2", "ep_001"]),
    type=st.sampled_from(["contact", "contact.created", "contact.score.passed", "order.created"]),
    channel=st.sampled_from([None, "eu", "asia"]),
    data=st.sampled_from([b'{"age": 41}', b'{"age": 3}', b"[]"]),
    origin=st.sampled_from([None, OPERATIONS]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(FIELDS, max_size=8), st.lists(EVENTS, min_size=1, max_size=4))
def test_who_does_not_get_it_is_kept_with_the_same_words(rows: list[dict[str, Any]], told: list[Event]) -> None:
    endpoints = [endpoint(f"ep_{place:03d}", **fields) for place, fields in enumerate(rows)]
    _, index = world(*endpoints)
    for one in [*told, *told]:  # the second time from memory
        found = reach(index, one)
        kept = {name: words(cause, one) for name, cause in read_kept(found.missed.text).causes.items()}
        reasons = {each.id: why(each, one, is_vip) for each in endpoints}
        assert kept == {name: reason for name, reason in reasons.items() if reason is not None}
        assert found.missed.size == len(kept)
        assert [target.endpoint_id for target in found.targets] == [i for i, reason in reasons.items() if not reason]


def test_an_event_that_all_get_keeps_nothing() -> None:
    _, index = world(endpoint("ep_a"), endpoint("ep_b"))
    assert index.reach(event()).missed is NOBODY
    assert index.reach(event()) is index.reach(event())


@pytest.mark.parametrize(("others", "by_filter"), [(99, 0), (100, 0), (0, 99), (0, 100), (60, 39), (60, 40), (130, 5)])
def test_a_hundred_are_too_many_to_keep(others: int, by_filter: int) -> None:
    endpoints = [endpoint(f"ep_a{i:03d}", event_types=("other",)) for i in range(others)]
    endpoints += [endpoint(f"ep_b{i:03d}", filter="data.age > 200") for i in range(by_filter)]
    _, index = world(*endpoints, endpoint("ep_gets_it"))
    found = index.reach(event(data=b'{"age": 3}'))
    assert [target.endpoint_id for target in found.targets] == ["ep_gets_it"]
    assert found.missed.size == others + by_filter
    if others + by_filter < MISSED_KEPT_MAX:
        assert set(read_kept(found.missed.text).causes) == {one.id for one in endpoints}
    else:
        assert found.missed.text == TOO_MANY_MISSED


def test_what_is_kept_follows_every_change() -> None:
    store, index = world(endpoint("ep_a", status=EndpointStatus.INACTIVE), endpoint("ep_b", event_types=("other",)))

    def kinds() -> dict[str, str]:
        refresh(store, index)
        return {name: cause.kind for name, cause in read_kept(index.reach(event()).missed.text).causes.items()}

    def change(one: Endpoint, **changes: Any) -> None:
        assert store.update_endpoint(endpoint(one.id, **{"revision": one.revision + 1, **changes}), NOW)

    assert kinds() == {"ep_a": "inactive", "ep_b": "type"}
    found = store.get_endpoint(TENANT, "ep_a")
    assert found is not None
    change(found)
    assert kinds() == {"ep_b": "type"}
    store.delete_endpoint(TENANT, "ep_b", NOW)
    assert kinds() == {}
    found = store.get_endpoint(TENANT, "ep_a")
    assert found is not None
    change(found, status=EndpointStatus.DISABLED, unverified_since=NOW)
    assert kinds() == {"ep_a": "disabled_unverified"}
    store.delete_endpoint(TENANT, "ep_a", NOW)
    assert kinds() == {}


def test_what_is_remembered_of_those_who_miss_it_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MEMO_MAX", 100)
    _, index = world(*(endpoint(f"ep_{i:02d}", event_types=("other",)) for i in range(20)))
    for i in range(50):
        assert index.reach(event(type=f"t{i}")).missed.size == 20
        assert sum(len(memo) for memo in index._memo.values()) <= 100 // 12
