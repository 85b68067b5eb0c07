"""The SQLite store's lanes and nodes: who drains what, and who is alive.

Only one process can have the file open, so whoever registers knows all others dead and frees their lanes.
"""

from collections.abc import Sequence
from typing import Final

import apsw

from ringback.model.lane import LaneRow, NodeRow
from ringback.model.limits import FOREVER_MS
from ringback.model.notice import Notice
from ringback.store.port import Leaving, NotOwner
from ringback.store.queries import load
from ringback.store.sqlite.connection import SqlitePart, change, first, rows
from ringback.store.sqlite.json_lists import json_list
from ringback.store.sqlite.rules import insert_notices

_SQL: Final = load("sqlite")


class SqliteLanes(SqlitePart):
    """The writing half of `Lanes`."""

    def claim(self, node_id: str, now: int, limit: int) -> list[LaneRow]:
        with self._readers.snapshot() as connection:
            # Mostly nothing rings, and then nobody has to wait for the writer.
            if not _lanes_to_claim(connection, node_id, now, min(limit, 1)):
                return []
        with self._writer.transaction() as connection:
            found = _lanes_to_claim(connection, node_id, now, limit)
            ids = json_list([endpoint_id for _, endpoint_id, *_ in found])
            connection.execute(_SQL["own_lanes"], {"node_id": node_id, "endpoint_ids": ids})
        return [
            LaneRow(tenant_id, endpoint_id, due_at, not_before, node_id, health, freed_at)
            for tenant_id, endpoint_id, due_at, not_before, health, freed_at in found
        ]

    def ringing(self, node_id: str, now: int) -> list[str]:
        return [endpoint_id for (endpoint_id,) in self._read(_SQL["ringing_lanes"], {"node_id": node_id, "now": now})]

    def silence(self, node_id: str, endpoint_ids: Sequence[str]) -> None:
        bindings = {"node_id": node_id, "endpoint_ids": json_list(endpoint_ids)}
        # Mostly all are silent already, and looking doesn't wait for whoever writes. A bell that rings after the
        # look stays ringing, and is heard.
        if self._read(_SQL["not_silent_lanes"], bindings):
            with self._writer.transaction() as connection:
                connection.execute(_SQL["silence_lanes"], bindings)

    def release(self, node_id: str, lanes: Sequence[Leaving]) -> list[bool]:
        own = {"node_id": node_id, "forever": FOREVER_MS}
        with self._writer.transaction() as connection:
            return [change(connection, _SQL["release_lane"], leaving._asdict() | own) == 1 for leaving in lanes]

    def keep_health(self, node_id: str, endpoint_id: str, health: bytes, notices: Sequence[Notice]) -> bool:
        kept = {"node_id": node_id, "endpoint_id": endpoint_id, "health": health}
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["keep_health"], kept):
                return False
            insert_notices(connection, notices)
            return True

    def owned(self, node_id: str) -> list[str]:
        return [endpoint_id for (endpoint_id,) in self._read(_SQL["owned_lanes"], {"node_id": node_id})]

    def disown(self, node_id: str, endpoint_ids: Sequence[str], now: int) -> None:
        with self._writer.transaction() as connection:
            bindings = {"node_id": node_id, "endpoint_ids": json_list(endpoint_ids), "now": now}
            connection.execute(_SQL["free_lanes"], bindings)


class SqliteNodes(SqlitePart):
    """`Nodes`."""

    def register(self, node_id: str, now: int) -> None:
        with self._writer.transaction() as connection:
            # Before the others go: registering twice is a mistake, and changes nothing.
            connection.execute(_SQL["insert_node"], {"node_id": node_id})
            connection.execute(_SQL["delete_other_nodes"], {"node_id": node_id})
            connection.execute(_SQL["free_all_lanes"], {"now": now})

    def beat(self, node_id: str) -> bool:
        with self._writer.transaction() as connection:
            return change(connection, _SQL["beat_node"], {"node_id": node_id}) == 1

    def nodes(self) -> list[NodeRow]:
        return [NodeRow(*row) for row in self._read(_SQL["list_nodes"])]

    def spread(self) -> list[tuple[str, int]]:
        return self._read(_SQL["lanes_of_nodes"])

    def take_over(self, node_id: str, beat: int, now: int) -> bool:
        with self._writer.transaction() as connection:
            if not change(connection, _SQL["delete_silent_node"], {"node_id": node_id, "beat": beat}):
                return False
            connection.execute(_SQL["free_lanes_of_node"], {"node_id": node_id, "now": now})
            return True

    def leave(self, node_id: str, now: int) -> None:
        with self._writer.transaction() as connection:
            connection.execute(_SQL["delete_node"], {"node_id": node_id})
            connection.execute(_SQL["free_lanes_of_node"], {"node_id": node_id, "now": now})


def _lanes_to_claim(
    connection: apsw.Connection, node_id: str, now: int, limit: int
) -> list[tuple[str, str, int, int, bytes, int]]:
    if first(connection, _SQL["node_exists"], {"node_id": node_id}) is None:
        raise NotOwner(f"The node {node_id} has been taken over.")
    return rows(connection, _SQL["lanes_to_claim"], {"now": now, "limit": max(limit, 0)})
