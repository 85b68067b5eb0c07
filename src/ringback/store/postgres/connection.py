"""The connections of one process to PostgreSQL: few, opened when they are needed, given up when they break.

Those that the engine and ingest need (`hot`) and those for everybody else are counted apart, so that a page full of
questions never keeps a heartbeat waiting. A connection that hangs, since the network does, is broken off from outside
after a while. A COMMIT whose answer was lost is settled by asking what became of it (`doubt`). No exception of psycopg
leaves this module's contexts.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, LifoQueue
from typing import Final

import psycopg

from ringback.store.port import Retryable, StoreUnavailable
from ringback.store.postgres.claiming import Looks
from ringback.store.postgres.days import Days
from ringback.store.postgres.doubt import DoubtSettler, Origin
from ringback.store.postgres.errors import store_errors
from ringback.store.postgres.floor import Floor
from ringback.store.postgres.hanging import Watch
from ringback.store.postgres.notifier import Notifier
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows

_SQL: Final = load("postgres")
HOT_MAX: Final = 5
ORDINARY_MAX: Final = 4
WAIT_FOR_ONE_S: Final = 10.0
END_WITHIN_S: Final = 5.0

Connect = Callable[[], psycopg.Connection[object]]


class Connections:
    """Up to `most` sessions, one for each use that is going on. The one used last is used next."""

    def __init__(self, connect: Connect, most: int, watch: Watch) -> None:
        self._connect = connect
        self._watch = watch
        self._most = most
        self._closed = False
        self._generation = 0
        # None stands for a session that is to be opened.
        self._idle: LifoQueue[Session | None] = LifoQueue()
        for _ in range(most):
            self._idle.put(None)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session for the block; psycopg's errors fly. A transaction that is left open is rolled back."""
        try:
            session = self._idle.get(timeout=WAIT_FOR_ONE_S)
        except Empty:
            raise StoreUnavailable("All connections to the database are in use.") from None
        try:
            if self._closed:
                raise StoreUnavailable("The store is closed.")
            if session is not None and (session.generation != self._generation or session.stale):
                session.close()
                session = None
            if session is None:
                session = self._opened()
            with self._watch.over(session.connection):
                yield session
        finally:
            self._idle.put(self._after_use(session))

    def _opened(self) -> Session:
        """A new one. A standby is none: what it shows may be old, and what is written fails."""
        connection = self._connect()
        try:
            with self._watch.over(connection):
                session = Session(connection, self._generation)
        except BaseException:
            connection.close()
            raise
        if session.standby:
            session.close()
            raise StoreUnavailable("The database can only be read: it is a standby.")
        return session

    def _after_use(self, session: Session | None) -> Session | None:
        """The session, if it can be used again; one that was left in a transaction is out of it then."""
        if session is None:
            return None
        with suppress(psycopg.Error):
            if session.healthy and session.in_transaction:
                with self._watch.over(session.connection):
                    session.roll_back()
            if session.healthy and not session.in_transaction:
                return session
        self._generation += 1  # the others have lost their server too, or will be the better for being new
        with suppress(psycopg.Error):
            session.close()
        return None

    def close(self) -> None:
        """Close. What is going on has a while to end; what hangs then ends with the process."""
        self._closed = True
        ended: list[None] = []
        with suppress(Empty):
            while len(ended) < self._most:
                session = self._idle.get(timeout=END_WITHIN_S)
                ended.append(None)
                if session is not None:
                    session.close()
        for nothing in ended:
            self._idle.put(nothing)


class Database:
    """How the parts of the store get sessions."""

    def __init__(self, connect: Connect) -> None:
        self._watch = Watch()
        self._hot = Connections(connect, HOT_MAX, self._watch)
        self._ordinary = Connections(connect, ORDINARY_MAX, self._watch)
        self.connect = connect
        self._doubt = DoubtSettler(connect, self._watch)
        self.notifier = Notifier(connect, self._watch)
        self.days = Days()
        self.floor = Floor()
        self.looks = Looks()
        self.by_tenant = False  # found out when the store is opened
        self.node_timeline: int | None = None  # when this process's node was registered

    def of_this_node(self, session: Session) -> bool:
        """Whether the server has all that this process saw since its node was registered. One that took over from
        another may lack the latest, and give the numbers of lost deliveries out again."""
        return self.node_timeline in (None, session.timeline)

    def refuse_another(self, session: Session) -> None:
        """Until the next beat says so to the whole engine. Raises Retryable."""
        if not self.of_this_node(session):
            raise Retryable("The database is another one now, and what is in memory counts no more.")

    @contextmanager
    def reading(self, *, hot: bool = False) -> Iterator[Session]:
        """Each statement sees a snapshot of its own."""
        with store_errors(), self._of(hot).session() as session:
            yield session

    @contextmanager
    def snapshot(self, *, hot: bool = False) -> Iterator[Session]:
        """All statements see the same snapshot, until the block ends."""
        with store_errors(), self._of(hot).session() as session:
            session.begin_snapshot()
            yield session
            session.roll_back()

    @contextmanager
    def writing(self, *, hot: bool = False) -> Iterator[Session]:
        """A transaction that is committed at the end of the block, or rolled back when it raises."""
        with store_errors(), self._of(hot).session() as session:
            session.begin()
            yield session
            self.commit(session)

    @contextmanager
    def opened(self) -> Iterator[Session]:
        """A hot session for a transaction that is begun and ended inside the block; psycopg's errors fly."""
        with self._hot.session() as session:
            yield session

    def have_days(self, table: str, times: Iterable[int]) -> None:
        """Have the days of these times there. Before the transaction that needs them, for others must see them too."""
        if missing := self.days.missing(table, times):
            with self.reading() as session:
                self.days.make(session, table, missing)

    def commit(self, session: Session) -> None:
        """Commit; if the answer is lost, find out what became of it. Raises CommitInDoubt only if nobody can tell."""
        origin = Origin.of(session)
        try:
            with self._watch.patiently(session.connection):
                session.commit()
        except psycopg.OperationalError as error:
            if session.healthy and error.sqlstate is not None:
                raise  # the server has refused it, and said so
            self._doubt.settle(origin, error)

    def prove_doubts(self) -> None:
        """After a CommitInDoubt, before what was written is looked for: what the server shows is safe afterwards."""
        if not self._doubt.owes_proof:
            return
        self._doubt.owes_proof = False
        try:
            with self.writing() as session:
                session.change(_SQL["prove_commit"])
        except BaseException:
            self._doubt.owes_proof = True
            raise

    def close(self) -> None:
        self.notifier.close()
        self._hot.close()
        self._ordinary.close()
        self._watch.close()

    def _of(self, hot: bool) -> Connections:
        return self._hot if hot else self._ordinary


class PostgresPart:
    """What the parts of the PostgreSQL store have in common: the sessions, and how secrets are kept."""

    def __init__(self, database: Database, sealed: SealedRows) -> None:
        self._db = database
        self._sealed = sealed
