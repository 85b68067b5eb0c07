"""Numbers of events: made of time and chance, below 2^53, never the same twice, drawn again where one is taken."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ringback.numbers import NUMBER_MAX, SINCE_MS, Named, Numbers
from ringback.testing.clock import ManualClock
from support.rows import NOW, OTHER_TENANT, TENANT, event


def test_a_number_tells_its_millisecond_and_stays_below_2_to_the_53() -> None:
    number = Numbers(ManualClock(NOW)).next(NOW)
    assert number >> 12 == NOW - SINCE_MS
    assert 0 < number <= NUMBER_MAX == 2**53 - 1
    assert Numbers(ManualClock(NOW)).next(SINCE_MS + (1 << 41) - 1) <= NUMBER_MAX
    assert Numbers(ManualClock(NOW)).next(0) >= 0


def test_one_millisecond_is_enough_for_any_number_of_events_and_a_clock_set_back_repeats_none() -> None:
    numbers = Numbers(ManualClock(NOW))
    drawn = [numbers.next(NOW) for _ in range(10_000)] + [numbers.next(NOW - 60_000), numbers.next(NOW + 60_000)]
    assert drawn == sorted(set(drawn))


def test_threads_never_draw_the_same() -> None:
    numbers = Numbers(ManualClock(NOW))
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: numbers.next(NOW), range(4_000)))
    assert len(set(drawn)) == len(drawn)


def test_whoever_has_a_number_that_is_taken_gets_another_and_nobody_else_does() -> None:
    numbers = Numbers(ManualClock(NOW))
    used: set[Named] = set()
    asked: list[int] = []

    def taken(names: Sequence[Named]) -> set[Named]:
        asked.append(len(names))
        return used.intersection(names)

    first = numbers.next(NOW)
    events = [
        event("evt_1", number=first),
        event("evt_2", OTHER_TENANT, number=first),
        event("evt_3"),
        event("evt_4", number=numbers.next(NOW)),
    ]
    used.update([(TENANT, first), *((TENANT, first + step) for step in range(2, 6))])
    before = list(events)
    numbers.settle(events, [0, 1, 3], taken)
    assert events[1:] == before[1:]
    assert events[0] == before[0]._replace(number=first + 6)
    assert asked == [3, 1, 1, 1, 1, 1]
