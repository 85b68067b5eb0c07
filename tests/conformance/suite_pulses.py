"""What every store keeps of how processes have done lately."""

from typing import Any

from conformance.backend import run_out
from ringback.model.pulse import TICK_MS, Moment, Pulse
from ringback.store.port import Store
from support.rows import NOW, pulse


def unknowing(tick: int = 0, process: str = "proc_b") -> Pulse:
    """Of one that does nothing but accept."""
    nothing: dict[str, Any] = dict.fromkeys(("oldest_ms", "waiting", "in_flight", "in_flight_max", "endpoints"))
    return pulse(tick, process, role="api", succeeded=0, failed=0, departed=0, lag_ms=0, **nothing)


class TestPulses:
    def test_what_processes_did_in_a_moment_is_put_together(self, store: Store) -> None:
        store.add_pulse(pulse(events=3, span_ms=2_000, departed=10, lag_ms=900, oldest_ms=9, in_flight=5))
        store.add_pulse(pulse(process="proc_c", failed=10))
        store.add_pulse(unknowing())
        store.add_pulse(unknowing(1))
        together, alone = store.moments(0, NOW + TICK_MS)
        assert together == Moment(NOW, 1.5 + 2 + 2, 15 + 3, 2.5 + 1, 20.0, 9, 3, 7, 20)
        assert alone == Moment(NOW + TICK_MS, 2.0, 0.0, 0.0, None, None, None, None, None)
        assert type(together.in_flight) is int

    def test_a_span_of_moments_has_its_end_and_not_its_beginning(self, store: Store) -> None:
        for tick in (3, 1, 0, 2):
            store.add_pulse(pulse(tick))
        assert [one.at for one in store.moments(NOW, NOW + 2 * TICK_MS)] == [NOW + TICK_MS, NOW + 2 * TICK_MS]
        assert list(store.moments(NOW + 3 * TICK_MS, NOW + 9 * TICK_MS)) == []

    def test_the_first_of_a_process_and_a_moment_stays(self, store: Store) -> None:
        for events in (10, 20):
            store.add_pulse(pulse(events=events))
        assert [one.events_per_s for one in store.moments(0, NOW)] == [1.0]

    def test_the_last_of_each_process_comes_back_whole(self, store: Store) -> None:
        for one in (pulse(0), pulse(2), pulse(1), unknowing(1), pulse(0, "proc_0")):
            store.add_pulse(one)
        assert list(store.latest_pulses(NOW)) == [pulse(2), unknowing(1)]
        assert list(store.latest_pulses(NOW - 1)) == [pulse(0, "proc_0"), pulse(2), unknowing(1)]

    def test_what_is_old_goes_in_steps(self, store: Store) -> None:
        for tick in range(4):
            for process in ("proc_a", "proc_b"):
                store.add_pulse(pulse(tick, process))
        assert run_out(lambda: store.expire_pulses_step(NOW + 3 * TICK_MS, 4), 4) == 6
        assert [one.at for one in store.latest_pulses(0)] == [NOW + 3 * TICK_MS] * 2
