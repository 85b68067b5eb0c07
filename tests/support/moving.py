"""SQLite stores to be moved, whose rows are made from the schema: a new column has values here before anybody tells it.

Every table has rows, every column values of its kind, and those that may be null are null in some rows. Both stores are
read here by their drivers alone, without any code of the move.
"""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg

from ringback.store.sqlite import SqliteStore
from ringback.times import DAY_MS

FIRST_AT: Final = 1_800_000_000_000
TABLES: Final = (
    "tenant", "api_key", "profile", "event_type", "endpoint", "secret", "change", "event", "event_key", "delivery",
    "job", "job_event", "attempt", "endpoint_day", "lane", "event_type_version", "record_type", "record_trigger",
    "record", "tracked_set", "tracked_member", "tracked_set_gone", "rule_failure", "notice",
    "operator", "audit_entry",
)  # fmt: skip
FLAGS: Final = {
    "webhooks_enabled", "deprecated", "deferred", "final", "superseded", "response_truncated", "maybe_repeated",
    "ready", "open", "active", "viewers_see_bodies",
}  # fmt: skip
# What can't be any value of its kind.
VALUES: Final[Mapping[str, Any]] = {
    "accepted_at": lambda n: FIRST_AT + n * DAY_MS // 3,
    "at": lambda n: FIRST_AT + n * DAY_MS // 2,
    "due_at": lambda n: FIRST_AT + n,
    "not_before": lambda n: (0, FIRST_AT + 1, FIRST_AT + 9)[n % 3],
    "config": lambda n: json.dumps({"id": f"id-{n}", "profile": "vessel"} if n % 2 else {"id": f"id-{n}"}).encode(),
    "event_ids": lambda n: json.dumps([f"id-{n}", f"id-{n}-é"][: 1 + n % 2]),
    "fields": lambda n: json.dumps(["/a", f"/é/{n}"][: n % 3]),
    "ignored": lambda n: json.dumps([f"/{n}"][: n % 2]),
    "event_id": lambda n: f"id-{n}",
    "endpoint_id": lambda n: f"id-{n}",
    "tenant_id": lambda n: f"tenant-{n % 2}",
    "owner": lambda n: "a node that crashed",
    "key_id": lambda n: "",
    "kind": lambda n: "event",
    "hash": lambda n: f"hash {n}".encode(),
}
INTEGERS_FROM: Final = 5_000_000_000


def fill(path: Path, rows: int = 6) -> None:
    """Make a store with so many rows in each table."""
    SqliteStore.open(path).close()
    file = sqlite3.connect(path)
    with file:
        for table in TABLES:
            columns = file.execute(f"PRAGMA table_info({table})").fetchall()
            places = ", ".join("?" * len(columns))
            for n in range(1, rows + 1):
                values = [_value(name, kind, n, required) for _, name, kind, required, _, _ in columns]
                file.execute(f"INSERT INTO {table} VALUES ({places})", values)
    file.close()


def change(path: Path, *statements: str) -> None:
    """Run statements on a store."""
    file = sqlite3.connect(path)
    with file:
        for statement in statements:
            file.execute(statement)
    file.close()


def in_sqlite(path: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table, as they lie there."""
    file = sqlite3.connect(path)
    file.row_factory = sqlite3.Row
    found = [dict(row) for row in file.execute(f"SELECT * FROM {table}")]
    file.close()
    return found


def in_postgres(url: str, table: str) -> list[dict[str, Any]]:
    """The same of a PostgreSQL database."""
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()  # type: ignore[call-overload,no-any-return]


def tables_of(url: str) -> dict[str, set[str]]:
    """Table → columns of a PostgreSQL database, without the days of events and attempts."""
    found: dict[str, set[str]] = {}
    with psycopg.connect(url) as connection:
        for table, column in connection.execute(
            "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition "
            "AND attnum > 0"
        ):
            found.setdefault(table, set()).add(column)
    return found


def _value(name: str, kind: str, n: int, required: int) -> Any:
    if not required and n % 3 == 0:
        return None
    if name in VALUES:
        return VALUES[name](n)
    if name in FLAGS:
        return n % 2
    if kind == "INTEGER":
        return n if name in ("seq", "version", "event_seq") else INTEGERS_FROM + 1_000 * len(name) + n
    if kind == "REAL":
        return n / 7
    return f"{name}-{n}\0\xff".encode("latin-1") if kind == "BLOB" else f"{name}-{n}"
