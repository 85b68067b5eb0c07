"""SECURITY: time and size. Every hostile receiver there is, at once, against a real server; what the log says of each.

One event goes to all of them, with half a second for the slow ones. Each test reads what became of one of them.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from support.inbox import Inbox
from support.process import Server, wait_until
from support.receivers import BOMB, HOSTILE, Receiver
from support.tenant import TestTenant

TIMEOUT_S = 0.6
KEPT_BYTES_MAX = 16 * 1024
# Not read before it is answered, so it has to be larger than what a kernel takes from us at once.
LARGE = "x" * 240_000

EXPECTED: Mapping[str, int | str] = {
    "silent": "timeout",
    "slow": "timeout",
    "slow_headers": "timeout",
    "slow_body": 200,
    "slow_byte": 200,
    "slow_status_line": "timeout",
    "endless_body": 200,
    "endless_chunks": 200,
    "endless_headers": "headers_too_large",
    "endless_header_line": "headers_too_large",
    "endless_status_line": "headers_too_large",
    "endless_interim": "bad_response",
    "endless_trailers": 200,
    "resets_at_once": "connection_lost",
    "resets_in_headers": "connection_lost",
    "resets_in_body": 200,
    "closes_unanswered": "connection_lost",
    "closes_in_headers": "connection_lost",
    "lies_short": 200,
    "lies_long": 200,
    "lies_twice": "bad_response",
    "lies_negative": "bad_response",
    "lies_huge": 200,
    "lies_both": 200,
    "bad_chunk": 200,
    "early": 200,
    "gzip_bomb": 200,
    "deflated": 200,
    "unknown_encoding": 200,
    "http_09": "bad_response",
    "http_2": "bad_response",
    "no_http": "bad_response",
    "no_reason": 200,
    "bad_status": "bad_response",
    "four_digits": "bad_response",
    "bad_version": "bad_response",
    "header_without_colon": "bad_response",
    "nul_in_header": "bad_response",
    "folded_header": 200,
    "nul_body": 200,
    "broken_utf8_body": 200,
    "broken_utf8_header": 200,
    "script_in_body": 200,
    "switches_protocol": "bad_response",
    "two_answers": 200,
}
SLOW = ("silent", "slow", "slow_headers", "slow_body", "slow_byte", "slow_status_line")
CUT = {"slow_body", "slow_byte", "endless_body", "endless_chunks", "endless_trailers", "resets_in_body", "lies_short",
       "bad_chunk"}  # fmt: skip


class Story(NamedTuple):
    """One receiver and the one attempt that was made there."""

    receiver: Receiver
    attempt: dict[str, Any]


@pytest.fixture(scope="module")
def hostile_tenant(server: Server) -> TestTenant:
    return TestTenant(server, "hostile")


@pytest.fixture(scope="module")
def stories(hostile_tenant: TestTenant) -> Iterator[Mapping[str, Story]]:
    tenant = hostile_tenant
    with ExitStack() as stack:
        receivers = {name: stack.enter_context(Receiver(script)) for name, script in HOSTILE.items()}
        made = {
            name: tenant.endpoint(
                receiver.url,
                label=name,
                event_types=["large.happened" if name == "early" else "thing.happened"],
                timeout_s=TIMEOUT_S if name in SLOW else 15,
                retry={"delays_s": []},
            )["id"]
            for name, receiver in receivers.items()
        }
        tenant.send("thing.happened")
        tenant.send("large.happened", LARGE)
        listed = wait_until(lambda: _all_of(tenant, len(made)), 30, "an attempt at each")
        by_endpoint = {attempt["endpoint_id"]: tenant.attempt(attempt["id"]) for attempt in listed}
        yield {name: Story(receivers[name], by_endpoint[made[name]]) for name in made}


def _all_of(tenant: TestTenant, count: int) -> list[dict[str, Any]] | None:
    found = tenant.attempts()
    return found if len(found) == count else None


def test_each_trick_is_expected_to_end_somehow() -> None:
    assert set(EXPECTED) == set(HOSTILE)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_hostile_receiver_ends_as_its_kind_does(stories: Mapping[str, Story], name: str) -> None:
    attempt = stories[name].attempt
    expected = EXPECTED[name]

    assert (attempt["status_code"] or attempt["error"]["code"]) == expected
    assert attempt["outcome"] == ("succeeded" if expected == 200 else "failed")
    assert (attempt["number"], attempt["final"]) == (1, True)
    if expected == 200:
        assert attempt["response"]["truncated"] == (name in CUT)
        assert len(attempt["response"]["body"]) <= KEPT_BYTES_MAX
    else:
        assert attempt["response"] is None
        assert attempt["error"]["message"].endswith(".")


@pytest.mark.parametrize("name", SLOW)
def test_one_deadline_covers_everything_to_the_last_byte_of_the_body(stories: Mapping[str, Story], name: str) -> None:
    attempt = stories[name].attempt
    assert attempt["duration_ms"] >= TIMEOUT_S * 1000 - 50
    assert attempt["error"] is None or attempt["error"]["code"] == "timeout"


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.startswith("endless")])
def test_past_a_cap_the_connection_is_closed_and_not_drained(stories: Mapping[str, Story], name: str) -> None:
    receiver = stories[name].receiver
    wait_until(lambda: receiver.open_connections == 0, 15, "the receiver, which would go on for ever, is cut off")
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [("gzip_bomb", BOMB), ("deflated", None), ("unknown_encoding", b"??")],
    ids=lambda value: str(value)[:16],
)
def test_nothing_is_decompressed_and_compression_is_not_asked_for(
    stories: Mapping[str, Story], name: str, body: bytes | None
) -> None:
    receiver, attempt = stories[name]
    shown = attempt["response"]
    raw = base64.b64decode(shown["body_base64"]) if shown["body_base64"] else shown["body"].encode()
    assert receiver.requests[0].header("Accept-Encoding") == "identity"
    assert len(raw) < 2_000
    assert body is None or raw == body


def test_zero_bytes_and_broken_utf8_are_stored_and_shown_exactly(stories: Mapping[str, Story]) -> None:
    nul, broken = (stories[name].attempt["response"] for name in ("nul_body", "broken_utf8_body"))
    assert (nul["body"], nul["body_base64"]) == ("a\0b", None)
    assert base64.b64decode(broken["body_base64"]) == b"a\xff\xfeb\xc3"
    assert "\ufffd" in broken["body"]
    assert ["X-Broken", "\xff\xfe\xc3"] in stories["broken_utf8_header"].attempt["response"]["headers"]


def test_what_a_receiver_answered_is_shown_as_data_and_not_as_a_page(
    hostile_tenant: TestTenant, stories: Mapping[str, Story]
) -> None:
    path = f"{hostile_tenant.path}/attempts/{stories['script_in_body'].attempt['id']}"
    answer = hostile_tenant.server.ask("GET", path)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["response"]["body"] == "<script>alert(1)</script>"


def test_a_tenant_sees_no_more_of_an_answer_than_the_cap(stories: Mapping[str, Story]) -> None:
    for name in ("endless_body", "endless_chunks"):
        assert len(stories[name].attempt["response"]["body"]) == KEPT_BYTES_MAX


def test_an_early_answer_counts_although_the_body_was_not_read(stories: Mapping[str, Story]) -> None:
    receiver, attempt = stories["early"]
    assert (attempt["status_code"], receiver.requests) == (200, [])
    assert len(attempt["request"]["body"]) > len(LARGE)


def test_a_second_answer_is_not_taken_for_the_next_request(stories: Mapping[str, Story], server: Server) -> None:
    """The bytes behind an answer belong to nobody: the connection they came on isn't used again."""
    receiver = stories["two_answers"].receiver
    tenant = TestTenant(server, "smuggled")
    tenant.endpoint(receiver.url, retry={"delays_s": []}, max_in_flight=1)
    events = [tenant.send() for _ in range(3)]
    for event_id in events:
        tenant.wait_state(event_id, "delivered")
    assert {attempt["status_code"] for attempt in tenant.attempts()} == {200}


def test_whoever_behaves_is_served_meanwhile(stories: Mapping[str, Story], tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url())
    event_id = tenant.send()
    tenant.wait_state(event_id, "delivered")
    assert tenant.server.ask("GET", "/readyz").status == 200
    assert "part_failed" not in tenant.server.log.read_text()
