"""Why an endpoint doesn't get an event: each reason by itself, and the same answer as when an event is accepted."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.ingest.index import MatchIndex
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.event import OPERATIONS, Event
from ringback.policy.reasons import why
from ringback.store.memory import MemoryStore
from ringback.store.port import Membership
from support.rows import NOW, TENANT, endpoint, event, secret, tenant

ABOUT = event(type="contact.created", channel="eu", subject_type="contact", subject_id="c_1", data=b'{"age": 41}')


def members(name: str, member: str) -> bool:
    return (name, member) == ("vip", "c_1")


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"status": EndpointStatus.INACTIVE}, "inactive", "switched off"),
        ({"status": EndpointStatus.DISABLED, "unverified_since": NOW}, "disabled_unverified", "proves itself"),
        ({"event_types": ("order.*", "contact")}, "type", "contact.created is none of"),
        ({"channels": ("us",)}, "channel", "eu is none of its channels"),
        ({"tracked_set": "others"}, "tracked_set", "c_1 is not in the tracked set others"),
        ({"filter": "data.age > 41"}, "filter", "false for this event"),
        ({"filter": "data.name == 'x'"}, "filter", "data has no key name"),
        ({"status": EndpointStatus.INACTIVE, "filter": "false", "channels": ("us",)}, "inactive", "switched off"),
    ],
)
def test_each_reason(fields: dict[str, Any], kind: str, words: str) -> None:
    found = why(endpoint(**fields), ABOUT, members)
    assert found is not None
    assert found.kind == kind
    assert words in found.message
    assert found.failed is ("no key" in words)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"status": EndpointStatus.DISABLED},
        {"status": EndpointStatus.VERIFICATION_PENDING, "unverified_since": NOW},
        {"event_types": ("contact.*",), "channels": ("eu", "us"), "tracked_set": "vip", "filter": "data.age == 41"},
    ],
)
def test_no_reason(fields: dict[str, Any]) -> None:
    assert why(endpoint(**fields), ABOUT, members) is None


def test_events_of_ringbacks_own_are_for_who_names_them() -> None:
    own = event(type="endpoint.failing", origin=OPERATIONS, subject_type="endpoint", subject_id="ep_b")
    asking = endpoint(event_types=("endpoint.*",))
    assert why(asking, own, members) is None
    for one in (endpoint(), replace(asking, id="ep_b")):
        found = why(one, own, members)
        assert found is not None
        assert (found.kind, "Ringback's own" in found.message) == ("type", True)


def test_what_an_event_lacks_is_said() -> None:
    bare = event(data=b"")
    for fields, words in (
        ({"channels": ("eu",)}, "The event has no channel"),
        ({"tracked_set": "vip"}, "The event has no subject"),
        ({"filter": "true"}, "payload was removed"),
    ):
        found = why(endpoint(**fields), bare, members)
        assert found is not None
        assert words in found.message


ENDPOINTS = st.builds(
    lambda **fields: endpoint("ep_a", **fields),
    event_types=st.sampled_from([("*",), ("contact.*",), ("contact.created",), ("order.*", "contact")]),
    channels=st.sampled_from([None, ("eu",), ("eu", "us")]),
    filter=st.sampled_from([None, "data.age > 40", "data.none == 1", "event.channel == null"]),
    tracked_set=st.sampled_from([None, "vip", "gone"]),
    status=st.sampled_from(list(EndpointStatus)),
    unverified_since=st.sampled_from([None, NOW]),
)
EVENTS = st.builds(
    lambda subject, **fields: event(subject_type="contact" if subject else None, subject_id=subject, **fields),
    st.sampled_from([None, "c_1", "c_2"]),
    type=st.sampled_from(["contact", "contact.created", "contact.score.passed", "order.created"]),
    channel=st.sampled_from([None, "eu", "asia"]),
    data=st.sampled_from([b'{"age": 41}', b'{"age": 3}', b"[]"]),
)


@settings(max_examples=200, deadline=None)
@given(ENDPOINTS, EVENTS)
def test_it_says_the_same_as_the_index(one: Endpoint, told: Event) -> None:
    store = MemoryStore()
    store.create_tenant(tenant(), secret("sec_t", None))
    store.create_endpoint(one, secret(), 10, None)
    index = MatchIndex()
    with store.intake() as transaction:
        index.refresh(transaction)
    asked = index.memberships(told)
    found = index.reach(told, {one for one in asked if one == Membership(TENANT, "vip", "c_1")}).targets
    assert (why(one, told, members) is None) is bool(found)
