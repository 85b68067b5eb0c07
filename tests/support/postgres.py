"""A real PostgreSQL cluster for tests: in a temporary directory, on a free port of the loopback.

It trusts everybody who comes over the loopback. It is killed, restarted, copied to standbys and promoted as a test
says, and it ends with the tests, also when they are killed.
"""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, Self

import psycopg
from psycopg import sql

from support.children import alive, children_of, end, wait_gone
from support.postgres_programs import ENDS_WITHIN_S, Place, as_account, program, run
from support.process import free_port, wait_until

READY_WITHIN_S: Final = 30.0
_TRIES: Final = 3
_SETTINGS: Final = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 32MB
max_wal_size = 256MB
wal_level = replica
wal_keep_size = 64MB
wal_retrieve_retry_interval = 100ms
autovacuum = on
dynamic_shared_memory_type = mmap
timezone = UTC
log_timezone = UTC
log_line_prefix = '%m [%p] %a %d '
"""
_NOT_DURABLE: Final = """
fsync = off
full_page_writes = off
"""
_names = count(1)


class Cluster:
    """One PostgreSQL server and its files, by `made` or by another's `standby`; `close` ends it and removes them."""

    def __init__(self, name: str, in_memory: bool = False) -> None:
        """An empty place for one; `name` is what a primary knows a standby by."""
        self.name = name
        self.port = free_port()
        self._place = Place(f"postgres-{name}", in_memory=in_memory)
        self._in_memory = in_memory
        self.data = self._place.path / "data"
        self.log = self._place.path / "log"
        self._sockets = self._place.make("sockets")
        self._postmaster: subprocess.Popen[bytes] | None = None

    @classmethod
    def made(cls, durable: bool = True, in_memory: bool = False) -> Self:
        """A new one, running. Without `durable` it doesn't wait for its disk.

        `in_memory` puts it and its standbys into memory, if there is room: what is killed loses nothing there either.
        """
        cluster = cls(f"n{next(_names)}", in_memory)
        try:
            run(
                "initdb", "--pgdata", str(cluster.data), "--username", "postgres", "--auth", "trust",
                "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions",
            )  # fmt: skip
            with (cluster.data / "postgresql.conf").open("a", encoding="utf-8") as settings:
                settings.write(_SETTINGS + ("" if durable else _NOT_DURABLE))
            cluster.start()
        except BaseException:
            cluster.close()
            raise
        return cluster

    @property
    def pid(self) -> int:
        """The postmaster's."""
        assert self._postmaster is not None
        return self._postmaster.pid

    @property
    def running(self) -> bool:
        return self._postmaster is not None and self._postmaster.poll() is None

    def start(self) -> Self:
        """Start it and wait until it answers. A first start takes another port when somebody was faster."""
        tries = 1 if self.log.exists() else _TRIES
        for left in reversed(range(tries)):
            command = [program("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self._sockets)]
            self._postmaster = self._place.start([*command, "-c", f"cluster_name={self.name}"], self.log)
            wait_until(lambda: not self.running or self.answers(), READY_WITHIN_S, f"PostgreSQL answers ({self.log})")
            if self.running:
                break
            self._ended()
            said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            if not left or "could not create any TCP/IP sockets" not in said:
                raise AssertionError(f"PostgreSQL ended:\n{said}")
            self.port = free_port()
        return self

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, immediate: bool = False) -> None:
        """End it and wait: fast, which ends all sessions in order, or at once, as in a crash. Again does nothing."""
        if self._postmaster is None:
            return
        self._postmaster.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self._postmaster.send_signal(signal.SIGCONT)
        try:
            self._postmaster.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._ended()

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its processes, as if the machine had gone; waits until they are gone."""
        assert self._postmaster is not None
        # Stopped first, so that it starts nobody while its children are counted.
        self._postmaster.send_signal(signal.SIGSTOP)
        children = children_of(self.pid)
        self._postmaster.kill()
        for child in children:
            end(child)
        self._postmaster.wait(ENDS_WITHIN_S)
        for child in children:
            wait_gone(child, f"PostgreSQL's process {child}")
        self._ended()

    def restart(self, immediate: bool = False) -> None:
        self.stop(immediate)
        self.start()

    def close(self) -> None:
        """End it and remove its files. Again does nothing."""
        try:
            if self.running:
                self.stop(immediate=True)
            self._release_memory()
        finally:
            self._place.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", **parameters: Any) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection of its own, in autocommit; the caller closes it."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5, **parameters)

    def sql(self, text: str, *values: Any, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement (`%s` for values); its rows, if it has any. Several statements go without values."""
        with self.connect(database) as connection:
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str, template: str = "template0") -> str:
        """A database as the template is (to which nobody may be connected); its URL."""
        with self.connect() as connection:
            # Since 15, where the other way is the default and slower for files in memory.
            strategy = "STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
            text = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' " + strategy)
            connection.execute(text.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop it; whoever is connected to it is thrown out."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def empty_database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a database that is as the template within the block, and dropped after it."""
        name = f"db{next(_names)}"
        yield self.create_database(name, template)
        self.drop_database(name)

    def set(self, name: str, value: str) -> None:
        """Change a setting of the server and wait until it holds (those that need no restart)."""
        with self.connect() as connection:
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        before = self._settings_read_at()
        self.sql("SELECT pg_reload_conf()")
        wait_until(lambda: self._settings_read_at() != before, READY_WITHIN_S, f"{name} = {value} holds")

    def standby(self, name: str, synchronous: bool) -> "Cluster":
        """A copy that follows this one, streaming. If synchronous, commits here wait for it from now on."""
        other = Cluster(name, self._in_memory)
        try:
            source = f"host=127.0.0.1 port={self.port} user=postgres application_name={name}"
            run(
                "pg_basebackup", "--dbname", source, "--pgdata", str(other.data), "--write-recovery-conf",
                "--wal-method", "stream", "--checkpoint", "fast", "--no-sync",
            )  # fmt: skip
            with (other.data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
                # Its own: once promoted it must not wait for those that follow this one.
                settings.write("synchronous_standby_names = ''\n")
            other.start()
            self.wait_streaming(name)
            if synchronous:
                self.set("synchronous_standby_names", f'FIRST 1 ("{name}")')
                self.wait_streaming(name, "sync")
                # It is the checkpointer that makes commits wait, and it looks at its settings before a checkpoint.
                self.sql("CHECKPOINT")
        except BaseException:
            other.close()
            raise
        return other

    def wait_streaming(self, name: str, *states: str) -> None:
        """Wait until that standby streams, and is `sync` or `async` if told."""
        query = "SELECT sync_state FROM pg_stat_replication WHERE application_name = %s AND state = 'streaming'"

        def streams() -> bool:
            rows = self.sql(query, name)
            return bool(rows) and (not states or rows[0][0] in states)

        wait_until(streams, READY_WITHIN_S, f"{name} streams {states}")

    def promote(self) -> None:
        """Make a standby a primary and wait until it takes writes."""
        assert self.sql("SELECT pg_promote(true, 30)") == [(True,)], f"{self.name} was not promoted ({self.log})"

    def backends(self) -> Sequence[int]:
        """The processes that the postmaster has now, its own helpers too."""
        return children_of(self.pid)

    def _settings_read_at(self) -> Any:
        """When the postmaster read them, which a new session has from it."""
        return self.sql("SELECT pg_conf_load_time()")

    def _ended(self) -> None:
        self._postmaster = None
        self._place.ended()

    def _release_memory(self) -> None:
        """Give back the piece of System V memory that a killed postmaster leaves behind and only a start would find."""
        left = self.data / "postmaster.pid"
        lines = left.read_text(encoding="utf-8").splitlines() if left.exists() else []
        if len(lines) > 6 and not alive(int(lines[0])):
            subprocess.run(["ipcrm", "-m", lines[6].split()[1]], check=False, stderr=subprocess.DEVNULL, **as_account())
