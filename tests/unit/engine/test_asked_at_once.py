"""A subscription of InsideView that was just made is asked at once: from the API's call to the HEAD no clock moves.

The engine is the real one on the memory store, its threads' steps taken by the test; the transport only notes what
leaves. Time stands still throughout, so a wait of any length anywhere would leave the endpoint unasked.
"""

from types import SimpleNamespace
from typing import Any

import pytest

from ringback.compose import Process
from ringback.engine import messages as m
from ringback.engine.engine import Engine
from ringback.engine.ports import OutboundRequest
from ringback.profiles import Registry
from support.api_world import ApiWorld

URL = "https://a.example/hook"


class Transport:
    """Nothing is ever answered."""

    def __init__(self) -> None:
        self.started: list[OutboundRequest] = []
        self.start = self.started.append

    def poll(self, timeout_s: float) -> list[Any]:
        return []

    def wake(self) -> None:
        pass


class Awake:
    """The API, and an engine beside it that has looked for work already and found none."""

    def __init__(self) -> None:
        self.api = ApiWorld()
        self.transport: Any = Transport()
        self.engine = Engine(
            store=self.api.store,
            profiles=Registry(self.api.store),
            clock=self.api.clock,
            transport=self.transport,
            slots=10,
            observer=lambda told: None,
            on_crash=lambda name: None,
            resealed=lambda: None,
        )
        self.engine.directory.start()
        self.engine._heartbeat.register()
        self.posted: list[m.ToDispatcher] = []
        self._step()
        self._fetch()
        self._step()

    def subscribe(self) -> str:
        answer = self.api.call(
            "POST",
            "/compat/insideview/api/v1/subscriptions",
            {"subscriptionType": "company", "webhook": {"url": URL}},
            key="tenant",
        )
        assert answer.status_code == 201
        return str(answer.json()["subscriptionId"])

    def told_of_the_change(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the composition does when the API tells it; the dispatcher takes a turn for each message."""
        parts: Any = SimpleNamespace(_authenticator=self.api.authenticator, _engine=self.engine)
        post = self.engine.dispatcher.post

        def post_and_step(message: m.ToDispatcher) -> None:
            self.posted.append(message)
            post(message)
            self._step()

        with monkeypatch.context() as patched:
            patched.setattr(self.engine.dispatcher, "post", post_and_step)
            Process._notify(parts)

    def claim(self) -> list[m.ToDispatcher]:
        """The fetcher does what the dispatcher asked it for; what the dispatcher has in its inbox then."""
        self._fetch()
        return list(self.engine.dispatcher._inbox)

    def turn(self) -> list[str]:
        """One turn of the dispatcher; what has been asked by then."""
        self._step()
        return [f"{request.method} {request.url}" for request in self.transport.started]

    def _step(self) -> None:
        self.engine.dispatcher.step()

    def _fetch(self) -> None:
        _, fetcher, _ = self.engine._core
        assert fetcher.name == "fetcher"
        fetcher._step()


@pytest.fixture
def awake() -> Awake:
    return Awake()


def test_the_answer_to_a_creation_wakes_the_engine_and_the_turn_that_owns_the_lane_asks(
    awake: Awake, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = (awake.api.clock.wall_ms, awake.api.clock.boot_s)
    told = awake.api.notified
    made = awake.subscribe()
    assert awake.api.notified == told + 1  # before the API answered
    assert awake.turn() == []  # it has looked a moment ago, and would look again only later
    awake.told_of_the_change(monkeypatch)
    assert [type(message) for message in awake.posted] == [m.Reconfigured, m.Woken]
    (claimed,) = [message for message in awake.claim() if isinstance(message, m.Claimed)]
    assert [row.endpoint_id for row in claimed.rows] == [made]
    assert made not in awake.engine.dispatcher.lanes
    assert awake.turn() == [f"HEAD {URL}"]
    assert made in awake.engine.dispatcher.lanes
    assert (awake.api.clock.wall_ms, awake.api.clock.boot_s) == begun


def test_a_lane_that_is_owned_when_it_has_to_prove_itself_again_is_asked_in_that_turn(
    awake: Awake, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = awake.subscribe()
    awake.told_of_the_change(monkeypatch)
    awake.claim()
    assert awake.turn() == [f"HEAD {URL}"]
    elsewhere = "https://b.example/hook"
    aborted: list[int] = []
    awake.transport.abort = aborted.append
    path = f"/compat/insideview/api/v1/subscriptions/{made}"
    told = awake.api.notified
    awake.api.clock.pass_s(0.001)  # questions are told apart by when they were put
    assert awake.api.call("PUT", path, {"webhook": {"url": elsewhere}}, key="tenant").status_code == 200
    assert awake.api.notified == told + 1
    awake.told_of_the_change(monkeypatch)
    assert [one.url for one in awake.transport.started] == [URL, elsewhere]
    assert aborted == [awake.transport.started[0].token]
