"""The listener: what it makes of rings elsewhere, how often it tells, and what a store that fails does to it."""

from ringback.engine import messages as m
from ringback.engine.listener import AFTER_FAILURE_S, GAP_S, Listener
from ringback.model.errors import RingbackError
from ringback.observe.telemetry import StoreTrouble, TelemetryEvent
from ringback.store.port import StoreUnavailable


class World:
    """A store that answers as it is told to, one answer a step; `happened` is what was done, in order."""

    shared = True

    def __init__(self, *answers: bool | RingbackError) -> None:
        self.happened: list[m.ToDispatcher | float] = []
        self.told: list[TelemetryEvent] = []
        self._answers = list(answers)
        self.listener = Listener(
            store=self, tell=self.happened.append, wait=self.happened.append, observer=self.told.append
        )
        for _ in answers:
            self.listener.step()

    def wait_for_ring(self, seconds: float) -> bool:
        assert 0.0 < seconds <= 1.0  # or a stop would take long
        answer = self._answers.pop(0)
        if isinstance(answer, RingbackError):
            raise answer
        return answer


def test_a_ring_elsewhere_has_the_dispatcher_look_and_the_next_is_not_heard_for_a_moment() -> None:
    assert World(True, False, True).happened == [m.Woken(), GAP_S, m.Woken(), GAP_S]


def test_while_nobody_rings_nobody_is_told() -> None:
    assert World(False, False).happened == []


def test_a_store_that_fails_is_waited_for_and_listened_to_again() -> None:
    world = World(StoreUnavailable("Gone."), True)
    assert world.happened == [AFTER_FAILURE_S, m.Woken(), GAP_S]
    assert world.told == [StoreTrouble("listener", "store_unavailable", "Gone.")]
