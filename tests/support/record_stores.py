"""Servers for tests of records, on either store: started on something empty, and stopped."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from support.postgres import Cluster
from support.process import Server

STORES: Final = ("sqlite", "postgres")
_MASTER_KEY: Final = "A" * 43 + "="


@contextmanager
def server_on(store: str, folder: Path) -> Iterator[Server]:
    """One server. With PostgreSQL on a cluster of its own, that doesn't wait for its disk."""
    if store == "sqlite":
        with Server(folder / "data", "--allow-private") as server:
            yield server
        return
    with Cluster.made(durable=False, in_memory=True) as cluster, servers_on_postgres(cluster, folder, 1) as servers:
        yield servers[0]


@contextmanager
def servers_on_postgres(cluster: Cluster, folder: Path, count: int) -> Iterator[list[Server]]:
    """So many that share one database, each of which does everything."""
    with cluster.empty_database() as url, ExitStack() as running:
        flags = ("--allow-private", "--store", url)
        yield [
            running.enter_context(
                Server(folder / f"data{number}", *flags, environment={"RINGBACK_MASTER_KEY": _MASTER_KEY})
            )
            for number in range(count)
        ]
