"""The sender's loop, step by step and without a process: late orders, signs of life; and what a setup carries over."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.engine.curl_errors import Failure
from ringback.engine.frames import Frames, PeerGone
from ringback.engine.orders import (
    BEAT_S,
    Orders,
    Setup,
    decode_answers,
    decode_orders,
    decode_setup,
    encode,
)
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.engine.reading import SenderLimits
from ringback.engine.sending import Sending, transport_of
from ringback.model.attempt import Timings
from ringback.policy.address import UrlRules
from ringback.testing.clock import ManualClock
from support.sending import opened

DEADLINE_S = 5.0


class Recorder:
    """A transport that notes what it is told and says it has `finished` whatever a test puts there."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []
        self.finished: list[InboundResponse] = []
        self.failures: list[Failure] = []

    def start(self, request: OutboundRequest) -> None:
        self.calls.append(("start", request))

    def refuse(self, token: int, failure: Failure) -> None:
        self.calls.append(("refuse", token))
        self.failures.append(failure)

    def abort(self, token: int) -> None:
        self.calls.append(("abort", token))

    def poll(self, _timeout_s: float) -> list[InboundResponse]:
        finished, self.finished = self.finished, []
        return finished

    def watch(self, _fd: int, *, writing: bool) -> None:
        self.calls.append(("watch", writing))


class World:
    """The loop, and this side of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.clock = ManualClock()
        self.frames = Frames(ours)
        self.transport = Recorder()
        self._theirs = Frames(theirs)
        self.sending = Sending(self.transport, self._theirs, self.clock)  # type: ignore[arg-type]

    def carried_out(self, orders: Orders) -> list[tuple[str, object]]:
        """What the transport is told because of `orders`."""
        self.frames.put(encode(orders))
        self.transport.calls.clear()
        self.sending.step()
        return [call for call in self.transport.calls if call[0] != "watch"]

    def said(self) -> list[list[InboundResponse]]:
        """What came back since the last time."""
        return [[answer.response for answer in decode_answers(frame)] for frame in self.frames.take()]

    def close(self) -> None:
        self.frames.close()
        self._theirs.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def request(token: int = 1, deadline_s: float = DEADLINE_S) -> OutboundRequest:
    headers = ["X-A: 1", "X-Empty: "]
    return OutboundRequest(token, "ten_a", "POST", "https://a.example/", headers, b"\x00\xff", deadline_s)


def response(token: int, headers: list[tuple[str, str]] | None = None, body: bytes = b"") -> InboundResponse:
    timings = Timings(None, 0.25, None, 1.5, 2.0)
    return InboundResponse(token, 200, None, None, headers or [], body, False, timings, "192.0.2.1:443", "1.1")


def orders_at(since_s: float, requests: list[OutboundRequest], aborted: list[int]) -> Orders:
    return Orders(since_s, [], [], [], requests, aborted, [], [])


# Orders.


@pytest.mark.parametrize("late_s", [-3_600.0, 0.0, BEAT_S])
def test_what_comes_in_time_begins_as_it_is(world: World, late_s: float) -> None:
    orders = orders_at(world.clock.boottime_s() - late_s, [request(1), request(2)], [])
    assert world.carried_out(orders) == [("start", request(1)), ("start", request(2))]


def test_what_comes_late_has_less_time(world: World) -> None:
    orders = orders_at(world.clock.boottime_s() - 3.5, [request(1), request(2, 4.0)], [])
    assert world.carried_out(orders) == [("start", request(1, 1.5)), ("start", request(2, 0.5))]


@pytest.mark.parametrize("late_s", [DEADLINE_S, DEADLINE_S + 0.1, 86_400.0])
def test_what_comes_too_late_does_not_begin(world: World, late_s: float) -> None:
    orders = orders_at(world.clock.boottime_s() - late_s, [request(1), request(2, 100_000.0)], [])
    calls = world.carried_out(orders)
    assert calls == [("refuse", 1), ("start", request(2, 100_000.0 - late_s))]


def test_a_deadline_that_is_shorter_than_a_beat_can_be_missed_as_well(world: World) -> None:
    orders = orders_at(world.clock.boottime_s() - 0.2, [request(1, 0.2), request(2, 0.3)], [])
    assert world.carried_out(orders) == [("refuse", 1), ("start", request(2, 0.3))]


def test_requests_begin_before_tokens_are_broken_off(world: World) -> None:
    orders = orders_at(world.clock.boottime_s(), [request(1)], [1, 7])
    assert world.carried_out(orders) == [("start", request(1)), ("abort", 1), ("abort", 7)]


def test_orders_that_came_with_the_setup_are_carried_out(world: World) -> None:
    world.sending.take([encode(orders_at(world.clock.boottime_s(), [request()], [])), encode(orders_at(0.0, [], [3]))])
    assert world.transport.calls[1:] == [("start", request()), ("abort", 3)]


# Responses and signs of life.


def test_what_has_finished_is_said_at_once_and_whole(world: World) -> None:
    finished = [response(1, [("X-ä", "\xc3(\xff"), ("X", "")], b"\x00\xff"), response(2)]
    world.transport.finished = list(finished)
    world.sending.step()
    assert world.said() == [finished]


def test_a_sign_of_life_comes_at_first_and_then_every_beat(world: World) -> None:
    world.sending.step()
    assert world.said() == [[]]
    for _ in range(3):
        world.clock.pass_s(BEAT_S / 2)
        world.sending.step()
        assert world.said() == []
        world.clock.pass_s(BEAT_S / 2)
        world.sending.step()
        assert world.said() == [[]]


def test_a_response_is_a_sign_of_life(world: World) -> None:
    world.clock.pass_s(BEAT_S)
    world.transport.finished = [response(1)]
    world.sending.step()
    world.clock.pass_s(BEAT_S / 2)
    world.sending.step()
    assert [len(answer) for answer in world.said()] == [1]


def test_responses_that_nobody_reads_are_kept_and_watched_until_they_are(world: World) -> None:
    finished = [response(token, body=bytes(16_384)) for token in range(500)]
    world.transport.finished = list(finished)
    world.sending.step()
    assert world.transport.calls[-1] == ("watch", True)
    said = world.said()
    for _ in range(10_000):
        if said:
            break
        world.sending.step()
        said = world.said()
    assert said[0] == finished
    world.sending.step()
    assert world.transport.calls[-1] == ("watch", False)


def test_the_loop_ends_when_the_other_side_has(world: World) -> None:
    world.frames.close()
    with pytest.raises(PeerGone):
        world.sending.step()


# The form.


@pytest.mark.parametrize(
    "rules",
    [
        UrlRules(),
        UrlRules(allow_http=True),
        UrlRules(allow_private=True),
        opened("10.1.0.0/16:8443", "10.1.2.3:8443", "10.1.2.3", "10.0.0.0/8"),
        opened("fd00::/8:8443", "[fd00::1]:8443", "[::1]", "fd00::1/128", "::ffff:10.0.0.0/104"),
        UrlRules(allow_http=True, allow_private=True, allowed=opened("192.0.2.0/24", "[::1]:80").allowed),
    ],
)
def test_the_operators_rules_are_carried_over(rules: UrlRules) -> None:
    assert decode_setup(encode(Setup.of(rules, SenderLimits()))).rules == rules


def test_everything_else_of_a_setup_is_carried_over() -> None:
    limits = SenderLimits(0.5, 1_000, 2, 3, 4, 5, 6)
    setup = Setup.of(
        UrlRules(), limits, connections_kept_max=7, resolve_s_max=0.25, servers=["127.0.0.1:53"],
        hosts_file="/etc/höst s", ca_file="/tmp/ca.pem",
    )  # fmt: skip
    decoded = decode_setup(encode(setup))
    assert decoded == setup
    assert (decoded.limits, decoded.connections_kept_max, decoded.resolve_s_max) == (limits, 7, 0.25)
    assert (decoded.servers, decoded.hosts_file, decoded.ca_file) == (["127.0.0.1:53"], "/etc/höst s", "/tmp/ca.pem")
    plain = decode_setup(encode(Setup.of(UrlRules(), SenderLimits(), hosts_file=None)))
    assert (plain.servers, plain.hosts_file, plain.ca_file) == (None, None, None)


def test_a_transport_is_made_as_the_setup_says(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("192.0.2.7 a.example\n")
    limits = SenderLimits(connect_s_max=0.5)
    rules = opened("[::1]:80")
    setup = Setup.of(
        rules, limits, connections_kept_max=3, hosts_file=str(hosts), servers=["127.0.0.1:9"], ca_file="/x"
    )
    transport = transport_of(setup, ManualClock())
    try:
        assert transport._limits == limits
        assert transport._connections_kept_max == 3
        assert transport._rules == rules
        assert transport._ca_file == "/x"
        answer = transport._resolver.resolve(1, "ten_a", "a.example", 1.0)
        assert answer is not None
        assert list(answer.addresses) == ["192.0.2.7"]
    finally:
        transport.close()


def test_orders_are_carried_over() -> None:
    orders = orders_at(123_456.789_012_345, [request(2**40), request(2)], [1, 2**40])
    decoded = decode_orders(encode(orders))
    assert decoded == orders
    assert isinstance(decoded.requests[0], OutboundRequest)
