"""Telling other processes that bells were rung, so that they look at once and not a tenth of a second later.

A hint and nothing else: polling finds every bell, and what can't be told now is not told. However many bells ring, one
notification in PAUSE_S is sent, by a thread with a connection of its own that is started when it is first needed.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

import psycopg

from ringback.store.postgres.hanging import Watch
from ringback.store.queries import load

PAUSE_S: Final = 0.05
END_WITHIN_S: Final = 2.0

_SQL: Final = load("postgres")


class Notifier:
    """`rang` is for any thread and returns at once."""

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]], watch: Watch) -> None:
        self._connect = connect
        self._watch = watch
        self._owed = threading.Event()
        self._long_ago = False
        self._closed = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def rang(self, *, long_ago: bool = False) -> None:
        """`long_ago`: at a time that claims may have passed (see `claiming`)."""
        if long_ago:
            self._long_ago = True
        self._owed.set()
        if self._thread is None:
            with self._starting:
                if self._thread is None and not self._closed.is_set():
                    self._thread = threading.Thread(target=self._run, name="store notifier", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._owed.set()
        if self._thread is not None:
            self._thread.join(END_WITHIN_S)  # a line that swallows everything holds it for ever

    def _run(self) -> None:
        connection: psycopg.Connection[Any] | None = None
        while self._owed.wait() and not self._closed.wait(PAUSE_S):
            self._owed.clear()
            if self._closed.is_set():  # what was owed may have been the closing, and it is not said again
                break
            long_ago, self._long_ago = self._long_ago, False
            try:
                connection = connection or self._connect()
                with self._watch.over(connection):
                    query = "notify_of_old_bells" if long_ago else "notify_of_bells"
                    connection.execute(_SQL[query], prepare=False)
            except psycopg.Error:
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()
