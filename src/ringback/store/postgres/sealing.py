"""The PostgreSQL store's secrets at rest: which master keys it needs, and sealing rows with the present one.

A step is one short transaction, which has the rows it seals for itself. It changes how a value is kept and never the
value, so nobody who follows the log of changes has to hear of it. Several processes may do it at the same time, and
not all need have the same keys yet: one seals anew what it can open, leaves alone what is sealed with a key that it
does not have, and marks only what doesn't open although it has the key.

Whoever seals shares a lock while its transaction lasts; who asks which keys are still needed takes that lock alone, and
so sees everything that was being sealed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ringback.model.endpoint import Secret
from ringback.store.port import Sealer
from ringback.store.postgres.again import tried_again
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.locks import SEALING
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.store.sealed_rows import DOES_NOT_OPEN, SEALED_KINDS, SealedKind, SealedRows

_SQL: Final = load("postgres")


class PostgresSealing(PostgresPart):
    """`Seals`, and what `Upkeep` has of it."""

    @tried_again
    def sealing_keys(self) -> Sequence[str]:
        with self._db.writing() as session:
            session.rows(_SQL["lock_sealing"], SEALING.params)
            return read_sealing_keys(session)

    def count_to_reseal(self) -> int:
        sealer = self._sealed.sealer
        if sealer is None:
            return 0
        with self._db.reading() as session:
            (count,) = session.first(_SQL["count_to_reseal"], {"none": DOES_NOT_OPEN, "key_id": sealer.key_id})
        return int(count)

    def reseal_step(self, limit: int) -> int:
        sealer = self._sealed.sealer
        # What was found may have been sealed by another process meanwhile: that is no reason to think that all is.
        while sealer is not None and self._can_reseal(sealer):
            if done := self._reseal(sealer, limit):
                return done
        return 0

    def _can_reseal(self, sealer: Sealer) -> bool:
        with self._db.reading() as session:
            asked = _sealed_otherwise(sealer, 1)
            return any(session.first(_SQL[kind.to_reseal], asked) for kind in SEALED_KINDS)

    @tried_again
    def _reseal(self, sealer: Sealer, limit: int) -> int:
        with sealing(self._db) as session:
            done = 0
            for kind in SEALED_KINDS:
                done += _reseal(session, self._sealed, sealer, kind, limit - done)
            return done


@contextmanager
def sealing(database: Database) -> Iterator[Session]:
    """A transaction that may seal something (`Database.writing`)."""
    with database.writing() as session:
        session.rows(_SQL["share_sealing"], SEALING.params)
        yield session


def insert_secret(session: Session, secret: Secret, sealed: SealedRows) -> None:
    """Add a secret, in a transaction that may seal."""
    session.change(_SQL["insert_secret"], sealed.secret_columns(secret))


def read_sealing_keys(session: Session) -> list[str]:
    """The ids of all master keys that something is sealed with."""
    found: set[str] = set()
    for kind in SEALED_KINDS:
        found.update(key_id for (key_id,) in session.rows(_SQL[kind.keys], {"none": DOES_NOT_OPEN}))
    return sorted(found)


def _sealed_otherwise(sealer: Sealer, limit: int) -> dict[str, Any]:
    others = [key_id for key_id in sealer.key_ids if key_id != sealer.key_id]
    return {"key_id": sealer.key_id, "others": others, "limit": limit}


def _reseal(session: Session, sealed: SealedRows, sealer: Sealer, kind: SealedKind, limit: int) -> int:
    ids = [found for (found,) in session.rows(_SQL[kind.to_reseal], _sealed_otherwise(sealer, limit))]
    rows = session.rows(_SQL[kind.lock], {"ids": ids, **_sealed_otherwise(sealer, limit)})
    for row in rows:
        name, columns = kind.again(sealed, row)
        if columns is None:
            session.change(_SQL[kind.does_not_open], {"id": name, "mark": DOES_NOT_OPEN})
        else:
            session.change(_SQL[kind.reseal], columns)
    return len(rows)
