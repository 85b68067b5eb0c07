"""Finding due work in the PostgreSQL store.

New work (not `deferred`) of a lane is read by `seq`, everything else by `due_at`. Transactions commit in another order
than they draw numbers, so new work may come below the lane's watermark: it is read from where the floor was when the
lane was fetched last (see `floor`), for below that everything was visible then. What the caller holds of it comes
again; what it lets go it fetches from a watermark of 0. New work counts as due whatever the clock says.

Of an ordered lane only the head of each key counts, oldest first, and what has no key is one queue. The keys are
visited by a skip scan, so that rows blocked behind a head cost nothing. Of very many keys a fetch visits the first
KEYS_VISITED and goes on only until it has enough heads; the next fetch of that lane begins where this one stopped. The
watermark stays: there is new work below the highest head.

What is settled leaves dead entries where a lane's new work begins, and while some session's transaction is old nobody
may clear them away. So it is remembered, also of lanes that were given up, to which number a lane has no new work and
never will: what was there when the floor was read is gone, and nothing new comes below the floor.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ringback.model.event import Delivery, DueDelivery, Event
from ringback.store.port import Fetched, FetchRequest
from ringback.store.postgres.connection import Database, PostgresPart
from ringback.store.postgres.session import Session
from ringback.store.queries import load
from ringback.store.sealed_rows import SealedRows

KEYS_VISITED: Final = 500
LOADED_BYTES_MAX: Final = 16 * 1024 * 1024
BOTTOMS_KEPT: Final = 20_000
_BEFORE_ALL: Final = -(1 << 62)
_NEW, _AGAIN, _NEXT = 0, 1, 2

_SQL: Final = load("postgres")


class _Found(NamedTuple):
    """A delivery that is due. `row` is None where its payload went beyond what one fetch may take, and `missing` says
    that its event is gone."""

    seq: int
    row: DueDelivery | None
    missing: bool


class _Scan(NamedTuple):
    """How to look for up to `wanted` due heads: from which key on, and after how many keys enough is enough.

    `new`: what is new counts as due at any `now`; else only what `now` says.
    """

    now: int
    wanted: int
    visits: int
    from_key: str
    new: bool = True


class _Heads(NamedTuple):
    """The heads that are due, when the next one is, and before which key the scan stopped (None: it saw all)."""

    seqs: list[int]
    next_due: int | None
    stopped_at: str | None


class PostgresFetch(PostgresPart):
    """The reading half of `Lanes`."""

    def __init__(self, database: Database, sealed: SealedRows) -> None:
        super().__init__(database, sealed)
        # Where the next scan of a lane with very many keys begins. Lost at a restart, which costs nothing.
        self._scan_from: dict[str, str] = {}
        # The floor before each lane's last fetch: up to it the caller has seen all new work. One thread fetches.
        self._seen_to: dict[str, int] = {}
        # Up to which number a lane has no new work and never will, of the lanes that were looked at last.
        self._bottoms: OrderedDict[str, int] = OrderedDict()
        self._server = ""

    def fetch(self, requests: Sequence[FetchRequest], now: int) -> list[Fetched]:
        plain = [request for request in requests if not request.ordered]
        found: dict[str, Fetched] = {}
        with self._db.reading(hot=True) as session:
            self._db.refuse_another(session)
            if plain:
                found.update((fetched.endpoint_id, fetched) for fetched in self._fetch_plain(session, plain, now))
            for request in requests:
                if request.ordered:
                    found[request.endpoint_id] = self._fetch_heads(session, request, now)
        return [found[request.endpoint_id] for request in requests]

    def next_due(self, tenant_id: str, endpoint_id: str, ordered: bool) -> int | None:
        with self._db.reading(hot=True) as session:
            if session.first(_SQL["asks_for_proof"], {"endpoint_id": endpoint_id}) is not None:
                return 0
            if ordered:
                return earliest_head_due(session, tenant_id, endpoint_id)
            return self._earliest_due(session, tenant_id, endpoint_id)

    def _earliest_due(self, session: Session, tenant_id: str, endpoint_id: str) -> int | None:
        self._know_server(session)
        beyond = self._bottoms.get(endpoint_id, 0)
        asked = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "beyond": beyond}
        due_at, seq = session.first(_SQL["earliest_due"], asked)
        self._raise_bottom(endpoint_id, self._seen_to.get(endpoint_id, 0), seq)
        return None if due_at is None else int(due_at)

    def _know_server(self, session: Session) -> None:
        if session.server != self._server:
            # Another one, which may have lost numbers and draw them again.
            self._server = session.server
            self._seen_to.clear()
            self._bottoms.clear()

    def _raise_bottom(self, endpoint_id: str, floor: int, first: int | None) -> None:
        """The lane's new work was looked for from its bottom on, after the floor was there: this is its first."""
        bottom = floor if first is None else min(floor, first - 1)
        self._bottoms[endpoint_id] = max(bottom, self._bottoms.get(endpoint_id, 0))
        self._bottoms.move_to_end(endpoint_id)
        if len(self._bottoms) > BOTTOMS_KEPT:
            self._bottoms.popitem(last=False)

    def _fetch_plain(self, session: Session, requests: Sequence[FetchRequest], now: int) -> list[Fetched]:
        self._know_server(session)
        floor = self._db.floor.raised(session)
        beyond = [self._beyond(request) for request in requests]
        asked = {
            "tenant_ids": [request.tenant_id for request in requests],
            "endpoint_ids": [request.endpoint_id for request in requests],
            "beyond": beyond,
            "watermarks": [request.watermark for request in requests],
            # One more than wanted of each, to see whether there is more.
            "rooms": [request.limit + request.holding + 1 for request in requests],
            "limits": [request.limit + 1 for request in requests],
            "now": now,
            "bytes_max": LOADED_BYTES_MAX,
        }
        rows = session.rows(_SQL["find_due"], asked)
        by_place = {place: list(of_one) for place, of_one in groupby(rows, key=itemgetter(0))}
        found = [_plain(request, by_place.get(place, [])) for place, request in enumerate(requests, 1)]
        for place, request in enumerate(requests, 1):
            if beyond[place - 1] <= self._bottoms.get(request.endpoint_id, 0):
                first = next((row[8] for row in by_place.get(place, []) if row[1] == _NEW), None)
                self._raise_bottom(request.endpoint_id, floor, first)
        self._seen_to.update((one.endpoint_id, floor) for one, saw_all in found if saw_all)
        return [one for one, _ in found]

    def _beyond(self, request: FetchRequest) -> int:
        """Above which number the lane has new work that the caller doesn't hold."""
        seen_to = min(request.watermark, self._seen_to.get(request.endpoint_id, 0))
        return max(seen_to, self._bottoms.get(request.endpoint_id, 0))

    def forget_lanes(self, endpoint_ids: Iterable[str]) -> None:
        """They were given up: whoever has them next begins anew."""
        for endpoint_id in endpoint_ids:
            self._seen_to.pop(endpoint_id, None)
            self._scan_from.pop(endpoint_id, None)

    def _fetch_heads(self, session: Session, request: FetchRequest, now: int) -> Fetched:
        room = request.limit + request.holding
        from_key = self._scan_from.pop(request.endpoint_id, "")
        heads = _due_heads(
            session, request.tenant_id, request.endpoint_id, _Scan(now, room + 1, KEYS_VISITED, from_key)
        )
        if heads.stopped_at is not None:
            self._scan_from[request.endpoint_id] = heads.stopped_at
        complete = len(heads.seqs) <= room and heads.stopped_at is None and not from_key
        seqs = heads.seqs[:room]
        asked = {"tenant_id": request.tenant_id, "seqs": seqs, "bytes_max": LOADED_BYTES_MAX}
        found = [_found(row) for row in session.rows(_SQL["load_due"], asked)] if seqs else []
        taken = _loaded(found)
        return Fetched(
            endpoint_id=request.endpoint_id,
            rows=[one.row for one in taken if one.row is not None],
            watermark=request.watermark,
            complete=complete and len(taken) == len(found),
            next_due=heads.next_due,
        )


def earliest_head_due(session: Session, tenant_id: str, endpoint_id: str) -> int | None:
    """When the first head of a lane with an order is due."""
    # At a time at which nothing is due, all keys are visited and the next head to become due is the earliest.
    return _due_heads(session, tenant_id, endpoint_id, _Scan(_BEFORE_ALL, 1, 0, "", new=False)).next_due


def head_is_due(session: Session, tenant_id: str, endpoint_id: str, now: int) -> bool:
    """Whether any key of a lane with an order has something to send."""
    return bool(_due_heads(session, tenant_id, endpoint_id, _Scan(now, 1, 0, "")).seqs)


def _due_heads(session: Session, tenant_id: str, endpoint_id: str, scan: _Scan) -> _Heads:
    asked = {"tenant_id": tenant_id, "endpoint_id": endpoint_id, **scan._asdict()}
    seqs, next_due, stopped_at = session.first(_SQL["find_due_heads"], asked)
    return _Heads(seqs or [], next_due, stopped_at)


def _plain(request: FetchRequest, rows: Sequence[Any]) -> tuple[Fetched, bool]:
    """New work up to the limit, then what is due again as far as there is room. What the caller holds comes again, so
    the room is larger by that. And whether all that came late is among it."""
    room = request.limit + request.holding
    again = [_found(row) for row in rows if row[1] == _AGAIN]
    fresh = [_found(row) for row in rows if row[1] == _NEW]
    late = [one for one in fresh if one.seq <= request.watermark]
    new = [one for one in fresh if one.seq > request.watermark]
    complete = len(new) <= request.limit and len(fresh) + len(again) <= room
    new = new[: request.limit]
    # Kept in the order in which payloads were counted: what was not loaded stands at the end.
    wanted = [*late, *new, *again][:room]
    taken = _loaded(wanted)
    seen = taken[len(late) : len(late) + len(new)]
    fetched = Fetched(
        endpoint_id=request.endpoint_id,
        rows=[one.row for one in taken if one.row is not None],
        watermark=seen[-1].seq if seen else request.watermark,
        complete=complete and len(taken) == len(wanted),
        next_due=next((row[7] for row in rows if row[1] == _NEXT), None),
    )
    return fetched, len(taken) >= len(late)


def _loaded(found: Sequence[_Found]) -> Sequence[_Found]:
    """Those before the first that was not loaded."""
    for place, one in enumerate(found):
        if one.row is None and not one.missing:
            return found[:place]
    return found


def _found(row: Sequence[Any]) -> _Found:
    (_, _, loaded, tenant_id, endpoint_id, event_id, delivery_key, due_at, seq, attempts, tries,
     event_type, data, channel, subject_type, subject_id, change, previous, event_key,
     occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin) = row  # fmt: skip
    if event_type is None:
        return _Found(seq, None, missing=True)
    if not loaded:
        return _Found(seq, None, missing=False)
    event = Event(
        tenant_id, event_id, event_type, data, channel, subject_type, subject_id, change, previous,
        event_key, occurred_at, deliver_at, accepted_at, hops, deliveries, trace, number, changed, origin,
    )  # fmt: skip
    delivery = Delivery(tenant_id, endpoint_id, event_id, delivery_key, due_at, seq, attempts, tries)
    return _Found(seq, DueDelivery(delivery, event), missing=False)
