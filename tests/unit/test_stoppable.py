"""A start that waits ends on SIGTERM, and the handler that was there before is there afterwards."""

import os
import signal
import threading

import pytest

from ringback.stoppable import AskedToStop, stoppable


def test_sigterm_ends_the_block_and_nothing_stays_behind() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def waiting() -> None:
        with stoppable():
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(10)

    with pytest.raises(AskedToStop):
        waiting()
    assert signal.getsignal(signal.SIGTERM) is before


def test_it_is_no_exception_that_somebody_could_take_for_a_failure() -> None:
    assert not issubclass(AskedToStop, Exception)


def test_off_the_main_thread_nothing_changes() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def look() -> None:
        with stoppable():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(10)
    assert seen == [before]
