"""A server that took over from another: what this process remembers of the other one counts no more."""

from collections.abc import Callable, Iterator

import pytest

from ringback.store.port import Leaving, Retryable, StoreUnavailable
from ringback.store.postgres import session as sessions
from ringback.store.postgres.connection import Database
from ringback.store.postgres.store import PostgresStore
from support.postgres import Cluster
from support.process import wait_until
from support.rows import NOW


@pytest.fixture
def store(ready_database: str) -> Iterator[PostgresStore]:
    opened = PostgresStore.open(ready_database)
    yield opened
    opened.close()


@pytest.fixture
def fail_over(
    store: PostgresStore, ready_database: str, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """End all connections; those that are made anew meet a server on this timeline (empty: a standby)."""

    def other(timeline: str) -> None:
        monkeypatch.setattr(sessions, "_SERVER", f"SELECT 'another', '{timeline}'".encode())
        name = ready_database.rpartition("/")[2]
        found = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
        for (pid,) in postgres.sql(found, name):
            postgres.sql("SELECT pg_terminate_backend(%s)", pid)
        wait_until(lambda: not postgres.sql(found, name), 10, "the connections are gone")

    return other


def test_a_node_of_another_timeline_is_buried_and_registers_anew(
    store: PostgresStore, fail_over: Callable[[str], None]
) -> None:
    store.register("node_1", NOW)
    assert store.beat("node_1")
    fail_over("00000002")
    for change in (lambda: store.fetch([], NOW), lambda: store.release("node_1", [Leaving("t", "ep", None, 0, b"")])):
        with pytest.raises(Retryable):
            change()
    assert not store.beat("node_1")
    store.register("node_2", NOW)
    assert [node.id for node in store.nodes()] == ["node_2"]
    assert store.beat("node_2")
    assert store.fetch([], NOW) == []


def test_who_followed_changes_of_another_timeline_has_missed_some(
    store: PostgresStore, fail_over: Callable[[str], None]
) -> None:
    version = store.version()
    assert store.changes_after(version) == []
    fail_over("00000002")
    assert store.changes_after(version) is None
    there = store.version()
    assert there > version
    assert store.changes_after(there) == []
    with store.intake() as transaction:
        assert transaction.everything().version == there
        assert transaction.changes_since(version) is None
    fail_over("00000001")
    assert store.changes_after(there) is None


def test_a_standby_is_not_read(store: PostgresStore, fail_over: Callable[[str], None]) -> None:
    fail_over("")
    with pytest.raises(StoreUnavailable, match="standby"):
        store.version()
    fail_over("00000001")
    store.version()


def test_what_is_found_after_a_doubt_is_proven_first(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was restarted shows what its standby may not have."""
    database: Database = store._db
    database._doubt.owes_proof = True
    proofs: list[bool] = []
    commit = database.commit

    def refuse(session: sessions.Session) -> None:
        proofs.append(False)
        raise StoreUnavailable("It waits for its standby.")

    monkeypatch.setattr(database, "commit", refuse)
    with pytest.raises(StoreUnavailable):
        store.events_by_id("acme", ["evt_1"])
    assert database._doubt.owes_proof
    monkeypatch.setattr(database, "commit", commit)
    assert store.events_by_id("acme", ["evt_1"]) == []
    assert not database._doubt.owes_proof
    assert proofs == [False]
