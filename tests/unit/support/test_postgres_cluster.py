"""The tests' own PostgreSQL: it loses nothing when it is killed, has standbys, and ends with the tests."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from support.children import alive, wait_gone
from support.postgres import Cluster
from support.process import wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.made(in_memory=True) as made:
        made.sql("CREATE TABLE kept (number bigint)")
        yield made


def test_it_waits_for_the_disk_only_where_that_is_wanted(cluster: Cluster, postgres: Cluster) -> None:
    assert (cluster.sql("SHOW fsync"), postgres.sql("SHOW fsync")) == ([("on",)], [("off",)])
    assert cluster.sql("SELECT version()")[0][0].startswith("PostgreSQL ")


def test_what_was_committed_survives_a_kill(cluster: Cluster) -> None:
    with cluster.connect() as session:
        session.execute("INSERT INTO kept VALUES (1)")
        postmaster, backends = cluster.pid, cluster.backends()
        assert session.info.backend_pid in backends
        cluster.kill()
        assert not [pid for pid in (postmaster, *backends) if alive(pid)]
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    port = cluster.port
    cluster.start()
    assert (cluster.port, cluster.sql("SELECT number FROM kept WHERE number = 1")) == (port, [(1,)])


def test_a_synchronous_standby_has_what_was_committed_and_takes_over(cluster: Cluster) -> None:
    with cluster.standby("second", synchronous=True) as standby:
        cluster.sql("INSERT INTO kept VALUES (%s)", 2)
        cluster.kill()
        standby.promote()
        assert standby.sql("SELECT number FROM kept WHERE number = 2") == [(2,)]
        standby.sql("INSERT INTO kept VALUES (3)")
        assert standby.sql("SHOW synchronous_standby_names") == [("",)]
    cluster.start()
    cluster.set("synchronous_standby_names", "")
    assert cluster.sql("SELECT count(*) FROM kept WHERE number = 3") == [(0,)]


def test_an_empty_database_is_made_and_dropped(postgres: Cluster) -> None:
    with postgres.empty_database() as url:
        name = url.rpartition("/")[2]
        with psycopg.connect(url) as session:
            assert session.execute("SHOW server_encoding").fetchall() == [("UTF8",)]
            postgres.sql("CREATE TABLE only_here (number bigint)", database=name)
    assert postgres.sql("SELECT count(*) FROM pg_database WHERE datname = %s", name) == [(0,)]


def test_a_database_is_made_as_another_is(postgres: Cluster) -> None:
    with postgres.empty_database() as url:
        template = url.rpartition("/")[2]
        postgres.sql("CREATE TABLE copied (number bigint)", database=template)
        with postgres.empty_database(template) as copy, psycopg.connect(copy) as session:
            assert session.execute("SELECT count(*) FROM copied").fetchall() == [(0,)]


_KILLED = """
from support.postgres import Cluster
made = Cluster.made(durable=False, in_memory=True)
print(made.pid, made.data, flush=True)
input()
"""


def test_it_ends_when_the_tests_are_killed() -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", _KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT / "tests",
    )
    with tests:
        assert tests.stdout is not None
        pid, data = tests.stdout.readline().split()
        assert alive(int(pid))
        tests.send_signal(signal.SIGKILL)
    wait_gone(int(pid), "the postmaster")
    wait_until(lambda: not Path(data).parent.exists(), 15, "its files are gone")
