"""The SQLite store after the wall clock was set back: what the old clock had put off is brought forward.

Deliveries are walked by number, since their times change on the way, a few thousand at a time of which most may be no
retries. What there is to do is looked for by a reader; the write takes only what is still so.
"""

from typing import Final

from ringback.model.limits import FOREVER_MS
from ringback.store.port import FROM_THE_BEGINNING, Place
from ringback.store.queries import load
from ringback.store.sqlite.connection import SqlitePart
from ringback.store.sqlite.json_lists import decode_seqs, json_list

LOOK_ROWS: Final = 5_000

_SQL: Final = load("sqlite")


class SqliteClock(SqlitePart):
    """A part of `Settlements`."""

    def bring_forward_step(self, by_ms: int, place: Place, limit: int) -> Place | None:
        if place.endpoint_id is None:
            return self._retries(by_ms, place, limit)
        return self._lanes(by_ms, place.endpoint_id, limit)

    def _retries(self, by_ms: int, place: Place, limit: int) -> Place:
        asked = {"after": place.seq, "look": max(LOOK_ROWS, limit), "limit": limit}
        ((found, looked_at, last),) = self._read(_SQL["retries_after"], asked)
        seqs = decode_seqs(found)
        if seqs:
            with self._writer.transaction() as connection:
                connection.execute(_SQL["bring_retries_forward"], {"by_ms": by_ms, "seqs": json_list(seqs)})
        if len(seqs) == limit:
            return Place(seqs[-1], None)
        return Place(last, None) if looked_at == asked["look"] else FROM_THE_BEGINNING._replace(endpoint_id="")

    def _lanes(self, by_ms: int, after: str, limit: int) -> Place | None:
        found = [name for (name,) in self._read(_SQL["lanes_after"], {"after": after, "limit": limit})]
        if found:
            with self._writer.transaction() as connection:
                asked = {"by_ms": by_ms, "endpoint_ids": json_list(found), "forever": FOREVER_MS}
                connection.execute(_SQL["bring_lanes_forward"], asked)
        return Place(0, found[-1]) if len(found) == limit else None
