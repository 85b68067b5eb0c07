"""The body of `standard`: what goes out as it came, and what is wrapped."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.wire.message import Message
from ringback.wire.profile import load_profile

AT = "2026-11-21T10:00:00.000Z"
TYPE = "contact.created"
STANDARD = load_profile("standard")


def message(data: bytes, event_type: str = TYPE) -> Message:
    return Message("evt_1", event_type, data, 1_795_255_200_000, 1_795_255_200_000)


def body(data: bytes, event_type: str = TYPE) -> bytes:
    rendered = STANDARD.shape_for(message(data, event_type)).render(message(data, event_type))
    assert not rendered.whole
    assert rendered.head + data + rendered.tail == rendered.body
    return rendered.body


def is_exact(data: bytes, event_type: str) -> bool:
    return body(data, event_type) == data


EXACT = {
    "as the specification shows it": b'{"type":"contact.created","timestamp":"2022-11-03T20:26:10Z","data":{"a":1}}',
    "another order": b'{"data":[],"timestamp":"x","type":"contact.created"}',
    "white space": b'\r\n\t { "type" : "contact.created" ,\n "timestamp" : "x" , "data" : null } \n',
    "an escaped key": rb'{"t\u0079pe":"contact.created","timestamp":"x","data":null}',
    "all keys escaped": rb'{"\u0074ype":"contact.created","\u0074imestamp":"x","\u0064ata":null}',
    "an escaped type": rb'{"type":"contact\u002ecreated","timestamp":"x","data":null}',
    "not ASCII": '{"type":"contact.created","timestamp":"x","data":"Zoë ☎ 😀"}'.encode(),
    "the same keys again, deeper": b'{"type":"contact.created","timestamp":"x","data":{"type":1,"type":2,"data":{}}}',
    "a number too long to read": b'{"type":"contact.created","timestamp":"x","data":' + b"9" * 10_000 + b"}",
    "any timestamp": b'{"type":"contact.created","timestamp":5,"data":1}',
}

WRAPPED = {
    "an extra key": b'{"type":"contact.created","timestamp":"x","data":1,"id":2}',
    "an extra key in front": b'{"id":2,"type":"contact.created","timestamp":"x","data":1}',
    "a key less": b'{"type":"contact.created","timestamp":"x"}',
    "another type": b'{"type":"contact.updated","timestamp":"x","data":1}',
    "a type that is no text": b'{"type":["contact.created"],"timestamp":"x","data":1}',
    "type twice": b'{"type":"contact.created","type":"contact.created","timestamp":"x","data":1}',
    "data twice, no timestamp": b'{"type":"contact.created","data":"\\"timestamp\\"","data":1}',
    "a key twice in place of another": b'{"type":"contact.created","timestamp":"timestamp","timestamp":1}',
    "a nested timestamp": b'{"type":"contact.created","data":{"timestamp":"x"}}',
    "timestamp in a text": rb'{"type":"contact.created","data":"\"timestamp\""}',
    "another case": b'{"Type":"contact.created","timestamp":"x","data":1}',
    "an empty object": b"{}",
    "null": b"null",
    "a text": b'"type"',
    "a number": b"1",
    "an array": b'["type","timestamp","data"]',
    "pairs in an array": b'[["type","contact.created"],["timestamp","x"],["data",1]]',
}


@pytest.mark.parametrize("data", EXACT.values(), ids=EXACT.keys())
def test_exact_data_go_out_as_they_came(data: bytes) -> None:
    assert body(data) == data


@pytest.mark.parametrize("data", WRAPPED.values(), ids=WRAPPED.keys())
def test_other_data_are_wrapped_verbatim(data: bytes) -> None:
    assert body(data) == b'{"type":"contact.created","timestamp":"' + AT.encode() + b'","data":' + data + b"}"


@pytest.mark.parametrize("data", [b'{"type":', b'{"type":"contact.created","timestamp":\xff,"data":1}', b"", b"\xff"])
def test_what_is_not_json_is_never_exact(data: bytes) -> None:
    assert not is_exact(data, TYPE)


def test_nesting_too_deep_to_read_is_wrapped() -> None:
    data = b'{"type":"contact.created","timestamp":"x","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert not is_exact(data, TYPE)


def test_a_strange_type_can_not_break_the_envelope() -> None:
    assert json.loads(body(b"1", 'a","data":2,"x":"\n')) == {"type": 'a","data":2,"x":"\n', "timestamp": AT, "data": 1}


keys = st.sampled_from(["type", "timestamp", "data", "id", "Type", "data "])
values = st.sampled_from([TYPE, "timestamp", "x", 1, None, {"type": TYPE, "timestamp": "x", "data": 1}, ["timestamp"]])


@given(st.lists(st.tuples(keys, values), max_size=5), st.booleans(), st.sampled_from([",", ", ", " ,\n"]))
def test_agrees_with_a_plain_reading(pairs: list[tuple[str, object]], escaped: bool, comma: str) -> None:
    def key(name: str) -> str:
        return '"' + "".join(f"\\u{ord(c):04x}" for c in name) + '"' if escaped else json.dumps(name)

    data = ("{" + comma.join(f"{key(name)}:{json.dumps(value)}" for name, value in pairs) + "}").encode()
    plainly = len(pairs) == 3 and dict(pairs).keys() == {"type", "timestamp", "data"} and dict(pairs)["type"] == TYPE
    assert is_exact(data, TYPE) is plainly
