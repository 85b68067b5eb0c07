"""PostgreSQL's schema: ready to be spread by tenant, and the same as SQLite's but for what is listed here."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import psycopg
import pytest

from ringback.store.migrate import load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import prepare
from ringback.store.postgres.store import PostgresStore
from ringback.store.sqlite import SqliteStore
from support.postgres import Cluster
from support.sql_routing import ELSEWHERE, TENANT_TABLES

# Small, and the same for everybody who sends: it is not spread.
CONFIGURATION = {
    "tenant", "api_key", "endpoint", "secret", "change", "event_type", "profile", "job", "commit_check",
    "schema_version", "record_type", "record_trigger", "tracked_set_gone", "rule_failure", "event_type_version",
    "notice", "operator", "console_session", "console_link", "audit_entry", "bin", "bin_request",
    "pulse",
}  # fmt: skip

# Table → columns that only PostgreSQL has, and why.
ONLY_POSTGRESQL = {
    "delivery": {"event_at"},  # the day whose partition the event is in
    "lane": {"turn"},  # see the migration that adds it
    "endpoint": {"profile"},  # SQLite has an index on an expression
    "endpoint_day_delta": {
        "tenant_id",
        "endpoint_id",
        "day",
        "succeeded",
        "failed",
    },  # no row is updated once per batch
}
# Table → columns that only SQLite has, and why.
ONLY_SQLITE = {"attempt": {"seq"}}  # the number of its row
# SQLite has a JSON array.
OTHER_TYPES = dict.fromkeys(
    [("event_key", "event_ids"), ("record_type", "fields"), ("record_type", "ignored")], "text[]"
)
# Whatever SQLite lets be null or not by its own rules for keys.
TYPES = {
    "TEXT": {"text"},
    "BLOB": {"bytea"},
    "REAL": {"double precision"},
    "INTEGER": {"bigint", "boolean"},
}
# What SQLite has as 0 and 1.
FLAGS = {
    ("tenant", "webhooks_enabled"), ("event_type", "deprecated"), ("job", "ready"), ("job", "open"),
    ("delivery", "deferred"), ("attempt", "final"), ("attempt", "superseded"), ("attempt", "response_truncated"),
    ("attempt", "maybe_repeated"), ("record_trigger", "active"), ("bin_request", "truncated"),
    ("tenant", "viewers_see_bodies"),
}  # fmt: skip

OF_OURS = "relnamespace = 'public'::regnamespace"


@pytest.fixture(scope="module")
def schema(postgres: Cluster) -> Iterator[psycopg.Connection[Any]]:
    """A database that was set up and in which no day has a partition yet."""
    with postgres.empty_database() as url:
        PostgresStore.open(url).close()
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


def column_types(schema: psycopg.Connection[Any]) -> dict[str, dict[str, tuple[str, bool]]]:
    """Table → column → (type, whether it may be null)."""
    found: dict[str, dict[str, tuple[str, bool]]] = defaultdict(dict)
    rows = schema.execute(
        "SELECT relname, attname, format_type(atttypid, NULL), NOT attnotnull FROM pg_attribute "
        f"JOIN pg_class ON pg_class.oid = attrelid WHERE {OF_OURS} AND relkind IN ('r', 'p') AND attnum > 0"
    )
    for table, column, kind, nullable in rows:
        found[table][column] = kind, nullable
    return found


def sqlite_types(path: Path) -> dict[str, dict[str, tuple[str, bool]]]:
    SqliteStore.open(path).close()
    connection = apsw.Connection(str(path))
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    found = {}
    for (table,) in tables.fetchall():
        columns = connection.execute(f"SELECT name, type, \"notnull\" = 0 AND pk = 0 FROM pragma_table_info('{table}')")
        found[table] = {name: (kind, bool(nullable)) for name, kind, nullable in columns.fetchall()}
    connection.close()
    return found


def test_the_migrations_have_the_same_numbers_and_names() -> None:
    ours, theirs = load_migrations("postgres"), load_migrations("sqlite")
    assert [(one.number, one.name) for one in ours] == [(one.number, one.name) for one in theirs]


def test_tables_and_columns_are_those_of_sqlite(schema: psycopg.Connection[Any], tmp_path: Path) -> None:
    ours, theirs = column_types(schema), sqlite_types(tmp_path / "ringback.db")
    assert len(ours) > 15
    assert ours.keys() - theirs.keys() == {"endpoint_day_delta"}
    assert theirs.keys() - ours.keys() == set()
    for table in ours:
        own, other = ours[table].keys(), theirs.get(table, {}).keys()
        assert (table, own - other) == (table, ONLY_POSTGRESQL.get(table, set()))
        assert (table, other - own) == (table, ONLY_SQLITE.get(table, set()))


def test_columns_have_the_types_of_sqlite(schema: psycopg.Connection[Any], tmp_path: Path) -> None:
    ours, theirs = column_types(schema), sqlite_types(tmp_path / "ringback.db")
    for table, columns in theirs.items():
        for name, (kind, nullable) in columns.items():
            if name in ONLY_SQLITE.get(table, ()):
                continue
            own = ours[table][name]
            wanted = OTHER_TYPES.get((table, name)) or (
                "boolean" if (table, name) in FLAGS else (TYPES[kind] - {"boolean"}).pop()
            )
            assert (table, name, *own) == (table, name, wanted, nullable)


def test_every_table_belongs_to_tenants_or_stays_together(schema: psycopg.Connection[Any]) -> None:
    assert column_types(schema).keys() == TENANT_TABLES | ELSEWHERE | CONFIGURATION


def test_the_key_of_what_belongs_to_a_tenant_begins_with_the_tenant(schema: psycopg.Connection[Any]) -> None:
    rows = schema.execute(
        "SELECT relname, attname, indisprimary FROM pg_index JOIN pg_class ON pg_class.oid = indrelid "
        f"JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE {OF_OURS}"
    ).fetchall()
    keys = {table: first for table, first, primary in rows if primary and table in TENANT_TABLES}
    assert keys == dict.fromkeys(TENANT_TABLES - {"endpoint_day_delta"}, "tenant_id")
    # Of the others one may lead elsewhere: what sweeps ask for all tenants at once.
    assert {(table, first) for table, first, _ in rows if table in TENANT_TABLES and first != "tenant_id"} == {
        ("event_key", "expires_at"),
        ("record", "forget_at"),
    }
    assert ("endpoint_day_delta", "tenant_id", False) in rows


def test_what_is_unique_is_so_within_a_tenant(schema: psycopg.Connection[Any]) -> None:
    rows = schema.execute(
        "SELECT relname, attname FROM pg_index JOIN pg_class ON pg_class.oid = indrelid "
        f"JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE {OF_OURS} AND indisunique"
    )
    assert {first for table, first in rows if table in TENANT_TABLES} == {"tenant_id"}


def test_texts_of_indexes_are_compared_by_their_bytes(schema: psycopg.Connection[Any]) -> None:
    rows = schema.execute(
        "SELECT relname, attname, collname FROM pg_index JOIN pg_class ON pg_class.oid = indrelid "
        "JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey::smallint[]) "
        f"JOIN pg_collation ON pg_collation.oid = attcollation WHERE {OF_OURS}"
    ).fetchall()
    assert len(rows) > 40
    assert {(table, column) for table, column, collation in rows if collation != "C"} == set()


def test_nothing_runs_by_itself_and_nothing_refers_to_other_tables(schema: psycopg.Connection[Any]) -> None:
    def count(text: str) -> int:
        row = schema.execute(text).fetchone()
        assert row is not None
        return int(row[0])

    assert count("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == 0
    assert count("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 0
    assert count("SELECT count(*) FROM pg_event_trigger") == 0
    assert count("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == 0
    assert count(f"SELECT count(*) FROM pg_class WHERE {OF_OURS} AND relkind IN ('v', 'm', 'f')") == 0
    assert count("SELECT count(*) FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class WHERE " + OF_OURS) == 0
    # One sequence for all, asked for a thousand numbers at a time.
    assert schema.execute(f"SELECT relname FROM pg_class WHERE {OF_OURS} AND relkind = 'S'").fetchall() == [("block",)]
    identities = "SELECT count(*) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE "
    assert count(f"{identities} {OF_OURS} AND attidentity <> ''") == 0


def test_what_grows_by_the_day_is_kept_by_the_day(schema: psycopg.Connection[Any]) -> None:
    rows = schema.execute(
        "SELECT relname, pg_get_partkeydef(pg_class.oid) FROM pg_class WHERE relkind = 'p' ORDER BY relname"
    )
    assert rows.fetchall() == [("attempt", "RANGE (at)"), ("event", "RANGE (accepted_at)")]


def test_tables_with_many_dead_rows_have_their_own_settings_of_autovacuum(schema: psycopg.Connection[Any]) -> None:
    rows = schema.execute(f"SELECT relname FROM pg_class WHERE {OF_OURS} AND reloptions::text LIKE '%autovacuum%'")
    assert {name for (name,) in rows} >= {
        "delivery", "lane", "node", "endpoint_day", "endpoint_day_delta", "event_key", "job_event", "commit_check",
        "record", "tracked_set", "tracked_member", "notice",
    }  # fmt: skip


def test_endpoints_that_were_disabled_before_have_the_time_of_their_last_change(postgres: Cluster) -> None:
    with postgres.empty_database() as url:
        prepare(Address(url), load_migrations("postgres")[:6], migrate=False)
        with psycopg.connect(url, autocommit=True) as connection:
            for status in ("active", "disabled"):
                connection.execute(
                    "INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, profile, revision, config) "
                    "VALUES (%s, 't', '', '', %s, 'none', 'standard', 1, %s)",
                    (f"ep_{status}", status, b'{"updated_at": 1700000000123}'),
                )
        store = PostgresStore.open(url, migrate=True)
        assert list(store.latest_disabled(10)) == [("ep_disabled", 1_700_000_000_123)]
        store.close()
