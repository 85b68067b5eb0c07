"""Finding due work in the SQLite store.

New work (`deferred` 0) of a lane is read by `seq` beyond the watermark, everything else by `due_at`. Below the
watermark there is no new work that the caller doesn't hold: one connection writes, so numbers become visible in the
order they are drawn and no commit is late; what the caller lets go without settling it, it fetches again from a
watermark of 0; and what is tried again is deferred. Should there be more of it than the caller holds rows, then the
caller has passed some over, and it is returned. New work counts as due whatever the clock says: it was due when it
was accepted, and a clock set back must not hide it.

Of an ordered lane only the head of each key counts, oldest first, and what has no key is one queue. The keys are
visited by a skip scan, so that rows blocked behind a head cost nothing. Of very many keys a fetch visits the first
KEYS_VISITED and goes on only until it has enough heads; the next fetch of that lane begins where this one stopped,
so that no key has to wait for the keys before it in the alphabet. The watermark stays: there is new work below the
highest head, and if the endpoint's order is given up meanwhile, it must be found.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import apsw
import msgspec

from ringback.model.event import Delivery, DueDelivery, Event
from ringback.store.port import Fetched, FetchRequest
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows
from ringback.store.sqlite.connection import Readers, SqlitePart, first
from ringback.store.sqlite.json_lists import decode_seqs, json_list
from ringback.store.sqlite.writer import Writer

KEYS_VISITED: Final = 500
LOADED_BYTES_MAX: Final = 16 * 1024 * 1024
_LOADED_AT_ONCE: Final = 256
_LOADED_AT_ONCE_BYTES: Final = 4 * 1024 * 1024
_LOADED_AT_FIRST: Final = 8
_BEFORE_ALL: Final = -(1 << 62)

_SQL: Final = load("sqlite")

# The columns of `load_due`: a delivery's eight, then the event's without tenant and id, lengths for payloads.
_Row = tuple[
    str, str, str, str | None, int, int, int, int,
    str, int, str | None, str | None, str | None, str | None, int | None, str | None, int | None, int | None,
    int, int, int, str | None, int | None, str | None, str | None,
]  # fmt: skip
_ROWS: Final = msgspec.json.Decoder(list[_Row])


class _Found(NamedTuple):
    """What one request found: numbers, not rows yet."""

    request: FetchRequest
    seqs: list[int]
    watermark: int
    complete: bool
    next_due: int | None


class _Scan(NamedTuple):
    """How to look for up to `wanted` due heads: from which key on, and after how many keys enough is enough.

    `new` 1: what is new counts as due at any `now`; 0: only what `now` says.
    """

    now: int
    wanted: int
    visits: int
    from_key: str
    new: int = 1


class _Heads(NamedTuple):
    """The heads that are due, when the next one is, and before which key the scan stopped (None: it saw all)."""

    seqs: list[int]
    next_due: int | None
    stopped_at: str | None


class SqliteFetch(SqlitePart):
    """The reading half of `Lanes`."""

    def __init__(self, writer: Writer, readers: Readers, sealed: SealedRows) -> None:
        super().__init__(writer, readers, sealed)
        # Where the next scan of a lane with very many keys begins. Lost at a restart, which costs nothing.
        self._scan_from: dict[str, str] = {}

    def fetch(self, requests: Sequence[FetchRequest], now: int) -> list[Fetched]:
        with self._readers.snapshot() as connection:
            found = [
                self._find_heads(connection, request, now) if request.ordered else _find(connection, request, now)
                for request in requests
            ]
            seqs = [seq for one in found for seq in one.seqs]
            loaded, count = _load(connection, seqs)
        if count < len(seqs):
            found = _shortened(found, count)
        return [_fetched(one, loaded) for one in found]

    def next_due(self, tenant_id: str, endpoint_id: str, ordered: bool) -> int | None:
        with self._readers.reading() as connection:
            if first(connection, _SQL["asks_for_proof"], {"endpoint_id": endpoint_id}) is not None:
                return 0
            return earliest_due(connection, endpoint_id, ordered=ordered)

    def _find_heads(self, connection: apsw.Connection, request: FetchRequest, now: int) -> _Found:
        room = request.limit + request.holding
        from_key = self._scan_from.pop(request.endpoint_id, "")
        heads = _due_heads(connection, request.endpoint_id, _Scan(now, room + 1, KEYS_VISITED, from_key))
        if heads.stopped_at is not None:
            self._scan_from[request.endpoint_id] = heads.stopped_at
        complete = len(heads.seqs) <= room and heads.stopped_at is None and not from_key
        return _Found(request, heads.seqs[:room], request.watermark, complete, heads.next_due)


def earliest_due(connection: apsw.Connection, endpoint_id: str, *, ordered: bool) -> int | None:
    """When the lane's first delivery, or head, is due."""
    if not ordered:
        (due_at,) = first(connection, _SQL["earliest_due"], {"endpoint_id": endpoint_id})
        return None if due_at is None else int(due_at)
    # At a time at which nothing is due, all keys are visited and the next head to become due is the earliest.
    return _due_heads(connection, endpoint_id, _Scan(_BEFORE_ALL, 1, 0, "", new=0)).next_due


def head_is_due(connection: apsw.Connection, endpoint_id: str, now: int) -> bool:
    """Whether any key of a lane with an order has something to send."""
    return bool(_due_heads(connection, endpoint_id, _Scan(now, 1, 0, "")).seqs)


def _due_heads(connection: apsw.Connection, endpoint_id: str, scan: _Scan) -> _Heads:
    bindings = {"endpoint_id": endpoint_id, **scan._asdict()}
    seqs, next_due, stopped_at = first(connection, _SQL["find_due_heads"], bindings)
    return _Heads(decode_seqs(seqs), next_due, stopped_at)


def _find(connection: apsw.Connection, request: FetchRequest, now: int) -> _Found:
    """New work up to the limit, then what is due again as far as there is room. Of what the caller holds only the
    latter comes again, so the room for it is larger by that."""
    room = request.limit + request.holding
    # One more than wanted of each, to see whether there is more.
    bindings = {
        "endpoint_id": request.endpoint_id,
        "watermark": request.watermark,
        "now": now,
        "fresh_count": request.limit + 1,
        "late_count": room + 1,
        "passed_count": request.holding + 1,
    }
    *seqs, next_due = first(connection, _SQL["find_due"], bindings)
    fresh, late, passed = (decode_seqs(text) for text in seqs)
    if len(passed) <= request.holding:
        passed = []
    complete = not passed and len(fresh) <= request.limit and len(fresh) + len(late) <= room
    fresh = fresh[: min(request.limit, room - len(passed))]
    watermark = max([request.watermark, *fresh[-1:]])
    return _Found(request, [*passed, *fresh, *late][:room], watermark, complete, next_due)


def _load(connection: apsw.Connection, seqs: list[int]) -> tuple[dict[int, DueDelivery], int]:
    """The deliveries and their events, until they take LOADED_BYTES_MAX; how many were asked for.

    A few hundred at once, fewer where they are large, since their payloads come as one value.
    """
    loaded: dict[int, DueDelivery] = {}
    start = size = 0
    step = _LOADED_AT_FIRST
    while start < len(seqs) and size < LOADED_BYTES_MAX:
        chunk = seqs[start : start + step]
        columns, data, previous = first(connection, _SQL["load_due"], {"seqs": json_list(chunk)})
        _unpack(_ROWS.decode(columns), data, previous, loaded)
        start += len(chunk)
        size += len(data or b"") + len(previous or b"")
        step = max(1, min(_LOADED_AT_ONCE, _LOADED_AT_ONCE_BYTES * start // (size + 1)))
    return loaded, start


def _shortened(found: list[_Found], count: int) -> list[_Found]:
    """As if there had been room for the first `count` rows only."""
    short: list[_Found] = []
    for one in found:
        seqs = one.seqs[: max(0, count)]
        count -= len(one.seqs)
        if len(seqs) == len(one.seqs):
            short.append(one)
        else:
            # New work comes before what is due again, so what of it was loaded ends where the loading did.
            watermark = min(one.watermark, max([one.request.watermark, *seqs]))
            short.append(one._replace(seqs=seqs, watermark=watermark, complete=False))
    return short


def _unpack(rows: list[_Row], data: bytes, previous: bytes, loaded: dict[int, DueDelivery]) -> None:
    """Make deliveries of rows whose payloads stand end to end in `data` and `previous`."""
    data_at = previous_at = 0
    for row in rows:
        (tenant_id, endpoint_id, event_id, delivery_key, due_at, seq, attempts, tries,
         event_type, data_bytes, channel, subject_type, subject_id, change, previous_bytes,
         event_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number,
         changed, origin) = row  # fmt: skip
        data_end = data_at + data_bytes
        previous_end = previous_at + (previous_bytes or 0)
        event = Event(
            tenant_id, event_id, event_type, data[data_at:data_end], channel, subject_type, subject_id, change,
            None if previous_bytes is None else previous[previous_at:previous_end],
            event_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin,
        )  # fmt: skip
        delivery = Delivery(tenant_id, endpoint_id, event_id, delivery_key, due_at, seq, attempts, tries)
        loaded[seq] = DueDelivery(delivery, event)
        data_at, previous_at = data_end, previous_end


def _fetched(found: _Found, loaded: dict[int, DueDelivery]) -> Fetched:
    return Fetched(
        endpoint_id=found.request.endpoint_id,
        rows=[loaded[seq] for seq in found.seqs if seq in loaded],
        watermark=found.watermark,
        complete=found.complete,
        next_due=found.next_due,
    )
