"""What gets past the check of a request about records, and what doesn't: by example, and by what Hypothesis makes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.ingest.accept import IntakeLimits
from ringback.ingest.record_accept import RECORD, RECORDS, RecordAcceptor, RecordName, RecordNotObject, WriteTerms
from ringback.ingest.record_write import RecordOp, RecordWrite
from ringback.model.errors import FieldError, Invalid, Malformed, Refused, TooLarge
from ringback.testing.clock import ManualClock
from support.rows import NOW, TENANT

NAME = RecordName("company", "42")
ACCEPTOR = RecordAcceptor(ManualClock(NOW))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
json_objects = st.dictionaries(st.text(max_size=5), json_values, max_size=4)
pieces = st.sampled_from(
    [b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\", b"\\ud800", b"\\u0000", b"\xff", b"\xc3\xa9", b"1", b"1e999",
     b"-0", b"null", b"true", b"NaN", b" ", b"\n", b'"a":1', b'{"a":{}}', b'"type":"company"', b'"id":"1"',
     b'"data":{}', b"[" * 200, b'{"type":"company","id":"1","data":{}}\n', b"\x00", b"\xef\xbb\xbf"]
)  # fmt: skip
hostile = st.lists(pieces, max_size=12).map(b"".join) | st.binary(max_size=40)


def single(body: bytes, op: RecordOp = RecordOp.PUT, name: RecordName = NAME, **terms: Any) -> RecordWrite:
    submission = ACCEPTOR.single(TENANT, name, op, body, WriteTerms(**terms))
    (write,) = submission.writes
    assert (submission.form, submission.size, submission.payload_bytes) == (RECORD, 1, len(write.data))
    assert submission.tenant_id == TENANT
    return write


def ndjson(*lines: bytes, acceptor: RecordAcceptor = ACCEPTOR, hops: int = 0) -> list[RecordWrite]:
    submission = acceptor.ndjson(TENANT, b"\n".join(lines), hops)
    assert (submission.form, submission.size) == (RECORDS, len(submission.writes))
    assert not submission.events
    return list(submission.writes)


def errors_of(*lines: bytes) -> tuple[FieldError, ...]:
    with pytest.raises(Invalid) as refused:
        ndjson(*lines)
    return refused.value.errors


def outcome_of(check: Callable[[], Any]) -> Any:
    """What the check gave, or how it refused."""
    try:
        return check()
    except (Malformed, Invalid) as refused:
        return refused


def is_object(text: bytes) -> bool:
    """By a parser of its own: a JSON object of characters, no deeper than a hundred."""

    def no_constant(name: str) -> None:
        raise ValueError(name)

    def depth(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return int(isinstance(value, dict | list)) + max(map(depth, inner), default=0)

    try:
        value = json.loads(text.decode(), parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and depth(value) <= 100


# ── one change ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_goes_on_is_what_came_in() -> None:
    write = single(b' {"b" : 1.50,\n"a":"\\u00e9"} ', version=7, source_at=5, if_revision=3, channel="eu", hops=2)
    data = b'{"b" : 1.50,\n"a":"\\u00e9"}'
    assert write == RecordWrite(TENANT, "company", "42", RecordOp.PUT, data, 7, 5, 3, "eu", NOW, 2, "")
    assert single(b"{}", RecordOp.PATCH).op is RecordOp.PATCH


def test_the_body_of_a_deletion_is_not_looked_at() -> None:
    assert single(b"\xff[", RecordOp.DELETE).data == b""


@pytest.mark.parametrize("depth", [99, 100])
def test_nesting_up_to_a_hundred(depth: int) -> None:
    body = b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    assert single(body).data == body
    for op in (RecordOp.PUT, RecordOp.PATCH):
        with pytest.raises(Invalid) as refused:
            single(b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", op)
        assert not isinstance(refused.value, RecordNotObject)
        assert [error.field for error in refused.value.errors] == ["body"]
    with pytest.raises(Refused):
        single(b"[" * 100_000)


def test_all_that_is_wrong_with_the_names_is_told() -> None:
    with pytest.raises(Invalid) as refused:
        single(b"{", name=RecordName("a b", "x" * 10_000), channel="\n")
    assert [error.field for error in refused.value.errors] == ["type", "id", "channel"]


def test_a_type_leaves_room_for_what_becomes_of_it() -> None:
    assert single(b"{}", name=RecordName("x" * 120, "1")).type == "x" * 120
    with pytest.raises(Invalid):
        single(b"{}", name=RecordName("x" * 121, "1"))


def test_an_id_is_counted_in_bytes() -> None:
    assert single(b"{}", name=RecordName("company", "\u00e9" * 128)).id == "\u00e9" * 128
    with pytest.raises(Invalid):
        single(b"{}", name=RecordName("company", "\u00e9" * 129))


@given(json_objects, st.sampled_from([RecordOp.PUT, RecordOp.PATCH]))
def test_every_object_is_taken_as_it_is(value: dict[str, Any], op: RecordOp) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    assert single(body, op).data == body


@given(hostile)
def test_whatever_comes_is_an_object_or_refused(body: bytes) -> None:
    outcome = outcome_of(lambda: single(body))
    assert is_object(body) is isinstance(outcome, RecordWrite), outcome
    if isinstance(outcome, RecordWrite):
        assert outcome.data == body.strip(b" \t\r\n")
    else:
        assert isinstance(outcome, Malformed) or outcome.errors


# ── batches ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_line_has_defaults_and_a_place() -> None:
    plain, full = ndjson(
        b'{"type":"company","id":"1","data": {"a": 1} }',
        b'\t{"op":"patch","type":"a.b","id":"\\u00e9/","data":{},"version":0,"updated_at":"2026-11-21T11:00:00.0425+01:00",'
        b'"if_revision":0,"channel":"eu"}\r',
    )
    assert plain == RecordWrite(
        TENANT, "company", "1", RecordOp.PUT, b'{"a": 1}', None, None, None, None, NOW, 0, "records[0]"
    )
    assert full == RecordWrite(
        TENANT, "a.b", "é/", RecordOp.PATCH, b"{}", 0, 1_795_255_200_042, 0, "eu", NOW, 0, "records[1]"
    )


def test_the_same_record_may_come_twice() -> None:
    lines = [b'{"type":"company","id":"1","data":{"a":%d}}' % n for n in range(3)]
    assert [write.data for write in ndjson(*lines)] == [b'{"a":0}', b'{"a":1}', b'{"a":2}']


def test_of_a_name_that_stands_twice_the_last_counts() -> None:
    (write,) = ndjson(b'{"type":"company","id":"1","id":"2","data":{"a":1},"data":{"a":2,"a":3}}')
    assert (write.id, write.data) == ("2", b'{"a":2,"a":3}')


@pytest.mark.parametrize("data", [b"", b',"data":null'])
def test_a_deletion_has_no_data(data: bytes) -> None:
    (write,) = ndjson(b'{"op":"delete","type":"company","id":"1"%s}' % data)
    assert (write.op, write.data) == (RecordOp.DELETE, b"")


@pytest.mark.parametrize("other", [b"{}", b"1", b"[]", b'""'])
def test_a_deletion_with_data_is_refused(other: bytes) -> None:
    (error,) = errors_of(b'{"op":"delete","type":"company","id":"1","data":%s}' % other)
    assert error.field == "records[0].data"


def test_all_that_is_wrong_in_a_line_is_told() -> None:
    told = errors_of(b'{"type":"a b","id":"","data":7,"channel":"\\u0000"}', b'{"type":"company","id":"1","data":null}')
    assert [error.field for error in told] == [
        "records[0].type", "records[0].id", "records[0].channel", "records[0].data", "records[1].data",
    ]  # fmt: skip


def test_limits() -> None:
    small = RecordAcceptor(ManualClock(), IntakeLimits(payload_bytes_max=10, batch_events_max=2, batch_bytes_max=120))
    line = b'{"type":"company","id":"1","data":%s}'
    assert len(ndjson(line % b'{"a":1234}', line % b"{}", acceptor=small)) == 2
    for lines in ([line % b'{"a":12345}'], [line % b"{}"] * 3, [b" " * 121]):
        with pytest.raises(TooLarge):
            ndjson(*lines, acceptor=small)
    assert len(ndjson(line % b'{"a":12345}', acceptor=small.limited(11))) == 1


def test_a_batch_that_was_passed_on_too_often() -> None:
    with pytest.raises(Invalid) as refused:
        ndjson(b'{"type":"company","id":"1","data":{}}', hops=5)
    assert refused.value.code == "too_many_hops"


@given(
    st.lists(
        st.tuples(st.sampled_from(list(RecordOp)), st.text("ab/é 🐍", min_size=1, max_size=9), json_objects), min_size=1
    )
)
def test_every_line_that_is_right_becomes_a_change(changes: list[tuple[RecordOp, str, dict[str, Any]]]) -> None:
    lines = [
        {"op": op, "type": "company", "id": record_id} | ({} if op is RecordOp.DELETE else {"data": data})
        for op, record_id, data in changes
    ]
    writes = ndjson(*(json.dumps(one).encode() for one in lines))
    assert [(write.op, write.id) for write in writes] == [(op, record_id) for op, record_id, _ in changes]
    for write, (op, _, data) in zip(writes, changes, strict=True):
        assert op is RecordOp.DELETE or json.loads(write.data) == data


@given(hostile)
def test_whatever_comes_in_a_batch_is_changes_or_refused(body: bytes) -> None:
    outcome = outcome_of(lambda: ndjson(body))
    if isinstance(outcome, Invalid):
        assert outcome.errors
        assert all(error.field.startswith("records") for error in outcome.errors)
    elif not isinstance(outcome, Malformed):
        assert outcome
        assert all(write.op is RecordOp.DELETE or is_object(write.data) for write in outcome)
