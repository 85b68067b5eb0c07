"""A lane in memory: what this process knows of one endpoint's queue while it owns it. Bookkeeping without effects.

Three sets of deliveries matter. *Held*: queued here, in flight, or sent and not yet recorded. *Settled since the last
fetch began*: recorded while a fetch is on its way, so the fetch may still show them. A fetched row in either is
dropped. Of an ordered lane one row of each key is held at most, whatever a fetch shows. *Stale* says that the store
may have due work that is not here; *complete* that it had none at the last look. *Offered* rows came from ingest while
a fetch was on its way, which may or may not show them. Assumes that one thread, the dispatcher's, touches it. Losing a
lane loses nothing: the rows stand in the store.
"""

from collections import deque

from ringback.engine.proof import Asking
from ringback.model.event import DueDelivery, payload_bytes
from ringback.model.lane import LaneRow
from ringback.observe.attempts import NOTHING, ORDER, PAUSED, SLOTS, UNCLAIMED
from ringback.policy import health as health_policy
from ringback.policy.health import Health
from ringback.store.port import Fetched, FetchRequest

ROW_OVERHEAD_BYTES = 500
# What keeps a row waiting that is this server's own doing, and not the endpoint's.
_OWN_DOING = (NOTHING, SLOTS, UNCLAIMED)


def bytes_of(row: DueDelivery) -> int:
    """About what a row costs in memory."""
    return payload_bytes(row.event) + ROW_OVERHEAD_BYTES


class Lane:
    """One owned lane. `opened` is the dispatcher's epoch when it was opened."""

    __slots__ = (
        "alarm_s", "asking", "bytes_queued", "closing", "complete", "conforms_at_s", "distrusted", "endpoint_id",
        "fetching", "freed_at", "generation", "health", "held", "held_back_by", "held_back_ms", "idle_since_s",
        "in_flight", "keys", "moving", "next_due", "offered", "opened", "opened_ms", "ordered", "pace", "paused_ms",
        "queue", "rang_ms", "reserved", "settled", "stale", "tenant_id", "watermark",
    )  # fmt: skip

    def __init__(self, row: LaneRow, generation: int, epoch: int, now_ms: int = 0) -> None:
        self.tenant_id = row.tenant_id
        self.endpoint_id = row.endpoint_id
        self.generation = generation
        self.opened = epoch
        self.freed_at = row.freed_at
        self.fetching = False
        self.distrusted = False  # the fetch on its way may show what is not to be sent any more
        self.stale = True
        self.complete = False
        self.closing = False
        self.moving = False  # it is given up for balance, and drains
        self.ordered = False
        self.watermark = 0
        self.queue: deque[DueDelivery] = deque()
        self.offered: list[DueDelivery] = []
        self.bytes_queued = 0
        self.held: set[int] = set()
        self.keys: dict[str | None, int] = {}
        self.settled: set[int] = set()
        self.in_flight = 0
        self.reserved = 0
        self.next_due: int | None = None
        self.health: Health = health_policy.load(row.health)
        self.pace = health_policy.pace(self.health)
        """By the health, as of the last time the lane was looked at; what the budget counts it as."""
        self.conforms_at_s = 0.0
        self.idle_since_s: float | None = None
        self.alarm_s: float | None = None
        self.asking: Asking | None = None  # while its endpoint has to prove itself
        self.opened_ms = now_ms
        self.rang_ms = now_ms if row.due_at is None else row.due_at
        self.paused_ms = max(row.not_before, self.health.not_before)
        self.held_back_by = NOTHING
        self.held_back_ms = -1

    @property
    def quiet(self) -> bool:
        """Nothing held, nothing unsettled, no fetch and no handshake on its way: it can be released."""
        return not self.held and not self.fetching and not (self.asking is not None and self.asking.busy)

    def begin_fetch(self, limit: int) -> FetchRequest:
        """From here on, what is recorded is remembered until the answer is here."""
        self.fetching = True
        self.stale = False
        self.complete = False
        self.settled.clear()
        self.next_due = None
        self.reserved = limit
        return FetchRequest(self.tenant_id, self.endpoint_id, self.watermark, limit, len(self.held), self.ordered)

    def end_fetch(self, found: Fetched | None) -> int:
        """Take what a fetch found (None: it failed) and return how many rows are new."""
        self.fetching = False
        self.reserved = 0
        if found is None:
            self.stale = True
            return 0
        held_before = len(self.held)
        for row in found.rows:
            if self.is_new(row):
                self.enqueue(row)
        self.watermark = max(self.watermark, found.watermark)
        self.complete = found.complete
        self.stale = self.stale or not found.complete
        self.note_due(found.next_due)
        self.settled.clear()
        return len(self.held) - held_before

    def is_new(self, row: DueDelivery) -> bool:
        """Whether a fetched row is neither held nor recorded since the fetch began, and its key is free."""
        seq = row.delivery.seq
        if self.ordered and row.delivery.ordering_key in self.keys:
            return False
        return seq not in self.held and seq not in self.settled

    def may_take(self, row: DueDelivery, mark: int) -> bool:
        """Whether nobody can have seen a row that ingest hands over: it is above the watermark of a lane that was
        opened before the row's transaction began."""
        return row.delivery.seq > self.watermark and self.opened <= mark and not self.ordered and not self.closing

    @property
    def caught_up(self) -> bool:
        """All due work is here, as far as is known."""
        return self.complete and not self.stale

    def hold_back(self, reason: str, now_ms: int, for_s: float = 0.0) -> None:
        """What is queued can't go now, for one of the reasons of `observe.attempts`; for how long, if that is known."""
        self.held_back_by = reason
        self.held_back_ms = now_ms
        if reason is PAUSED:
            self.paused_ms = now_ms + int(1000 * for_s)

    def waited_for(self, due_at: int, now_ms: int, crowded_ms: int) -> str:
        """What kept a row that was due at `due_at` until now: a pause, or that nobody had the lane, if that was most of
        the time; else what did so last. `crowded_ms` is when somebody last waited for a slot.
        """
        if _most_of_it(due_at, self.paused_ms, now_ms):
            return PAUSED
        if _most_of_it(due_at, self.opened_ms, now_ms):
            return UNCLAIMED
        if self.held_back_ms >= due_at:
            return self.held_back_by
        if self.ordered:
            return ORDER  # it came into memory when the one before it was settled
        return SLOTS if crowded_ms >= due_at else NOTHING

    def waits_since(self, now_ms: int, crowded_ms: int) -> int | None:
        """Since when this server keeps what goes next waiting, from the lane's bell on: what was before is the pause's
        that ended then. None: nothing is queued, or it waits for the endpoint. For any thread."""
        try:
            due_at = self.queue[0].delivery.due_at
        except IndexError:
            return None
        since = max(due_at, self.rang_ms)
        return since if self.waited_for(since, now_ms, crowded_ms) in _OWN_DOING else None

    def enqueue(self, row: DueDelivery) -> None:
        self.held.add(row.delivery.seq)
        if self.ordered:
            self.keys[row.delivery.ordering_key] = row.delivery.seq
        self.queue.append(row)
        self.bytes_queued += bytes_of(row)

    def pop(self) -> DueDelivery:
        """The next row to send; it stays held."""
        row = self.queue.popleft()
        self.bytes_queued -= bytes_of(row)
        return row

    def forget_queue(self) -> int:
        """Drop what is queued and not sent (it stands in the store); how many rows that were."""
        count = len(self.queue)
        if count:
            self.held.difference_update(row.delivery.seq for row in self.queue)
            self._free_keys()
            self.queue.clear()
            self.bytes_queued = 0
        self.offered.clear()
        self.watermark = 0
        self.complete = False
        self.stale = True
        return count

    def settle(self, seq: int, retry_at: int | None) -> None:
        """An attempt of ours is recorded."""
        self.held.discard(seq)
        if self.fetching:
            self.settled.add(seq)
        if self.ordered:
            self._free_keys()
            self.stale = True  # the next head of its key may be due
        self.note_due(retry_at)

    def _free_keys(self) -> None:
        self.keys = {key: seq for key, seq in self.keys.items() if seq in self.held}

    def note_due(self, due_at: int | None) -> None:
        """Some row becomes due at `due_at` (wall milliseconds)."""
        if due_at is not None and (self.next_due is None or due_at < self.next_due):
            self.next_due = due_at

    def row(self, conforms_ms: int) -> LaneRow:
        """What a release writes: the health, and the pause that outlives the release (`conforms_ms`: its rate's)."""
        not_before = max(self.health.not_before, conforms_ms)
        return LaneRow(self.tenant_id, self.endpoint_id, None, not_before, None, health_policy.dump(self.health))


def _most_of_it(begin_ms: int, until_ms: int, end_ms: int) -> bool:
    """Whether what ended at `until_ms` took at least half of the time from begin to end."""
    return until_ms > begin_ms and until_ms - begin_ms >= end_ms - until_ms
