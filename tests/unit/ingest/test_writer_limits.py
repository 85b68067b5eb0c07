"""How much may wait for the ingest writer, in events and bytes, and that there is room again once they are stored."""

import pytest

from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.model.errors import Unavailable
from ringback.model.limits import WAITING_BYTES_MAX
from ringback.store.memory import MemoryStore
from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox
from support.rows import TENANT, event, secret, tenant


def submission(*names: str) -> Submission:
    events = [event(name) for name in names]
    return Submission(events, [None] * len(events), None)


class World:
    def __init__(self, waiting_events_max: int) -> None:
        self.store = MemoryStore()
        self.store.create_tenant(tenant(), secret(f"sec_{TENANT}", None, TENANT))
        self.done: list[Submission] = []
        self.writer = Writer(
            store=self.store,
            index=MatchIndex(),
            clock=ManualClock(),
            inbox=ThreadMailbox(),
            engine=NoEngine(),
            on_done=self.done.extend,
            pause=lambda seconds: None,
            waiting_events_max=waiting_events_max,
        )

    def refused(self) -> str:
        with pytest.raises(Unavailable) as caught:
            self.writer.submit(submission("evt_refused"))
        assert caught.value.retry_after_s >= 1
        return caught.value.code


def test_as_many_events_wait_as_are_allowed_and_no_more() -> None:
    world = World(2)
    world.writer.submit(submission("evt_1"))
    assert not world.writer.full
    world.writer.submit(submission("evt_2"))
    assert world.writer.full
    assert world.refused() == "busy"
    assert world.writer.events_waiting == 2
    world.writer.step()
    assert len(world.done) == 2
    assert world.writer.events_waiting == 0
    world.writer.submit(submission("evt_3"))


def test_a_batch_larger_than_the_limit_is_taken_when_nothing_waits() -> None:
    world = World(1)
    world.writer.submit(submission("evt_1", "evt_2", "evt_3"))
    assert world.refused() == "busy"
    world.writer.step()
    assert isinstance(world.done[0].outcome, list)
    world.writer.check()


def test_bytes_that_wait_are_limited_too() -> None:
    world = World(1_000)
    large = submission("evt_1")
    assert large.payload_bytes == len(large.events[0].data) > 0
    large.payload_bytes = WAITING_BYTES_MAX
    world.writer.submit(large)
    assert world.refused() == "busy"
    world.writer.step()
    world.writer.submit(submission("evt_2"))


def test_the_payload_of_a_submission_is_all_that_its_events_bring() -> None:
    events = [event("evt_1", data=b"12345", previous=b"123"), event("evt_2", data=b"1", previous=None)]
    assert Submission(events, [None, None], None).payload_bytes == 9
