"""SECURITY: building requests, loops, quotas and filters, at a real server whose tenants may have eight endpoints."""

import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from support.inbox import Inbox, Received, Reply
from support.process import Answer, Server, wait_until
from support.receivers import OK, Receiver, answers
from support.tenant import TestTenant

ENDPOINTS_MAX: Final = 8
HOPS: Final = "Ringback-Hops"
RESERVED: Final = [
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "TE", "Trailer", "Keep-Alive",
    "Proxy-Authorization", "Proxy-Connection", "Content-Type", "Content-Encoding", "Accept-Encoding",
    "webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Signature", HOPS, "ringback-anything",
]  # fmt: skip
BROKEN_NAMES: Final = ["X\r\nY", "X\nY", "X\rY", "X Y", "X:Y", "X\0", "\u00fc", "", "X\tY", "(X)", "X" * 257]
BROKEN_VALUES: Final = [
    "a\r\nX-Injected: 1",
    "a\nb",
    "a\rb",
    "a\0b",
    "\u00fc",
    "",
    " a",
    "a ",
    "a\tb",
    "a\x7f",
    "x" * 4_097,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    limits = {"RINGBACK_ENDPOINTS_PER_TENANT_MAX": str(ENDPOINTS_MAX)}
    folder = tmp_path_factory.mktemp("requests")
    with Server(folder / "data", "--allow-private", environment=limits) as running:
        yield running


def refused(tenant: TestTenant, **fields: Any) -> Answer:
    answer = tenant.server.ask("POST", f"{tenant.path}/endpoints", {"url": "http://127.0.0.1:7000/", **fields})
    assert answer.status == 422, answer.body
    return answer


# Building requests.


@pytest.mark.parametrize("value", BROKEN_VALUES)
@pytest.mark.parametrize("place", ["headers", "auth", "raw"])
def test_a_header_value_is_visible_ascii_wherever_it_comes_from(tenant: TestTenant, place: str, value: str) -> None:
    """GitLab CVE-2025-6454."""
    fields: dict[str, Any] = {
        "headers": {"headers": {"X-Team": value}},
        "auth": {"auth": {"type": "header", "headers": {"X-Key": value}}},
        "raw": {"auth": {"type": "raw", "value": value}},
    }[place]
    refused(tenant, **fields)


@pytest.mark.parametrize("name", BROKEN_NAMES)
@pytest.mark.parametrize("place", ["headers", "auth"])
def test_a_header_name_is_a_token(tenant: TestTenant, place: str, name: str) -> None:
    headers = {name: "x"}
    refused(tenant, **{place: headers if place == "headers" else {"type": "header", "headers": headers}})


@pytest.mark.parametrize("name", [*RESERVED, *(name.upper() for name in RESERVED)])
@pytest.mark.parametrize("place", ["headers", "auth"])
def test_what_frames_or_signs_a_request_is_nobodys_to_set(tenant: TestTenant, place: str, name: str) -> None:
    headers = {name: "x"}
    refused(tenant, **{place: headers if place == "headers" else {"type": "header", "headers": headers}})


@pytest.mark.parametrize("auth", [{"username": "a\r\nX: 1", "password": "p"}, {"username": "a", "password": "p\nq"}])
def test_basic_credentials_have_no_line_breaks(tenant: TestTenant, auth: dict[str, str]) -> None:
    refused(tenant, auth={"type": "basic", **auth})


@pytest.mark.parametrize("field", ["id", "type", "channel", "ordering_key"])
def test_nothing_of_an_event_can_break_a_header(tenant: TestTenant, field: str) -> None:
    """Of all these the id alone becomes a header; none of them takes a line break that could."""
    event = {"type": "a", "data": 1, field: "x\r\nX-Injected: 1\0"}
    assert tenant.server.ask("POST", f"{tenant.path}/events", event).status == 422


def test_a_request_is_framed_once_and_has_nothing_that_was_not_asked_for(tenant: TestTenant) -> None:
    with Receiver(answers(OK)) as receiver:
        tenant.endpoint(receiver.url, headers={"X-Team": "blue", "x-case": "Kept"})
        event_id = tenant.send("thing.happened", "x" * 200_000)
        tenant.wait_state(event_id, "delivered")
    (request,) = receiver.requests
    names = [name for name, _ in request.headers]
    assert request.line == "POST /hook HTTP/1.1"
    assert sorted(names, key=str.lower) == sorted([
        "Host", "Content-Length", "content-type", "User-Agent", "Accept", "Accept-Encoding", "webhook-id",
        "webhook-timestamp", "webhook-signature", "X-Team", "x-case", HOPS,
    ], key=str.lower)  # fmt: skip
    assert request.header("Host") == f"127.0.0.1:{receiver.port}"
    assert int(request.header("Content-Length") or 0) == len(request.body) > 200_000


# Loops.


def test_an_event_is_sent_with_one_hop_more_than_it_came_with(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url())
    for hops in (None, "0", "4"):
        headers = {} if hops is None else {HOPS: hops}
        assert (
            tenant.server.ask("POST", f"{tenant.path}/events", {"type": "a", "data": hops}, headers=headers).status
            == 202
        )
    inbox.wait_for(3)
    assert sorted(received.header(HOPS) or "" for received in inbox.received) == ["1", "1", "5"]


@pytest.mark.parametrize("hops", ["5", "6", "999999999"])
@pytest.mark.parametrize("path", ["events", "events/batch"])
def test_an_event_that_came_in_with_five_hops_is_refused(tenant: TestTenant, path: str, hops: str) -> None:
    event = {"type": "a", "data": 1}
    body = event if path == "events" else {"events": [event]}
    answer = tenant.server.ask("POST", f"{tenant.path}/{path}", body, headers={HOPS: hops})
    assert (answer.status, answer.json["code"]) == (422, "too_many_hops")


@pytest.mark.parametrize("hops", ["-1", "x", "1.5", "", "1 2", "0x5", "9999999999"])
def test_hops_that_are_no_number_are_refused(tenant: TestTenant, hops: str) -> None:
    answer = tenant.server.ask("POST", f"{tenant.path}/events", {"type": "a", "data": 1}, headers={HOPS: hops})
    assert (answer.status, answer.json["code"]) == (400, "malformed")


def test_a_loop_through_somebody_elses_adapter_ends_after_five_rounds(tenant: TestTenant, inbox: Inbox) -> None:
    """The receiver posts each event back to Ringback with the header it came with, as an adapter would."""
    answered: dict[str, int] = {}
    ended = threading.Event()

    def pass_on(received: Received) -> Reply:
        # The next round may be here before this one has its answer: what counts is which round was answered how.
        hops = received.header(HOPS) or ""
        event = {"type": "round.and.round", "data": len(inbox.received)}
        answered[hops] = tenant.server.ask("POST", f"{tenant.path}/events", event, headers={HOPS: hops}).status
        if len(answered) == 5:
            ended.set()
        return Reply()

    inbox.reply = pass_on
    tenant.endpoint(inbox.url())
    event_id = tenant.send("round.and.round")

    assert ended.wait(15)
    tenant.wait_state(event_id, "delivered")
    assert [received.header(HOPS) for received in inbox.received] == ["1", "2", "3", "4", "5"]
    assert answered == {"1": 202, "2": 202, "3": 202, "4": 202, "5": 422}


# Quotas.


def test_a_tenant_has_so_many_endpoints_and_is_told_so(tenant: TestTenant) -> None:
    for number in range(ENDPOINTS_MAX):
        tenant.endpoint(f"http://127.0.0.1:7000/{number}")
    answer = tenant.server.ask("POST", f"{tenant.path}/endpoints", {"url": "http://127.0.0.1:7000/more"})
    assert (answer.status, answer.json["code"]) == (429, "endpoint_quota")
    assert int(answer.headers["retry-after"]) >= 1


def test_headers_are_counted(tenant: TestTenant) -> None:
    refused(tenant, headers={f"X-{number}": "x" for number in range(33)})
    assert tenant.endpoint("http://127.0.0.1:7000/", headers={f"X-{number}": "x" for number in range(32)})["id"]


@pytest.mark.parametrize("path", ["events", "events/batch"])
def test_a_payload_over_the_limit_is_refused_and_nothing_of_it_is_kept(tenant: TestTenant, path: str) -> None:
    event = {"type": "a", "data": "x" * (256 * 1024)}
    answer = tenant.server.ask("POST", f"{tenant.path}/{path}", event if path == "events" else {"events": [event]})
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert tenant.server.get(f"{tenant.path}/events")["items"] == []


def test_a_batch_has_so_many_events(tenant: TestTenant) -> None:
    body = {"events": [{"type": "a", "data": 1}] * 1_001}
    assert tenant.server.ask("POST", f"{tenant.path}/events/batch", body).status == 413


# Filters.


@pytest.mark.parametrize(
    "text",
    [
        "data.a.all(x, data.a.all(y, data.a.all(z, x == y)))",
        "data.a.exists(x, data.a.exists(y, x != y))",
        "data.text.matches('(a+)+$' + data.tail)",
        "data.text.matches('(((a{1,99}){1,99}){1,99}){1,99}')",
        "(" * 200 + "true" + ")" * 200,
        "true && " * 200 + "true",
        "globals() == null",
        "open('/etc/passwd') == ''",
        "data.a.map(x, x).map(y, y).size() > 0",
    ],
)
def test_a_filter_that_could_run_for_long_is_refused(tenant: TestTenant, text: str) -> None:
    assert [error["field"] for error in refused(tenant, filter=text).json["errors"]] == ["filter"]


HEAVY: Final = [
    "data.items.all(x, data.text.contains(x))",
    "data.items.exists(x, data.text.matches('^(a|b|ab)*c$'))",
    "data.items.map(x, data.text + x).size() > 3",
    "data.items == data.items && data.text < data.text + data.text",
]


def test_heavy_filters_end_on_heavy_payloads_and_the_server_goes_on_accepting(tenant: TestTenant, inbox: Inbox) -> None:
    accepted = 0
    for text in HEAVY:
        answer = tenant.server.ask("POST", f"{tenant.path}/endpoints", {"url": inbox.url("/heavy"), "filter": text})
        assert answer.status in (201, 422)
        accepted += answer.status == 201
    assert accepted, "some pass the check and are held back when they run"
    tenant.endpoint(inbox.url("/light"), filter="event.type == 'heavy.load'")

    data = {"items": [f"a{number}" for number in range(9_000)], "text": "ab" * 40_000}
    events = [tenant.send("heavy.load", data) for _ in range(5)]

    wait_until(lambda: len(inbox.at("/light")) == len(events), 15, "the light filter was asked for each")
    assert tenant.server.ask("GET", "/readyz").status == 200


@pytest.mark.parametrize("depth", [101, 5_000, 100_000])
def test_deep_nesting_is_refused_and_the_server_goes_on(tenant: TestTenant, inbox: Inbox, depth: int) -> None:
    body = b'{"type":"a","data":' + b"[" * depth + b"]" * depth + b"}"
    assert tenant.server.ask("POST", f"{tenant.path}/events", body).status == 422
    tenant.endpoint(inbox.url())
    tenant.wait_state(tenant.send(), "delivered")
