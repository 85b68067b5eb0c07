"""What the engine asks of a store: lanes and nodes, due work, settlements, upkeep, retention, the steps of jobs."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint, Secret
from ringback.model.event import DueDelivery
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import Change, LaneRow, NodeRow
from ringback.model.notice import Notice


class FetchRequest(NamedTuple):
    """Fetch for one lane: up to `limit` due deliveries.

    `watermark` is the highest seq seen of new work; `holding` how many rows of the lane are in memory (they come
    again and are dropped by the caller, so the store reads that many more). For an ordered lane (`ordered`) only
    the head of each ordering key counts: the lowest seq of its key, and only if it is due.
    """

    tenant_id: str
    endpoint_id: str
    watermark: int
    limit: int
    holding: int
    ordered: bool


class Fetched(NamedTuple):
    """What one FetchRequest found, as one snapshot.

    `rows` in the order to send them (by seq for new work; retries and late commits, by due_at, after it).
    `watermark` is the highest seq of new work seen. `complete` says that no more work was due at the snapshot
    than `rows` and what the caller holds; `next_due` is when the next row becomes due that was not (None: none;
    may be None although there is one when not complete).
    """

    endpoint_id: str
    rows: list[DueDelivery]
    watermark: int
    complete: bool
    next_due: int | None


class Leaving(NamedTuple):
    """What a release writes: when the lane's next work is due (None: there is none), its pause and its health."""

    tenant_id: str
    endpoint_id: str
    next_due: int | None
    not_before: int
    health: bytes


class Lanes(Protocol):
    """For `engine.fetcher`. Several rows are always taken in key order."""

    def claim(self, node_id: str, now: int, limit: int) -> list[LaneRow]:
        """Own up to `limit` lanes that nobody owns and whose bell rings (due_at <= now); their bells fall silent.

        Locks the node's own row first; raises NotOwner if it is gone. Earliest due first. Returns the rows as
        they were before, but for `owner`.
        """

    def ringing(self, node_id: str, now: int) -> list[str]:
        """The endpoints of the node's own lanes whose bell rings."""

    def silence(self, node_id: str, endpoint_ids: Sequence[str]) -> None:
        """due_at = None for the node's own lanes among these. Committed before the snapshot of a fetch."""

    def fetch(self, requests: Sequence[FetchRequest], now: int) -> list[Fetched]:
        """Due work of many lanes in one query, in the order of the requests.

        May find fewer rows than there is room for, when their payloads are large; at least one if any is due.
        """

    def next_due(self, tenant_id: str, endpoint_id: str, ordered: bool) -> int | None:
        """The earliest due_at of the lane's deliveries; for an ordered lane of its earliest head.

        0 while the endpoint waits for its handshake: its lane has to be looked at whatever it holds.
        """

    def release(self, node_id: str, lanes: Sequence[Leaving]) -> list[bool]:
        """Give up each lane that is still the node's own and whose bell is silent; for each, whether it was given up.

        Forgets `freed_at` when nothing is left that was due by then (next_due is None or later).

        Sets owner = None, the health, not_before (unless the lane is paused for ever), and
        due_at = max(next_due, not_before), or None when next_due is None.
        """

    def keep_health(self, node_id: str, endpoint_id: str, health: bytes, notices: Sequence[Notice]) -> bool:
        """Store the health of a lane that is the node's own, and write down what is to be told of it; False, and
        nothing is done, when it is not. The same again changes nothing."""

    def owned(self, node_id: str) -> list[str]:
        """The endpoints whose lane's row names this node."""

    def disown(self, node_id: str, endpoint_ids: Sequence[str], now: int) -> None:
        """Free and ring the node's own lanes among these, which the node's memory does not know.

        Whoever frees a lane that was not released, here and below, sets its `freed_at` to `now`.
        """


class Nodes(Protocol):
    """For `engine.heartbeat`."""

    def register(self, node_id: str, now: int) -> None:
        """Add this process. Where the store can only be open once (SQLite), all other nodes are dead: their
        rows go and their lanes are freed and rung in the same transaction."""

    def beat(self, node_id: str) -> bool:
        """beat + 1; False when the row is gone."""

    def nodes(self) -> list[NodeRow]:
        """All processes."""

    def spread(self) -> Sequence[tuple[str, int]]:
        """(node_id, lanes it owns) of all processes, those that own none included; as one snapshot, in any order."""

    def take_over(self, node_id: str, beat: int, now: int) -> bool:
        """Delete the row where id and beat are as seen; if that hit, free its lanes and ring them at `now`."""

    def leave(self, node_id: str, now: int) -> None:
        """Remove this process; lanes it still has are freed and rung."""


class Settlement(NamedTuple):
    """What became of one attempt.

    `retry_at` None finishes the delivery: its row goes. Else the row is rescheduled: due_at = retry_at, attempts + 1,
    tries = `tries`. A success finishes it whatever its `attempts`, since the receiver has the event; a failure, final
    or not, counts only where `attempt.number` - 1 is the row's `attempts`. `notice` is written down with it where the
    delivery was as expected.
    """

    seq: int
    attempt: Attempt
    retry_at: int | None
    tries: int
    notice: Notice | None = None


class Place(NamedTuple):
    """How far `bring_forward_step` has come: after the delivery `seq`, and then after the lane of `endpoint_id`."""

    seq: int
    endpoint_id: str | None


FROM_THE_BEGINNING: Final = Place(0, None)


class Settlements(Protocol):
    """For `engine.settler`."""

    @property
    def by_tenant(self) -> bool:
        """As `Intake.by_tenant`."""

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Append the attempts and finish or reschedule their deliveries; for each, whether its delivery was as
        expected. Where it was not, the attempt is stored with `superseded` set and nothing else changes.

        Settling the same again (same attempt id) changes nothing, so a doubtful commit is settled by repeating.
        Counts the attempts of events in the endpoint's day.
        """

    def bring_forward_step(self, by_ms: int, place: Place, limit: int) -> Place | None:
        """The wall clock was set back by `by_ms`: bring up to `limit` rows forward by that which the old one had put
        off. The place to go on from; None: that was all.

        First the deliveries that were tried and are to be tried again, then the pauses and bells of lanes; a bell never
        rings in a pause, and pauses for ever stay. What is to be delivered at a time keeps to it, and what is new is
        due anyway. Where several processes share the store their clocks differ, and nothing is done.
        """


class Handshakes(Protocol):
    """For `engine.settler`."""

    def end_handshake(self, end: HandshakeEnd, now: int, notices: Sequence[Notice] = ()) -> bool:
        """Append the attempt (no day counts it) and do what was decided: an endpoint that is verified becomes active
        and its lane rings, one that is refused is disabled and its lane paused for ever; the change is logged, and the
        notices of it are written down.

        False when the endpoint doesn't wait for this answer any more: then the attempt is stored with `superseded` set
        and nothing else changes. The same again (same attempt id) changes nothing and answers what it answered.
        """


class Follow(Protocol):
    """For whoever keeps a cache true (`engine.directory`, `api.auth`)."""

    def version(self) -> int:
        """The version of the latest configuration change (0: none)."""

    def changes_after(self, version: int) -> Sequence[Change] | None:
        """Changes after `version`, oldest first; None when some of them are not kept any more: then all that the
        caller knows may be outdated, and it goes on from `version()`."""


class EndpointSource(Protocol):
    """For `engine.directory`: endpoints as they are now, and what signs for them."""

    def load_endpoints(self, endpoint_ids: Sequence[str]) -> Sequence[Endpoint]:
        """Those that exist and are not deleted."""

    def load_secrets(self, tenant_ids: Sequence[str], endpoint_ids: Sequence[str]) -> Sequence[Secret]:
        """The secrets of these tenants (endpoint_id None) and endpoints, newest first, expired ones too."""

    def give_up(
        self,
        tenant_id: str,
        endpoint_id: str,
        code: str,
        message: str,
        now: int,
        *,
        unproven: bool = False,
        notices: Sequence[Notice] = (),
    ) -> bool:
        """Disable an active endpoint (status, reason, lane paused for ever, change logged, notices written down); False
        if it was not active. `unproven`: it has to prove itself again (`unverified_since` is `now`), and matches
        nothing until then.
        """


class Upkeep(Protocol):
    """For `engine.sweeps`. Each call is one small step and returns how many rows it changed."""

    def ring_stranded(self, now: int, limit: int) -> int:
        """Ring lanes that have due work, or whose endpoint waits for its handshake, while their bell is silent and
        nobody owns them."""

    def free_orphans(self, now: int) -> int:
        """Free and ring lanes whose owner has no node row."""

    def make_missing_lanes(self, now: int, limit: int) -> int:
        """Make (and ring) the lane of an endpoint that exists, has deliveries and has no lane."""

    def cancel_step(self, now: int, limit: int) -> int:
        """Cancel up to `limit` deliveries whose endpoint is deleted or gone, each leaving a `cancelled` record
        (an Attempt with number = the row's attempts, final); an emptied tombstone's lane and secrets go with it."""

    def purge_step(self, limit: int) -> int:
        """Remove up to `limit` rows (events, keys, attempts, …) of tenants that were deleted."""

    def expire_keys_step(self, now: int, limit: int) -> int:
        """Remove idempotency keys past their time."""

    def gather_days_step(self, limit: int) -> int:
        """Where figures of days are kept apart at first: put up to `limit` of them where the others are. Nobody who
        reads figures sees a difference. Always 0 where a settlement counts in the right place at once."""

    def reseal_step(self, limit: int) -> int:
        """Seal with the present key up to `limit` values that are plain or were sealed with another. A value that
        doesn't open is left as it is and not counted again. Always 0 where nothing is kept on a disk."""


class Cutoff(NamedTuple):
    """What of one tenant is past its time: events accepted before `before`, unless they were to be delivered at
    `due_before` or later; attempts begun and jobs made before `before`; figures of days before `day` (`2026-11-21`).
    """

    tenant_id: str
    before: int
    due_before: int
    day: str


class ExpiredStep(NamedTuple):
    """How many rows a step removed, and the place in the tenant's stream to go on from (None: it is done)."""

    changed: int
    place: int | None


class Retention(Protocol):
    """For `engine.retention`. Each call is one small step; the counts are of rows changed."""

    @property
    def by_day(self) -> bool:
        """Whether events and attempts are kept by the day, and days are dropped whole."""

    def make_days(self, now: int) -> int:
        """Where events and attempts are kept by the day: make the days ahead that are not there yet, so that nobody has
        to make one while inserting; how many were made. Always 0 elsewhere."""

    def drop_days_step(self, before: int, due_before: int, now: int, limit: int) -> int:
        """Where events and attempts are kept by the day: end up to `limit` pending deliveries of events in days that
        ended before `before`, each leaving an `expired` record; then drop such days whole, of all tenants, unless they
        hold an event that is to be delivered at `due_before` or later. 0: there is nothing (left) to do. Always 0
        elsewhere."""

    def overdue(self, cutoffs: Sequence[Cutoff]) -> Sequence[str]:
        """Those of the tenants that have something past its time; looks at the oldest of each kind alone."""

    def expire_events_step(self, cutoff: Cutoff, now: int, after: int, limit: int) -> ExpiredStep:
        """Remove up to `limit` of the tenant's oldest events after the place `after` (0: from the beginning), each
        with the caller's claim on its id. Their pending deliveries end before, each leaving an `expired` record."""

    def expire_attempts_step(self, cutoff: Cutoff, limit: int) -> int:
        """Remove up to `limit` of the tenant's oldest attempts, by the time in their ids."""

    def expire_days_step(self, cutoff: Cutoff, limit: int) -> int:
        """Remove up to `limit` figures of days."""

    def expire_jobs_step(self, cutoff: Cutoff, limit: int) -> int:
        """Remove up to `limit` of the tenant's oldest jobs that have ended."""

    def trim_changes_step(self, keep: int, limit: int) -> int:
        """Remove up to `limit` of the oldest changes, but none of the latest `keep`."""

    def shrink_step(self) -> int:
        """Give a little of the space that nothing uses any more back to the system; 0: there is no more to give."""

    def clear_traces(self) -> bool:
        """Have the store's own files forget what was redacted; False: not now, ask again later."""


class JobSteps(Protocol):
    """For `engine.replays`."""

    def open_jobs(self, after: str, limit: int) -> Sequence[str]:
        """The ids of jobs that have something left to do, or to clear away after they were cancelled; oldest first,
        after the id `after` ("": from the beginning)."""

    def job_step(self, job_id: str, now: int, stale_before: int, limit: int, pending_max: int) -> int:
        """One step of a job: queue up to `limit` of its events, oldest first, each counting on from the log; ring the
        lane; note what is done. How many rows it changed; 0: nothing can be done now.

        A step is held back while the endpoint has more than `pending_max` deliveries. Events that are redacted, gone or
        pending are passed over. A job whose endpoint is gone is cancelled, and one that was made before `stale_before`
        and never started. What a cancelled job had left to do is removed in steps too.
        """
