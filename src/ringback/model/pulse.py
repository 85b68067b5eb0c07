"""What the processes of a server did lately: what one of them did in a moment, and what all of them did together.

A moment is a stretch of time that ends at a multiple of `TICK_MS` by the wall clock, so that those of several processes
fall together. Plain values; times are milliseconds since 1970, UTC.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

TICK_MS: Final = 10_000
PULSE_KEPT_MS: Final = 6 * 3_600_000


class Pulse(NamedTuple):
    """What one process did in the `span_ms` that ended at about `at`, and how it stood then.

    `process` is an id of its own, fresh at each start; `host` where it runs and under which number (`web-1:4242`);
    `role` as in the settings. `events` were accepted; requests `succeeded`, `failed` and `departed`, and these left
    `lag_ms` late altogether, as far as this server held them back. `oldest_ms` is how long what was due and not sent
    had waited for this server, the longest. `waiting` is how many deliveries were in the store. `endpoints` is how
    many queues it worked on. None: the process doesn't know, or doesn't send.
    """

    at: int
    process: str
    host: str
    version: str
    role: str
    span_ms: int
    events: int
    succeeded: int
    failed: int
    departed: int
    lag_ms: int
    oldest_ms: int | None
    waiting: int | None
    in_flight: int | None
    in_flight_max: int | None
    endpoints: int | None


class Moment(NamedTuple):
    """What all processes did in the moment that ended at `at`. Rates are a second; `lag_ms` is the mean (None: nothing
    departed); the rest as in `Pulse`, with None where no process knew."""

    at: int
    events_per_s: float
    succeeded_per_s: float
    failed_per_s: float
    lag_ms: float | None
    oldest_ms: int | None
    waiting: int | None
    in_flight: int | None
    in_flight_max: int | None


def tick_of(now: int) -> int:
    """The end of a moment that is nearest to a time."""
    return (now + TICK_MS // 2) // TICK_MS * TICK_MS


def together(pulses: Iterable[Pulse]) -> Moment:
    """Of one moment, at least one; the same that the stores with tables work out in SQL."""
    each = list(pulses)
    departed = sum(one.departed for one in each)

    def known(name: str) -> list[int]:
        return [value for one in each if (value := getattr(one, name)) is not None]

    return Moment(
        at=each[0].at,
        events_per_s=sum(one.events * 1_000 / one.span_ms for one in each),
        succeeded_per_s=sum(one.succeeded * 1_000 / one.span_ms for one in each),
        failed_per_s=sum(one.failed * 1_000 / one.span_ms for one in each),
        lag_ms=sum(one.lag_ms for one in each) / departed if departed else None,
        oldest_ms=max(known("oldest_ms"), default=None),
        waiting=max(known("waiting"), default=None),
        in_flight=sum(known("in_flight")) if known("in_flight") else None,
        in_flight_max=sum(known("in_flight_max")) if known("in_flight_max") else None,
    )
