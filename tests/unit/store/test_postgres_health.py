"""A PostgreSQL store about itself: that it commits, what it doesn't promise, how large it is."""

from collections.abc import Iterator

import psycopg
import pytest

from ringback.store.port import Health, StoreUnavailable
from ringback.store.postgres.store import PostgresStore


@pytest.fixture
def health(ready_database: str) -> Iterator[Health]:
    store = PostgresStore.open(ready_database)
    yield store
    store.close()


def test_a_check_is_a_commit(health: Health, ready_database: str) -> None:
    with psycopg.connect(ready_database) as connection:
        before = connection.execute("SELECT count FROM commit_check").fetchone()
        connection.rollback()
        health.check()
        after = connection.execute("SELECT count FROM commit_check").fetchone()
    assert before is not None
    assert after == (before[0] + 1,)


def test_one_that_can_only_be_read_does_not_commit(health: Health, ready_database: str) -> None:
    with psycopg.connect(ready_database, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET default_transaction_read_only = on")
        # It holds for sessions that begin from now on.
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid, 10000) {others}")
    with pytest.raises(StoreUnavailable, match="only be read"):
        health.check()


def test_its_cautions_are_the_servers_own(health: Health) -> None:
    """The cluster of the tests has no standby and doesn't wait for its disk."""
    cautions = health.cautions()
    assert [part for part in ("fsync", "full_page_writes", "no synchronous standby") if part in " ".join(cautions)] == [
        "fsync",
        "full_page_writes",
        "no synchronous standby",
    ]


def test_its_size_is_known_and_its_disk_is_not(health: Health) -> None:
    space = health.space()
    assert space.store_bytes > 1024**2
    assert (space.log_bytes, space.free_bytes, space.disk_bytes) == (0, None, None)
