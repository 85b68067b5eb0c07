"""Turns: what waits is taken in order, or tenant by tenant; who writes uses them as its store wants it."""

from collections.abc import Mapping, Sequence

from conformance.backend import accept_many, add_endpoint
from ringback.engine import messages as m
from ringback.engine.settler import FAILED_AT_ONCE, Settler
from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import BATCH_EVENTS_MAX, Writer
from ringback.model.event import NOBODY_MISSED, Event, NewDelivery
from ringback.store.memory import MemoryStore
from ringback.store.memory.intake import MemoryTransaction
from ringback.store.port import Settlement, StoreUnavailable
from ringback.testing.clock import ManualClock
from ringback.turns import Turns
from ringback.workers import ThreadMailbox
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event, failed, secret, tenant

Batches = list[list[tuple[str, str]]]


def drained(turns: Turns[str], most: int) -> list[str]:
    batches = []
    while turns:
        batches.append("".join(turns.take(min(most, len(turns.first())))))
    return batches


class TestTurns:
    def test_one_line_is_taken_in_the_order_it_came(self) -> None:
        turns: Turns[str] = Turns(None)
        turns.extend("aabba")
        turns.extend("")
        turns.extend("cab")
        assert drained(turns, 3) == ["aab", "bac", "ab"]

    def test_tenants_have_turns_and_what_is_left_of_one_goes_behind_the_others(self) -> None:
        turns: Turns[str] = Turns(str.lower)
        turns.extend("aAaBaAcbB")
        assert drained(turns, 2) == ["aA", "Bb", "c", "aa", "B", "A"]

    def test_who_comes_during_a_turn_waits_behind_its_own(self) -> None:
        turns: Turns[str] = Turns(str.lower)
        turns.extend("aab")
        assert turns.take(1) == ["a"]
        turns.extend("A")
        assert drained(turns, 9) == ["b", "aA"]

    def test_what_is_only_looked_at_stays(self) -> None:
        turns: Turns[str] = Turns(str.lower)
        turns.extend("ab")
        assert (turns.first(), turns.first()) == (["a"], ["a"])

    def test_nothing_waits_at_first_and_when_all_is_taken(self) -> None:
        for turns in (Turns[str](None), Turns[str](str.lower)):
            assert not turns
            turns.extend([])
            assert not turns
            turns.extend("a")
            assert turns
            turns.take(1)
            assert not turns


class Noting(MemoryStore):
    """Pretends to be spread over machines, or not; notes what was written together, and can fail."""

    def __init__(self, *, by_tenant: bool) -> None:
        super().__init__()
        self.by_tenant = by_tenant
        self.inserted: Batches = []
        self.settled: Batches = []
        self.failures = 0

    def intake(self) -> MemoryTransaction:
        return NotingTransaction(self)

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("Gone.")
        names = [(one.attempt.tenant_id, one.attempt.event_id or "") for one in settlements]
        self.settled.append(names)
        return super().settle(settlements)


class NotingTransaction(MemoryTransaction):
    def __init__(self, store: Noting) -> None:
        super().__init__(store._tables)
        self._store = store

    def insert(
        self, events: Sequence[Event], deliveries: Sequence[NewDelivery], missed: Mapping[int, str] = NOBODY_MISSED
    ) -> Sequence[int]:
        self._store.inserted.append([(one.tenant_id, one.id) for one in events])
        return super().insert(events, deliveries, missed)


class WriterWorld:
    def __init__(self, *, by_tenant: bool) -> None:
        self.store = Noting(by_tenant=by_tenant)
        for tenant_id in (TENANT, OTHER_TENANT):
            self.store.create_tenant(tenant(tenant_id), secret(f"sec_{tenant_id}", None, tenant_id))
        self.done: list[Submission] = []
        self.writer = Writer(
            store=self.store, index=MatchIndex(), clock=ManualClock(), inbox=ThreadMailbox(), engine=NoEngine(),
            on_done=self.done.extend, pause=lambda seconds: None,
        )  # fmt: skip

    def submit(self, tenant_id: str, *names: str) -> None:
        events = [event(name, tenant_id) for name in names]
        self.writer.submit(Submission(events, [None] * len(events), None))

    def run(self) -> Batches:
        while self.writer.events_waiting:
            self.writer.step()
        assert all(isinstance(submission.outcome, list) for submission in self.done)
        return self.store.inserted


class TestWriter:
    def test_where_the_store_is_spread_a_batch_is_of_one_tenant(self) -> None:
        world = WriterWorld(by_tenant=True)
        for name in ("evt_1", "evt_3"):
            world.submit(TENANT, name)
            world.submit(OTHER_TENANT, name.replace("evt", "oth"))
        assert world.run() == [
            [(TENANT, "evt_1"), (TENANT, "evt_3")],
            [(OTHER_TENANT, "oth_1"), (OTHER_TENANT, "oth_3")],
        ]

    def test_elsewhere_all_that_waits_is_one_batch_in_the_order_it_came(self) -> None:
        world = WriterWorld(by_tenant=False)
        for tenant_id, name in ((TENANT, "evt_1"), (OTHER_TENANT, "evt_2"), (TENANT, "evt_3")):
            world.submit(tenant_id, name)
        assert world.run() == [[(TENANT, "evt_1"), (OTHER_TENANT, "evt_2"), (TENANT, "evt_3")]]

    def test_a_tenant_that_sends_much_does_not_keep_the_others_waiting(self) -> None:
        world = WriterWorld(by_tenant=True)
        much = [f"evt_{place:05d}" for place in range(2 * BATCH_EVENTS_MAX + 1)]
        for first in range(0, len(much), 500):
            world.submit(TENANT, *much[first : first + 500])
        world.submit(OTHER_TENANT, "oth_1")
        batches = world.run()
        assert [(batch[0][0], len(batch)) for batch in batches] == [
            (TENANT, BATCH_EVENTS_MAX), (OTHER_TENANT, 1), (TENANT, BATCH_EVENTS_MAX), (TENANT, 1),
        ]  # fmt: skip
        assert [name for batch in batches for tenant_id, name in batch if tenant_id == TENANT] == much


class SettlerWorld:
    def __init__(self, *, by_tenant: bool, deliveries: int = 3) -> None:
        self.store = Noting(by_tenant=by_tenant)
        self.inbox: ThreadMailbox[m.ToSettler] = ThreadMailbox()
        self.told: list[m.ToDispatcher] = []
        self.settler = Settler(
            self.store, self.inbox, self.told.append, lambda seconds: None, lambda _: None,
            now_ms=lambda: NOW, refresh=lambda: None,
        )  # fmt: skip
        self.rows: list[tuple[str, str, str, int]] = []
        for tenant_id, endpoint_id, prefix in ((TENANT, "ep_a", "evt"), (OTHER_TENANT, "ep_b", "oth")):
            add_endpoint(self.store, endpoint_id, tenant_id)
            seqs = accept_many(self.store, deliveries, endpoint_id, prefix, tenant_id=tenant_id)
            names = [f"{prefix}_{place:05d}" for place in range(1, deliveries + 1)]
            self.rows += [(tenant_id, endpoint_id, name, seq) for name, seq in zip(names, seqs, strict=True)]

    def post(self, places: Sequence[int], *, succeeded: bool) -> None:
        make = attempt if succeeded else failed
        settlements = [
            Settlement(
                self.rows[place][3],
                make(place, 1, self.rows[place][2], tenant_id=self.rows[place][0], endpoint_id=self.rows[place][1]),
                None,
                1,
            )
            for place in places
        ]
        self.inbox.post([m.Settling(1, settlement, NOW, "", None, 0) for settlement in settlements])

    def run(self) -> Batches:
        self.inbox.post([])  # so that nothing is waited for
        self.settler.step()
        while self.settler._waiting:
            self.settler.step()
        return self.store.settled


class TestSettler:
    def test_where_the_store_is_spread_a_batch_is_of_one_tenant(self) -> None:
        world = SettlerWorld(by_tenant=True)
        world.post([0, 3, 1, 4], succeeded=True)
        world.store.failures = 2  # then the same is tried again
        assert world.run() == [
            [(TENANT, "evt_00001"), (TENANT, "evt_00002")],
            [(OTHER_TENANT, "oth_00001"), (OTHER_TENANT, "oth_00002")],
        ]
        assert [len(message.done) for message in world.told if isinstance(message, m.Settled)] == [2, 2]

    def test_elsewhere_it_is_what_came(self) -> None:
        world = SettlerWorld(by_tenant=False)
        world.post([0, 3, 1], succeeded=True)
        assert world.run() == [[(TENANT, "evt_00001"), (OTHER_TENANT, "oth_00001"), (TENANT, "evt_00002")]]

    def test_a_tenant_whose_deliveries_all_fail_takes_turns_with_the_others(self) -> None:
        count = FAILED_AT_ONCE + 3
        world = SettlerWorld(by_tenant=True, deliveries=count)
        world.post([*range(count), count, count + 1], succeeded=False)
        settled = world.run()
        assert [(batch[0][0], len(batch)) for batch in settled] == [
            (TENANT, FAILED_AT_ONCE), (OTHER_TENANT, 2), (TENANT, 3),
        ]  # fmt: skip
        assert [name for batch in settled for _, name in batch if name.startswith("evt")] == [
            f"evt_{place:05d}" for place in range(1, count + 1)
        ]
