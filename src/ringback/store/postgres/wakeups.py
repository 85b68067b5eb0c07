"""Hearing that another process has rung bells (see `notifier`): a hint, for which polling never waits.

Has a connection of its own, opened when it is first asked for. A connection that breaks is told as StoreUnavailable,
once; the next call opens another one.
"""

from contextlib import suppress
from typing import Any, Final

import psycopg

from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.errors import store_errors
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresWakeups(PostgresPart):
    """`Wakeups`."""

    _listener: psycopg.Connection[Any] | None = None

    def wait_for_ring(self, seconds: float) -> bool:
        with store_errors():
            try:
                if self._listener is None:
                    self._listener = self._db.connect()
                    self._listener.execute(_SQL["listen_for_bells"], prepare=False)
                heard = list(self._listener.notifies(timeout=seconds, stop_after=1))
            except psycopg.Error:
                self.stop_listening()
                raise
        if any(one.payload for one in heard):
            self._db.looks.forget()
        return bool(heard)

    def stop_listening(self) -> None:
        """Close the connection; whoever waits on it is told that it broke."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(psycopg.Error):
                listener.close()
