"""Real processes on a PostgreSQL database that won't do, is not there yet, or is just being set up or migrated."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from ringback.cli.exits import ExitCode
from ringback.store.migrate import Migration, load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import prepare
from support.command import Ended, ringback
from support.fake_postgres import fake_postgres
from support.inbox import Inbox
from support.load import load_on
from support.postgres import Cluster
from support.process import Server, wait_until
from support.tenant import TestTenant

MASTER_KEY = "A" * 43 + "="
PASSWORD = "not-to-be-seen"


def run(command: str, url: str, *flags: str) -> Ended:
    """The real command, expected to end by itself."""
    variables = {"RINGBACK_MASTER_KEY": MASTER_KEY, "RINGBACK_STORE": url.replace("@", f":{PASSWORD}@", 1)}
    return ringback(command, *flags, variables=variables)


def assert_refused(ended: Ended, exit_code: int, *words: str) -> None:
    """One clear line, the documented exit code, and no password."""
    assert ended.code == exit_code, ended
    (line,) = ended.err.splitlines()
    for word in words:
        assert word in line
    assert "Traceback" not in ended.err
    assert PASSWORD not in ended.out + ended.err


def server_on(stack: ExitStack, folder: Path, url: str, *flags: str) -> Server:
    """Started, and not waited for; stopped at the end."""
    environment = {"RINGBACK_STORE": url, "RINGBACK_MASTER_KEY": MASTER_KEY}
    server = Server(folder, "--allow-private", *flags, environment=environment).start(wait=False)
    stack.callback(server.stop)
    return server


@pytest.fixture
def stack(empty_database: str) -> Iterator[ExitStack]:
    """Ended while the database is still there."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def ready(empty_database: str) -> str:
    """A database with the schema."""
    prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    return empty_database


@pytest.fixture
def role(postgres: Cluster, empty_database: str) -> Iterator[str]:
    """A role that may do nothing; gone at the end."""
    name = f"role_{empty_database.rpartition('/')[2]}"
    postgres.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'another'")
    yield name
    postgres.sql(f"DROP OWNED BY {name}; DROP ROLE {name}", database=empty_database.rpartition("/")[2])


# ── refused ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_is_too_old_is_one_clear_line() -> None:
    with fake_postgres("13.22") as old:
        url = f"postgresql://ada@127.0.0.1:{old.port}/ringback"
        assert_refused(run("serve", url), ExitCode.STORE_VERSION, "PostgreSQL 13", "14 and later")


def test_a_wrong_password_is_one_clear_line(postgres: Cluster, role: str) -> None:
    access = postgres.data / "pg_hba.conf"
    before = access.read_text()
    access.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n{before}")
    postgres.sql("SELECT pg_reload_conf()")
    try:
        url = postgres.url(user=role)

        def refused() -> bool:
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url, password=PASSWORD).close()
            return True

        wait_until(refused, 10, "the password counts")
        assert_refused(run("serve", url), ExitCode.STORE_REFUSED, "password authentication failed", role)
    finally:
        access.write_text(before)
        postgres.sql("SELECT pg_reload_conf()")


# ── set up and migrated ────────────────────────────────────────────────────────────────────────────────────────


def test_two_that_start_at_once_set_it_up_once_and_both_come_up(
    stack: ExitStack, empty_database: str, tmp_path: Path
) -> None:
    first, second = (server_on(stack, tmp_path / name, empty_database) for name in ("first", "second"))
    inbox = stack.enter_context(Inbox())
    for server in (first, second):
        server.wait_ready()
        assert "waits_for" not in server.log.read_text()
    tenant = TestTenant(first, "t")
    tenant.endpoint(inbox.url())
    with psycopg.connect(empty_database) as connection:
        numbers = connection.execute("SELECT number FROM schema_version ORDER BY number").fetchall()
    assert [number for (number,) in numbers] == [migration.number for migration in load_migrations("postgres")]
    accepted = second.make(f"{tenant.path}/events", {"type": "thing.happened", "data": 1})
    tenant.wait_state(accepted["id"], "delivered")


def test_one_waits_until_an_older_schema_is_migrated(stack: ExitStack, empty_database: str, tmp_path: Path) -> None:
    prepare(Address(empty_database), load_migrations("postgres")[:-1], migrate=False)
    waiting = server_on(stack, tmp_path / "waiting", empty_database)
    wait_until(lambda: " waits_for_migration " in waiting.log.read_text(), 60, "it says that it waits")
    assert run("migrate", empty_database).code == ExitCode.OK
    waiting.wait_ready()


def test_one_that_is_told_to_migrates_by_itself(stack: ExitStack, empty_database: str, tmp_path: Path) -> None:
    prepare(Address(empty_database), load_migrations("postgres")[:-1], migrate=False)
    server_on(stack, tmp_path / "migrating", empty_database, "--migrate").wait_ready()


def test_older_processes_go_on_while_it_is_migrated(stack: ExitStack, ready: str, tmp_path: Path) -> None:
    """What a migration of the future does: it expands."""
    server = server_on(stack, tmp_path / "older", ready)
    inbox = stack.enter_context(Inbox())
    server.wait_ready()
    tenant = TestTenant(server, "t")
    tenant.endpoint(inbox.url())
    script = "ALTER TABLE event ADD COLUMN IF NOT EXISTS of_the_future bigint; CREATE TABLE of_the_future (id bigint);"
    migrations = load_migrations("postgres")
    with load_on(tenant) as load:
        load.wait_accepted(20)
        prepare(Address(ready), [*migrations, Migration(len(migrations) + 1, "future", script)], migrate=True)
        load.wait_accepted(20)
    assert not load.refused
    inbox.wait_for(len(load.accepted))
    assert_refused(run("migrate", ready), ExitCode.STORE_NEWER, "newer")
