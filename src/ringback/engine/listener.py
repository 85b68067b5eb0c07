"""The listener: hears from the store that another process rang lanes, and has the dispatcher look for work at once.

Runs only where the store is shared. It is a hint that saves the 100 ms to the next look: a ring that gets lost costs
just that. However many ring, the dispatcher is told every 50 ms at most. A store that fails is waited for.
"""

from collections.abc import Callable
from typing import Final

from ringback.engine import messages as m
from ringback.observe.telemetry import Observer, StoreTrouble
from ringback.store.port import CommitInDoubt, Retryable, StoreUnavailable, Wakeups

WAIT_S: Final = 0.5
GAP_S: Final = 0.05
AFTER_FAILURE_S: Final = 1.0


class Listener:
    """`wait(seconds)` returns after that time or when the process stops."""

    def __init__(
        self,
        *,
        store: Wakeups,
        tell: Callable[[m.ToDispatcher], None],
        wait: Callable[[float], object],
        observer: Observer,
    ) -> None:
        self._store = store
        self._tell = tell
        self._wait = wait
        self._observer = observer

    def step(self) -> None:
        try:
            rang = self._store.wait_for_ring(WAIT_S)
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("listener", error.code, error.detail))
            self._wait(AFTER_FAILURE_S)
            return
        if rang:
            self._tell(m.Woken())
            self._wait(GAP_S)
