"""An engine that stops while its store is away: it can't sign off, and ends all the same."""

import threading
from typing import Any

from ringback.clock import SystemClock
from ringback.engine.engine import Engine
from ringback.observe.telemetry import StoreTrouble, TelemetryEvent
from ringback.profiles import Registry
from ringback.store.memory import MemoryStore
from ringback.store.port import StoreUnavailable


class Away(MemoryStore):
    """Works, but for the last word."""

    def leave(self, node_id: str, now: int) -> None:
        raise StoreUnavailable("Away.")


class Idle:
    """A transport that has nothing to send."""

    def __init__(self) -> None:
        self.closed = False
        self._woken = threading.Event()

    def poll(self, timeout_s: float) -> list[Any]:
        self._woken.wait(timeout_s)
        self._woken.clear()
        return []

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self.closed = True


def test_an_engine_whose_store_is_away_ends_and_says_so() -> None:
    store, told = Away(), list[TelemetryEvent]()
    transport: Any = Idle()
    engine = Engine(
        store=store, profiles=Registry(store), clock=SystemClock(), transport=transport, slots=1,
        observer=told.append, on_crash=lambda part: None, resealed=lambda: None,
    )  # fmt: skip
    engine.start()

    assert engine.stop() == 0
    assert transport.closed
    assert StoreTrouble("heartbeat", "store_unavailable", "Away.") in told
