"""Connections that break, hang, or lose the answer to a commit."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from ringback.model.limits import LEASE_S
from ringback.store.port import CommitInDoubt, Retryable, StoreUnavailable
from ringback.store.postgres import hanging
from ringback.store.postgres.address import Address
from ringback.store.postgres.connection import ORDINARY_MAX, Connections, Database
from ringback.store.postgres.hanging import Watch, break_off
from ringback.store.postgres.session import Session
from support.postgres import Cluster
from support.postgres_ground import opened
from support.process import wait_until
from support.tcp_proxy import TcpProxy

COUNT = "SELECT count FROM commit_check"
ADD = "UPDATE commit_check SET count = count + 1"


@pytest.fixture
def database(ready_database: str) -> Iterator[Database]:
    with opened(ready_database) as database:
        yield database


def count(database: Database) -> int:
    with database.reading() as session:
        (found,) = session.first(COUNT)
    return int(found)


def backend(session: Session) -> int:
    (pid,) = session.first("SELECT pg_backend_pid()")
    return int(pid)


class TestBroken:
    def test_a_block_that_raises_changes_nothing_and_the_session_goes_on(self, database: Database) -> None:
        def change_and_fail() -> None:
            with database.writing() as session:
                session.change(ADD)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            change_and_fail()
        assert count(database) == 0

    def test_a_statement_that_fails_leaves_nothing_behind(self, database: Database) -> None:
        def change_and_fail() -> None:
            with database.writing() as session:
                session.change(ADD)
                session.rows("SELECT pg_sleep(0) FROM no_such_table")

        with pytest.raises(StoreUnavailable):
            change_and_fail()
        with database.writing() as session:
            session.change(ADD)
        assert count(database) == 1

    def test_connections_that_the_server_ended_while_they_were_idle_are_opened_anew(
        self, database: Database, postgres: Cluster
    ) -> None:
        with database.reading() as one, database.reading() as two:
            pids = {backend(one), backend(two)}
        for pid in pids:
            postgres.sql("SELECT pg_terminate_backend(%s)", pid)
        wait_until(lambda: not pids & set(postgres.backends()), 10, "the backends are gone")
        with database.reading() as one, database.reading() as two:
            assert not {backend(one), backend(two)} & pids

    def test_one_that_breaks_in_use_is_told_once(self, database: Database, postgres: Cluster) -> None:
        def use() -> None:
            with database.reading() as session:
                postgres.sql("SELECT pg_terminate_backend(%s)", backend(session))
                for _ in range(1_000):
                    session.rows("SELECT 1")

        with pytest.raises(StoreUnavailable):
            use()
        assert count(database) == 0

    def test_more_than_there_are_wait_for_their_turn(self, database: Database) -> None:
        turns = threading.Barrier(ORDINARY_MAX)

        def use(place: int) -> int:
            with database.reading() as session:
                if place < ORDINARY_MAX:
                    turns.wait(10)
                return backend(session)

        with ThreadPoolExecutor(3 * ORDINARY_MAX) as threads:
            assert len(set(threads.map(use, range(3 * ORDINARY_MAX)))) == ORDINARY_MAX

    def test_who_waits_too_long_is_told(self, ready_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ringback.store.postgres.connection.WAIT_FOR_ONE_S", 0.05)
        few = Connections(Address(ready_database).connect, 1, Watch())
        with few.session(), pytest.raises(StoreUnavailable, match="in use"), few.session():
            pass
        few.close()
        with pytest.raises(StoreUnavailable, match="closed"), few.session():
            pass


class TestHanging:
    def test_a_connection_that_gets_no_answer_is_broken_off(
        self, ready_database: str, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(hanging, "STATEMENTS_S_MAX", 0)
        with TcpProxy(postgres.port) as proxy:
            behind = ready_database.replace(str(postgres.port), str(proxy.port))
            with opened(behind) as database:
                with database.reading() as session:
                    session.rows("SELECT 1")
                proxy.hold()
                with pytest.raises(StoreUnavailable), database.reading() as session:
                    session.rows("SELECT 2")
                proxy.let_pass()
                assert count(database) == 0

    def test_it_goes_on_after_one_that_was_broken_off_and_is_still_in_use(
        self, ready_database: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever settles a doubt takes its time over a connection that is dead already."""
        monkeypatch.setattr(hanging, "STATEMENTS_S_MAX", 0)
        with opened(ready_database) as database, database._ordinary.session() as session:
            session.close()
            seconds = database._watch.seconds
            wait_until(lambda: database._watch.seconds >= seconds + 3, 20, "it counts on")

    def test_what_is_done_in_time_is_left_alone(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hanging, "STATEMENTS_S_MAX", 2)
        with database.reading() as session:
            session.rows("SELECT pg_sleep(1)")
            pid = backend(session)
        with database.reading() as session:
            assert backend(session) == pid


class TestDoubt:
    """The line breaks after the COMMIT went out and before its answer came."""

    @staticmethod
    @contextmanager
    def behind_a_proxy(url: str, cluster: Cluster) -> Iterator[tuple[Database, TcpProxy]]:
        with (
            TcpProxy(cluster.port) as proxy,
            opened(url.replace(str(cluster.port), str(proxy.port))) as database,
        ):
            yield database, proxy

    def test_what_was_committed_counts(self, ready_database: str, postgres: Cluster) -> None:
        name = ready_database.rpartition("/")[2]

        def break_the_line_after_the_commit() -> None:
            wait_until(lambda: postgres.sql(COUNT, database=name) == [(1,)], 10, "the server has committed")
            proxy.reset()
            proxy.let_pass()

        with self.behind_a_proxy(ready_database, postgres) as (database, proxy), ThreadPoolExecutor(1) as other_thread:
            with database.writing() as session:
                session.change(ADD)
                proxy.hold("down")
                broken = other_thread.submit(break_the_line_after_the_commit)
            broken.result(30)
            # Once by the transaction, once by the commit that proves that the first is safe.
            assert count(database) == 2

    def test_what_never_arrived_may_be_tried_again(self, ready_database: str, postgres: Cluster) -> None:
        def add() -> None:
            with database.writing() as session:
                session.change(ADD)
                proxy.reset()

        with self.behind_a_proxy(ready_database, postgres) as (database, proxy):
            with pytest.raises(Retryable):
                add()
            assert count(database) == 0

    def test_a_server_that_is_another_one_now_can_not_tell(self, ready_database: str, postgres: Cluster) -> None:
        def add() -> None:
            with database.writing() as session:
                session.change(ADD)
                session.server = "the one that died"
                proxy.reset()

        with self.behind_a_proxy(ready_database, postgres) as (database, proxy), pytest.raises(CommitInDoubt):
            add()


def test_what_a_process_that_is_cut_off_has_locked_is_free_before_its_lanes_are_others(database: Database) -> None:
    with database.reading() as session:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            (limit_ms,) = session.first("SELECT setting::bigint FROM pg_settings WHERE name = %(name)s", {"name": name})
            assert 0 < limit_ms < 1000 * LEASE_S


@pytest.fixture(scope="module")
def lonely() -> Iterator[Cluster]:
    with Cluster.made(durable=False) as cluster:
        yield cluster


class TestStandby:
    """A primary that waits for a standby that isn't there."""

    @pytest.fixture
    def waiting(self, lonely: Cluster) -> Iterator[tuple[Cluster, TcpProxy, Database]]:
        with (
            lonely.empty_database() as url,
            TcpProxy(lonely.port) as proxy,
            opened(url.replace(str(lonely.port), str(proxy.port))) as database,
        ):
            with database.writing() as session:
                session.change(ADD)
            lonely.set("synchronous_standby_names", "nobody")
            yield lonely, proxy, database
            lonely.set("synchronous_standby_names", "")

    @staticmethod
    def who_waits(cluster: Cluster) -> int:
        def asked() -> int | None:
            found = cluster.sql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            return int(found[0][0]) if found else None

        return int(wait_until(asked, 10, "a commit waits for the standby"))

    def test_a_commit_that_gave_up_waiting_for_the_standby_does_not_count(
        self, waiting: tuple[Cluster, TcpProxy, Database]
    ) -> None:
        cluster, _, database = waiting

        def add() -> None:
            with database.writing() as session:
                session.change(ADD)

        with ThreadPoolExecutor(1) as another_thread:
            added = another_thread.submit(add)
            cluster.sql("SELECT pg_cancel_backend(%s)", self.who_waits(cluster))
            with pytest.raises(StoreUnavailable, match="standby"):
                added.result(30)

    def test_a_lost_answer_counts_only_when_the_standby_has_it(
        self, waiting: tuple[Cluster, TcpProxy, Database]
    ) -> None:
        cluster, proxy, database = waiting

        def add() -> None:
            with database.writing() as session:
                session.change(ADD)

        with ThreadPoolExecutor(1) as another_thread:
            added = another_thread.submit(add)
            pid = self.who_waits(cluster)
            proxy.reset()
            # The server commits by itself and ends the backend; what asks about it waits for the standby in its turn.
            cluster.sql("SELECT pg_terminate_backend(%s)", pid)
            wait_until(lambda: self.who_waits(cluster) != pid, 10, "the one that asks waits")
            assert not added.done()
            cluster.set("synchronous_standby_names", "")
            added.result(30)
        assert count(database) == 3


def test_breaking_off_a_session_whose_connection_is_closed_already_does_nothing(ready_database: str) -> None:
    with opened(ready_database) as database, database.reading() as session:
        break_off(session.connection)
        break_off(session.connection)
        session.close()
        break_off(session.connection)
