"""Deliveries on their way through the sender: learned targets, signed requests, and what the log is told of each."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from ringback import outgoing
from ringback.clock import SystemClock
from ringback.engine import remote
from ringback.engine.departure import departure_of, not_sent, take_off
from ringback.engine.orders import Orders, ProfileNews, TargetNews, decode_orders, encode
from ringback.engine.ports import Answered
from ringback.engine.remote import SenderProcess
from ringback.model.endpoint import Auth, AuthType, Endpoint, EndpointStatus, Ordering, RetryRule, Secret
from ringback.model.event import Event
from ringback.model.trace import span_of_attempt
from ringback.outgoing import Target
from ringback.testing.clock import ManualClock
from ringback.wire.verify import verify
from support.profiles import contract
from support.receivers import OK, Receiver, answers
from support.sending import PRIVATE, Sending
from support.targets import prepare

KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = "whsec_" + base64.b64encode(bytes(32)).decode()


def secret(value: str = KEY, expires_at: int | None = None) -> Secret:
    return Secret("sec_1", "ten_a", "ep_1", value, 0, expires_at)


def endpoint(url: str = "http://receiver.example/hook", **fields: object) -> Endpoint:
    return replace(Endpoint("ep_1", "ten_a", "", url), **fields)  # type: ignore[arg-type]


def event(**fields: object) -> Event:
    made = Event(
        "ten_a",
        "evt_1",
        "order.paid",
        b'{"n":1}',
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        1_700_000_000_042,
        0,
        1,
    )
    return made._replace(**fields)


class Delivering:
    """The real process, spoken to as the dispatcher does."""

    def __init__(self) -> None:
        self.sending = Sending(PRIVATE, apart=True)
        self.process: SenderProcess = self.sending.transport
        self._tokens = count(1)

    def deliver(self, target: Target, of: Event) -> Answered:
        token = next(self._tokens)
        self.process.deliver(token, target, of)
        found: list[Answered] = []
        end_s = self.sending.clock.boottime_s() + 10.0
        while not found:
            assert self.sending.clock.boottime_s() < end_s, "nothing came back"
            found = self.process.poll(0.05)
        assert found[0].response.token == token
        return found[0]


@pytest.fixture(scope="module")
def delivering() -> Iterator[Delivering]:
    made = Delivering()
    yield made
    made.process.close()


def test_what_arrives_is_what_is_logged_and_verifies(delivering: Delivering) -> None:
    with Receiver(answers(OK)) as receiver:
        response, log = delivering.deliver(prepare(endpoint(receiver.url), [secret()]), event())
        request = receiver.requests[0]
    assert log is not None
    assert log.request_body is None
    body = log.body_head + b'{"n":1}' + log.body_tail
    assert request.body == body
    assert json.loads(body) == {"type": "order.paid", "timestamp": "2023-11-14T22:13:20.042Z", "data": {"n": 1}}
    shown = json.loads(log.request_headers)
    assert [tuple(pair) for pair in shown] == request.headers
    headers = {name.lower(): value for name, value in shown}
    assert headers["ringback-hops"] == "1"
    assert abs(int(headers["webhook-timestamp"]) * 1000 - log.started_ms) <= 1000
    verify(headers, body, [KEY], now_s=int(headers["webhook-timestamp"]))
    assert log.attempt_id.startswith("att_")
    assert (response.status, response.headers) == (200, [])
    assert json.loads(log.response_headers or b"") == [["Content-Length", "2"]]
    assert json.loads(log.timings) == list(response.timings)


def test_a_failure_brings_its_headers_and_one_without_an_answer_none(delivering: Delivering) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    with Receiver(answers(busy)) as receiver:
        response, log = delivering.deliver(prepare(endpoint(receiver.url), [secret()]), event())
    assert response.headers == [("Retry-After", "7"), ("Content-Length", "0")]
    assert log is not None
    assert json.loads(log.response_headers or b"") == [["Retry-After", "7"], ["Content-Length", "0"]]
    response, log = delivering.deliver(prepare(endpoint("http://127.0.0.1:9/"), [secret()]), event())
    assert response.error_code == "connect_failed"
    assert log is not None
    assert log.response_headers is None


def test_a_changed_endpoint_counts_from_the_next_delivery_on(delivering: Delivering) -> None:
    with Receiver(answers(OK)) as receiver:
        first = prepare(endpoint(receiver.url, headers=(("X-Version", "1"),)), [secret()])
        second = prepare(endpoint(receiver.url, headers=(("X-Version", "2"),)), [secret(OTHER_KEY)])
        for target in (first, first, second, second, first):
            delivering.deliver(target, event())
        seen = [dict(request.headers) for request in receiver.requests]
    assert [headers["X-Version"] for headers in seen] == ["1", "1", "2", "2", "1"]


def test_credentials_are_sent_and_not_shown(delivering: Delivering) -> None:
    auth = Auth(AuthType.BASIC, username="ann", password="secret")
    with Receiver(answers(OK)) as receiver:
        _, log = delivering.deliver(prepare(endpoint(receiver.url, auth=auth), [secret()]), event())
        sent = dict(receiver.requests[0].headers)
    assert log is not None
    assert sent["Authorization"] == "Basic " + base64.b64encode(b"ann:secret").decode()
    assert dict(json.loads(log.request_headers))["Authorization"] == "***"


def test_what_a_stored_secret_keeps_from_being_signed_is_not_sent_and_logged(delivering: Delivering) -> None:
    broken = replace(secret(), value="", unreadable=True)
    lost = Auth(AuthType.BASIC, username="ann", unreadable=True)
    with Receiver(answers(OK)) as receiver:
        for auth, secrets in ((Auth(), [broken, secret()]), (lost, [secret()])):
            response, log = delivering.deliver(prepare(endpoint(receiver.url, auth=auth), secrets), event())
            assert (response.status, response.error_code) == (None, "secret_unreadable")
            assert log is not None
            assert (log.request_headers, log.request_body) == (b"[]", b"")
        assert receiver.requests == []


def test_what_cannot_be_signed_is_not_sent_and_logged(delivering: Delivering) -> None:
    with Receiver(answers(OK)) as receiver:
        for secrets in ([], [secret("whsec_x")], [secret(expires_at=1)]):
            response, log = delivering.deliver(prepare(endpoint(receiver.url), secrets), event())
            assert (response.status, response.error_code) == (None, "blocked_request")
            assert "could not be signed" in (response.error_message or "")
            assert log is not None
            assert (log.request_headers, log.request_body) == (b"[]", b"")
            assert "whsec_x" not in (response.error_message or "")
        assert receiver.requests == []


def test_a_name_is_looked_up_and_refused_addresses_are_logged() -> None:
    with Sending(apart=True) as sending:
        sending.transport.deliver(1, prepare(endpoint("http://192.0.2.1.nip.invalid/"), [secret()]), event())
        found: list[Answered] = []
        while not found:
            found = sending.transport.poll(1.0)
    assert found[0].response.error_code == "dns_failed"
    assert found[0].logged is not None


def test_many_deliveries_leave_in_portions_and_all_come_back() -> None:
    with Receiver(answers(OK)) as receiver, Sending(apart=True) as sending:
        target = prepare(endpoint(receiver.url), [secret()])
        for token in range(300):
            sending.transport.deliver(token, target, event(data=b'"%d"' % token))
        got: set[int] = set()
        while len(got) < 300:
            for answered in sending.transport.poll(5.0):
                assert answered.response.status == 200
                assert answered.response.token not in got
                got.add(answered.response.token)
        bodies = {json.loads(request.body)["data"] for request in receiver.requests}
    assert bodies == {str(token) for token in range(300)}


# Numbers of targets.


def test_targets_are_told_once_and_forgotten_when_they_change() -> None:
    targets = remote._Targets()
    first, second = prepare(endpoint(), [secret()]), prepare(endpoint(label="b"), [secret()])
    other = prepare(endpoint(id="ep_2"), [secret()])
    assert [targets.number_of(target) for target in (first, first, other)] == [1, 1, 2]
    news, forgotten = targets.take_news()
    assert ([one.number for one in news], forgotten) == ([1, 2], [])
    assert targets.take_news() == ([], [])
    assert targets.number_of(second) == 3
    assert targets.take_news()[1] == [1]


def spoken_to(number: int, prefix: str) -> Target:
    """An endpoint with a profile of its own."""
    own = contract("own", prefix=prefix)
    return outgoing.prepare(endpoint(id=f"ep_{number}", profile="own"), [secret()], own)


def test_each_version_of_a_profile_is_told_once_and_forgotten_with_its_last_target() -> None:
    targets = remote._Targets()
    for target in (spoken_to(1, "a,"), spoken_to(2, "a,"), spoken_to(3, "b,")):
        targets.number_of(target)
    told, forgotten = targets.profiles.take_news()
    assert [(one.number, one.name, one.text.count('prefix = "a,"')) for one in told] == [(1, "own", 1), (2, "own", 0)]
    assert forgotten == []
    assert [one.profile for one in targets.take_news()[0]] == [1, 1, 2]
    targets.number_of(spoken_to(3, "b,"))  # changed otherwise
    assert targets.profiles.take_news() == ([], [])
    targets.number_of(spoken_to(1, "b,"))
    assert targets.profiles.take_news() == ([], [])
    targets.number_of(spoken_to(2, "b,"))
    assert targets.profiles.take_news() == ([], [1])
    targets.number_of(spoken_to(1, "a,"))
    told, forgotten = targets.profiles.take_news()
    assert ([one.number for one in told], forgotten) == ([3], [])
    assert [one.profile for one in targets.take_news()[0]] == [2, 2, 2, 3]


def test_a_target_without_its_profile_needs_none() -> None:
    targets = remote._Targets()
    lost = outgoing.prepare(endpoint(profile="gone"), [secret()], None)
    targets.number_of(lost)
    assert targets.profiles.take_news() == ([], [])
    assert targets.take_news()[0][0].profile is None
    targets.number_of(spoken_to(1, "a,"))
    assert targets.profiles.take_news()[1] == []


def test_deliveries_go_out_by_the_version_they_were_given_and_not_without(delivering: Delivering) -> None:
    with Receiver(answers(OK)) as receiver:
        for prefix in ("a,", "b,", "a,"):
            own = endpoint(receiver.url, profile="own")
            target = outgoing.prepare(own, [secret()], contract("own", prefix=prefix))
            _, log = delivering.deliver(target, event())
            assert log is not None
            assert dict(json.loads(log.request_headers))["x-own-signature"].startswith(prefix)
        unknown = outgoing.prepare(endpoint(receiver.url, signature="v9"), [secret()], contract("own"))
        response, log = delivering.deliver(unknown, event())
        assert (response.status, response.error_code) == (None, "profile_missing")
        assert log is not None
        assert (log.request_headers, log.request_body) == (b"[]", b"")
        assert len(receiver.requests) == 3


def test_no_more_targets_are_kept_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "TARGETS_KEPT_MAX", 3)
    targets = remote._Targets()
    made = [prepare(endpoint(id=f"ep_{number}"), [secret()]) for number in range(5)]
    assert [targets.number_of(target) for target in made] == [1, 2, 3, 4, 5]
    assert targets.take_news()[1] == [1, 2]
    assert targets.number_of(made[4]) == 5
    assert targets.number_of(made[0]) == 6


# The form.

TARGET = prepare(endpoint(), [secret()])


def test_everything_about_an_endpoint_survives_the_way() -> None:
    whole = Endpoint(
        "ep_1", "ten_a", "ä", "https://a.example/", "a=1", ("a.*",), ("c",), "data.n > 1", "standard", "v1a",
        EndpointStatus.DISABLED, "gone", "It said so.", 4, Auth(AuthType.HEADER, headers=(("X-K", "v"),)),
        (("X", "1"),), 2.5, 7, Ordering.SUBJECT, RetryRule(base_s=1.0, max_delay_s=9.0, max_attempts=4), 12.5, 1, 2, 3,
    )  # fmt: skip
    news = [TargetNews(4, whole, (secret(), secret(OTHER_KEY, 5)), 7)]
    departure = departure_of(1, 4, TARGET, event(data=b"\x00\xff", hops=3), 2)
    asking = prepare(endpoint(profile="vessel", signature="sha256"), [secret()])
    more = departure_of(2, 5, asking, event(channel="eu", previous=b"{}", subject_type="a", change="updated"), 1)
    assert (departure.more, more.more and more.more.previous) == (None, b"{}")
    orders = Orders(1.5, [ProfileNews(7, "own", "ä = 1")], news, [departure, more], [], [2], [3], [6])
    assert decode_orders(encode(orders)) == orders


def test_the_moment_of_an_event_is_when_it_occurred_or_else_was_accepted() -> None:
    assert departure_of(1, 1, TARGET, event(), 1).happened_at == 1_700_000_000_042
    assert departure_of(1, 1, TARGET, event(occurred_at=5), 1).happened_at == 5


def test_each_attempt_has_an_id_of_its_own_and_its_own_time() -> None:
    clock = ManualClock()
    target = prepare(endpoint(), [secret()])
    first, _ = take_off(departure_of(1, 1, TARGET, event(), 1), target, clock)
    clock.pass_s(1.0)
    second, request = take_off(departure_of(1, 1, TARGET, event(), 1), target, clock)
    assert first.attempt_id != second.attempt_id
    assert second.started_ms == first.started_ms + 1000
    assert request.deadline_s == target.deadline_s


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_trace_is_passed_on_if_that_is_wanted_and_logged_as_sent() -> None:
    traced = event(trace=TRACE)
    sent, request = take_off(
        departure_of(1, 1, TARGET, traced, 1, pass_trace=True), prepare(endpoint(), [secret()]), SystemClock()
    )
    value = f"00-4bf92f3577b34da6a3ce929d0e0e4736-{span_of_attempt(sent.attempt_id)}-01"
    assert f"traceparent: {value}" in request.headers
    assert ["traceparent", value] in json.loads(sent.request_headers)


@pytest.mark.parametrize(
    ("trace", "pass_trace", "headers"),
    [(TRACE, False, ()), (None, True, ()), ("nonsense", True, ()), (TRACE, True, (("TraceParent", "its own"),))],
)
def test_otherwise_no_trace_of_ours_leaves(trace: str | None, pass_trace: bool, headers: tuple[object, ...]) -> None:
    departure = departure_of(1, 1, TARGET, event(trace=trace), 1, pass_trace=pass_trace)
    _, request = take_off(departure, prepare(endpoint(headers=headers), [secret()]), SystemClock())
    found = [line for line in request.headers if line.lower().startswith("traceparent")]
    assert found == ["TraceParent: its own"] * len(headers)


def test_nothing_of_an_unsendable_delivery_is_shown() -> None:
    sent = not_sent(SystemClock())
    assert (sent.request_headers, sent.request_body, sent.body_head, sent.body_tail) == (b"[]", b"", b"", b"")
