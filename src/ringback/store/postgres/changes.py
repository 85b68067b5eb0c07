"""The PostgreSQL store's log of configuration changes: how it is written, and how processes follow it.

Processes follow it by version, so versions must become visible in order and without gaps: whoever logs a change has the
lock of changes until its transaction is over, and draws the next version under it. That lock is one for all, and so the
last thing that a transaction waits for: who logs and then waits for a row keeps everybody waiting, or for ever.

A standby that became the primary may lack the latest changes and give their versions to others. So what is handed out
has the server's timeline above the version that is stored, and who followed another one has missed some.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ringback.model.lane import Change
from ringback.store.config_rows import unless_trimmed
from ringback.store.port import Everything
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.locks import CHANGES
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_ERA_BITS: Final = 44

_SQL: Final = load("postgres")


class Changed(NamedTuple):
    """A thing that is not what it was; the tenant is None where it has none."""

    kind: str
    tenant_id: str | None
    id: str


class PostgresFollow(PostgresPart):
    """`Follow`."""

    def version(self) -> int:
        with self._db.reading() as session:
            return _latest(session)

    def changes_after(self, version: int) -> Sequence[Change] | None:
        with self._db.reading() as session:
            return read_changes(session, version)


def log_change(session: Session, kind: str, tenant_id: str | None, thing_id: str) -> None:
    """Tell every process that follows, when the transaction commits. Nothing may be waited for after it."""
    log_changes(session, [Changed(kind, tenant_id, thing_id)])


def log_changes(session: Session, changes: Sequence[Changed]) -> None:
    """Tell of many at once, in this order."""
    if not changes:
        return
    session.rows(_SQL["lock_changes"], CHANGES.params)
    logged = {
        "kinds": [change.kind for change in changes],
        "tenant_ids": [change.tenant_id or "" for change in changes],
        "ids": [change.id for change in changes],
    }
    session.change(_SQL["log_changes"], logged)


def read_changes(session: Session, version: int) -> list[Change] | None:
    """Changes after `version`, oldest first; None when some of them are not kept any more, or are another server's."""
    era = _era(session)
    stored = max(version, 0) - era
    if not 0 <= stored < 1 << _ERA_BITS:
        return None
    found = unless_trimmed([Change(*row) for row in session.rows(_SQL["changes_after"], {"version": stored})], stored)
    return found if found is None or not era else [change._replace(version=era + change.version) for change in found]


def read_everything(session: Session) -> Everything:
    """Every tenant, endpoint, record type and trigger that exists; what changes meanwhile is logged after the version
    and read again."""
    version = _latest(session)
    return Everything(version, [Change(version, *row) for row in session.rows(_SQL["all_configuration"])])


def _latest(session: Session) -> int:
    (version,) = session.first(_SQL["latest_version"])
    return _era(session) + int(version)


def _era(session: Session) -> int:
    """What stands above the versions of this server. The first timeline's is 0."""
    return max(session.timeline - 1, 0) << _ERA_BITS
