"""Endpoints that have to prove themselves before anything is sent: a real server, real receivers, good and bad ones."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ringback.store.sqlite import SqliteStore
from support.handshakes import CODE_HEADER, Held, asks, echo, echo_body, echo_query, headers, keep_profiles, proves
from support.process import Server, free_port, wait_until
from support.receivers import OK, Connection, ReceivedRequest, Receiver, answers, closes_unanswered
from support.tenant import TestTenant

WITHIN_S = 10.0
FLAGS = ("--allow-private", "--public-url", "https://hooks.example:8443/ringback")
_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("handshakes")
    keep_profiles(folder / "data")
    with Server(folder / "data", *FLAGS) as running:
        yield running


@pytest.fixture
def tenant(server: Server) -> TestTenant:
    return TestTenant(server, f"h{next(_numbers)}")


def shown(tenant: TestTenant, endpoint: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = tenant.server.get(f"{tenant.path}/endpoints/{endpoint['id']}")
    return found


def wait_status(tenant: TestTenant, endpoint: dict[str, Any], status: str) -> dict[str, Any]:
    found: dict[str, Any] = wait_until(
        lambda: now if (now := shown(tenant, endpoint))["status"] == status else None,
        WITHIN_S,
        f"{endpoint['id']} is {status}: {shown(tenant, endpoint)}",
    )
    return found


def switch(tenant: TestTenant, endpoint: dict[str, Any], how: str) -> dict[str, Any]:
    answer: dict[str, Any] = tenant.server.make(f"{tenant.path}/endpoints/{endpoint['id']}/{how}", None)
    return answer


def asked_by(receiver: Receiver, number: int = 1) -> ReceivedRequest:
    """The request of a handshake with this number."""
    found: list[ReceivedRequest] = wait_until(
        lambda: said if len(said := [one for one in receiver.requests if asks(one)]) >= number else None,
        WITHIN_S,
        f"asked {number} times",
    )
    return found[number - 1]


def delivered_to(receiver: Receiver) -> list[str]:
    """The alerts' numbers, in order."""
    return [json.loads(one.body)["alertId"] for one in receiver.requests if not asks(one)]


def handshakes(tenant: TestTenant, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in tenant.attempts(endpoint["id"]) if one["event_id"] is None]


# ── InsideView: HEAD ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_endpoint_that_echoes_is_active_and_the_log_has_the_request(tenant: TestTenant) -> None:
    with Receiver(proves(echo)) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview", query="a=1", headers={"X-Own": "Yes"})
        assert (made["status"], made["active"], made["disable_reason"]) == ("verification_pending", True, None)
        wait_status(tenant, made, "active")
        request = asked_by(receiver)

    assert request.line == "HEAD /hook?a=1 HTTP/1.1"
    names = [name for name, _ in request.headers]
    assert CODE_HEADER in names
    assert "X-Own" in names
    assert not {"Content-Length", "Content-Type", "Transfer-Encoding", "Expect"} & set(names)
    assert len(request.header(CODE_HEADER) or "") == 32
    (attempt,) = handshakes(tenant, made)
    assert (attempt["outcome"], attempt["number"], attempt["final"]) == ("succeeded", 1, True)
    whole = tenant.server.get(f"{tenant.path}/attempts/{attempt['id']}")
    assert (whole["request"]["method"], whole["request"]["url"]) == ("HEAD", f"{receiver.url}?a=1")
    assert [tuple(pair) for pair in whole["request"]["headers"]] == request.headers
    assert whole["response"]["headers"][0] == [CODE_HEADER, request.header(CODE_HEADER)]
    path = f"{tenant.path}/endpoints/{made['id']}"
    stats = tenant.server.get(f"{path}/stats")
    assert (stats["succeeded"], stats["failed"]) == (0, 0)
    assert f"endpoint_verified tenant_id={tenant.id} endpoint_id={made['id']}" in tenant.server.log.read_text()


def with_code(line: str, **how: str) -> Callable[[ReceivedRequest], bytes]:
    """An answer with this line, the code in it."""
    return lambda request: headers(*line.format(code=request.header(CODE_HEADER)).split("|"), **how)


EARLY = f"HTTP/1.1 103 Early Hints\r\n{CODE_HEADER}: early\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize(
    "reply",
    [with_code(f"{CODE_HEADER}: {{code}}", status="500 Oops"), with_code(f"{CODE_HEADER}: {{code}}", interim=EARLY)],
    ids=["whatever the status", "after an interim answer"],
)
def test_what_is_good_enough(tenant: TestTenant, reply: Callable[[ReceivedRequest], bytes]) -> None:
    with Receiver(proves(reply)) as receiver:
        wait_status(tenant, tenant.endpoint(receiver.url, profile="insideview"), "active")


INVALID, INCORRECT = f"Invalid {CODE_HEADER} response header value", f"Incorrect {CODE_HEADER} response header value"
MISSING = f"Please echo {CODE_HEADER} request header value as response header with name {CODE_HEADER}"
REFUSED = {
    "no header": (with_code("X-Other: {code}"), "400-2101", MISSING),
    "another case": (with_code(f"{CODE_HEADER.lower()}: {{code}}"), "400-2101", MISSING),
    "only in an interim answer": (with_code("X-Other: 1", interim=EARLY), "400-2101", MISSING),
    "empty": (with_code(f"{CODE_HEADER}:"), "400-2102", INVALID),
    "two": (with_code(f"{CODE_HEADER}: {{code}}|{CODE_HEADER}: {{code}}"), "400-2103", INVALID),
    "long": (with_code(f"{CODE_HEADER}: {'x' * 300}"), "400-2103", INVALID),
    "not ASCII": (with_code(f"{CODE_HEADER}: caf\xe9"), "400-2103", INVALID),
    "another text": (with_code(f"{CODE_HEADER}: {{code}}0"), "400-2104", INCORRECT),
}


@pytest.mark.parametrize(("reply", "code", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_disables_the_endpoint_with_the_contracts_reason(
    tenant: TestTenant, reply: Callable[[ReceivedRequest], bytes], code: str, message: str
) -> None:
    with Receiver(proves(reply)) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview")
        refused = wait_status(tenant, made, "disabled")
    assert refused["disable_reason"] == {"code": code, "message": message}
    (attempt,) = handshakes(tenant, made)
    assert (attempt["outcome"], attempt["final"]) == ("failed", True)
    assert attempt["error"] == {"code": code, "message": message}
    assert (
        f"endpoint_refused tenant_id={tenant.id} endpoint_id={made['id']} code={code}" in tenant.server.log.read_text()
    )


# ── what waits, and for what ───────────────────────────────────────────────────────────────────────────────────


def test_deliveries_wait_while_it_is_pending_and_flow_once_it_is_verified(tenant: TestTenant) -> None:
    held = Held(echo)
    with Receiver(held) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview")
        events = [tenant.send() for _ in range(3)]
        asked_by(receiver)
        assert {tenant.state(event_id) for event_id in events} == {"pending"}
        assert tenant.deliveries(events[0])[0]["next_attempt_at"] is None
        path = f"{tenant.path}/endpoints/{made['id']}"
        assert tenant.server.ask("POST", f"{path}/activate").json["code"] == "wrong_state"
        assert tenant.server.ask("POST", f"{path}/test", {}).json["code"] == "endpoint_not_active"
        assert tenant.server.ask("GET", f"{path}/preview").status == 200
        assert tenant.patch(made["id"], label="Named meanwhile").status == 200
        assert delivered_to(receiver) == []
        held.let_go()
        for event_id in events:
            tenant.wait_state(event_id, "delivered")
        assert len(set(delivered_to(receiver))) == len(events)
        assert len(handshakes(tenant, made)) == 1


def test_what_was_refused_queues_nothing_more_and_what_waited_goes_out_when_it_passes(tenant: TestTenant) -> None:
    replies = [headers("X-Other: 1"), None]
    held = Held(lambda request: replies.pop(0) or echo(request))
    with Receiver(held) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview")
        waited = tenant.send()
        held.let_go()
        wait_status(tenant, made, "disabled")
        assert tenant.server.make(f"{tenant.path}/events", {"type": "a.b", "data": 1})["deliveries"] == 0
        assert tenant.state(waited) == "pending"
        assert switch(tenant, made, "verify")["status"] == "verification_pending"
        verified = wait_status(tenant, made, "active")
        assert verified["disable_reason"] is None
        tenant.wait_state(waited, "delivered")
        assert len(delivered_to(receiver)) == 1


def test_activation_asks_what_was_refused_and_does_not_ask_what_has_passed(tenant: TestTenant) -> None:
    replies = [headers("X-Other: 1"), None]
    with Receiver(proves(lambda request: replies.pop(0) or echo(request))) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview")
        wait_status(tenant, made, "disabled")
        assert switch(tenant, made, "activate")["status"] == "verification_pending"
        wait_status(tenant, made, "active")
        assert switch(tenant, made, "deactivate")["status"] == "inactive"
        assert switch(tenant, made, "activate")["status"] == "active"
        assert len(handshakes(tenant, made)) == 2


def test_what_is_made_inactive_is_asked_when_it_is_activated(tenant: TestTenant) -> None:
    with Receiver(proves(echo)) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview", active=False)
        assert made["status"] == "inactive"
        assert tenant.patch(made["id"], active=True).json["status"] == "verification_pending"
        wait_status(tenant, made, "active")


# ── what happens meanwhile ─────────────────────────────────────────────────────────────────────────────────────


def test_another_url_is_asked_anew_and_the_old_ones_answer_does_not_count(tenant: TestTenant) -> None:
    held = Held(echo)
    with Receiver(held) as first, Receiver(proves(lambda request: headers("X-Other: 1"))) as second:
        made = tenant.endpoint(first.url, profile="insideview")
        asked_by(first)
        assert tenant.patch(made["id"], url=second.url).json["status"] == "verification_pending"
        refused = wait_status(tenant, made, "disabled")
        assert refused["disable_reason"]["code"] == "400-2101"
        held.let_go()
        wait_until(lambda: len(handshakes(tenant, made)) == 2, WITHIN_S, "both requests are in the log")
        assert shown(tenant, made)["status"] == "disabled"
        assert {one["superseded"] for one in handshakes(tenant, made)} == {True, False}
        assert tenant.patch(made["id"], url=first.url).json["status"] == "verification_pending"
        wait_status(tenant, made, "active")
        assert tenant.patch(made["id"], label="Only the label").json["status"] == "active"
        assert tenant.patch(made["id"], query="b=2").json["status"] == "verification_pending"
        wait_status(tenant, made, "active")
        assert asked_by(first, 3).line == "HEAD /hook?b=2 HTTP/1.1"


def test_another_profile_asks_or_does_not(tenant: TestTenant) -> None:
    held = Held(echo)
    with Receiver(held) as receiver:
        made = tenant.endpoint(receiver.url)
        assert made["status"] == "active"
        event_id = tenant.send()
        tenant.wait_state(event_id, "delivered")
        assert tenant.patch(made["id"], profile="insideview").json["status"] == "verification_pending"
        asked_by(receiver)
        waiting = tenant.send()
        assert tenant.patch(made["id"], profile="standard").json["status"] == "active"
        tenant.wait_state(waiting, "delivered")


def test_a_person_who_switches_it_off_wins(tenant: TestTenant) -> None:
    held = Held(echo)
    with Receiver(held) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview")
        asked_by(receiver)
        assert switch(tenant, made, "deactivate")["status"] == "inactive"
        held.let_go()
        wait_until(lambda: handshakes(tenant, made), WITHIN_S, "what was broken off is in the log")
        assert shown(tenant, made)["status"] == "inactive"
        assert switch(tenant, made, "activate")["status"] == "verification_pending"
        wait_status(tenant, made, "active")


def test_who_deletes_it_wins(tenant: TestTenant) -> None:
    held = Held(echo)
    with Receiver(held) as receiver:
        made = tenant.endpoint(receiver.url, profile="insideview")
        asked_by(receiver)
        assert tenant.server.ask("DELETE", f"{tenant.path}/endpoints/{made['id']}").status == 204
        held.let_go()
        (attempt,) = wait_until(tenant.attempts, WITHIN_S, "what was broken off is in the log")
        assert (attempt["event_id"], attempt["superseded"]) == (None, True)
        assert tenant.server.ask("GET", f"{tenant.path}/endpoints/{made['id']}").status == 404


# ── who can't be reached ───────────────────────────────────────────────────────────────────────────────────────


def test_one_that_is_down_is_asked_until_it_comes_up(tenant: TestTenant) -> None:
    port = free_port()
    made = tenant.endpoint(f"http://127.0.0.1:{port}/hook", profile="test-get")
    wait_until(lambda: handshakes(tenant, made), WITHIN_S, "it was asked")
    assert shown(tenant, made)["status"] == "verification_pending"
    with Receiver(proves(echo_query), port=port):
        wait_status(tenant, made, "active")
    first, *_, last = handshakes(tenant, made)
    assert (first["number"], first["outcome"], first["final"]) == (1, "failed", False)
    assert first["error"]["code"] == "connect_failed"
    assert (last["outcome"], last["final"]) == ("succeeded", True)


@pytest.mark.parametrize("script", [None, closes_unanswered], ids=["down", "never answers"])
def test_one_that_stays_away_is_disabled_when_its_time_is_over(
    tenant: TestTenant, script: Callable[[Connection], object] | None
) -> None:
    with Receiver(script or answers(OK)) as receiver:
        if script is None:
            receiver.refuse_more()
        made = tenant.endpoint(receiver.url, profile="test-brief")
        refused = wait_status(tenant, made, "disabled")
    assert refused["disable_reason"] == {"code": "test_unreachable", "message": "The answer is unreachable."}
    tried = handshakes(tenant, made)
    assert len(tried) > 1
    assert [one["number"] for one in tried] == list(range(1, len(tried) + 1))
    assert [one["final"] for one in tried] == [False] * (len(tried) - 1) + [True]
    assert {one["error"]["code"] for one in tried} == {"connect_failed" if script is None else "connection_lost"}


def test_a_challenge_answered_late_is_not_answered_and_can_be_answered_again(tenant: TestTenant) -> None:
    held = Held(echo)
    with Receiver(held) as receiver:
        made = tenant.endpoint(receiver.url, profile="test-late")
        waiting = tenant.send()
        refused = wait_status(tenant, made, "disabled")
        assert refused["disable_reason"] == {"code": "400-2100", "message": "Webhook unreachable"}
        (attempt,) = handshakes(tenant, made)
        assert (attempt["outcome"], attempt["final"], attempt["error"]["code"]) == ("failed", True, "timeout")
        held.let_go()
        assert len(receiver.requests) == 1
        assert (shown(tenant, made)["status"], tenant.state(waiting)) == ("disabled", "pending")
        assert switch(tenant, made, "verify")["status"] == "verification_pending"
        wait_status(tenant, made, "active")
        tenant.wait_state(waiting, "delivered")
        assert len(delivered_to(receiver)) == 1


# ── other ways to ask ──────────────────────────────────────────────────────────────────────────────────────────


def test_cloudevents_asks_by_options_and_keeps_to_the_rate_that_is_granted(tenant: TestTenant) -> None:
    granted = headers("WebHook-Allowed-Origin: hooks.example", "WebHook-Allowed-Rate: 120", status="204 No Content")
    with Receiver(proves(lambda request: granted)) as receiver:
        made = tenant.endpoint(receiver.url, profile="cloudevents", rate_per_second=4.0)
        wait_status(tenant, made, "active")
        request = asked_by(receiver)
        assert request.line == "OPTIONS /hook HTTP/1.1"
        assert request.header("WebHook-Request-Origin") == "hooks.example"
        assert request.header("WebHook-Request-Rate") == "240"
        assert request.body == b""
        first, second = tenant.send(), tenant.send()
        for event_id in (first, second):
            tenant.wait_state(event_id, "delivered")
        sent = [datetime.fromisoformat(one["at"]) for one in tenant.attempts(made["id"]) if one["event_id"]]
        assert (max(sent) - min(sent)).total_seconds() >= 0.4  # 120 a minute, not 4 a second


@pytest.mark.parametrize("line", ["WebHook-Allowed-Origin: other.example", "Allow: POST"])
def test_who_allows_another_origin_or_none_gets_nothing(tenant: TestTenant, line: str) -> None:
    with Receiver(proves(lambda request: headers(line))) as receiver:
        refused = wait_status(tenant, tenant.endpoint(receiver.url, profile="cloudevents-binary"), "disabled")
    assert refused["disable_reason"]["code"] in ("handshake_different", "handshake_missing")


def test_a_challenge_in_the_body_of_a_post_with_credentials_that_nobody_sees(tenant: TestTenant) -> None:
    with Receiver(proves(echo_body)) as receiver:
        auth = {"type": "raw", "value": "Bearer very-secret"}
        made = tenant.endpoint(receiver.url, profile="test-post", auth=auth)
        wait_status(tenant, made, "active")
        request = asked_by(receiver)
        event_id = tenant.send()
        tenant.wait_state(event_id, "delivered")
    assert request.line == "POST /hook HTTP/1.1"
    assert request.header("Content-Type") == "application/json"
    assert request.header("Authorization") == "Bearer very-secret"
    (attempt,) = handshakes(tenant, made)
    whole = tenant.server.get(f"{tenant.path}/attempts/{attempt['id']}")
    assert whole["request"]["body"] == request.body.decode()
    assert ["Authorization", "***"] in whole["request"]["headers"]
    assert len(whole["request"]["headers"]) == len(request.headers)
    assert "very-secret" not in str(whole)


def test_a_challenge_in_the_query_of_a_get(tenant: TestTenant) -> None:
    with Receiver(proves(echo_query)) as receiver:
        made = tenant.endpoint(f"{receiver.url}?own=1", profile="test-get", query="more=2")
        wait_status(tenant, made, "active")
        request = asked_by(receiver)
        event_id = tenant.send()
        tenant.wait_state(event_id, "delivered")
        delivery = receiver.requests[-1]
    assert request.line.startswith("GET /hook?own=1&more=2&hub.challenge=")
    assert request.body == b""
    assert delivery.line == "POST /hook?own=1&more=2 HTTP/1.1"


# ── crashes and stops ──────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_crash_it_is_asked_anew_and_a_stop_leaves_a_bell_for_who_waits(tmp_path: Path) -> None:
    held = Held(echo)
    with Receiver(held) as receiver, Server(tmp_path / "data", *FLAGS) as server:
        tenant = TestTenant(server, "middle")
        made = tenant.endpoint(receiver.url, profile="insideview")
        event_id = tenant.send()
        asked_by(receiver)
        server.kill()
        server.start()
        asked_by(receiver, 2)
        held.let_go()
        wait_status(tenant, made, "active")
        tenant.wait_state(event_id, "delivered")
        assert len(delivered_to(receiver)) == 1
        down = tenant.endpoint(f"http://127.0.0.1:{free_port()}/hook", profile="insideview")
        wait_until(lambda: handshakes(tenant, down), WITHIN_S, "it was asked")
        assert server.stop() == 0
    store = SqliteStore.open(tmp_path / "data" / "ringback.db")
    (lane,) = store.lanes_of([down["id"]])
    store.close()
    assert (lane.owner, lane.due_at, lane.not_before) == (None, 0, 0)
