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
