"""Rules that fail on events: told once a minute, of what was committed alone, and never at the cost of a batch."""

from typing import Any

import pytest

from ringback.ingest import rule_failures
from ringback.ingest.index import MatchIndex
from ringback.ingest.rule_failures import RuleFailures
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.observe.telemetry import RuleFailed, TelemetryEvent
from ringback.store.memory import MemoryStore
from ringback.store.port import BadRow, StoreUnavailable
from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox
from support.rows import NOW, TENANT, endpoint, event, rule_failure, secret, tenant

WORDS = "data has no key age."


class World:
    """A writer, a tenant, and an endpoint whose filter fails on most events."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self.clock = ManualClock(NOW)
        self.told: list[TelemetryEvent] = []
        self.failures = RuleFailures(self.store, self.clock, self.told.append)
        self.store.create_tenant(tenant(), secret("sec_t", None))
        self.store.create_endpoint(endpoint(filter="data.age > 1"), secret(), 10, None)
        self.inbox: ThreadMailbox[Submission] = ThreadMailbox()
        self.writer = Writer(
            store=self.store,
            index=MatchIndex(rule_failed=self.failures.failed),
            clock=self.clock,
            inbox=self.inbox,
            engine=NoEngine(),
            on_done=lambda _: None,
            pause=lambda _: None,
            rule_failures=self.failures,
        )

    def post(self, event_id: str, data: bytes = b"{}") -> Submission:
        submission = Submission([event(event_id, data=data)], [None], None)
        self.writer.submit(submission)
        self.writer.step()
        assert isinstance(submission.outcome, list)
        return submission

    @property
    def kept(self) -> list[tuple[str, str]]:
        return [(one.event_id, one.message) for one in self.store.rule_failures(TENANT, ["ep_a"])]


def test_a_failure_is_kept_and_told_after_the_commit() -> None:
    world = World()
    world.post("evt_1", b'{"age": 2}')
    assert (world.kept, world.told) == ([], [])
    world.post("evt_2")
    assert world.kept == [("evt_2", WORDS)]
    assert world.told == [RuleFailed(TENANT, "ep_a", "evt_2", WORDS)]


def test_once_a_minute_is_enough() -> None:
    world = World()
    for place in range(5):
        world.post(f"evt_{place}")
        world.clock.pass_s(10)
    assert (len(world.told), world.kept) == (1, [("evt_0", WORDS)])
    world.clock.pass_s(10)
    world.post("evt_9")
    assert (len(world.told), world.kept) == (2, [("evt_9", WORDS)])


def test_what_was_rolled_back_did_not_happen() -> None:
    world = World()
    world.failures.failed(TENANT, "ep_a", "evt_lost", WORDS)
    world.failures.begin()
    world.failures.failed(TENANT, "ep_a", "evt_kept", WORDS)
    world.failures.committed()
    world.failures.flush()
    assert world.kept == [("evt_kept", WORDS)]


def test_a_store_that_is_away_is_asked_again() -> None:
    class Away(MemoryStore):
        away = True

        def note_rule_failures(self, failures: Any) -> None:
            if self.away:
                raise StoreUnavailable("It is away.")
            super().note_rule_failures(failures)

    store = Away()
    world = World(store)
    world.post("evt_1")
    assert (world.kept, world.told) == ([], [])
    store.away = False
    world.post("evt_2", b'{"age": 2}')
    assert world.told == []
    world.clock.pass_s(rule_failures.FLUSH_EVERY_S)
    world.post("evt_3", b'{"age": 2}')
    assert world.kept == [("evt_1", WORDS)]


def test_what_a_store_refuses_is_dropped() -> None:
    class Refusing(MemoryStore):
        def note_rule_failures(self, failures: Any) -> None:
            raise BadRow("No.")

    world = World(Refusing())
    world.post("evt_1")
    assert world.told == []


def test_they_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_failures, "STEP_ROWS_MAX", 3)
    monkeypatch.setattr(rule_failures, "RULES_KNOWN_MAX", 3)
    world = World()
    for batch in range(3):
        for place in range(10):
            world.failures.failed(TENANT, f"ep_{batch}{place}", "evt_1", WORDS)
        world.failures.committed()
    assert len(world.failures._waiting) == 3
    assert len(world.failures._told_s) <= 3
    world.failures.flush()
    assert len(world.told) == 3


def test_without_a_store_nothing_is_kept() -> None:
    failures = RuleFailures(None, ManualClock(NOW))
    failures.failed(TENANT, "ep_a", "evt_1", WORDS)
    failures.committed()
    failures.flush()
    assert not failures._waiting


def test_only_the_later_failure_stays() -> None:
    store = MemoryStore()
    store.note_rule_failures([rule_failure(at=NOW, event_id="evt_2")])
    store.note_rule_failures([rule_failure(at=NOW - 1, event_id="evt_1")])
    assert [one.event_id for one in store.rule_failures(TENANT, ["ep_a"])] == ["evt_2"]
