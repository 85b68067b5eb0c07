"""What PostgreSQL's errors mean to Ringback: the one place where psycopg's exceptions end.

While the store is open an error is the server's for a moment (StoreUnavailable), a conflict with somebody at the same
time (Retryable), the row's (BadRow) or a mistake of this program (RingbackError). It is told by its SQLSTATE, and one
without any is a connection that broke or was refused. Values that PostgreSQL can't hold fail in Python already: they
are the row's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg

from ringback.model.errors import RingbackError
from ringback.store.port import BadRow, Retryable, StoreUnavailable

_GONE: Final = "The database doesn't answer, or the connection to it broke."
_MISTAKE: Final = "The store made a mistake of its own."

# What libpq says while it connects, where it has words alone.
_IS_FULL: Final = ("too many connections", "remaining connection slots", "too many clients")
_SAYS_NO: Final = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    'role "',
    'database "',
    "SSL",
    "certificate",
)
# Of several hosts each has its say: one that may come up yet is worth waiting for, whatever the others said.
_MAY_PASS: Final = (
    *_IS_FULL,
    "Connection refused",
    "failed to resolve host",
    "timeout",
    "starting up",
    "shutting down",
    "SSL SYSCALL",
    "SSL connection has been closed",
)

# By SQLSTATE, and by its class (the first two characters) where that says enough.
STATES: Final[dict[str, tuple[type[RingbackError], str]]] = {
    "08": (StoreUnavailable, _GONE),
    "57": (StoreUnavailable, "The database is shutting down, starting or was interrupted by an operator."),
    "57014": (StoreUnavailable, "The statement took too long and was cancelled."),
    "57P05": (StoreUnavailable, _GONE),
    "53": (StoreUnavailable, "The database has no resources left."),
    "53100": (StoreUnavailable, "The database's disk is full. Nothing was stored; it goes on when there is space."),
    "53200": (StoreUnavailable, "The database has no memory left."),
    "53300": (StoreUnavailable, "The database takes no more connections."),
    "58": (StoreUnavailable, "The database's disk or system failed."),
    "XX": (StoreUnavailable, "The database reports that it is damaged or broken."),
    "25006": (StoreUnavailable, "The database can only be read: it is a standby, or was told so."),
    "25P02": (StoreUnavailable, "The transaction was broken off."),
    "25P03": (StoreUnavailable, "The transaction was idle for too long."),
    "25P04": (StoreUnavailable, "The transaction took too long."),
    "26000": (StoreUnavailable, "The session was changed between two statements: is a pooler in between?"),
    "28": (StoreUnavailable, "The database doesn't let the server in: the user, the password or its rules say no."),
    "3D000": (StoreUnavailable, "The database doesn't exist any more."),
    "42501": (StoreUnavailable, "The database refuses access to a table: the role has lost a right."),
    "42P01": (StoreUnavailable, "A table is missing: the database was changed by somebody else."),
    "55P03": (StoreUnavailable, "A row or a table was locked by somebody else for too long."),
    "55": (StoreUnavailable, "Something in the database is in use."),
    "40": (Retryable, "Another transaction was in the way."),
    "22": (BadRow, "The database refuses a row: a value is out of range or of the wrong kind."),
    "23": (BadRow, "The database refuses a row: a value is missing, of the wrong kind or there twice."),
    "54": (BadRow, "The database refuses a row: a value is too large."),
}


def meaning(error: psycopg.Error) -> RingbackError:
    """The error of `store.port` for one of the driver's."""
    state = error.sqlstate
    if state is None:
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return StoreUnavailable(_in_words(str(error)))
        if isinstance(error, psycopg.DataError):  # refused before it was sent: a NUL in a text, a number of 65 bits
            return BadRow(STATES["22"][1])
        return RingbackError(_MISTAKE)
    kind, detail = STATES.get(state) or STATES.get(state[:2], (RingbackError, _MISTAKE))
    return kind(detail)


def _in_words(reason: str) -> str:
    if _has_one_of(_IS_FULL, reason):
        return STATES["53300"][1]
    return STATES["28"][1] if says_no(reason) else _GONE


def says_no(reason: str) -> bool:
    """Whether, by what libpq says, the server doesn't let us in and waiting doesn't help against it. A host's name that
    nobody knows may be known in a moment, where names come and go; a connection that broke is made anew."""
    return _has_one_of(_SAYS_NO, reason) and not _has_one_of(_MAY_PASS, reason)


def _has_one_of(texts: Sequence[str], reason: str) -> bool:
    return any(text in reason for text in texts)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what psycopg raises inside into the errors of `store.port`."""
    try:
        yield
    except psycopg.Error as error:
        raise meaning(error) from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise BadRow("The database refuses a row: a number is over 64 bits or a text is no Unicode.") from error
