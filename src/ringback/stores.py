"""Which stores there are, and how a server gets the one of its settings: at once, or by waiting for it.

A database on another machine may come up after the server does: it is asked again for a minute. One with an older
schema is waited for until somebody migrates it, however long that takes. Both are said, at first and now and then.
What won't get better by waiting (a wrong password, a newer schema) is raised at once, as a StartError. A SQLite file is
there or it isn't, and is never waited for.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ringback.clock import Clock
from ringback.control.backup import Copies
from ringback.model.errors import StoreOlder, StoreUnreachable
from ringback.observe.telemetry import Observer, WaitsForMigration, WaitsForStore
from ringback.settings import Settings
from ringback.store.port import Sealer, Store
from ringback.store.sqlite import SqliteStore

REACHED_WITHIN_S: Final = 60.0
ASK_EVERY_S: Final = 2.0
SAY_EVERY_S: Final = 10.0
READY_WITHIN_S: Final = 1.5

SealerFor = Callable[[Sequence[str]], Sealer]
Wait = Callable[[float], object]


class OpenStore(NamedTuple):
    """A store and what differs between them: `copies` None, where backups are made with the database's own tools;
    `answers_within_s` None, where it needs no network to answer."""

    store: Store
    copies: Copies | None
    answers_within_s: float | None


def open_store(settings: Settings, sealer_for: SealerFor, clock: Clock, observer: Observer, wait: Wait) -> OpenStore:
    """The store of these settings. Raises a StartError."""
    url = settings.postgresql_url
    if url is None:
        sqlite = SqliteStore.open(settings.store_path, migrate=settings.migrate, sealer_for=sealer_for)
        return OpenStore(sqlite, sqlite, None)
    # Loaded where it is used: a server on a file needs neither the driver nor its memory.
    from ringback.store.postgres.store import PostgresStore  # noqa: PLC0415

    def attempt() -> Store:
        return PostgresStore.open(url, migrate=settings.migrate, sealer_for=sealer_for)

    return OpenStore(open_patiently(attempt, clock, observer, wait), None, READY_WITHIN_S)


def open_patiently(attempt: Callable[[], Store], clock: Clock, observer: Observer, wait: Wait) -> Store:
    """What `attempt` gives, once it doesn't raise StoreUnreachable or StoreOlder any more. Raises StoreUnreachable
    when nobody has answered for a minute, and at once what else `attempt` raises."""
    answered_s = clock.boottime_s()
    said: tuple[type[object], float] | None = None
    while True:
        try:
            return attempt()
        except StoreUnreachable as error:
            left_s = answered_s + REACHED_WITHIN_S - clock.boottime_s()
            if left_s <= 0:
                raise
            waits: WaitsForStore | WaitsForMigration = WaitsForStore(error.detail, round(left_s))
        except StoreOlder as error:
            answered_s = clock.boottime_s()
            waits = WaitsForMigration(error.detail)
        if said is None or said[0] is not type(waits) or clock.boottime_s() - said[1] >= SAY_EVERY_S:
            said = (type(waits), clock.boottime_s())
            observer(waits)
        wait(ASK_EVERY_S)
