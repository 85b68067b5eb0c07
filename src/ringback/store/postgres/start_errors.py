"""What goes wrong while a database is being opened, as a StartError: what happened, and what to do.

The server tells by its SQLSTATE; while it connects libpq has words alone. What may pass by waiting (nobody answers yet)
is told from what won't (a wrong password).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from ringback.model.errors import (
    RingbackError,
    StartError,
    StorePooler,
    StoreRefused,
    StoreRights,
    StoreUnreachable,
)
from ringback.store.postgres.address import Address
from ringback.store.postgres.errors import says_no

OWN_THEM: Final = "Let it own the tables, or be a member of the role that does (docs/deploy.md)."
_MAKE_THEM: Final = (
    "Ringback's role must be able to create tables in its schema: GRANT USAGE, CREATE ON SCHEMA public TO the role "
    "(docs/deploy.md)."
)
_IS_IT_THERE: Final = "Is it running, and are host and port in the URL right?"
_OF_SEVERAL: Final = "Multiple connection attempts failed. All failures were:\n"
_BAD: Final = "connection is bad: "
_BAD_VALUE: Final = f"{_BAD}invalid "
_QUESTION: Final = "Is the server running on that host and accepting TCP/IP connections?"
# The shapes of what may not be waited for: the server has understood us, and says no.
_REFUSED: Final = ("28", "3D")


@contextmanager
def start_errors(address: Address) -> Iterator[None]:
    """Turn what goes wrong while the database is being opened into a StartError."""
    try:
        yield
    except psycopg.Error as error:
        raise _start_error(address, error) from error


def _start_error(address: Address, error: psycopg.Error) -> RingbackError:
    state = error.sqlstate or ""
    reason = reason_of(error)
    if not state:
        return _connect_error(address, reason)
    if state == "42501":
        return StoreRights(f"{address.shown}: {reason}. {OWN_THEM if 'for table' in reason else _MAKE_THEM}")
    if state == "25006":
        return StoreUnreachable(f"{address.shown} can only be read now: {reason}.")
    if state[:2] in _REFUSED:
        return _refused(address, reason)
    if state[:2] in ("08", "53", "57", "58", "55"):
        return _out_of_reach(address, reason)
    return StartError(f"{address.shown} could not be opened: {reason}.")


def _connect_error(address: Address, reason: str) -> RingbackError:
    """libpq gives no SQLSTATE for what fails while it connects."""
    if "unsupported startup parameter" in reason:
        return pooler(address)
    if reason.startswith(_BAD_VALUE):
        return StoreRefused(f"The URL of the store is wrong: {reason.removeprefix(_BAD)}.")
    if says_no(reason):
        return _refused(address, reason)
    return _out_of_reach(address, reason)


def _refused(address: Address, reason: str) -> StoreRefused:
    return StoreRefused(f"{address.shown} refuses the connection: {reason}. Check the URL of the store.")


def _out_of_reach(address: Address, reason: str) -> StoreUnreachable:
    return StoreUnreachable(f"{address.shown} can't be reached: {reason}. {_IS_IT_THERE}")


def reason_of(error: psycopg.Error) -> str:
    """What the driver says, in one line. Of several hosts it says the last one's twice; here each has its say once."""
    text = str(error)
    _, _, each = text.partition(_OF_SEVERAL)
    said = re.split(r"\n- ", each) if each else [text]
    lines = [" ".join(one.replace(_QUESTION, "").removeprefix("- ").split()) for one in said]
    return "; ".join(line.rstrip(".") for line in dict.fromkeys(lines))


def pooler(address: Address) -> StorePooler:
    return StorePooler(
        f"{address.shown} is a pooler that gives transactions sessions of others (PgBouncer in transaction mode, for "
        "instance). Ringback prepares statements and holds locks: give it the address of the database itself. It needs "
        "about 10 connections a process."
    )
