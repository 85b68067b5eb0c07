"""Batches, as an array and as lines: all or none, each event under its own name in the errors."""

import hashlib
import json
from typing import Any

import pytest

from ringback.ingest.accept import Acceptor, IntakeLimits
from ringback.ingest.submission import Submission
from ringback.model.errors import Conflict, Invalid, Malformed, Refused, TooLarge
from ringback.testing.clock import ManualClock

FORMS = ["array", "ndjson"]


def joined(form: str, events: list[bytes]) -> bytes:
    return b'{"events":[' + b",".join(events) + b"]}" if form == "array" else b"\n".join(events)


def accept(form: str, body: bytes, key: str | None = None, hops: int = 0, **limits: int) -> Submission:
    acceptor = Acceptor(ManualClock(), IntakeLimits(**limits))
    return getattr(acceptor, form)("acme", body, key, hops)  # type: ignore[no-any-return]


def event(**fields: Any) -> bytes:
    return json.dumps({"type": "a", "data": 1, **fields}).encode()


def refusal_of(form: str, body: bytes, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        accept(form, body, **more)
    return caught.value


@pytest.mark.parametrize("form", FORMS)
def test_events_keep_their_order_and_bytes(form: str) -> None:
    submission = accept(form, joined(form, [event(data=[i], type=f"t{i}") for i in range(5)]), hops=2)
    assert [e.type for e in submission.events] == ["t0", "t1", "t2", "t3", "t4"]
    assert [e.data for e in submission.events] == [b"[0]", b"[1]", b"[2]", b"[3]", b"[4]"]
    assert {e.hops for e in submission.events} == {2}
    assert len({e.id for e in submission.events}) == 5
    assert submission.claims == [None] * 5


def test_blank_lines_do_not_count() -> None:
    body = b"\n  \n" + event(type="x") + b"\r\n\r\n\t\n " + event(type="y") + b" \n\n" + b'{"type":5,"data":1}'
    error = refusal_of("ndjson", body)
    assert isinstance(error, Invalid)
    assert error.errors == (("events[2].type", "must be text"),)


@pytest.mark.parametrize("form", FORMS)
def test_all_or_none_with_every_wrong_event_named(form: str) -> None:
    events = [event(), event(type="a b"), event(id="x.y", channel=""), event(colour=1), event(subject={"type": "a"})]
    error = refusal_of(form, joined(form, events))
    assert isinstance(error, Invalid)
    assert [field for field, _ in error.errors] == [
        "events[1].type", "events[2].id", "events[2].channel", "events[3].colour", "events[4].subject.id",
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_list_of_errors_ends(form: str) -> None:
    error = refusal_of(form, joined(form, [event(type="")] * 500))
    assert isinstance(error, Invalid)
    assert len(error.errors) == 100


@pytest.mark.parametrize("form", FORMS)
def test_what_an_element_is_not(form: str) -> None:
    error = refusal_of(form, joined(form, [event(), b"5"]))
    assert isinstance(error, Invalid)
    assert error.errors == (("events[1]", "must be an object"),)


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_batch_is_invalid(form: str) -> None:
    error = refusal_of(form, joined(form, []))
    assert isinstance(error, Invalid)
    assert error.errors[0].field == "events"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "events"),
        (b"[]", "body"),
        (b'{"events":{}}', "events"),
        (b'{"events":null}', "events"),
        (b'{"events":[],"x":1}', "x"),
    ],
)
def test_what_an_array_is_wrapped_in(body: bytes, field: str) -> None:
    error = refusal_of("array", body)
    assert isinstance(error, Invalid)
    assert error.errors[0].field == field


@pytest.mark.parametrize(
    "bad", [b'{"type":"a","data":NaN}', b'{"type":"a"', b'{"type":"a","data":"\xff"}', b'{"type":"a","data":"\\ud800"}']
)
@pytest.mark.parametrize("form", FORMS)
def test_malformed_wherever_it_stands(form: str, bad: bytes) -> None:
    assert isinstance(refusal_of(form, joined(form, [event(), bad])), Malformed)


def test_a_malformed_line_is_named() -> None:
    assert "events[1]" in refusal_of("ndjson", event() + b"\n{oops}").detail


@pytest.mark.parametrize("form", FORMS)
def test_limits_of_a_batch(form: str) -> None:
    assert accept(form, joined(form, [event()] * 3), batch_events_max=3)
    assert isinstance(refusal_of(form, joined(form, [event()] * 4), batch_events_max=3), TooLarge)
    body = joined(form, [event()] * 3)
    assert accept(form, body, batch_bytes_max=len(body))
    assert isinstance(refusal_of(form, body, batch_bytes_max=len(body) - 1), TooLarge)
    too_large = refusal_of(form, joined(form, [event(), event(data="123456789")]), payload_bytes_max=10)
    assert isinstance(too_large, TooLarge)
    assert "events[1].data" in too_large.detail


@pytest.mark.parametrize("form", FORMS)
def test_a_thousand_events_by_default(form: str) -> None:
    assert len(accept(form, joined(form, [event()] * 1_000)).events) == 1_000
    assert isinstance(refusal_of(form, joined(form, [event()] * 1_001)), TooLarge)


@pytest.mark.parametrize("form", FORMS)
def test_nesting_in_a_batch(form: str) -> None:
    def nested(levels: int) -> bytes:
        return b'{"type":"a","data":' + b"[" * levels + b"]" * levels + b"}"

    assert accept(form, joined(form, [nested(100)] * 3))
    error = refusal_of(form, joined(form, [nested(1), nested(101)]))
    assert isinstance(error, Invalid)
    assert error.errors[0].field == "events[1].data"
    assert isinstance(refusal_of(form, joined(form, [nested(100_000)])), Invalid)


@pytest.mark.parametrize("form", FORMS)
def test_keys_of_a_batch(form: str) -> None:
    events = [event(), event(id="mine")]
    body = joined(form, events)
    submission = accept(form, body, key="k")
    assert submission.claims[0] is None
    claim = submission.claims[1]
    assert claim is not None
    # The same event posted alone has the same hash.
    assert claim.body_hash == hashlib.sha256(events[1]).digest()
    assert claim.expires_at is None
    assert submission.idempotency is not None
    assert submission.idempotency.event_ids == tuple(e.id for e in submission.events)
    assert submission.idempotency.body_hash == hashlib.sha256(body).digest()


@pytest.mark.parametrize("form", FORMS)
def test_twins_in_a_batch(form: str) -> None:
    same = accept(form, joined(form, [event(id="x"), event(id="y"), event(id="x")]))
    assert [e.id for e in same.events] == ["x", "y", "x"]
    assert same.claims[0] == same.claims[2]
    error = refusal_of(form, joined(form, [event(id="x"), event(id="y"), event(id="x", channel="c")]))
    assert isinstance(error, Conflict)
    assert "events[2].id" in error.detail


@pytest.mark.parametrize("form", FORMS)
def test_loops(form: str) -> None:
    assert refusal_of(form, joined(form, [event()]), hops=5).code == "too_many_hops"
