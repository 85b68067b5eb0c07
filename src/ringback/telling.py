"""What tells of Ringback's own work, put together: who listens, and the thread that makes events of notices.

Belongs to the composition root. The thread runs where events are accepted; elsewhere notices wait in the store for a
process that does. `wants` and `noticed` are for those who have something to tell.
"""

from collections.abc import Callable
from typing import Protocol

from ringback.clock import Clock
from ringback.ingest.notices import NoticeEvents, NoticeStore
from ringback.ingest.submission import Submission
from ringback.listeners import Listeners, ListenerSource
from ringback.observe.telemetry import Observer
from ringback.workers import ThreadMailbox, Worker


class TellingStore(NoticeStore, ListenerSource, Protocol):
    """What is asked of the store."""


class Telling:
    """`start` once the writer works, `stop` before it ends. `stopping` cuts short what waits."""

    def __init__(
        self,
        store: TellingStore,
        clock: Clock,
        operator_tenant: str | None,
        *,
        submit: Callable[[Submission], None],
        refresh: Callable[[], None],
        observer: Observer,
        on_crash: Callable[[str], None],
        stopping: Callable[[], bool],
    ) -> None:
        """`submit` and `refresh` as in `ingest.notices`."""
        self.listeners = Listeners(store, operator_tenant)
        self.wants = self.listeners.want
        self._events = NoticeEvents(
            store=store,
            clock=clock,
            listeners=self.listeners,
            submit=submit,
            refresh=refresh,
            inbox=ThreadMailbox(),
            answers=ThreadMailbox(),
            observer=observer,
            stopping=stopping,
        )
        self.noticed = self._events.kick
        self.cautions = self._events.cautions
        self._worker = Worker("notices", self._events.step, clock, on_crash, self._events.kick)

    def hearing(self, resolve: Callable[[list[Submission]], None]) -> Callable[[list[Submission]], None]:
        """The writer's `on_done`: whoever waits here hears of it too."""

        def on_done(submissions: list[Submission]) -> None:
            resolve(submissions)
            self._events.heard()

        return on_done

    def start(self) -> None:
        self._worker.start()

    def stop(self, timeout_s: float) -> None:
        self._worker.stop(timeout_s)
