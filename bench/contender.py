"""What `contention.py` sets upon the PostgreSQL store, each in a process of its own: engines, and who feeds them.

A contender does what an engine does with the store, and in the same shares (see `engine.budget`): it beats, claims,
listens, silences, fetches, settles and releases. It makes no requests: each attempt is a success at once. A lane is
released as soon as nothing is left in it, not two seconds later, so that an hour's turns fit into a minute.
"""

import random
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.sharedctypes import SynchronizedArray
from multiprocessing.synchronize import Event as Flag
from typing import Final

from machinery import SOURCE

sys.path.insert(0, str(SOURCE))

from ringback.engine.sweeps import GATHER_EVERY_S, has_turn
from ringback.model.attempt import Attempt
from ringback.model.event import DueDelivery, Event, NewDelivery
from ringback.model.ids import number_part, time_part
from ringback.model.lane import LaneRow
from ringback.model.limits import STEP_ROWS_MAX
from ringback.store.port import FetchRequest, Leaving, Retryable, Ring, Settlement
from ringback.store.postgres.store import PostgresStore

TENANT: Final = "contended"
LANES_MAX: Final = 256
FETCH_LANES_MAX: Final = 64
FETCH_ROWS_MAX: Final = 512
ROWS_A_LANE: Final = 256
SETTLE_AT_ONCE: Final = 256
LOOK_EVERY_S: Final = 0.1
BEAT_EVERY_S: Final = 5.0
REST_S: Final = 0.01
FED_AT_ONCE: Final = 50
DATA: Final = b'{"note":"' + b"y" * 850 + b'"}'
_HEADERS: Final = b'[["content-type","application/json"],["webhook-signature","***"],["user-agent","Ringback"]]'
_ANSWERED: Final = b'[["server","nginx"],["content-length","2"]]'


class Contender:
    """One engine process, as far as the store sees it. `settled` counts deliveries."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._node = f"node_{time_part(now_ms())}{secrets.token_hex(8)}"
        self._lanes: dict[str, LaneRow] = {}
        self._watermarks: dict[str, int] = {}
        self._stale: deque[str] = deque()
        self._numbers = random.getrandbits(70)
        self._beats_at_s = self._looks_at_s = self._gathers_at_s = 0.0
        self.settled = 0
        store.register(self._node, now_ms())

    def turn(self) -> None:
        """One round of everything."""
        now_s = time.monotonic()
        if now_s >= self._beats_at_s:
            self._store.beat(self._node)
            self._beats_at_s = now_s + BEAT_EVERY_S
        if now_s >= self._looks_at_s or not self._stale:
            self._look()
            self._looks_at_s = now_s + LOOK_EVERY_S
        if now_s >= self._gathers_at_s:
            if has_turn(self._node, self._store.nodes(), now_ms()):
                while self._store.gather_days_step(STEP_ROWS_MAX) == STEP_ROWS_MAX:
                    pass
            self._gathers_at_s = now_s + GATHER_EVERY_S
        if self._stale:
            self._work()
        else:
            time.sleep(REST_S)

    def leave(self) -> None:
        """Give everything up."""
        self._store.leave(self._node, now_ms())

    def _look(self) -> None:
        """Claim what there is room for, and hear which of the own lanes ring."""
        for endpoint_id in self._store.ringing(self._node, now_ms()):
            if endpoint_id in self._lanes and endpoint_id not in self._stale:
                self._stale.append(endpoint_id)
        room = min(FETCH_LANES_MAX, LANES_MAX - len(self._lanes))
        for row in self._store.claim(self._node, now_ms(), room) if room else ():
            self._lanes[row.endpoint_id] = row
            self._watermarks[row.endpoint_id] = 0
            self._stale.append(row.endpoint_id)

    def _work(self) -> None:
        """Fetch for some lanes, settle what comes, release those in which nothing is left."""
        names = [self._stale.popleft() for _ in range(min(FETCH_LANES_MAX, len(self._stale)))]
        limit = max(1, min(ROWS_A_LANE, FETCH_ROWS_MAX // len(names)))
        self._store.silence(self._node, sorted(names))
        requests = [FetchRequest(TENANT, name, self._watermarks[name], limit, 0, ordered=False) for name in names]
        found = self._store.fetch(requests, now_ms())
        self._settle([row for fetched in found for row in fetched.rows])
        idle = []
        for fetched in found:
            self._watermarks[fetched.endpoint_id] = fetched.watermark
            (idle if fetched.complete else self._stale).append(fetched.endpoint_id)
        if idle:
            self._release(sorted(idle))

    def _settle(self, rows: Sequence[DueDelivery]) -> None:
        for start in range(0, len(rows), SETTLE_AT_ONCE):
            batch = [Settlement(row.delivery.seq, self._attempt(row), None, 0) for row in rows[start:][:SETTLE_AT_ONCE]]
            answers = self._store.settle(batch)
            self.settled += sum(answers)

    def _release(self, names: Sequence[str]) -> None:
        leaving = [Leaving(TENANT, name, self._store.next_due(TENANT, name, ordered=False), 0, b"") for name in names]
        for name, gone in zip(names, self._store.release(self._node, leaving), strict=True):
            if gone:
                del self._lanes[name], self._watermarks[name]
            else:
                self._stale.append(name)

    def _attempt(self, row: DueDelivery) -> Attempt:
        delivery, event = row
        now = now_ms()
        self._numbers += 1
        return Attempt(
            delivery.tenant_id, f"att_{time_part(now)}{number_part(self._numbers)}", delivery.endpoint_id,
            event.id, event.type, delivery.attempts + 1, now, 1.5, "succeeded", True, False, 200, None, None,
            b"[null,null,null,1.2,1.5]", "127.0.0.1", "1.1", "POST", "http://127.0.0.1/hook", _HEADERS, None, b"", b"",
            _ANSWERED, b"ok", False, "standard@1",
        )  # fmt: skip


def contend(url: str, place: int, counts: "SynchronizedArray[int]", go: Flag, stop: Flag) -> None:
    """A contender's process: gets ready, waits for `go`, and keeps its count at `place` until `stop`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store = PostgresStore.open(url)
    contender = Contender(store)
    go.wait()
    while not stop.is_set():
        try:
            contender.turn()
        except Retryable:
            continue
        counts[place] = contender.settled
    contender.leave()
    store.close()


class Load:
    """What a feeder feeds: so many deliveries, half of them for the first few lanes, at most `waiting` at once."""

    def __init__(self, lanes: int, busy: int, deliveries: int, waiting: int) -> None:
        self.lanes = lanes
        self.busy = busy
        self.deliveries = deliveries
        self.waiting = waiting


def feed(url: str, load: Load, counts: "SynchronizedArray[int]", go: Flag, stop: Flag) -> None:
    """The feeder's process: ingests in transactions of 50 events, as ingest does, and rings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    store = PostgresStore.open(url)
    chance = random.Random(1)
    go.wait()
    fed = 0
    while fed < load.deliveries and not stop.is_set():
        if fed - sum(counts) > load.waiting:
            time.sleep(REST_S / 2)
            continue
        numbers = [chance.randrange(load.busy if chance.random() < 0.5 else load.lanes) for _ in range(FED_AT_ONCE)]
        ingest(store, [lane_name(number) for number in numbers], fed)
        fed += FED_AT_ONCE
    store.close()


def ingest(store: PostgresStore, endpoint_ids: Sequence[str], first: int, *, ringing: bool = True) -> None:
    """An event for each of these endpoints in one transaction, and the bells after it."""
    now = now_ms()
    events = [
        Event(TENANT, f"evt_{time_part(now)}{number_part(first + place)}", "contact.updated", DATA,
              None, None, None, None, None, None, None, None, now, 0, 1)
        for place in range(len(endpoint_ids))
    ]  # fmt: skip
    deliveries = [
        NewDelivery(TENANT, endpoint_id, event.id, None, now)
        for endpoint_id, event in zip(endpoint_ids, events, strict=True)
    ]
    with store.intake() as transaction:
        transaction.insert(events, deliveries)
        transaction.commit()
    if ringing:
        store.ring([Ring(TENANT, endpoint_id, now) for endpoint_id in sorted(set(endpoint_ids))])


def lane_name(number: int) -> str:
    """The endpoint of the lane of this number."""
    return f"ep_{number:016d}"


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
