"""One connection to PostgreSQL as the parts of the store use it: rows in, rows out, in a transaction or without.

Statements are prepared once and planned once (`plan_cache_mode`), always by index: tables that are empty now and full
in a minute would else be planned for what they were. No exception of psycopg leaves `Connections`; in here they fly.
A session is used by one thread at a time.
"""

import select
from collections.abc import Mapping, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.types.numeric import Int8Dumper

from ringback.store.port import StoreUnavailable

_PREPARED_MAX: Final = 500
_SERVER: Final = (
    b"SELECT set_config('synchronous_commit', 'on', false) "
    b"WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');"
    b"SELECT extract(epoch FROM pg_postmaster_start_time()), "
    b"CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END"
)
_BEGIN: Final = b"BEGIN; SELECT pg_current_xact_id()"
_BEGIN_SNAPSHOT: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# A statement's time is limited, a commit's is not: cancelled while it waits for the standby it would count as done.
_COMMIT: Final = b"SET LOCAL statement_timeout = 0; COMMIT"
_ROLLBACK: Final = b"ROLLBACK"

Params = Mapping[str, Any] | None


class Session:
    """See the module. `server` is when the server was started, which tells it from any other; `timeline` counts the
    times that a standby became the primary, or a backup was restored. A session is of the `generation` that its keeper
    says."""

    def __init__(self, connection: psycopg.Connection[Any], generation: int = 0) -> None:
        self.generation = generation
        self._connection = connection
        connection.prepare_threshold = 0
        connection.prepared_max = _PREPARED_MAX
        connection.adapters.register_dumper(int, Int8Dumper)  # one type, hence one plan, for every number
        connection.add_notice_handler(self._heard)
        self._cursor = connection.cursor(binary=True)
        self._warned = False
        self.xid: int | None = None
        ((started, timeline),) = self.simple(_SERVER)
        self.server = (started or b"").decode()
        self.standby = not timeline
        self.timeline = int(timeline or b"0", 16)

    # ── statements ───────────────────────────────────────────────────────────────────────────────────────────

    def rows(self, query: str, params: Params = None) -> list[Any]:
        """All rows of a query, each a tuple."""
        return self._cursor.execute(query, params).fetchall()

    def first(self, query: str, params: Params = None) -> Any:
        """The first row of a query, a tuple, or None."""
        return self._cursor.execute(query, params).fetchone()

    def change(self, query: str, params: Params = None) -> int:
        """Run one INSERT, UPDATE or DELETE; how many rows it changed."""
        return self._cursor.execute(query, params).rowcount

    def copy(self, query: str, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Append rows by a `COPY … FROM STDIN (FORMAT BINARY)`, whose columns have these types."""
        if not rows:
            return
        with self._cursor.copy(query) as copying:
            copying.set_types(types)
            write = copying.write_row
            for row in rows:
                write(row)

    def simple(self, statements: bytes) -> list[tuple[bytes | None, ...]]:
        """Run statements without parameters in one go; the rows of the last one, as texts."""
        result = self._connection.pgconn.exec_(statements)
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            if not self.healthy:
                raise psycopg.OperationalError(result.get_error_message("utf-8"))
            raise psycopg.errors.error_from_result(result, encoding="utf-8")
        return [
            tuple(result.get_value(row, column) for column in range(result.nfields)) for row in range(result.ntuples)
        ]

    # ── transactions ─────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """A transaction that writes; `xid` is its number."""
        ((xid,),) = self.simple(_BEGIN)
        self.xid = int(xid or 0)

    def begin_snapshot(self) -> None:
        """A transaction that only reads, all its statements from one snapshot."""
        self.simple(_BEGIN_SNAPSHOT)

    def commit(self) -> None:
        """Make it durable. Raises StoreUnavailable when the server warned that it gave up waiting for its standby."""
        self._warned = False
        self.simple(_COMMIT)
        if self._warned:
            raise StoreUnavailable("The database didn't wait for its standby: it may lose what it has just stored.")

    def roll_back(self) -> None:
        self.simple(_ROLLBACK)

    @property
    def in_transaction(self) -> bool:
        return self._connection.pgconn.transaction_status != pq.TransactionStatus.IDLE

    @property
    def healthy(self) -> bool:
        return self._connection.pgconn.status == pq.ConnStatus.OK

    @property
    def stale(self) -> bool:
        """While it was idle the server has hung up, or has said something that nobody asked for."""
        looking = select.poll()
        looking.register(self._connection.pgconn.socket, select.POLLIN)
        return bool(looking.poll(0))

    @property
    def connection(self) -> psycopg.Connection[Any]:
        return self._connection

    def close(self) -> None:
        self._connection.close()

    def _heard(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warned = True
