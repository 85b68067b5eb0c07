"""ECMAScript's JSON, held against node: one process that reads a line and writes what it makes of it."""

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ringback.wire.ecmascript import canonical
from ringback.wire.message import Message
from ringback.wire.profile import load_profile

PROGRAM = """
const lines = require("readline").createInterface({input: process.stdin});
lines.on("line", line => console.log(JSON.stringify(JSON.stringify(JSON.parse(JSON.parse(line))))));
"""
Stringify = Callable[[str], str]


@pytest.fixture(scope="module")
def node() -> Iterator[Stringify]:
    with subprocess.Popen(["node", "-e", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        given, answered = process.stdin, process.stdout

        def stringify(text: str) -> str:
            given.write(json.dumps(text) + "\n")
            given.flush()
            return str(json.loads(answered.readline()))

        yield stringify
        given.close()


texts = st.text(st.characters(exclude_categories=["Cs"]))
digits = st.text("0123456789", min_size=1, max_size=25).map(lambda text: text.lstrip("0") or "0")
numbers = st.builds(
    lambda sign, whole, fraction, exponent: sign + whole + fraction + exponent,
    st.sampled_from(["", "-"]),
    digits,
    st.just("") | digits.map(lambda text: f".{text}") | st.integers(0, 9).map(lambda zeros: f".{'0' * zeros}1"),
    st.just("") | st.integers(-330, 330).map(lambda power: f"e{power}") | st.integers(0, 30).map(lambda n: f"E+{n}"),
) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
names = texts | st.sampled_from(["0", "1", "10", "2", "01", "-1", "4294967294", "4294967295", "__proto__", "1.5", "٣"])
escaped = texts.map(json.dumps) | texts.map(lambda text: json.dumps(text, ensure_ascii=False))


def of_object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)} : {value}" for name, value in pairs) + "}"


documents = st.recursive(
    st.sampled_from(["null", "true", "false"]) | numbers | escaped,
    lambda inner: (
        st.lists(inner, max_size=5).map(lambda items: "[" + " ,".join(items) + "]")
        | st.lists(st.tuples(names, inner), max_size=6).map(of_object)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)  # a round through another process
@given(documents)
@example("1e400")
@example("[-0, -0.0, 0e-5, 1.0, 1e21, 1e20, 123456789012345680000, 12345678901234567890, 5e-324, 1e-7, 0.000001]")
@example('{"b":1,"4294967295":2,"4294967294":3,"10":4,"01":5,"2":6,"__proto__":7,"b":8}')
@example('"\\u2028\\u007f\\ud83d\\ude00\\/\\b\\f\\u0001<>&"')
def test_it_is_what_node_makes_of_it(node: Stringify, text: str) -> None:
    assert canonical(text.encode()).decode() == node(text)


# What Vessel's receiver signs is what its JSON.stringify makes of what it parsed, so that must be the body to the byte.

VESSEL = load_profile("vessel")
bodies = documents.map(str.encode)
ids = st.text("abcXYZ019_-", min_size=1, max_size=24)
members = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("id", "nativeId", "connectionId", "status", "1"), documents)
).map(lambda found: of_object(list(found.items())).encode())
messages = st.builds(
    Message,
    id=ids,
    type=st.sampled_from(["contact.updated", "contact.deleted", "connection.status_changed", "a", "1.2.created"]),
    data=bodies | members,
    happened_ms=st.integers(0, 4_000_000_000_000),
    sent_ms=st.integers(0, 4_000_000_000_000),
    tenant_id=ids,
    subject_type=st.none() | texts,
    subject_id=st.none() | texts,
    change=st.none() | st.sampled_from(["created", "updated", "deleted"]),
    previous=st.none() | bodies | members,
)


@settings(max_examples=100, deadline=None)  # a round through another process
@given(messages)
def test_what_vessel_is_sent_is_what_node_makes_of_it(node: Stringify, message: Message) -> None:
    body = VESSEL.render(message, ["an access token"], "sha256").body.decode()
    assert body == node(body)


def test_it_stays_as_it_is_once_it_is_made() -> None:
    made = canonical(b'{"b": 1.50, "2": [1e3, {"x": null}], "1": 1e-9}')
    assert made == b'{"1":1e-9,"2":[1000,{"x":null}],"b":1.5}'
    assert canonical(made) == made


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"[Infinity]", b"\xff", b"[" * 100_000 + b"]" * 100_000])
def test_what_is_no_json_is_passed_on(data: bytes) -> None:
    assert canonical(data) == data


def test_numbers_too_long_for_python_are_numbers_for_javascript(node: Stringify) -> None:
    for text in ("9" * 5_000, "0." + "3" * 5_000, f"1{'0' * 5_000}e-5000"):
        assert canonical(text.encode()).decode() == node(text)
