"""Below which number nothing can still become visible: the floor of the numbers of events and deliveries.

Numbers are drawn by transactions that may commit in another order. Each takes the shared lock of intake before it draws
and has it until it is over and its rows are visible. So: look how far the numbers were drawn, *then* who has the lock.
When none of those is left, everything that was drawn by then is visible or never will be. That is so whatever other
sessions do, and needs no clock; a transaction that hangs holds the floor down, which costs a longer look and no row.
"""

import threading
from collections import deque
from typing import Final, NamedTuple

from ringback.store.postgres.locks import INTAKE
from ringback.store.postgres.session import Session
from ringback.store.queries import load

BLOCK_BITS: Final = 10
BLOCK: Final = 1 << BLOCK_BITS
_LOOKS_KEPT: Final = 100

_SQL: Final = load("postgres")


class _Look(NamedTuple):
    """How far numbers were drawn, and the transactions that may have drawn some of them and were not over."""

    drawn: int
    open: frozenset[str]


class Floor:
    """For any thread. Goes up only, but for a server that is another one: that may have lost numbers, and draw them
    again."""

    def __init__(self) -> None:
        self._looks: deque[_Look] = deque(maxlen=_LOOKS_KEPT)
        self._floor = 0
        self._server = ""
        self._turn = threading.Lock()

    def raised(self, session: Session) -> int:
        """Look again; the floor for whatever is read after this."""
        with self._turn:
            if session.server != self._server:
                self._server = session.server
                self._looks.clear()
                self._floor = 0
            drawn, names = session.first(_SQL["drawn_then_open"], INTAKE.params)
            found = frozenset(names)
            self._looks.append(_Look((drawn + 1) * BLOCK - 1 if drawn else 0, found))
            for look in reversed(self._looks):
                if not look.open & found:
                    self._floor = max(self._floor, look.drawn)
                    break
            return self._floor
