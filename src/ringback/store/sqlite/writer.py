"""The connection that writes, and how callers who write at the same time share one COMMIT.

SQLite has one writer at a time, and what a commit costs is its fsync. So a caller who is done while another already
waits for the connection doesn't commit: it leaves its work in the open transaction, and whoever finds nobody waiting
commits for all. Nobody's call returns before that COMMIT has. A caller who fails takes back its own work alone, to
the savepoint it began with; if the COMMIT fails, it fails for all of the group and nothing of it is stored. No
exception of apsw leaves this module. A thread that begins a write inside its own write raises RuntimeError.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, get_ident
from typing import Final

import apsw

from ringback.model.errors import RingbackError
from ringback.store.port import StoreUnavailable
from ringback.store.sqlite.errors import store_errors

# More would keep the first of a group waiting for long.
SHARED_BY_MAX: Final = 8


class _Group:
    """Callers whose work is in one transaction. `error` is set before `ended` when it could not be committed."""

    __slots__ = ("ended", "error", "members")

    def __init__(self) -> None:
        self.ended = Event()
        self.error: RingbackError | None = None
        self.members = 0


class Writer:
    """The connection that writes, for one caller at a time."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._turn = Lock()
        self._whose: int | None = None
        self._counting = Lock()
        self._waiting = 0
        self._group: _Group | None = None

    def begin(self) -> apsw.Connection:
        """Wait for one's turn and open a write transaction; `commit` or `roll_back` must follow in this thread."""
        if self._whose == get_ident():
            raise RuntimeError("a write was begun inside a write of the same thread")
        with self._counting:
            self._waiting += 1
        self._turn.acquire()
        with self._counting:
            self._waiting -= 1
        self._whose = get_ident()
        try:
            with store_errors():
                self._open()
        except BaseException as error:
            self._could_not_open(error)
            raise
        return self._connection

    def commit(self) -> None:
        """Make it durable, fsync included. When it raises, nothing of this caller is stored."""
        group = self._group
        assert group is not None  # noqa: S101 - `begin` made it
        group.members += 1
        self._pass_on()
        group.ended.wait()
        if group.error is not None:
            raise group.error

    def roll_back(self) -> None:
        """Undo the transaction."""
        self._undo()

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """One write transaction: all of the block or nothing."""
        connection = self.begin()
        try:
            with store_errors():
                yield connection
        except BaseException:
            self.roll_back()
            raise
        self.commit()

    @contextmanager
    def between_transactions(self) -> Iterator[apsw.Connection]:
        """The connection while nobody has a transaction open: what was left in one is committed first."""
        with self._turn:
            group = self._group
            if group is not None:
                self._commit(group)
            self._undo_all()
            if group is not None:
                group.ended.set()
            with store_errors():
                yield self._connection

    def close(self) -> None:
        """Wait for the transaction that is open and close, which empties the WAL into the file."""
        with suppress(RingbackError), self.transaction():
            pass  # whoever left work in an open transaction has it committed by the next one
        with self._turn, store_errors():
            self._connection.close()

    # ── with the turn held ───────────────────────────────────────────────────────────────────────────────────

    def _open(self) -> None:
        """Begin a transaction, or a part of the one that is open for others."""
        if self._group is None:
            if self._connection.in_transaction:  # a ROLLBACK failed
                self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            self._group = _Group()
        elif self._group.members:
            self._connection.execute("SAVEPOINT own")

    def _could_not_open(self, error: BaseException) -> None:
        """Who can't even begin ends the transaction that others left open: theirs can't be told from it any more."""
        group = self._group
        self._abandon()
        if group is not None:
            group.error = StoreUnavailable(f"The store could not go on with a shared transaction: {error}")
            group.ended.set()

    def _undo(self) -> None:
        """Take back this caller's own work; what others left in the transaction stays, if SQLite still has it."""
        group = self._group
        if group is None or not group.members:
            self._abandon()
            return
        try:
            if not self._connection.in_transaction:
                raise StoreUnavailable("The store had to undo a transaction that several callers shared. Try again.")
            with store_errors():
                self._connection.execute("ROLLBACK TO own")
        except RingbackError as error:
            group.error = error
        self._pass_on()

    def _pass_on(self) -> None:
        """Let the next in line work in the same transaction, or end it when there is none."""
        group = self._group
        assert group is not None  # noqa: S101 - only called with one
        if group.error is None and self._waiting and group.members < SHARED_BY_MAX:
            self._give_turn()
            return
        self._commit(group)
        self._abandon()
        group.ended.set()

    def _commit(self, group: _Group) -> None:
        """Commit for all of a group."""
        if group.error is None:
            try:
                with store_errors():
                    self._connection.execute("COMMIT")
            except RingbackError as error:
                group.error = error

    def _abandon(self) -> None:
        """End the transaction, undoing what was not committed, and give the turn to whoever is next."""
        self._undo_all()
        self._give_turn()

    def _undo_all(self) -> None:
        self._group = None
        # After some errors (disk full) SQLite has rolled back by itself; if this fails, `begin` tries again.
        with suppress(apsw.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _give_turn(self) -> None:
        self._whose = None
        self._turn.release()
