"""The ingest writer and a store that fails in between: everybody is answered, and what was stored is announced."""

from collections.abc import Callable, Sequence
from typing import Any

from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.model.event import Event
from ringback.store.memory import MemoryStore
from ringback.store.port import BadRow, CommitInDoubt, Ring, StoreUnavailable
from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox
from support.rows import TENANT, claim, endpoint, event, secret, tenant


class Failing(MemoryStore):
    """`away`: events can't be read. `on_commit` is called before each commit, with its transaction's own."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.on_commit: Callable[[Callable[[], None]], None] = lambda commit: commit()
        self.rung: list[Ring] = []

    def intake(self) -> Any:
        transaction = super().intake()
        commit = transaction.commit
        transaction.commit = lambda: self.on_commit(commit)  # type: ignore[method-assign]
        return transaction

    def events_by_id(self, tenant_id: str, event_ids: Sequence[str]) -> Sequence[Event]:
        if self.away:
            raise StoreUnavailable("It is away.")
        return super().events_by_id(tenant_id, event_ids)

    def ring(self, rings: Sequence[Ring]) -> None:
        self.rung += rings
        super().ring(rings)


class World:
    def __init__(self) -> None:
        self.store = Failing()
        self.store.create_tenant(tenant(), secret(f"sec_{TENANT}", None, TENANT))
        self.store.create_endpoint(endpoint("ep_a"), secret("sec_a", "ep_a"), 10)
        self.writer = Writer(
            store=self.store,
            index=MatchIndex(),
            clock=ManualClock(),
            inbox=ThreadMailbox(),
            engine=NoEngine(),
            on_done=lambda submissions: None,
            pause=lambda seconds: None,
        )

    def post(self, *submissions: Submission) -> list[Any]:
        """Their outcomes, posted at once."""
        for submission in submissions:
            self.writer.submit(submission)
        self.writer.step()
        return [submission.outcome for submission in submissions]


def chosen(event_id: str) -> Submission:
    """An event whose sender chose the id."""
    return Submission([event(event_id)], [claim(event_id, "event", [event_id])], None)


def test_bells_ring_for_what_was_stored_though_a_repeat_could_not_be_answered() -> None:
    world = World()
    (first,) = world.post(chosen("own-1"))
    assert isinstance(first, list)
    world.store.rung.clear()
    world.store.away = True
    repeat, fresh = world.post(chosen("own-1"), chosen("own-2"))
    assert isinstance(repeat, StoreUnavailable)
    assert isinstance(fresh, list)
    assert [ring.endpoint_id for ring in world.store.rung] == ["ep_a"]


def test_a_repeat_whose_commit_is_in_doubt_is_looked_for_again() -> None:
    world = World()
    world.post(chosen("own-1"))
    doubts = [CommitInDoubt("The answer was lost.")]

    def lose_the_first(commit: Callable[[], None]) -> None:
        if doubts:
            raise doubts.pop()
        commit()

    world.store.on_commit = lose_the_first
    (outcome,) = world.post(chosen("own-1"))
    assert outcome[0].duplicate
    assert doubts == []


def test_a_bad_row_is_answered_though_nobody_can_say_why() -> None:
    world = World()

    def refuse(_: Callable[[], None]) -> None:
        world.store.away = True
        raise BadRow("There is one already.")

    world.store.on_commit = refuse
    (outcome,) = world.post(chosen("own-1"))
    assert isinstance(outcome, StoreUnavailable)
