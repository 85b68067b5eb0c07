"""A COMMIT whose answer was lost: what became of it, as the server itself tells.

As long as the same server runs, the state of the transaction says it, once it isn't in progress any more (it may wait
for the standby). What it says is believed only when another commit has got through after it, which the standby then
has too. A server that is another one, after a failover, may never have heard of the transaction and have given its
number to one of its own: then nobody can tell by the number, and whoever wrote looks for what was written. That too is
believed only when another commit has got through (`owes_proof`): a server that was restarted shows what its standby may
not have.
"""

import threading
from collections.abc import Callable
from typing import Final, NamedTuple, Self

import psycopg

from ringback.store.port import CommitInDoubt, Retryable
from ringback.store.postgres.hanging import Watch
from ringback.store.postgres.session import Session
from ringback.store.queries import load

# Others wait behind whoever asks. A server that is restarted is back by then; a failover takes longer.
_ASK_FOR_S: Final = 5
_ASK_EVERY_S: Final = 0.5
_SQL: Final = load("postgres")
_NOBODY_KNOWS: Final = "It is not known whether the database has stored it: the answer to the commit was lost."


class Origin(NamedTuple):
    """A transaction: its number, and the server that it was begun on (when that was started)."""

    xid: int | None
    server: str | None

    @classmethod
    def of(cls, session: Session) -> Self:
        return cls(session.xid, session.server)


class DoubtSettler:
    """`settle` returns if the transaction is committed. `owes_proof`: nobody could tell of some, since the last time
    that somebody proved what the server shows to be safe."""

    def __init__(self, connect: Callable[[], psycopg.Connection[object]], watch: Watch) -> None:
        self._connect = connect
        self._watch = watch
        self.owes_proof = False

    def settle(self, origin: Origin, lost: psycopg.Error) -> None:
        """Raises Retryable when nothing was changed, CommitInDoubt when nobody can tell."""
        pause = threading.Event()
        until = self._watch.seconds + _ASK_FOR_S
        while True:
            try:
                state = self._state(origin)
            except psycopg.Error:
                state = "unreachable"
            if state == "committed":
                return
            if state == "aborted":
                raise Retryable("The connection to the database broke before the commit.") from lost
            if state == "unknown" or self._watch.seconds >= until:
                break
            pause.wait(_ASK_EVERY_S)
        self.owes_proof = True
        raise CommitInDoubt(_NOBODY_KNOWS) from lost

    def _state(self, origin: Origin) -> str:
        connection = self._connect()
        try:
            with self._watch.over(connection):
                session = Session(connection)
                if session.standby:
                    return "unreachable"
                if origin.xid is None or session.server != origin.server:
                    return "unknown"
                (state,) = session.first(_SQL["state_of_transaction"], {"xid": str(origin.xid)})
                if state == "committed":
                    session.begin()
                    session.change(_SQL["prove_commit"])
                    with self._watch.patiently(connection):
                        session.commit()
                return state or "unknown"
        finally:
            connection.close()
