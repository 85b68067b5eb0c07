"""The memory store after the wall clock was set back: what the old clock had put off is brought forward."""

from ringback.model.limits import FOREVER_MS
from ringback.store.memory.tables import MemoryPart, MemoryTables
from ringback.store.port import Place


class MemoryClock(MemoryPart):
    """A part of `Settlements`."""

    def bring_forward_step(self, by_ms: int, place: Place, limit: int) -> Place | None:
        with self._tables as tables:
            if not tables.sole and len(tables.nodes) > 1:
                return None
            if place.endpoint_id is None:
                return _retries(tables, by_ms, place.seq, limit)
            return _lanes(tables, by_ms, place.endpoint_id, limit)


def _retries(tables: MemoryTables, by_ms: int, after: int, limit: int) -> Place:
    tried = sorted((row for row in tables.deliveries() if row.attempts and row.seq > after), key=lambda row: row.seq)
    for row in tried[:limit]:
        tables.queues[row.tenant_id, row.endpoint_id][row.seq] = row._replace(due_at=row.due_at - by_ms)
    return Place(tried[limit - 1].seq, None) if len(tried) > limit else Place(0, "")


def _lanes(tables: MemoryTables, by_ms: int, after: str, limit: int) -> Place | None:
    names = sorted(name for name in tables.lanes if name > after)
    for name in names[:limit]:
        lane = tables.lanes[name]
        if lane.not_before < FOREVER_MS:
            not_before = max(0, lane.not_before - by_ms)
            due_at = None if lane.due_at is None else max(lane.due_at - by_ms, not_before)
            tables.lanes[name] = lane._replace(not_before=not_before, due_at=due_at)
    return Place(0, names[limit - 1]) if len(names) > limit else None
