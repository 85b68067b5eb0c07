"""A PostgreSQL database that goes away and comes back while a server runs under load, in one way after the other.

Each time: who posts is told to come again and never that something was stored that is not there afterwards, /readyz
says so, everything that was accepted is delivered without a restart, no event is half written, and the log stays short.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from support.inbox import Inbox
from support.load import Load, load_on
from support.postgres import Cluster
from support.process import Server, wait_until
from support.tenant import TestTenant

MASTER_KEY = "A" * 43 + "="
TROUBLES_MAX = 30
WRITTEN = ("event", "delivery", "attempt", "commit_check")
BEFORE_WRITE = """
CREATE OR REPLACE FUNCTION before_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$
"""
NO_SPACE = BEFORE_WRITE.format(
    "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';"
)
SPACE = BEFORE_WRITE.format("RETURN NEW;")


class World:
    """A cluster of its own, a server on it, a receiver."""

    def __init__(self, cluster: Cluster, server: Server, inbox: Inbox) -> None:
        self.cluster = cluster
        self.server = server
        self.inbox = inbox
        self.tenant = TestTenant(server, "t")
        self.tenant.endpoint(inbox.url())

    def sql(self, text: str) -> list[tuple[object, ...]]:
        return self.cluster.sql(text, database="ringback")

    def obstacles(self) -> list[str]:
        """What /readyz names; nothing when it is ready."""
        answer = self.server.ask("GET", "/readyz")
        return [] if answer.status == 200 else answer.json["obstacles"]

    def wait_not_ready(self) -> None:
        wait_until(self.obstacles, 10, "/readyz says that it is not ready")

    def end_sessions(self) -> None:
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")

    def troubles(self) -> int:
        return self.server.log.read_text().count(" store_trouble ")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("outages")
    with Cluster.made(durable=False) as cluster, Inbox() as inbox:
        cluster.sql("CREATE ROLE app LOGIN")
        cluster.create_database("ringback")
        cluster.sql("ALTER DATABASE ringback OWNER TO app")
        environment = {"RINGBACK_STORE": cluster.url("ringback", user="app"), "RINGBACK_MASTER_KEY": MASTER_KEY}
        with Server(folder / "data", "--allow-private", environment=environment) as server:
            yield World(cluster, server, inbox)


@contextmanager
def outage(world: World) -> Iterator[Load]:
    """The database goes away and comes back within the block, under load; what must hold afterwards does."""
    troubles = world.troubles()
    with load_on(world.tenant) as load:
        load.wait_accepted(20)
        yield load
        load.wait_accepted(20, within_s=60)
    wait_until(lambda: world.obstacles() == [], 20, "it is ready again")
    wait_until(lambda: not world.sql("SELECT 1 FROM delivery LIMIT 1"), 60, "nothing is left to deliver")
    assert {received.event_id for received in world.inbox.received} >= set(load.accepted)
    stored = {event_id for (event_id,) in world.sql("SELECT id FROM event")}
    assert stored >= set(load.accepted)
    # Each has the one delivery that it counts, and that left a success in the log.
    assert world.sql("SELECT id FROM event WHERE deliveries <> 1") == []
    delivered = {event_id for (event_id,) in world.sql("SELECT event_id FROM attempt WHERE outcome = 'succeeded'")}
    assert delivered == stored
    assert world.troubles() - troubles < TROUBLES_MAX


def test_it_is_restarted_in_order(world: World) -> None:
    with outage(world):
        world.cluster.restart()


def test_it_crashes_and_stays_away_for_a_while(world: World) -> None:
    with outage(world) as load:
        world.cluster.kill()
        world.wait_not_ready()
        load.wait_refused("store_unavailable")
        assert world.server.ask("GET", "/healthz").status == 200
        assert world.server.ask("GET", f"{world.tenant.path}/events").status == 503
        wait_until(lambda: "part=heartbeat" in world.server.log.read_text(), 20, "the heartbeat has missed it")
        world.cluster.start()


def test_it_ends_at_once_and_recovers(world: World) -> None:
    with outage(world):
        world.cluster.restart(immediate=True)


def test_all_sessions_are_ended_again_and_again(world: World) -> None:
    with outage(world) as load:
        for _ in range(5):
            world.end_sessions()
            load.wait_accepted(5)


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        (
            "ALTER DATABASE ringback CONNECTION LIMIT 0",
            "ALTER DATABASE ringback CONNECTION LIMIT -1",
            "The database takes no more connections.",
        ),
        (
            "ALTER DATABASE ringback SET default_transaction_read_only = on",
            "ALTER DATABASE ringback RESET default_transaction_read_only",
            "The database can only be read",
        ),
        ("ALTER ROLE app NOLOGIN", "ALTER ROLE app LOGIN", "The database doesn't let the server in"),
    ],
    ids=["no connection is left", "it can only be read", "the role may not log in"],
)
def test_it_takes_nothing_for_a_while(world: World, begin: str, end: str, said: str) -> None:
    with outage(world) as load:
        world.cluster.sql(begin)
        world.end_sessions()
        wait_until(lambda: any(said in text for text in world.obstacles()), 20, "/readyz says why")
        load.wait_refused("store_unavailable")
        logged = re.compile(rf" store_trouble part=\w+ code=store_unavailable reason=\"{said}")
        wait_until(lambda: logged.search(world.server.log.read_text()), 20, "the log says why")
        world.cluster.sql(end)
        world.end_sessions()


def test_its_disk_is_full_for_a_while(world: World) -> None:
    """As the server says it: whoever wants to write a row gets that error.

    The triggers are made before the load and stay: to drop one, PostgreSQL locks a partition before its table, the
    other way round than whoever writes. What they do is changed without a lock on any table.
    """
    world.sql(SPACE)
    for table in WRITTEN:
        world.sql(f"CREATE TRIGGER t BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION before_write()")
    with outage(world) as load:
        world.sql(NO_SPACE)
        try:
            wait_until(lambda: any("disk is full" in text for text in world.obstacles()), 20, "/readyz says so")
            load.wait_refused("store_unavailable")
        finally:
            world.sql(SPACE)


def test_somebody_holds_a_lock_on_what_everybody_writes(world: World) -> None:
    with outage(world), psycopg.connect(world.cluster.url("ringback")) as other:
        wait_until(lambda: all_locked(other), 20, "everything is locked at once")
        world.wait_not_ready()
        other.rollback()


def all_locked(other: "psycopg.Connection[Any]") -> bool:
    """Whether it got a lock on each of them. It never waits for one while it holds another, as a deadlock would ask."""
    try:
        other.execute(f"LOCK TABLE {', '.join(WRITTEN)} NOWAIT")
    except psycopg.errors.LockNotAvailable:
        other.rollback()
        return False
    return True


def test_a_server_that_is_stopped_while_it_is_away_stops(world: World, tmp_path: Path) -> None:
    """Also with lanes that it can't give up. They are another's as soon as it is back."""
    environment = {"RINGBACK_STORE": world.cluster.url("ringback", user="app"), "RINGBACK_MASTER_KEY": MASTER_KEY}
    with Server(tmp_path / "data", "--allow-private", environment=environment) as server:
        tenant = TestTenant(server, "stopped")
        tenant.endpoint(world.inbox.url())
        tenant.wait_state(tenant.send(), "delivered")
        world.cluster.kill()
        try:
            assert server.stop(20) == 0
        finally:
            world.cluster.start()
    assert " stopped " in server.log.read_text().splitlines()[-1]
