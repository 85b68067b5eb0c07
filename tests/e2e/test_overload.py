"""More than the server can take, from many connections at once: it says so, keeps what it promised, and recovers."""

from pathlib import Path

from support.overload import overload

CONNECTIONS = 300
SECONDS = 4.0
CAP = 20


def test_overload_is_refused_politely_loses_nothing_and_passes(tmp_path: Path) -> None:
    """Three hundred callers and room for twenty waiting events. What is checked stands in `support.overload`; memory
    may grow by 60 MB from a third of the load to its end, which is noise of caches beside what a leak would add."""
    figures, book = overload(tmp_path, CONNECTIONS, SECONDS, CAP)

    assert book.broken == []
    assert figures["accepted"] > 0
    assert book.refused["503 busy"] > 0
    assert set(book.refused) == {"503 busy"}
    assert book.arrived.keys() == book.accepted
