"""One event: what is accepted, as what it is stored, and what is refused with which error."""

import hashlib
import json
from typing import Any

import pytest

from ringback.ingest.accept import Acceptor, IntakeLimits
from ringback.ingest.submission import Submission
from ringback.model.errors import Invalid, Malformed, Refused, TooLarge
from ringback.model.event import Event
from ringback.store.port import KeyClaim
from ringback.testing.clock import ManualClock

NOW = 1_800_000_000_000  # 2027-01-15T08:00:00Z
DAY_MS = 86_400_000


def accept(body: bytes, key: str | None = None, hops: int = 0, limits: IntakeLimits | None = None) -> Submission:
    return Acceptor(ManualClock(NOW), limits).single("acme", body, key, hops)


def body_of(**fields: Any) -> bytes:
    return json.dumps({"type": "contact.created", "data": {}, **fields}).encode()


def event_of(**fields: Any) -> Event:
    return accept(body_of(**fields)).events[0]


def refusal_of(body: bytes, **more: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        accept(body, **more)
    return caught.value


def wrong_fields(body: bytes) -> list[str]:
    error = refusal_of(body)
    assert isinstance(error, Invalid), error
    return [field for field, _ in error.errors]


def test_the_smallest_event() -> None:
    submission = accept(b'{"type":"a","data":null}')
    event = submission.events[0]
    assert event == Event("acme", event.id, "a", b"null", *[None] * 8, accepted_at=NOW, hops=0, deliveries=0)
    assert event.id.startswith("evt_")
    assert submission.claims == [None]
    assert submission.idempotency is None
    assert submission.outcome is None


def test_every_field() -> None:
    event = event_of(
        id="my-id_1",
        channel="eu",
        subject={"type": "contact", "id": "17"},
        change="updated",
        previous={"a": 1},
        occurred_at="2027-01-15T07:00:00.250Z",
        deliver_at="2027-01-15T10:00:00+01:00",
        ordering_key="k",
    )
    assert event == Event(
        tenant_id="acme",
        id="my-id_1",
        type="contact.created",
        data=b"{}",
        channel="eu",
        subject_type="contact",
        subject_id="17",
        change="updated",
        previous=b'{"a": 1}',
        ordering_key="k",
        occurred_at=NOW - 3_599_750,
        deliver_at=NOW + 3_600_000,
        accepted_at=NOW,
        hops=0,
        deliveries=0,
    )


def test_null_is_the_same_as_absent() -> None:
    names = ["id", "channel", "subject", "change", "previous", "occurred_at", "deliver_at", "ordering_key"]
    event = event_of(**dict.fromkeys(names))
    assert event[4:12] == (None,) * 8


@pytest.mark.parametrize(
    "data",
    [
        b'{ "b" : 1.0,\n "a" : [ 1e2, -0, 12345678901234567890 ] }',
        b'"\\u00e4 \xc3\xa4 \\/ \\ud83d\\ude00"',
        b'{"a":1,"a":2}',
        b"1e999",
        b"[]",
        b'""',
        b"false",
        b'"\\u0000"',
    ],
)
def test_the_payload_is_the_callers_own_bytes(data: bytes) -> None:
    event = accept(b'{"type":"a","data": ' + data + b' ,"previous":\t' + data + b"}\n").events[0]
    assert event.data == data
    assert event.previous == data


@pytest.mark.parametrize("name", ["a", "A-1_b", "a.b.c", "x" * 128, "0", "a.*".replace("*", "-")])
def test_types_that_are_names(name: str) -> None:
    assert event_of(type=name).type == name


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", "a b", "a*", "é", "x" * 129, "a\n", "a/b"])
def test_types_that_are_not(name: str) -> None:
    assert wrong_fields(body_of(type=name)) == ["type"]


@pytest.mark.parametrize("event_id", ["", "a.b", "x" * 129, "é", "a\n", "a b", "."])
def test_ids_that_would_break_the_signature_or_the_log(event_id: str) -> None:
    assert wrong_fields(body_of(id=event_id)) == ["id"]


@pytest.mark.parametrize("text", ["", "x" * 257, "é" * 129, "a\0b", "a\nb", "\x7f", "\x85"])
@pytest.mark.parametrize("field", ["channel", "ordering_key", "subject.type", "subject.id"])
def test_indexed_text_that_is_empty_too_long_or_has_control_characters(field: str, text: str) -> None:
    if field.startswith("subject."):
        subject = {"type": "t", "id": "i", field.removeprefix("subject."): text}
        assert wrong_fields(body_of(subject=subject)) == [field]
    else:
        assert wrong_fields(body_of(**{field: text})) == [field]


@pytest.mark.parametrize("text", ["x" * 256, "é" * 128, "\u00a0", "a b", "\u200d"])
def test_indexed_text_that_is_fine(text: str) -> None:
    assert event_of(channel=text, ordering_key=text).channel == text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"type": 5}, "type"),
        ({"type": None}, "type"),
        ({"id": 5}, "id"),
        ({"channel": ["a"]}, "channel"),
        ({"subject": "contact/1"}, "subject"),
        ({"subject": {"type": 5, "id": "1"}}, "subject.type"),
        ({"subject": {"type": "a"}}, "subject.id"),
        ({"subject": {"type": "a", "id": "1", "x": 1}}, "subject.x"),
        ({"change": "renamed"}, "change"),
        ({"change": 1}, "change"),
        ({"occurred_at": NOW}, "occurred_at"),
        ({"ordering_key": 7}, "ordering_key"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_types_and_unknown_fields(fields: dict[str, Any], wrong: str) -> None:
    assert wrong_fields(body_of(**fields)) == [wrong]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("occurred_at", NOW, "must be an RFC 3339 time such as 2026-11-21T23:11:26Z"),
        ("deliver_at", "tomorrow", "must be an RFC 3339 time such as 2026-11-21T23:11:26Z"),
        ("deliver_at", "2027-01-15T08:00:00", "must be an RFC 3339 time such as 2026-11-21T23:11:26Z"),
        ("change", "renamed", "must be one of: created, updated, deleted"),
        ("change", 1, "must be one of: created, updated, deleted"),
    ],
)
def test_a_wrong_value_is_told_what_to_be(field: str, value: object, message: str) -> None:
    error = refusal_of(body_of(**{field: value}))
    assert isinstance(error, Invalid)
    assert list(error.errors) == [(field, message)]
    assert error.detail == f"The request is not valid: {field} {message}."


def test_data_and_type_are_required() -> None:
    assert wrong_fields(b'{"type":"a"}') == ["data"]
    assert wrong_fields(b'{"data":1}') == ["type"]


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"true"])
def test_a_body_that_is_no_object(body: bytes) -> None:
    assert wrong_fields(body) == ["body"]


def test_all_wrong_values_are_named_at_once() -> None:
    subject = {"type": "", "id": "\0"}
    body = body_of(type="a b", id="a.b", channel="", subject=subject, ordering_key="x" * 300)
    assert wrong_fields(body) == ["type", "id", "channel", "subject.type", "subject.id", "ordering_key"]


@pytest.mark.parametrize(
    "data",
    [
        b"NaN", b"Infinity", b"-Infinity", b"[1,]", b"{'a':1}", b"01", b"1.", b".5", b"+1", b"tru", b"", b"{", b'"',
        b'"\\x"', b'"\t"', b'{"a"}', b"[1 2]", b"1 2", b"undefined", b"// no\n1", b'"\\u12"',
        b'"\\ud800"', b'"\\udc00"', b'"\\ud800x"', b'{"\\udfff":1}', b'["\\ud83d\\ud83d"]', b'"\\uDBFF\\u0041"',
        b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"',
    ],
)  # fmt: skip
def test_what_is_not_json_or_not_unicode_is_malformed(data: bytes) -> None:
    error = refusal_of(b'{"type":"a","data":' + data + b"}")
    assert isinstance(error, Malformed)
    assert error.status == 400


@pytest.mark.parametrize("body", [b"", b" ", b"\xef\xbb\xbf" + body_of(), body_of() + b"x", b"\0", body_of()[:-1]])
def test_malformed_bodies(body: bytes) -> None:
    assert isinstance(refusal_of(body), Malformed)


def test_text_in_the_envelope_may_not_have_lone_surrogates() -> None:
    assert isinstance(refusal_of(b'{"type":"a","data":1,"channel":"\\ud800"}'), Malformed)
    assert accept(b'{"type":"a","data":1,"channel":"\\ud83d\\ude00"}').events[0].channel == "😀"


@pytest.mark.parametrize("field", ["data", "previous"])
def test_nesting_has_a_limit(field: str) -> None:
    def nested(levels: int) -> bytes:
        other = b'"data":1,' if field == "previous" else b""
        return b'{"type":"a",' + other + b'"' + field.encode() + b'":' + b"[" * levels + b"]" * levels + b"}"

    assert accept(nested(100)).events[0]
    assert wrong_fields(nested(101)) == [field]
    assert wrong_fields(nested(900)) == [field]
    # So deep that the decoder gives up before it knows which field it is in.
    assert wrong_fields(nested(60_000)) == ["data"]


def test_deep_and_never_closed_is_refused_too() -> None:
    assert refusal_of(b'{"type":"a","data":' + b"[" * 100_000).status in {400, 422}
    assert refusal_of(b'{"type":"a","x":' + b'{"a":' * 40_000).status in {400, 422}


def test_the_payload_has_a_limit() -> None:
    def payload(size: int) -> bytes:
        return b'"' + b"x" * (size - 2) + b'"'

    limit = 256 * 1024
    assert accept(b'{"type":"a","data":' + payload(limit) + b"}")
    half = limit // 2
    assert accept(b'{"type":"a","data":' + payload(half) + b',"previous":' + payload(half) + b"}")
    for body in (
        b'{"type":"a","data":' + payload(limit + 1) + b"}",
        b'{"type":"a","data":' + payload(half) + b',"previous":' + payload(half + 1) + b"}",
        b'{"type":"a","data":1' + b" " * (limit + 20_000) + b"}",
    ):
        assert isinstance(refusal_of(body), TooLarge)


def test_limits_can_be_set() -> None:
    limits = IntakeLimits(payload_bytes_max=10)
    assert accept(b'{"type":"a","data":"12345678"}', limits=limits)
    assert isinstance(refusal_of(b'{"type":"a","data":"123456789"}', limits=limits), TooLarge)


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T08:00:00.123456789z", NOW + 123),
        ("2027-01-15t03:00:00-05:00", NOW),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000),
    ],
)
def test_moments(text: str, ms: int) -> None:
    assert event_of(occurred_at=text).occurred_at == ms


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2027-01-15", "2027-01-15T08:00:00", "2027-01-15T08:00Z", "2027-02-30T08:00:00Z", "1800000000",
        "2027-W03-5T08:00:00Z", "2027-01-15T25:00:00Z", "2027-01-15T08:00:00+25:00", "1969-12-31T23:59:59Z",
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "２027-01-15T08:00:00Z",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["occurred_at", "deliver_at"])
def test_what_is_no_moment(field: str, text: str) -> None:
    assert wrong_fields(body_of(**{field: text})) == [field]


def test_delivering_in_the_past_means_now() -> None:
    assert event_of(deliver_at="2020-01-01T00:00:00Z").deliver_at == NOW


def test_delivering_later_has_a_limit() -> None:
    assert event_of(deliver_at="2027-02-12T08:00:00Z").deliver_at == NOW + 28 * DAY_MS
    assert wrong_fields(body_of(deliver_at="2027-02-12T08:00:00.001Z")) == ["deliver_at"]


# ── ordering ──────────────────────────────────────────────────────────────────────────────────────────────────


def key_of(subject_type: str, subject_id: str) -> str:
    key = event_of(subject={"type": subject_type, "id": subject_id}).ordering_key
    assert key is not None
    assert len(key.encode()) <= 256
    return key


def test_the_ordering_key_is_the_subject_unless_given() -> None:
    assert key_of("contact", "17") == "contact/17"
    assert event_of().ordering_key is None
    assert event_of(ordering_key="own", subject={"type": "a", "id": "b"}).ordering_key == "own"


def test_different_subjects_have_different_ordering_keys() -> None:
    long = "x" * 200
    subjects = [
        ("a", "b/c"), ("a/b", "c"), ("a~1b", "c"), ("a~b", "c"), ("a~0b", "c"), ("a", "~1b/c"), ("~2", "c"),
        (long, long), (long, long[1:] + "y"), (long + "/", long), ("é" * 100, "é" * 100),
    ]  # fmt: skip
    assert len({key_of(*subject) for subject in subjects}) == len(subjects)


# ── keys, loops ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_own_id_is_claimed_with_the_hash_of_the_event_as_sent() -> None:
    body = body_of(id="mine")
    claim = KeyClaim("acme", "event", "mine", hashlib.sha256(body).digest(), ("mine",), None)
    assert accept(body).claims == [claim]
    assert accept(b" " + body + b"\r\n").claims == [claim]
    assert accept(body_of(id="mine", channel="x")).claims != [claim]


def test_an_idempotency_key_claims_the_whole_request_for_a_day() -> None:
    body = body_of() + b"\n"
    submission = accept(body, key="order-7!")
    ids = tuple(event.id for event in submission.events)
    assert submission.idempotency == KeyClaim(
        "acme", "idempotency", "order-7!", hashlib.sha256(body).digest(), ids, NOW + DAY_MS
    )


@pytest.mark.parametrize("key", ["", "a b", "x" * 257, "é", "a\tb", "a\x7f"])
def test_idempotency_keys_are_visible_ascii(key: str) -> None:
    error = refusal_of(body_of(), key=key)
    assert isinstance(error, Invalid)
    assert error.errors[0].field == "Idempotency-Key"


def test_hops_are_kept_and_a_loop_is_refused() -> None:
    assert accept(body_of(), hops=4).events[0].hops == 4
    for hops in (5, 6, 1_000):
        error = refusal_of(body_of(), hops=hops)
        assert (error.status, error.code) == (422, "too_many_hops")
