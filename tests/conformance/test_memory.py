"""The memory store passes every suite but the durable one, alone and shared."""

import pytest

from conformance.backend import Backend
from conformance.every_store import *  # noqa: F403
from conformance.suite_clock import TestBringingForward  # noqa: F401
from conformance.suite_intake import TestConcurrentIntake  # noqa: F401
from conformance.suite_nodes import TestSoleNodes  # noqa: F401
from conformance.suite_numbers import TestConcurrentNumbers  # noqa: F401
from conformance.suite_records import TestConcurrentRecords  # noqa: F401
from ringback.model.notice import Notice
from ringback.store.memory import MemoryStore
from ringback.store.port import Store


class MemoryBackend:
    sole = True

    def open(self) -> Store:
        return MemoryStore(self.sole)

    def drop_lane(self, store: Store, endpoint_id: str) -> None:
        assert isinstance(store, MemoryStore)
        del store._tables.lanes[endpoint_id]

    def drop_node(self, store: Store, node_id: str) -> None:
        assert isinstance(store, MemoryStore)
        del store._tables.nodes[node_id]

    def write_notice(self, store: Store, notice: Notice) -> None:
        assert isinstance(store, MemoryStore)
        store._tables.notices[notice.tenant_id, notice.id] = notice


@pytest.fixture
def backend() -> Backend:
    return MemoryBackend()
