"""A real PgBouncer in transaction mode before a cluster of the tests: each transaction may get another session.

What belongs to a session (prepared statements, advisory locks, LISTEN, SET) is therefore not kept. It ends with the
tests, as a cluster does.
"""

from collections.abc import Sequence
from typing import Final, Self

import psycopg

from support.postgres import READY_WITHIN_S, Cluster
from support.postgres_programs import ENDS_WITHIN_S, Place, program
from support.process import free_port, wait_until

_SETTINGS: Final = """
[databases]
* = host=127.0.0.1 port={target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
auth_type = trust
auth_file = {users}
"""


class Pooler:
    """PgBouncer before `cluster`, running. `sessions` is how many it opens there for each database and user."""

    def __init__(self, cluster: Cluster, users: Sequence[str] = ("postgres",), sessions: int = 20) -> None:
        self.port = free_port()
        self._place = Place("pooler", ends_by="KILL")
        known = self._place.path / "users"
        known.write_text("".join(f'"{user}" ""\n' for user in users), encoding="utf-8")
        settings = self._place.path / "pgbouncer.ini"
        text = _SETTINGS.format(target=cluster.port, port=self.port, sessions=sessions, users=known)
        settings.write_text(text, encoding="utf-8")
        self.log = self._place.path / "log"
        self._process = self._place.start([program("pgbouncer"), str(settings)], self.log)
        try:
            wait_until(self._answers, READY_WITHIN_S, f"PgBouncer answers ({self.log})")
        except BaseException:
            self.close()
            raise

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        """End it; its clients are cut off. Again does nothing."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(ENDS_WITHIN_S)
            self._place.ended()
        self._place.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"PgBouncer ended:\n{self.log.read_text(encoding='utf-8')[-2000:]}")
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True
