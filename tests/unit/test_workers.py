"""Parts stop when they are asked to, also those that wait for messages; what was posted is taken all the same."""

import threading

from ringback.testing.clock import ManualClock
from ringback.workers import ThreadMailbox, Worker

LONG_S = 60.0


def test_a_step_that_waits_for_messages_is_not_waited_for() -> None:
    inbox: ThreadMailbox[int] = ThreadMailbox()
    waits = threading.Event()
    taken: list[int] = []

    def step() -> None:
        waits.set()
        taken.extend(inbox.take(LONG_S))

    worker = Worker("waiting", step, ManualClock(), on_crash=lambda name: None, wake=inbox.wake)
    worker.start()
    assert waits.wait(10)
    assert worker.stop(LONG_S / 4)
    assert taken == []
    assert worker.stop(0)


def test_waking_takes_nothing_away_and_adds_nothing() -> None:
    inbox: ThreadMailbox[int] = ThreadMailbox()
    inbox.post(1)
    inbox.wake()
    inbox.post(2)
    inbox.wake()
    assert inbox.take(LONG_S) == [1, 2]
    inbox.wake()
    assert inbox.take(LONG_S) == []
    inbox.post(3)
    assert inbox.take(LONG_S) == [3]
    assert inbox.take(0) == []
