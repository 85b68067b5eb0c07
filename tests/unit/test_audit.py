"""Comparing a list of events with the store: what is unknown, missing or unrecorded, whatever form the list has."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from ringback.doctor.audit import ATTEMPTS_A_PAGE, Audit, Discrepancy, Question, Verdict, ids_of
from ringback.model.errors import BadSetting
from ringback.model.ids import time_part

TENANT = "acme"
NOW = 1_790_000_000_000


class Events:
    """A store with these events; `successes` are (event, endpoint, when) in the log, each after a failure."""

    def __init__(self, known: Iterable[str], successes: Sequence[tuple[str, str, int]] = ()) -> None:
        self._known = set(known)
        self._successes = successes
        rows = [(event_id, endpoint_id, at, outcome) for event_id, endpoint_id, at in successes for outcome in OUTCOMES]
        self._attempts = sorted(
            (f"att_{time_part(at)}{number:016}", event_id, endpoint_id, outcome, at)
            for number, (event_id, endpoint_id, at, outcome) in enumerate(rows)
        )
        self.asked: list[int] = []

    def has_tenant(self, tenant_id: str) -> bool:
        return tenant_id == TENANT

    def known(self, tenant_id: str, ids: Sequence[str]) -> list[str]:
        self.asked.append(len(ids))
        return [event_id for event_id in ids if event_id in self._known]

    def succeeded(self, tenant_id: str, ids: Sequence[str]) -> list[tuple[str, str]]:
        return [(event_id, endpoint_id) for event_id, endpoint_id, _ in self._successes if event_id in ids]

    def attempts(self, tenant_id: str, after: str, limit: int) -> list[Any]:
        return [row for row in self._attempts if row[0] > after][:limit]


OUTCOMES = ("failed", "succeeded")


def compared(store: Events, lines: Iterable[str], **asked: Any) -> list[Discrepancy]:
    audit = Audit(store, Question(TENANT, **asked))
    found = list(audit.of_list(lines))
    return [*found, *audit.of_log(lambda count: None)] if asked.get("received") else found


def test_what_the_store_does_not_know_is_named_in_the_order_of_the_list() -> None:
    store = Events(["b", "d"])
    assert compared(store, ["c", "b", "a", "d"]) == [
        Discrepancy(Verdict.UNKNOWN, "c"),
        Discrepancy(Verdict.UNKNOWN, "a"),
    ]


def test_a_long_list_is_asked_for_in_steps_of_bounded_size() -> None:
    store = Events(f"e{number}" for number in range(100_000) if number != 77_777)
    assert compared(store, (f"e{number}" for number in range(100_000))) == [Discrepancy(Verdict.UNKNOWN, "e77777")]
    assert max(store.asked) <= 500
    assert sum(store.asked) == 100_000


def test_what_the_log_says_was_delivered_and_a_receiver_has_not_is_missing() -> None:
    store = Events(["a", "b"], [("a", "ep_1", NOW), ("b", "ep_1", NOW + 1)])
    assert compared(store, ["a"], received=True) == [Discrepancy(Verdict.MISSING, "b", "ep_1")]
    assert compared(store, ["b", "a", "b"], received=True) == []


def test_what_a_receiver_has_and_the_log_no_success_of_is_unrecorded() -> None:
    store = Events(["a", "b"], [("a", "ep_1", NOW)])
    assert compared(store, ["a", "b", "z"], received=True) == [
        Discrepancy(Verdict.UNKNOWN, "z"),
        Discrepancy(Verdict.UNRECORDED, "b"),
    ]


def test_a_receiver_is_only_asked_for_what_went_to_its_endpoint() -> None:
    store = Events(["a", "b"], [("a", "ep_1", NOW), ("b", "ep_2", NOW)])
    assert compared(store, ["a"], received=True, endpoint_id="ep_1") == []
    assert compared(store, ["a", "b"], received=True, endpoint_id="ep_1") == [Discrepancy(Verdict.UNRECORDED, "b")]


def test_only_what_was_sent_in_its_span_is_missing() -> None:
    hour = 3_600_000
    store = Events("abc", [("a", "ep_1", NOW - hour), ("b", "ep_1", NOW), ("c", "ep_1", NOW + hour)])
    found = compared(store, [], received=True, since=NOW, until=NOW + hour)
    assert found == [Discrepancy(Verdict.MISSING, "b", "ep_1")]


def test_a_log_of_many_pages_is_read_to_its_end() -> None:
    count = ATTEMPTS_A_PAGE * 2 + 7
    ids = [f"e{number}" for number in range(count)]
    store = Events(ids, [(event_id, "ep_1", NOW + number) for number, event_id in enumerate(ids)])
    assert compared(store, ids[:-1], received=True) == [Discrepancy(Verdict.MISSING, ids[-1], "ep_1")]


def test_a_tenant_that_is_not_there_is_a_mistake() -> None:
    with pytest.raises(BadSetting, match="tenant: there is no tenant 'nobody'"):
        Audit(Events([]), Question("nobody"))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("evt_1\n", ["evt_1"]),
        ("  evt_1  ", ["evt_1"]),
        ("", []),
        ('{"id": "evt_1", "type": "a", "accepted_at": "…", "deliveries": 1}', ["evt_1"]),
        ('{"id": "evt_1", "tenant": "acme"}', ["evt_1"]),
        ('{"id": "evt_1", "tenant": "another"}', []),
        (json.dumps({"at": "…", "method": "POST", "headers": [["Host", "h"], ["webhook-id", "evt_1"]]}), ["evt_1"]),
        (json.dumps({"at": "…", "method": "POST", "headers": [["Host", "h"], 5]}), []),
    ],
)
def test_forms_of_a_line(line: str, found: list[str]) -> None:
    assert list(ids_of([line], TENANT)) == found


@pytest.mark.parametrize("line", ["two words", "{", '{"id": 5}', '{"ids": "evt_1"}', "x" * 129, "evt_\ufffd", "null.1"])
def test_what_is_no_id_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(BadSetting, match=r"audit: line 2 has no event's id"):
        list(ids_of(["evt_1", line], TENANT))
