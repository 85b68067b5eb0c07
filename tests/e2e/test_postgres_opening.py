"""Opening a PostgreSQL store: what is refused at once, what is waited for, and one clear line for each.

Most run in this process, by `ringback migrate`, which opens the store as `serve` does and waits for nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.model.errors import StartError, StoreRefused, StoreUnreachable
from ringback.setting import VARIABLE_PREFIX
from ringback.store.migrate import Migration, load_migrations
from ringback.store.port import StoreUnavailable
from ringback.store.postgres import database
from ringback.store.postgres.address import Address
from ringback.store.postgres.errors import meaning
from ringback.store.postgres.start_errors import start_errors
from support.pooler import Pooler
from support.postgres import Cluster
from support.process import Server, free_port, wait_until

MASTER_KEY = "A" * 43 + "="
PASSWORD = "not-to-be-seen"

Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Open the store; the exit code and the line of error, in which no password stands."""
    for name in [name for name in os.environ if name.startswith(VARIABLE_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RINGBACK_MASTER_KEY", MASTER_KEY)
    monkeypatch.chdir(tmp_path)

    def run(url: str) -> tuple[int, str]:
        monkeypatch.setenv("RINGBACK_STORE", url)
        code = main(["migrate"])
        printed = capsys.readouterr()
        assert PASSWORD not in printed.out + printed.err
        (line,) = printed.err.splitlines()
        return code, line

    return run


def with_password(url: str) -> str:
    return url.replace("@", f":{PASSWORD}@")


# ── refused at once ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_role_a_database_or_a_port_that_is_not_there_is_refused(postgres: Cluster, refused: Refused) -> None:
    for url, said in (
        (postgres.url(user="nobody"), 'role "nobody" does not exist'),
        (postgres.url("nowhere"), 'database "nowhere" does not exist'),
        ("postgresql://postgres@127.0.0.1:xx/postgres", 'The URL of the store is wrong: invalid integer value "xx"'),
    ):
        code, line = refused(with_password(url))
        assert code == ExitCode.STORE_REFUSED
        assert said in line
        assert line.endswith("[store_refused]")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"postgresql://ada:{PASSWORD}@host/db?own=1", "has the parameter own, which PostgreSQL doesn't know"),
        (f"postgresql://ada:{PASSWORD}@[::/db", "can't be read"),
    ],
)
def test_a_url_that_nobody_can_read_is_refused_without_being_shown(refused: Refused, url: str, said: str) -> None:
    code, line = refused(url)
    assert code == ExitCode.STORE_REFUSED
    assert said in line


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ('FATAL: password authentication failed for user "ada"', StoreRefused),
        ("failed to resolve host 'db': [Errno -2] Name or service not known", StoreUnreachable),
        ("failed to resolve host 'db': [Errno -3] Temporary failure in name resolution", StoreUnreachable),
        ("connection is bad: FATAL: the database system is starting up", StoreUnreachable),
        (
            'Multiple connection attempts failed: host "a": Connection refused; b: no password supplied',
            StoreUnreachable,
        ),
        ("SSL connection has been closed unexpectedly", StoreUnreachable),
        ('FATAL: too many connections for database "ringback"', StoreUnreachable),
        ('FATAL: too many connections for role "ada"', StoreUnreachable),
        ("FATAL: sorry, too many clients already", StoreUnreachable),
        ('server certificate for "db" does not match host name', StoreRefused),
    ],
)
def test_what_is_worth_waiting_for_is_told_from_what_is_not(reason: str, kind: type[StartError]) -> None:
    """While it connects libpq gives no code, only words."""
    with pytest.raises(kind), start_errors(Address("postgresql://ada@db/ringback")):
        raise psycopg.OperationalError(reason)


def test_each_of_several_hosts_has_its_say_once(refused: Refused) -> None:
    ports = free_port(), free_port()
    code, line = refused(with_password("postgresql://ada@{}/db".format(",".join(f"127.0.0.1:{n}" for n in ports))))
    assert code == ExitCode.STORE_UNREACHABLE
    assert line.count("Connection refused") == len(ports)
    assert [line.count(f"port {number} failed") for number in ports] == [1, 1]
    assert "All failures" not in line
    assert line.endswith("Is it running, and are host and port in the URL right? [store_unreachable]")


def test_a_database_whose_standby_is_away_is_waited_for(refused: Refused) -> None:
    """Else the first commit would hang, and nobody would know why."""
    with Cluster.made(durable=False) as cluster:
        url = cluster.create_database("db")
        cluster.set("synchronous_standby_names", "nobody")
        code, line = refused(with_password(url))
        assert code == ExitCode.STORE_UNREACHABLE
        assert "No synchronous standby is connected to the database: nothing can be committed until one is." in line
        assert cluster.sql("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", database="db") == []


def test_a_set_up_that_is_broken_off_leaves_nothing(empty_database: str) -> None:
    known = load_migrations("postgres")
    broken = [*known, Migration(len(known) + 1, "broken", "SELECT 1 / 0")]
    with pytest.raises(StartError):
        database.prepare(Address(empty_database), broken, migrate=False)
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT relname FROM pg_class WHERE relname = 'schema_version'").fetchall() == []
    assert database.prepare(Address(empty_database), known, migrate=False)
    assert not database.prepare(Address(empty_database), known, migrate=False)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ('FATAL:  role "ada" is not permitted to log in', "doesn't let the server in"),
        ('FATAL:  too many connections for database "ringback"', "takes no more connections"),
        ("SSL connection has been closed unexpectedly", "the connection to it broke"),
        ("consuming input failed: SSL SYSCALL error: EOF detected", "the connection to it broke"),
        ("the connection is closed", "the connection to it broke"),
    ],
)
def test_a_connection_that_broke_is_told_from_one_that_was_refused(reason: str, told: str) -> None:
    """While a server runs, as before: libpq has words alone."""
    found = meaning(psycopg.OperationalError(reason))
    assert isinstance(found, StoreUnavailable)
    assert told in found.detail


def test_a_role_that_may_not_make_tables_is_told_so(postgres: Cluster, empty_database: str, refused: Refused) -> None:
    name = empty_database.rpartition("/")[2]
    postgres.sql(f"CREATE ROLE poor_{name} LOGIN")
    postgres.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=name)
    try:
        code, line = refused(with_password(postgres.url(name, user=f"poor_{name}")))
    finally:
        postgres.sql(f"DROP ROLE poor_{name}")
    assert code == ExitCode.STORE_RIGHTS
    assert "permission denied for schema public" in line
    assert line.endswith("[store_rights]")


@pytest.fixture
def role(postgres: Cluster, empty_database: str) -> Iterator[str]:
    """A role that may do nothing; gone at the end. The database has the schema."""
    database.prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    name = empty_database.rpartition("/")[2]
    postgres.sql(f"CREATE ROLE role_{name} LOGIN")
    yield f"role_{name}"
    postgres.sql(f"DROP OWNED BY role_{name}; DROP ROLE role_{name}", database=name)


@pytest.mark.parametrize("rights", [None, "SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE, DELETE"])
def test_a_role_that_may_not_do_everything_with_the_tables_is_told_so(
    postgres: Cluster, empty_database: str, role: str, refused: Refused, rights: str | None
) -> None:
    """Even all rights won't do: a day is made by whoever owns the table."""
    name = empty_database.rpartition("/")[2]
    if rights is not None:
        postgres.sql(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role}", database=name)
    code, line = refused(with_password(postgres.url(name, user=role)))
    assert code == ExitCode.STORE_RIGHTS
    assert "Let it own the tables" in line
    assert line.endswith("[store_rights]")


def test_a_database_that_may_only_be_read_is_waited_for(
    postgres: Cluster, empty_database: str, refused: Refused
) -> None:
    """It may be so for a while, as where an operator has it so because its disk ran full."""
    name = empty_database.rpartition("/")[2]
    postgres.sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    code, line = refused(with_password(empty_database))
    assert code == ExitCode.STORE_UNREACHABLE
    assert "default_transaction_read_only is on" in line


def test_a_database_of_another_encoding_is_told_so(postgres: Cluster, refused: Refused) -> None:
    postgres.sql("CREATE DATABASE other_encoding TEMPLATE template0 ENCODING 'SQL_ASCII'")
    try:
        code, line = refused(with_password(postgres.url("other_encoding")))
    finally:
        postgres.drop_database("other_encoding")
    assert code == ExitCode.STORE_REFUSED
    assert "has the encoding SQL_ASCII" in line


def test_a_server_that_is_too_old_is_told_so(
    empty_database: str, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no server that old to be had: the oldest that will do is put into the future instead."""
    monkeypatch.setattr(database, "OLDEST_SERVER", 99)
    code, line = refused(with_password(empty_database))
    assert code == ExitCode.STORE_VERSION
    assert "99 and later" in line
    assert line.endswith("[store_version]")


def test_a_pooler_in_transaction_mode_is_told_so(postgres: Cluster, empty_database: str, refused: Refused) -> None:
    pooler = Pooler(postgres)
    try:
        code, line = refused(with_password(pooler.url(empty_database.rpartition("/")[2])))
    finally:
        pooler.close()
    assert code == ExitCode.STORE_POOLER
    assert line.endswith("[store_pooler]")


def test_another_programs_tables_are_left_alone(empty_database: str, refused: Refused) -> None:
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("CREATE TABLE event (id int)")
    code, line = refused(empty_database)
    assert code == ExitCode.STORE_CORRUPT
    assert "another program's tables (event)" in line


def test_a_newer_schema_is_refused(empty_database: str, refused: Refused) -> None:
    database.prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_version (number, name) VALUES (999, 'of the future')")
    code, line = refused(empty_database)
    assert code == ExitCode.STORE_NEWER
    assert "schema 999" in line


# ── waited for ─────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def serving(folder: Path, url: str, *flags: str) -> Iterator[Server]:
    server = Server(
        folder / "data", *flags, environment={"RINGBACK_STORE": url, "RINGBACK_MASTER_KEY": MASTER_KEY}
    ).start(wait=False)
    try:
        yield server
    finally:
        server.stop()


def lines(server: Server, name: str) -> list[str]:
    return [line for line in server.log.read_text().splitlines() if f" {name} " in line]


def test_a_start_waits_for_a_database_that_is_away_and_ends_on_sigterm(tmp_path: Path) -> None:
    url = f"postgresql://ada:{PASSWORD}@127.0.0.1:{free_port()}/ringback"
    with serving(tmp_path, url) as server:
        wait_until(lambda: lines(server, "waits_for_store"), 20, "it says that it waits")
        assert "can't be reached" in lines(server, "waits_for_store")[0]
        assert server.stop() == ExitCode.OK
    assert "stopped" in server.log.read_text().splitlines()[-1]
    assert PASSWORD not in server.log.read_text()
    assert not (tmp_path / "data").exists(), "nothing of it is kept on this machine"


def test_a_start_waits_for_an_older_schema_to_be_migrated_and_ends_on_sigterm(
    empty_database: str, tmp_path: Path
) -> None:
    database.prepare(Address(empty_database), load_migrations("postgres")[:-1], migrate=False)
    with serving(tmp_path, empty_database) as server:
        wait_until(lambda: lines(server, "waits_for_migration"), 20, "it says that it waits")
        assert "run `ringback migrate`" in lines(server, "waits_for_migration")[0]
        assert server.stop() == ExitCode.OK
