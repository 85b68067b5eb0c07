"""How much the memory store holds."""

from collections.abc import Sequence

from ringback.store.memory.tables import MemoryPart
from ringback.store.port import Counted, CountPlace


class MemoryCensus(MemoryPart):
    """`Census`."""

    def count_deliveries(self, after: CountPlace | None, limit: int) -> Counted:
        with self._tables as tables:
            seqs = sorted(row.seq for row in tables.deliveries() if after is None or row.seq > after.seq)[:limit]
        return Counted(len(seqs), CountPlace("", seqs[-1]) if seqs and len(seqs) == limit else None)

    def lane_healths(self, after: str, limit: int) -> Sequence[tuple[str, bytes]]:
        with self._tables as tables:
            lanes = sorted((name, lane.health) for name, lane in tables.lanes.items() if name > after)
        return lanes[:limit]

    def latest_disabled(self, limit: int) -> Sequence[tuple[str, int]]:
        with self._tables as tables:
            since = [(one.id, one.disabled_since) for one in tables.endpoints.values()]
        disabled = [(name, at) for name, at in since if at is not None]
        return sorted(disabled, key=lambda one: (one[1], one[0]), reverse=True)[:limit]

    def oldest_bell(self, now: int) -> int | None:
        with self._tables as tables:
            bells = [lane.due_at for lane in tables.lanes.values() if lane.owner is None]
        return min((due_at for due_at in bells if due_at is not None and due_at <= now), default=None)
