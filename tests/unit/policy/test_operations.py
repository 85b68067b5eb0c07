"""Operational events as data: what each says, and what none ever says; who is told of them."""

import json

import pytest

from ringback.model.endpoint import NO_URL
from ringback.model.event import OPERATIONS
from ringback.policy.match import valid_event_type
from ringback.policy.operations import KINDS, PATTERNS, asked_for_by, verified
from ringback.policy.wanted import wants_told
from support.rows import NOW, endpoint, event


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_has_a_description_and_a_sample_that_gives_nothing_away(name: str) -> None:
    kind = KINDS[name]
    assert valid_event_type(name)
    assert kind.description.endswith(".")
    sample = json.loads(kind.sample)
    assert {"tenant_id", "at", "endpoint_id"} <= sample.keys()
    assert b"token" not in kind.sample
    assert b"/in" not in kind.sample


def test_of_a_url_the_origin_is_told_alone() -> None:
    told = json.loads(verified(endpoint(url="https://user:pw@a.example:8443/secret/path?key=1"), NOW))
    assert told["origin"] == "https://a.example:8443"
    assert json.loads(verified(endpoint(url=NO_URL), NOW))["origin"] is None


def test_patterns_name_them() -> None:
    assert asked_for_by("endpoint.failing") == {"endpoint.failing", "endpoint.*"}
    assert set(KINDS) | {"endpoint.*", "delivery.*", "secret.*"} == PATTERNS


@pytest.mark.parametrize(
    ("patterns", "wanted"), [(("*",), False), (("*", "endpoint.*"), True), (("endpoint.disabled",), True)]
)
def test_ringback_s_own_are_for_who_names_them_and_a_caller_s_for_all(patterns: tuple[str, ...], wanted: bool) -> None:
    posted = event(type="endpoint.disabled", subject_type="endpoint", subject_id="ep_b")
    asks = endpoint(event_types=patterns)
    assert wants_told(asks, posted)
    assert wants_told(asks, posted._replace(origin=OPERATIONS)) is wanted
    assert not wants_told(asks, posted._replace(origin=OPERATIONS, subject_id="ep_a"))
    assert wants_told(asks, posted._replace(subject_id="ep_a"))
