"""When an endpoint is asked to prove itself, how often, and how many at once; what the settler is told of it.

The clock, the transport and the lanes are a test's; the rules are those of profiles.
"""

from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from ringback.engine import handshakes as module
from ringback.engine import messages as m
from ringback.engine.handshakes import OF_TENANT_MAX, UNDER_WAY_MAX, Handshakes
from ringback.engine.lanes import Lane
from ringback.engine.lease import Lease
from ringback.engine.ports import InboundResponse, OutboundRequest
from ringback.engine.settler import Settler
from ringback.engine.wall import Moment
from ringback.model.attempt import Attempt, Timings
from ringback.model.endpoint import Auth, AuthType, EndpointMove, EndpointStatus
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import LaneRow
from ringback.observe.attempts import EndedAttempt
from ringback.observe.telemetry import EndpointRefused, EndpointVerified, StoreTrouble, TelemetryEvent
from ringback.outgoing import Target
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from ringback.wire.profile import load_profile
from ringback.workers import ThreadMailbox
from support.rows import NOW, TENANT, attempt, endpoint
from support.targets import prepare

NEVER = float("inf")
CODE = "X-InsideViewAPI-ValidationCode"


class World:
    """Handshakes of InsideView with everything around them replaced."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.lease = Lease("node")
        self.lease.renewed(self.clock.boot_s)
        self.started: list[OutboundRequest] = []
        self.aborted: list[int] = []
        self.told: list[m.HandshakeEnded] = []
        self.touched: list[str] = []
        self.fresh = True
        self.lanes: dict[str, Lane] = {}
        transport: Any = SimpleNamespace(start=self.started.append, abort=self.aborted.append)
        directory: Any = SimpleNamespace(fresh=lambda now_s: self.fresh)
        settler: Any = SimpleNamespace(post=self.told.append)
        self.handshakes = Handshakes(
            clock=self.clock,
            lease=self.lease,
            transport=transport,
            directory=directory,
            settler=settler,
            tokens=count(1),
            touch=self.touched.append,
            origin="hooks.example",
        )

    @property
    def now(self) -> Moment:
        return Moment(self.clock.wall_ms, self.clock.boot_s)

    def pass_s(self, seconds: float) -> None:
        self.clock.pass_s(seconds)
        self.lease.renewed(self.clock.boot_s)

    def look(self, target: Target) -> float:
        name = target.endpoint.id
        tenant_id = target.endpoint.tenant_id
        lane = self.lanes.setdefault(name, Lane(LaneRow(tenant_id, name, None, 0, "node", b""), 1, 1))
        return self.handshakes.look(lane, target, self.now)

    def answer(self, *headers: tuple[str, str], error: str | None = None) -> HandshakeEnd:
        """End the request that was started last; what the settler is told, as if it had recorded it."""
        status = 200 if error is None else None
        timings = Timings(None, None, None, None, 1.0)
        response = InboundResponse(
            self.started[-1].token, status, error, error, list(headers), b"", False, timings, None, None
        )
        told = len(self.told)
        self.handshakes.finish(response, self.now)
        (ended,) = self.told[told:]
        self.handshakes.recorded(m.HandshakeRecorded(ended.token, ended.end.endpoint_id))
        return ended.end

    @property
    def challenge(self) -> str:
        return next(line for line in self.started[-1].headers if line.startswith(CODE)).split(": ")[1]


@pytest.fixture
def world() -> World:
    return World()


def target(name: str = "ep_a", tenant_id: str = TENANT, **changes: Any) -> Target:
    profile = str(changes.get("profile", "insideview"))
    fields = {
        "profile": profile,
        "signature": load_profile(profile).default_signature,
        "status": EndpointStatus.VERIFICATION_PENDING,
        "unverified_since": NOW,
        **changes,
    }
    return prepare(endpoint(name, tenant_id, **fields), [])


def test_it_is_asked_once_and_its_answer_decides(world: World) -> None:
    asked = target()
    assert world.look(asked) == NEVER
    assert world.look(asked) == NEVER
    assert [one.method for one in world.started] == ["HEAD"]
    end = world.answer((CODE, world.challenge))
    assert (end.by, end.asked_at, end.endpoint_id) == (EndpointMove.VERIFIED, NOW, "ep_a")
    assert world.touched == ["ep_a"]
    assert not world.handshakes.busy


def test_each_request_has_a_code_of_its_own(world: World) -> None:
    codes = set()
    for _ in range(5):
        world.look(target())
        codes.add(world.challenge)
        world.answer(error="connect_failed")
        world.pass_s(5)
    assert len(codes) == 5


def test_one_that_cannot_be_reached_is_asked_every_five_seconds_for_three_minutes(world: World) -> None:
    begun_s = world.clock.boot_s
    ends: list[HandshakeEnd] = []
    while not ends or ends[-1].by is None:
        if (wait_s := world.look(target())) != NEVER:
            assert wait_s == 5.0
            world.pass_s(wait_s)
            continue
        world.pass_s(0.01)
        ends.append(world.answer(error="connect_failed"))
    assert 30 < len(ends) <= 37
    assert world.clock.boot_s - begun_s <= 180.0
    assert (ends[-1].by, ends[-1].code, ends[-1].message) == (EndpointMove.REFUSED, "400-2100", "Webhook unreachable")
    assert [end.attempt.number for end in ends if end.attempt] == list(range(1, len(ends) + 1))


def test_the_last_request_does_not_outlast_the_three_minutes(world: World) -> None:
    world.look(target())
    assert world.started[-1].deadline_s == 10.0
    world.pass_s(174.0)
    world.answer(error="timeout")
    world.pass_s(5.0)
    world.look(target())
    assert world.started[-1].deadline_s == 1.0


@pytest.mark.parametrize(("profile", "waits_s"), [("insideview", 5.0), ("cloudevents", 5.0)])
def test_an_abort_decides_nothing(world: World, profile: str, waits_s: float) -> None:
    world.look(target(profile=profile))
    end = world.answer(error="aborted")
    assert end.by is None
    world.look(target(profile=profile))
    assert len(world.started) == 2
    assert world.answer(error="timeout").by is None
    assert world.look(target(profile=profile)) == waits_s


def test_another_question_breaks_the_first_one_off(world: World) -> None:
    world.look(target())
    world.look(target(unverified_since=NOW + 1, url="https://elsewhere.example/"))
    assert world.aborted == [world.started[0].token]
    assert [one.url for one in world.started] == ["https://ep-a.example/hook", "https://elsewhere.example/"]
    assert world.answer((CODE, world.challenge)).asked_at == NOW + 1


def test_who_need_not_prove_itself_is_let_go(world: World) -> None:
    world.look(target())
    world.handshakes.drop(world.lanes["ep_a"])
    assert world.aborted == [world.started[0].token]
    assert world.lanes["ep_a"].asking is None
    assert world.answer(error="aborted").by is None  # what left is in the log all the same


def test_a_lane_is_not_let_go_before_its_request_is_recorded(world: World) -> None:
    world.look(target())
    assert not world.lanes["ep_a"].quiet
    world.answer((CODE, world.challenge))
    assert world.lanes["ep_a"].quiet


@pytest.mark.parametrize("why", ["the directory is old", "the lease is short"])
def test_nobody_is_asked_by_who_may_not_be_trusted(world: World, why: str) -> None:
    if why == "the directory is old":
        world.fresh = False
    else:
        world.lease.lost()
    assert world.look(target()) == module.LATER_S
    assert world.started == []


def test_so_many_of_a_tenant_and_so_many_in_all_are_asked_at_once(world: World) -> None:
    for number in range(OF_TENANT_MAX + 10):
        world.look(target(f"ep_{number}"))
    assert len(world.started) == OF_TENANT_MAX
    for tenant in range(100):
        for number in range(10):
            world.look(target(f"ep_{tenant}_{number}", f"tenant_{tenant}"))
    assert world.handshakes.in_flight == UNDER_WAY_MAX
    assert world.look(target("ep_late", "late")) == module.LATER_S
    world.answer(error="timeout")
    assert world.look(target("ep_late", "late")) == NEVER


def test_a_profile_that_asks_no_more_lets_it_pass_without_a_request(world: World) -> None:
    world.look(target(profile="standard"))
    (ended,) = world.told
    assert (ended.end.by, ended.end.attempt) == (EndpointMove.VERIFIED, None)
    assert world.started == []


def test_credentials_that_do_not_open_are_not_left_out(world: World) -> None:
    world.look(target(auth=Auth(AuthType.BASIC, username="a", unreadable=True)))
    (ended,) = world.told
    assert (ended.end.by, ended.end.code) == (EndpointMove.REFUSED, "secret_unreadable")
    assert world.started == []


def test_what_was_decided_is_not_asked_again_before_the_directory_knows(world: World) -> None:
    world.look(target())
    world.answer((CODE, "wrong"))
    assert world.look(target()) == module.LATER_S
    assert len(world.started) == 1


# ── the settler ────────────────────────────────────────────────────────────────────────────────────────────────


class Settling:
    """A settler on the memory store, with one endpoint that waits."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        waiting = endpoint(status=EndpointStatus.VERIFICATION_PENDING, unverified_since=NOW)
        assert self.store.create_endpoint(waiting, None, 10)
        self.inbox: ThreadMailbox[m.ToSettler] = ThreadMailbox()
        self.told: list[Any] = []
        self.seen: list[TelemetryEvent] = []
        self.watched: list[EndedAttempt] = []
        self.settler = Settler(
            self.store,
            self.inbox,
            self.told.append,
            lambda seconds: None,
            self.seen.append,
            now_ms=lambda: NOW + 5,
            refresh=lambda: self.told.append("refreshed"),
            watch=self.watched.extend,
        )

    def end(self, by: EndpointMove | None, request: Attempt, code: str | None = None) -> None:
        self.inbox.post(m.HandshakeEnded(7, HandshakeEnd(TENANT, "ep_a", NOW, request, by, code, code)))
        self.settler.step()


def request(**changes: Any) -> Attempt:
    return attempt(event_id=None, request_body=b"", **changes)


def test_the_process_knows_the_new_status_before_the_dispatcher_goes_on() -> None:
    settling = Settling()
    settling.end(EndpointMove.VERIFIED, request())
    assert settling.told == ["refreshed", m.HandshakeRecorded(7, "ep_a")]
    assert settling.seen == [EndpointVerified(TENANT, "ep_a")]
    (watched,) = settling.watched
    assert (watched.attempt.event_id, watched.superseded, watched.retry_at) == (None, False, None)


def test_a_refusal_is_told_with_its_code_and_a_late_one_is_not() -> None:
    settling = Settling()
    settling.end(EndpointMove.REFUSED, request(), "400-2101")
    settling.end(EndpointMove.REFUSED, request(id="att_2"), "400-2101")
    assert settling.seen == [EndpointRefused(TENANT, "ep_a", "400-2101")]
    assert [one.superseded for one in settling.watched] == [False, True]


def test_what_can_not_be_logged_decides_all_the_same() -> None:
    settling = Settling()
    settling.end(EndpointMove.VERIFIED, request(number=1 << 70))
    trouble, verified = settling.seen
    assert isinstance(trouble, StoreTrouble)
    assert trouble[:2] == ("settler", "bad_row")
    assert verified == EndpointVerified(TENANT, "ep_a")
    found = settling.store.get_endpoint(TENANT, "ep_a")
    assert found is not None
    assert found == replace(found, status=EndpointStatus.ACTIVE)
