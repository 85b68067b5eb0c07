"""The SQLite store's secrets at rest: which master keys it needs, and sealing rows with the present one.

A step is one short transaction. It changes how a value is kept and never the value, so nobody who follows the log of
changes has to hear of it. Where something plain is sealed, SQLite overwrites with zeros what the plain row occupied.
A tenant's secret gets what it is found by with it, rows of older versions too. A value that doesn't open is marked and
left for whoever can mend it: its owner is told when it is used.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import apsw

from ringback.store.queries import load
from ringback.store.sealed_rows import DOES_NOT_OPEN, SEALED_KINDS, SealedKind, SealedRows
from ringback.store.sqlite.connection import SqlitePart, rows

_SQL: Final = load("sqlite")


class SqliteSealing(SqlitePart):
    """`Seals`, and what `Upkeep` has of it."""

    def sealing_keys(self) -> list[str]:
        # By the connection that writes: it has its turn after every write that has sealed something already.
        with self._writer.transaction() as connection:
            return read_sealing_keys(connection)

    def count_to_reseal(self) -> int:
        if self._sealed.sealer is None:
            return 0
        ((count,),) = self._read(_SQL["count_to_reseal"], _other_than(self._sealed.sealer.key_id))
        return int(count)

    def reseal_step(self, limit: int) -> int:
        if not self.count_to_reseal():
            return 0
        with self._writer.transaction() as connection, _plain_rows_are_wiped(connection):
            done = 0
            for kind in SEALED_KINDS:
                done += _reseal(connection, self._sealed, kind, limit - done)
            return done


def read_sealing_keys(connection: apsw.Connection) -> list[str]:
    """The ids of all master keys that something is sealed with."""
    found: set[str] = set()
    for kind in SEALED_KINDS:
        found.update(key_id for (key_id,) in rows(connection, _SQL[kind.keys], {"none": DOES_NOT_OPEN}))
    return sorted(found)


def _other_than(key_id: str, **more: Any) -> dict[str, Any]:
    return {"none": DOES_NOT_OPEN, "key_id": key_id, **more}


@contextmanager
def _plain_rows_are_wiped(connection: apsw.Connection) -> Iterator[None]:
    connection.pragma("secure_delete", 1)
    try:
        yield
    finally:
        connection.pragma("secure_delete", 0)


def _reseal(connection: apsw.Connection, sealed: SealedRows, kind: SealedKind, limit: int) -> int:
    assert sealed.sealer is not None  # noqa: S101 - the caller looked
    found = rows(connection, _SQL[kind.to_reseal], _other_than(sealed.sealer.key_id, limit=limit))
    for row in found:
        name, columns = kind.again(sealed, row)
        if columns is None:
            connection.execute(_SQL[kind.does_not_open], {"id": name, "mark": DOES_NOT_OPEN})
        else:
            connection.execute(_SQL[kind.reseal], columns)
    return len(found)
