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
from ringback.store.sealed_rows import DOES_NOT_OPEN, SealedRows
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
            done = _reseal_secrets(connection, self._sealed, limit)
            done += _reseal_credentials(connection, self._sealed, limit - done)
            return done + _reseal_bins(connection, self._sealed, limit - done)


def read_sealing_keys(connection: apsw.Connection) -> list[str]:
    """The ids of all master keys that something is sealed with."""
    found: set[str] = set()
    for query in ("keys_of_secrets", "keys_of_credentials", "keys_of_bins"):
        found.update(key_id for (key_id,) in rows(connection, _SQL[query], {"none": DOES_NOT_OPEN}))
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


def _reseal_secrets(connection: apsw.Connection, sealed: SealedRows, limit: int) -> int:
    assert sealed.sealer is not None  # noqa: S101 - the caller looked
    found = rows(connection, _SQL["secrets_to_reseal"], _other_than(sealed.sealer.key_id, limit=limit))
    for row in found:
        secret = sealed.secret(row)
        if secret.unreadable:
            connection.execute(_SQL["secret_does_not_open"], {"id": secret.id, "mark": DOES_NOT_OPEN})
        else:
            connection.execute(_SQL["reseal_secret"], sealed.secret_columns(secret))
    return len(found)


def _reseal_credentials(connection: apsw.Connection, sealed: SealedRows, limit: int) -> int:
    assert sealed.sealer is not None  # noqa: S101 - the caller looked
    found = rows(connection, _SQL["credentials_to_reseal"], _other_than(sealed.sealer.key_id, limit=limit))
    for row in found:
        endpoint = sealed.endpoint(row)
        if endpoint.auth.unreadable:
            connection.execute(_SQL["credentials_do_not_open"], {"id": endpoint.id, "mark": DOES_NOT_OPEN})
        else:
            connection.execute(_SQL["reseal_credentials"], sealed.endpoint_row(endpoint))
    return len(found)


def _reseal_bins(connection: apsw.Connection, sealed: SealedRows, limit: int) -> int:
    assert sealed.sealer is not None  # noqa: S101 - the caller looked
    found = rows(connection, _SQL["bins_to_reseal"], _other_than(sealed.sealer.key_id, limit=limit))
    for row in found:
        one = sealed.bin(row)
        if one.unreadable:
            connection.execute(_SQL["bin_does_not_open"], {"id": one.id, "mark": DOES_NOT_OPEN})
        else:
            connection.execute(_SQL["reseal_bin"], sealed.bin_columns(one))
    return len(found)
