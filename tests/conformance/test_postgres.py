"""The PostgreSQL store passes every suite, those for durable and for shared stores too."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from conformance.backend import DurableBackend
from conformance.every_store import *  # noqa: F403
from conformance.suite_clock import TestManyClocks  # noqa: F401
from conformance.suite_durability import TestDurability  # noqa: F401
from conformance.suite_intake import TestConcurrentIntake  # noqa: F401
from conformance.suite_nodes import TestSharedNodes  # noqa: F401
from conformance.suite_numbers import TestConcurrentNumbers  # noqa: F401
from conformance.suite_records import TestConcurrentRecords  # noqa: F401
from ringback.model.notice import Notice
from ringback.store.port import Store
from ringback.store.postgres.store import PostgresStore
from support.postgres import Cluster
from support.sealing import SEALER


class PostgresBackend:
    sole = False

    def __init__(self, cluster: Cluster, template: str, stack: ExitStack) -> None:
        self._cluster = cluster
        self._template = template
        self._stack = stack

    def open(self) -> Store:
        self._url = self._stack.enter_context(self._cluster.empty_database(self._template))
        return self._opened()

    def reopen(self, store: Store) -> Store:
        store.close()
        return self._opened()

    def drop_lane(self, store: Store, endpoint_id: str) -> None:
        self._cluster.sql("DELETE FROM lane WHERE endpoint_id = %s", endpoint_id, database=self._name)

    def drop_node(self, store: Store, node_id: str) -> None:
        self._cluster.sql("DELETE FROM node WHERE id = %s", node_id, database=self._name)

    def write_notice(self, store: Store, notice: Notice) -> None:
        insert = f"INSERT INTO notice ({', '.join(notice._fields)}) VALUES (%s, %s, %s, %s, %s, %s)"
        self._cluster.sql(insert, *notice, database=self._name)

    def _opened(self) -> Store:
        return PostgresStore.open(self._url, sealer_for=lambda needed: SEALER)

    @property
    def _name(self) -> str:
        return self._url.rpartition("/")[2]


@pytest.fixture
def backend(postgres: Cluster, template: str) -> Iterator[DurableBackend]:
    with ExitStack() as stack:
        yield PostgresBackend(postgres, template, stack)
