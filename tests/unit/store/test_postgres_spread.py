"""Tables that are spread over machines: a store notices, and the statements that spread them name every table."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from ringback.store.postgres.store import PostgresStore
from ringback.store.queries import folder
from support.postgres import Cluster
from support.sql_routing import ELSEWHERE, TENANT_TABLES


@pytest.fixture
def database(postgres: Cluster) -> Iterator[tuple[str, psycopg.Connection[tuple[object, ...]]]]:
    with postgres.empty_database() as url, psycopg.connect(url, autocommit=True) as connection:
        PostgresStore.open(url).close()
        yield url, connection


def by_tenant(url: str) -> bool:
    store = PostgresStore.open(url)
    try:
        return store.by_tenant
    finally:
        store.close()


def test_a_store_notices_that_its_events_are_spread(
    database: tuple[str, psycopg.Connection[tuple[object, ...]]],
) -> None:
    url, connection = database
    assert not by_tenant(url)
    # As Citus has it, which is not here: first without a table of ours, then with events that are everywhere.
    connection.execute("CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod char)")
    assert not by_tenant(url)
    connection.execute("INSERT INTO pg_dist_partition VALUES ('endpoint', 'h'), ('event', 'n')")
    assert not by_tenant(url)
    connection.execute("UPDATE pg_dist_partition SET partmethod = 'h' WHERE logicalrelid = 'event'::regclass")
    assert by_tenant(url)


def test_the_statements_for_citus_spread_the_tables_of_tenants_and_no_others() -> None:
    text = folder("postgres").joinpath("distributed", "citus.sql").read_text("utf-8")
    spread = re.findall(r"create_distributed_table\('(\w+)', 'tenant_id', colocate_with => '(\w+)'\)", text)
    assert dict(spread) == {table: "none" if table == "event" else "event" for table in TENANT_TABLES}
    everywhere = set(re.findall(r"create_reference_table\('(\w+)'\)", text))
    assert everywhere == {"tenant", "endpoint"}
    assert not everywhere & (TENANT_TABLES | ELSEWHERE)
