"""What SQLite's errors mean to Ringback: the one place where apsw's exceptions end.

`STORE_ERRORS` has every error class of apsw, so that a new one fails a test instead of a customer. While the store
is open an error is ours for a moment (StoreUnavailable), the row's (BadRow) or a mistake of this program
(RingbackError). When the store is being opened it is a StartError that says what to do. Values that SQLite can't
hold fail in Python already, before they reach it: they are the row's too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from ringback.model.errors import (
    DataDirectoryUnusable,
    RingbackError,
    StartError,
    StoreCorrupt,
    StoreLocked,
)
from ringback.store.port import BadRow, StoreUnavailable

_DAMAGED: Final = "The database file is damaged."
_REFUSED: Final = "The disk or the system refused access to the database."
_MISTAKE: Final = "The store made a mistake of its own."

STORE_ERRORS: Final[dict[type[apsw.Error], tuple[type[RingbackError], str]]] = {
    # For a moment, or until somebody repairs the machine.
    apsw.FullError: (StoreUnavailable, "The disk is full. Nothing was stored; it goes on when there is space again."),
    apsw.BusyError: (StoreUnavailable, "The database is busy."),
    apsw.LockedError: (StoreUnavailable, "The database is busy."),
    apsw.ProtocolError: (StoreUnavailable, "The database is busy."),
    apsw.InterruptError: (StoreUnavailable, "The statement was interrupted."),
    apsw.AbortError: (StoreUnavailable, "The statement was interrupted."),
    apsw.NoMemError: (StoreUnavailable, "There is no memory left."),
    apsw.IOError: (StoreUnavailable, "The disk failed."),
    apsw.ReadOnlyError: (StoreUnavailable, "The database can't be written."),
    apsw.CantOpenError: (StoreUnavailable, _REFUSED),
    apsw.PermissionsError: (StoreUnavailable, _REFUSED),
    apsw.AuthError: (StoreUnavailable, _REFUSED),
    apsw.NoLFSError: (StoreUnavailable, _REFUSED),
    apsw.CorruptError: (StoreUnavailable, _DAMAGED),
    apsw.NotADBError: (StoreUnavailable, _DAMAGED),
    apsw.FormatError: (StoreUnavailable, _DAMAGED),
    apsw.ConnectionClosedError: (StoreUnavailable, "The store is closed."),
    apsw.CursorClosedError: (StoreUnavailable, "The store is closed."),
    # The row's.
    apsw.ConstraintError: (BadRow, "The database refuses a row: a value is missing, of the wrong kind or there twice."),
    apsw.MismatchError: (BadRow, "The database refuses a row: a value is of the wrong kind."),
    apsw.TooBigError: (BadRow, "The database refuses a row: a value is too large."),
    # Ours.
    apsw.Error: (RingbackError, _MISTAKE),
    apsw.SQLError: (RingbackError, _MISTAKE),
    apsw.SchemaChangeError: (RingbackError, _MISTAKE),
    apsw.MisuseError: (RingbackError, _MISTAKE),
    apsw.RangeError: (RingbackError, _MISTAKE),
    apsw.InternalError: (RingbackError, _MISTAKE),
    apsw.NotFoundError: (RingbackError, _MISTAKE),
    apsw.EmptyError: (RingbackError, _MISTAKE),
    apsw.BindingsError: (RingbackError, _MISTAKE),
    apsw.ThreadingViolationError: (RingbackError, _MISTAKE),
    apsw.ForkingViolationError: (RingbackError, _MISTAKE),
    apsw.IncompleteExecutionError: (RingbackError, _MISTAKE),
    apsw.ExecutionCompleteError: (RingbackError, _MISTAKE),
    apsw.ExecTraceAbort: (RingbackError, _MISTAKE),
    apsw.ConnectionNotClosedError: (RingbackError, _MISTAKE),
    apsw.InvalidContextError: (RingbackError, _MISTAKE),
    apsw.ExtensionLoadingError: (RingbackError, _MISTAKE),
    apsw.NoFTS5Error: (RingbackError, _MISTAKE),
    apsw.VFSFileClosedError: (RingbackError, _MISTAKE),
    apsw.VFSNotImplementedError: (RingbackError, _MISTAKE),
}


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn what SQLite raises inside into the errors of `store.port`."""
    try:
        yield
    except apsw.Error as error:
        kind, detail = STORE_ERRORS.get(type(error), STORE_ERRORS[apsw.Error])
        raise kind(detail) from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise BadRow("The database refuses a row: a number is over 64 bits or a text is no Unicode.") from error


@contextmanager
def start_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong while the database at `path` is being opened into a StartError."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError, apsw.FormatError) as error:
        raise StoreCorrupt(
            f"{path} is damaged or is no SQLite database ({error}). Nothing was changed. "
            "Restore it from a backup, or give another path to begin anew."
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise StoreLocked(f"Another program has {path} open and locked. Stop it first.") from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.IOError, apsw.FullError) as error:
        raise unusable(path, error) from error
    except OSError as error:
        raise unusable(path, error) from error
    except apsw.Error as error:
        raise StartError(f"{path} could not be opened: {error}.") from error


def unusable(path: Path, reason: object) -> DataDirectoryUnusable:
    """The place can't be used; says why and what to do."""
    return DataDirectoryUnusable(
        f"{path} can't be used ({reason}). Ringback must be able to create and write files in {path.parent}: "
        "check that it is a directory on a local disk with free space, and who owns it."
    )
