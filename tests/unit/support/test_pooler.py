"""The tests' own pooler: transactions pass, and what belongs to a session is lost between them."""

from collections.abc import Iterator

import psycopg
import pytest

from support.pooler import Pooler
from support.postgres import Cluster


@pytest.fixture(scope="module")
def pooler(postgres: Cluster) -> Iterator[Pooler]:
    with Pooler(postgres, sessions=2) as made:
        yield made


def session_of(client: "psycopg.Connection[tuple[object, ...]]") -> object:
    return client.execute("SELECT pg_backend_pid()", prepare=False).fetchall()[0][0]


def test_one_client_gets_another_session_for_its_next_transaction(pooler: Pooler) -> None:
    with psycopg.connect(pooler.url()) as one, psycopg.connect(pooler.url()) as two:
        first = session_of(one)
        one.commit()
        assert session_of(two) == first
        assert session_of(one) != first


def test_a_database_of_the_cluster_is_reached_by_its_name(pooler: Pooler, postgres: Cluster) -> None:
    with postgres.empty_database() as url:
        name = url.rpartition("/")[2]
        with psycopg.connect(pooler.url(name)) as client:
            assert client.execute("SELECT current_database()").fetchall() == [(name,)]


def test_closing_cuts_its_clients_off(postgres: Cluster) -> None:
    pooler = Pooler(postgres)
    with psycopg.connect(pooler.url()) as client:
        client.execute("SELECT 1")
        pooler.close()
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    pooler.close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(pooler.url())
