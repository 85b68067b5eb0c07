"""The SQLite store passes every suite, the durable one too."""

from itertools import count
from pathlib import Path

import apsw
import pytest

from conformance.backend import DurableBackend
from conformance.every_store import *  # noqa: F403
from conformance.suite_clock import TestBringingForward  # noqa: F401
from conformance.suite_durability import TestDurability  # noqa: F401
from conformance.suite_nodes import TestSoleNodes  # noqa: F401
from ringback.model.notice import Notice
from ringback.store.port import Store
from ringback.store.sqlite import SqliteStore
from support.sealing import SEALER

INSERT_NOTICE = f"INSERT INTO notice ({', '.join(Notice._fields)}) VALUES (?, ?, ?, ?, ?, ?)"


class SqliteBackend:
    sole = True

    def __init__(self, directory: Path) -> None:
        self._paths = (directory / f"store-{number}.db" for number in count(1))

    def open(self) -> Store:
        self._path = next(self._paths)
        return SqliteStore.open(self._path, sealer_for=lambda needed: SEALER)

    def reopen(self, store: Store) -> Store:
        store.close()
        return SqliteStore.open(self._path, sealer_for=lambda needed: SEALER)

    def drop_lane(self, store: Store, endpoint_id: str) -> None:
        apsw.Connection(str(self._path)).execute("DELETE FROM lane WHERE endpoint_id = ?", (endpoint_id,))

    def drop_node(self, store: Store, node_id: str) -> None:
        apsw.Connection(str(self._path)).execute("DELETE FROM node WHERE id = ?", (node_id,))

    def write_notice(self, store: Store, notice: Notice) -> None:
        apsw.Connection(str(self._path)).execute(INSERT_NOTICE, notice)


@pytest.fixture
def backend(tmp_path: Path) -> DurableBackend:
    return SqliteBackend(tmp_path)
