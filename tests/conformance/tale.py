"""Two stores that are told the same, line by line, and must answer the same.

It behaves as an engine would: a lane's memory is its watermark and the rows it holds, a row that it holds may come
again, and what is forgotten is forgotten with the watermark. What the port leaves open is left out of the
comparison: numbers and versions themselves (only their order counts), in which order rows come that are due again
beside new work, and for how long something has been due. So a row is named by its endpoint and event.
"""

from collections.abc import Callable
from typing import Any, Final

from conformance.backend import ALWAYS, release, run_out
from ringback.model.attempt import Attempt, Outcome
from ringback.model.endpoint import EndpointMove, EndpointStatus, Ordering
from ringback.model.event import DueDelivery
from ringback.model.handshake import HandshakeEnd
from ringback.model.job import Job
from ringback.store.port import (
    AttemptQuery,
    Cutoff,
    EventQuery,
    FetchRequest,
    NotOwner,
    RecordPut,
    ReplaySpan,
    Ring,
    Settlement,
    Store,
)
from ringback.times import day_of
from support.rows import (
    NOW,
    OTHER_TENANT,
    TENANT,
    api_key,
    attempt,
    claim,
    endpoint,
    event,
    new_delivery,
    record,
    secret,
    tenant,
    tracked_set,
)

TENANTS: Final = (TENANT, OTHER_TENANT)
NODES: Final = ("node_a", "node_b")
ENDPOINTS_MAX: Final = 6
EVENTS_MAX: Final = 12


class Side:
    """One of the two stores, with what is known of it alone."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.seqs: dict[tuple[str, str], int] = {}
        self.watermarks: dict[str, int] = {}
        self.held: dict[str, set[int]] = {}


class Tale:
    """Tells both stores the same."""

    def __init__(self, subject: Store, reference: Store) -> None:
        self.sides = (Side(subject), Side(reference))
        self.now = NOW
        self.written = 0
        self.endpoints: list[tuple[str, str]] = []
        self.events: list[tuple[str, str]] = []
        self.settled: list[tuple[tuple[str, str], Attempt, int | None]] = []
        for tenant_id in TENANTS:
            self.both(lambda store: store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id)))  # noqa: B023
        for ordering in (Ordering.NONE, Ordering.NONE, Ordering.SUBJECT):
            self.add_endpoint(ordering, EndpointStatus.ACTIVE)
        self.join_or_leave(NODES[0])

    def both_sides(self, act: Callable[[Side], Any]) -> Any:
        answer, expected = (act(side) for side in self.sides)
        assert answer == expected
        return answer

    def both(self, act: Callable[[Store], Any]) -> Any:
        return self.both_sides(lambda side: act(side.store))

    def endpoint_at(self, where: int) -> tuple[str, str]:
        """The (tenant, id) of one of the endpoints there ever were."""
        return self.endpoints[where % len(self.endpoints)]

    def next_number(self) -> int:
        self.written += 1
        return self.written

    # ── lines of the story ────────────────────────────────────────────────────────────────────────────────────

    def wait(self, long: int) -> None:
        self.now += long

    def accept(self, where: list[int], ordering_key: str | None, due: int) -> None:
        if len(self.events) == EVENTS_MAX:
            return
        number = self.next_number()
        asked = [self.endpoint_at(one) for one in where]
        tenant_id = asked[0][0] if asked else TENANT
        one = event(f"evt_{number:03d}", tenant_id, ordering_key=ordering_key, accepted_at=self.now)
        key = claim(f"key-{number % 4}", tenant_id=tenant_id, event_ids=[one.id], expires_at=self.now + 5)
        keys = [key._replace(body_hash=one.id.encode())]
        meant = sorted({name for owner, name in asked if owner == tenant_id})
        rows = [new_delivery(one, name, self.now + due) for name in meant]

        def act(side: Side) -> object:
            with side.store.intake() as transaction:
                taken = transaction.claim_keys(keys, self.now)
                drawn = transaction.insert([one], rows)
                transaction.commit()
            side.seqs.update(zip([(row.endpoint_id, one.id) for row in rows], drawn, strict=True))
            return taken

        self.both_sides(act)
        self.events.append((tenant_id, one.id))

    def claim(self, node_id: str) -> None:
        def act(store: Store) -> object:
            try:
                return sorted(store.claim(node_id, self.now, 100))
            except NotOwner:
                return NotOwner

        self.both(act)

    def fetch(self, where: int) -> None:
        tenant_id, endpoint_id = self.endpoint_at(where)
        found = self.sides[1].store.get_endpoint(tenant_id, endpoint_id)
        ordered = found is not None and found.ordering is not Ordering.NONE

        def act(side: Side) -> object:
            held = side.held.setdefault(endpoint_id, set())
            watermark = side.watermarks.get(endpoint_id, 0)
            request = FetchRequest(tenant_id, endpoint_id, watermark, 100, len(held), ordered)
            (fetched,) = side.store.fetch([request], self.now)
            fresh = [row for row in fetched.rows if row.delivery.seq not in held]
            held.update(row.delivery.seq for row in fresh)
            side.watermarks[endpoint_id] = fetched.watermark
            assert fetched.complete
            return sorted(nameless(row) for row in fresh), fetched.next_due

        self.both_sides(act)

    def settle(self, where: int, which: int, wrong: int, retry: int | None) -> None:
        self.settle_one(where, which, wrong, Outcome.FAILED, None if retry is None else self.now + retry)

    def succeed(self, where: int, which: int, wrong: int) -> None:
        self.settle_one(where, which, wrong, Outcome.SUCCEEDED, None)

    def settle_one(self, where: int, which: int, wrong: int, outcome: Outcome, retry_at: int | None) -> None:
        if not self.events:
            return
        tenant_id, endpoint_id = self.endpoint_at(where)
        _, event_id = self.events[which % len(self.events)]
        progress = self.both_sides(lambda side: seqless(side, tenant_id, event_id))
        attempts = next((pending[6] for name, pending, *_ in progress if name == endpoint_id and pending), 0)
        one = attempt(
            self.next_number(),
            attempts + 1 + wrong,
            event_id,
            endpoint_id,
            tenant_id=tenant_id,
            outcome=outcome,
            final=retry_at is None,
            at=self.now,
        )
        self.settled.append(((endpoint_id, event_id), one, retry_at))
        self.settle_again()

    def settle_again(self) -> None:
        if not self.settled:
            return
        name, one, retry_at = self.settled[-1]

        def act(side: Side) -> bool:
            seq = side.seqs.get(name, 10**12)
            (expected,) = side.store.settle([Settlement(seq, one, retry_at, one.number)])
            if expected:
                side.held.get(one.endpoint_id, set()).discard(seq)
            return expected

        self.both_sides(act)

    def ring(self, where: int, due: int) -> None:
        tenant_id, endpoint_id = self.endpoint_at(where)
        self.both(lambda store: store.ring([Ring(tenant_id, endpoint_id, self.now + due)]))

    def silence(self, node_id: str, where: list[int]) -> None:
        self.both(lambda store: sorted(store.ringing(node_id, self.now)))
        self.both(lambda store: store.silence(node_id, [self.endpoint_at(one)[1] for one in where]))

    def release(self, node_id: str, where: int, pause: int) -> None:
        tenant_id, endpoint_id = self.endpoint_at(where)
        health = b"health %d" % self.next_number()

        def act(side: Side) -> object:
            next_due = side.store.next_due(tenant_id, endpoint_id, False)
            # Whatever is due already is as good as due now.
            next_due = None if next_due is None else max(next_due, self.now)
            side.held.pop(endpoint_id, None)
            side.watermarks.pop(endpoint_id, None)
            return next_due, release(side.store, node_id, endpoint_id, next_due, self.now + pause, health)

        self.both_sides(act)

    def disown(self, node_id: str, where: list[int]) -> None:
        self.both(lambda store: store.disown(node_id, [self.endpoint_at(one)[1] for one in where], self.now))

    def resend(self, which: int, where: list[int]) -> None:
        if not self.events:
            return
        tenant_id, event_id = self.events[which % len(self.events)]
        names = [self.endpoint_at(one)[1] for one in where]

        def act(side: Side) -> object:
            made = side.store.resend(tenant_id, event_id, list(dict.fromkeys(names)), self.now)
            for standing in side.store.progress(tenant_id, event_id):
                if standing.pending is not None:
                    side.seqs[standing.endpoint_id, event_id] = standing.pending.seq
            return made

        self.both_sides(act)

    def join_or_leave(self, node_id: str) -> None:
        if self.both(lambda store: store.beat(node_id)):
            self.both(lambda store: store.leave(node_id, self.now))
        else:
            self.both(lambda store: store.register(node_id, self.now))

    def take_over(self, node_id: str, missed: int) -> None:
        beats = {one.id: one.beat for one in self.both(lambda store: sorted(store.nodes()))}
        self.both(lambda store: store.take_over(node_id, beats.get(node_id, 0) - missed, self.now))

    def add_endpoint(self, ordering: Ordering, status: EndpointStatus) -> None:
        if len(self.endpoints) == ENDPOINTS_MAX:
            return
        number = self.next_number()
        name, tenant_id = f"ep_{number:03d}", TENANTS[len(self.endpoints) % 2]
        one = endpoint(name, tenant_id, ordering=ordering, status=status)
        self.both(lambda store: store.create_endpoint(one, secret(f"sec_{number:03d}", name, tenant_id), 2))
        self.endpoints.append((tenant_id, name))

    def change_status(self, where: int, status: EndpointStatus) -> None:
        tenant_id, endpoint_id = self.endpoint_at(where)
        found = self.both(lambda store: store.get_endpoint(tenant_id, endpoint_id))
        revision = 2 if found is None else found.revision + 1
        since = self.now if status is EndpointStatus.VERIFICATION_PENDING else None
        one = endpoint(endpoint_id, tenant_id, status=status, revision=revision, unverified_since=since)
        self.both(lambda store: store.update_endpoint(one, self.now))

    def prove(self, where: int, by: EndpointMove | None, late_ms: int) -> None:
        tenant_id, endpoint_id = self.endpoint_at(where)
        found = self.both(lambda store: store.get_endpoint(tenant_id, endpoint_id))
        asked_at = self.now if found is None or found.unverified_since is None else found.unverified_since
        request = attempt(
            self.next_number(), event_id=None, endpoint_id=endpoint_id, tenant_id=tenant_id, request_body=b""
        )
        end = HandshakeEnd(tenant_id, endpoint_id, asked_at - late_ms, request, by, "code", "Why.", 0.5)
        for _ in range(2):
            self.both(lambda store: store.end_handshake(end, self.now))

    def give_up(self, where: int) -> None:
        self.both(lambda store: store.give_up(*self.endpoint_at(where), "gone", "It answered 410.", self.now))

    def delete_endpoint(self, where: int) -> None:
        self.both(lambda store: store.delete_endpoint(*self.endpoint_at(where), self.now))

    def rotate(self, where: int) -> None:
        tenant_id, endpoint_id = self.endpoint_at(where)
        number = self.next_number()
        if self.both(lambda store: store.get_endpoint(tenant_id, endpoint_id)) is not None:
            new = secret(f"sec_{number:03d}", endpoint_id, tenant_id, created_at=self.now)
            self.both(lambda store: store.rotate_secret(new, self.now + number % 7))
        self.both(lambda store: store.create_key(api_key(f"key_{number:03d}", tenant_id)))

    def upkeep(self) -> None:
        self.both(lambda store: store.ring_stranded(self.now, 100))
        self.both(lambda store: store.free_orphans(self.now))
        self.both(lambda store: store.make_missing_lanes(self.now, 100))
        self.both(lambda store: store.expire_keys_step(self.now, 100))
        for side in self.sides:
            while side.store.cancel_step(self.now, 2) + side.store.purge_step(3) + side.store.clear_members_step(2):
                pass
        self.both(lambda store: run_out(lambda: store.forget_records_step(self.now, 2), 2))

    def expire(self, ago: int) -> None:
        for tenant_id in TENANTS:
            cutoff = Cutoff(tenant_id, self.now - ago, self.now, day_of(NOW))
            self.both(lambda store: sorted(store.overdue([cutoff])))  # noqa: B023
            self.both(lambda store: expired(store, cutoff, self.now))  # noqa: B023
            self.both(lambda store: store.expire_days_step(cutoff, 100))  # noqa: B023
            self.both(lambda store: store.expire_jobs_step(cutoff, 1))  # noqa: B023
        gone = set(self.both(lambda store: [name for name in self.events if store.get_event(*name) is None]))
        for side in self.sides:
            for held in side.held.values():
                held -= {seq for (_, event_id), seq in side.seqs.items() if event_id in {name for _, name in gone}}

    def redact(self, which: int, limit: int) -> None:
        if not self.events:
            return
        tenant_id, event_id = self.events[which % len(self.events)]
        self.both(lambda store: run_out(lambda: store.redact_step(tenant_id, [event_id], self.now, limit), limit))
        for side in self.sides:
            for (name, of), seq in side.seqs.items():
                if of == event_id:
                    side.held.get(name, set()).discard(seq)
        self.both(lambda store: store.get_event(tenant_id, event_id))

    def replay(self, where: int, which: list[int]) -> None:
        tenant_id, endpoint_id = self.endpoint_at(where)
        number = self.next_number()
        job = Job(tenant_id, f"job_{number:03d}", endpoint_id, "replay", "all", "running", 0, 1, 0, 0, self.now, None)
        if not self.both(lambda store: store.create_job(job, 1, 2)):
            return
        span = ReplaySpan(tenant_id, endpoint_id, NOW, self.now, 10**12)
        self.both(lambda store: candidates(store, span))
        chosen = {self.events[place][1] for place in which if place < len(self.events)}

        def act(side: Side) -> object:
            found = side.store.replay_page(span, 0, 100).candidates
            side.store.add_job_events(tenant_id, job.id, [one.seq for one in found if one.event_id in chosen])
            return side.store.start_job(tenant_id, job.id)

        self.both_sides(act)

    def advance(self, pending_max: int) -> None:
        def act(side: Side) -> object:
            moved = [side.store.job_step(name, self.now, 0, 2, pending_max) for name in side.store.open_jobs("", 10)]
            for tenant_id, event_id in self.events:
                for standing in side.store.progress(tenant_id, event_id):
                    if standing.pending is not None:
                        side.seqs[standing.endpoint_id, event_id] = standing.pending.seq
            return moved

        self.both_sides(act)

    def cancel_job(self, which: int) -> None:
        jobs = self.both(lambda store: [job for name in TENANTS for job in store.list_jobs(name, None, 100)])
        if jobs:
            job = jobs[which % len(jobs)]
            self.both(lambda store: store.cancel_job(job.tenant_id, job.id, self.now))

    def trim(self, keep: int) -> None:
        self.both(lambda store: run_out(lambda: store.trim_changes_step(keep, 3), 3))

    def delete_tenant(self) -> None:
        self.both(lambda store: store.delete_tenant(OTHER_TENANT, self.now))

    def change_record(self, which: int, gone: int | None) -> None:
        one = record(f"c-{which // 2}", TENANTS[which % 2], version=self.next_number())
        forget_at = None if gone is None else self.now + gone

        def act(store: Store) -> object:
            with store.intake() as transaction:
                found = dict(transaction.lock_records([one.key]))
                seen = found[one.key].revision if found else None
                put = RecordPut(one._replace(revision=1 + (seen or 0), forget_at=forget_at), seen)
                transaction.put_records([put])
                transaction.commit()
            return found

        self.both(act)

    def track(self, which: int, members: list[str], add: bool) -> None:
        tenant_id, name = TENANTS[which % 2], f"set-{which // 2}"
        one = tracked_set(name, tenant_id, id=f"set_{self.next_number():03d}", created_at=self.now, updated_at=self.now)
        if add:
            self.both(lambda store: store.put_tracked_set(one, 2))
            self.both(lambda store: store.add_members(tenant_id, name, members, self.now, 3))
        else:
            self.both(lambda store: store.remove_members(tenant_id, name, members, self.now))

    def drop_set(self, which: int) -> None:
        self.both(lambda store: store.delete_tracked_set(TENANTS[which % 2], f"set-{which // 2}"))

    # ── what can be seen ──────────────────────────────────────────────────────────────────────────────────────

    def compare(self) -> None:
        """Everything that can be read."""
        self.both_sides(changed)
        self.both(lambda store: sorted(store.nodes()))
        self.both(lambda store: list(store.list_tenants(None, 10)))
        for tenant_id in TENANTS:
            self.both(lambda store: list(store.list_endpoints(tenant_id, None, 10)))  # noqa: B023
            self.both(lambda store: list(store.list_keys(tenant_id, None, 10)))  # noqa: B023
            self.both(lambda store: logged(store, tenant_id))  # noqa: B023
            self.both(lambda store: list(store.list_jobs(tenant_id, None, 100)))  # noqa: B023
            self.both(lambda store: list(store.list_records(tenant_id, "contact", None, 100)))  # noqa: B023
            for one in self.both(lambda store: list(store.list_tracked_sets(tenant_id, None, 100))):  # noqa: B023
                members = self.both(lambda store: list(store.list_members(one.tenant_id, one.name, None, 9)))  # noqa: B023
                assert len(members) == one.members
        self.both(lambda store: list(store.open_jobs("", 100)))
        for tenant_id, event_id in self.events:
            self.both_sides(lambda side: seqless(side, tenant_id, event_id))  # noqa: B023
            self.both(lambda store: list(store.behind_others(tenant_id, event_id)))  # noqa: B023
        self.both(lambda store: list(store.lanes_of([name for _, name in self.endpoints])))
        for tenant_id, name in self.endpoints:
            self.both(lambda store: list(store.list_secrets(tenant_id, name)))  # noqa: B023
            self.both(lambda store: list(store.day_counts(tenant_id, name, "1970-01-01")))  # noqa: B023
            self.both(lambda store: streamed(store, tenant_id, name))  # noqa: B023

    def end(self) -> None:
        """Last, what can only be seen by taking it: the lanes."""
        for node_id in NODES:
            self.both(lambda store: sorted(store.owned(node_id)))  # noqa: B023
            self.both(lambda store: store.leave(node_id, self.now))  # noqa: B023
        self.both(lambda store: store.register("node_last", self.now))
        self.both(lambda store: sorted(store.claim("node_last", ALWAYS, 100)))


def nameless(row: DueDelivery) -> tuple[Any, ...]:
    """A due row without its number, first what it is sorted by."""
    return row.event.id, row.delivery._replace(seq=0), row.event


def seqless(side: Side, tenant_id: str, event_id: str) -> list[tuple[Any, ...]]:
    """Where an event stands, without numbers."""
    standings = side.store.progress(tenant_id, event_id)
    return [one._replace(pending=one.pending and one.pending._replace(seq=0)) for one in standings]


def changed(side: Side) -> list[tuple[str, str, str]] | None:
    changes = side.store.changes_after(0)
    return None if changes is None else sorted((change.kind, change.tenant_id, change.id) for change in changes)


def candidates(store: Store, span: ReplaySpan) -> list[tuple[Any, ...]]:
    """What a replay would look at, without numbers."""
    found: list[tuple[Any, ...]] = []
    place: int | None = 0
    while place is not None:
        page = store.replay_page(span, place, 3)
        found += [one[1:] for one in page.candidates]
        place = page.place
    return found


def expired(store: Store, cutoff: Cutoff, now: int) -> int:
    """Remove what is past its time, a few rows at a time; how many in all."""
    total, place = 0, 0
    while True:
        changed, next_place = store.expire_events_step(cutoff, now, place, 2)
        total += changed
        if next_place is None:
            return total
        place = next_place


def logged(store: Store, tenant_id: str) -> list[Attempt]:
    """A tenant's whole log. The id of a record of an end without a request has a number in it."""
    listed = store.list_attempts(AttemptQuery(tenant_id, limit=1_000))
    whole = [store.get_attempt(tenant_id, one.id) for one in listed]
    ends = (Outcome.CANCELLED, Outcome.EXPIRED)
    return sorted(one._replace(id="") if one.outcome in ends else one for one in whole if one is not None)


def streamed(store: Store, tenant_id: str, endpoint_id: str) -> list[object]:
    return [stored.event for stored in store.list_events(EventQuery(tenant_id, endpoint_id=endpoint_id))]
