"""More than the server can take, from many connections at once: it says so, keeps what it promised, and recovers."""

from pathlib import Path

from support.overload import overload

CONNECTIONS = 300
SECONDS = 4.0
CAP = 20
LARGE_BYTES = 250_000
LARGE_SECONDS = 2.0


def test_overload_is_refused_politely_loses_nothing_and_passes(tmp_path: Path) -> None:
    """Three hundred callers and room for twenty waiting events. What is checked stands in `support.overload`; memory
    may grow by 60 MB from a third of the load to its end, which is noise of caches beside what a leak would add."""
    figures, book = overload(tmp_path, CONNECTIONS, SECONDS, CAP)

    assert book.broken == []
    assert figures["accepted"] > 0
    assert book.refused["503 busy"] > 0
    assert set(book.refused) == {"503 busy"}
    assert book.arrived.keys() == book.accepted


def test_large_events_from_many_callers_take_bounded_memory_and_give_it_back(tmp_path: Path) -> None:
    """Events of 250 kB, of which three hundred at once would be more than is let in. `support.overload` checks that
    both processes together stay under 350 MB and are near where they began soon after."""
    figures, book = overload(tmp_path, CONNECTIONS, LARGE_SECONDS, 20_000, LARGE_BYTES)

    assert book.broken == []
    assert figures["accepted"] > 0
    assert set(book.refused) == {"503 busy"}
    assert book.arrived.keys() == book.accepted
