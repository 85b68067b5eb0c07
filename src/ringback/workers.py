"""Threads and the queues between them: every long-running part of a process starts, works and stops in one way.

A part is a `step` that waits at most a moment for something to do and does it. A `Worker` calls it until told to
stop, and stamps each return as progress; the heartbeat beats only while the stamps are fresh. An exception that
leaves a step is fatal for the process (`on_crash`): a dead thread must not look like a quiet one. Never decides
anything; assumes that steps return within seconds.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

from ringback.clock import Clock

Message = TypeVar("Message")


class Mailbox(Protocol[Message]):
    """A queue with one reader, who can wait. Any thread may post."""

    def post(self, message: Message) -> None: ...

    def take(self, timeout_s: float) -> list[Message]:
        """All that is there; waits up to `timeout_s` while there is nothing."""


MailboxFactory = Callable[[], Mailbox[Any]]


class _Wake:
    """Is for nobody: whoever waits sees that there is something."""


_WAKE: Final = _Wake()


def _nobody_waits() -> None:
    """A step that doesn't wait for messages needs no waking."""


class ThreadMailbox(Mailbox[Message]):
    """The mailbox of real threads."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Message | _Wake] = queue.SimpleQueue()
        self._woken = False

    def post(self, message: Message) -> None:
        self._queue.put(message)

    def wake(self) -> None:
        """Let a `take` that waits return at once, or else the next one."""
        self._woken = True
        self._queue.put(_WAKE)

    def take(self, timeout_s: float) -> list[Message]:
        try:
            taken = [self._queue.get(timeout=timeout_s)]
        except queue.Empty:
            return []
        taken.extend(self._queue.get_nowait() for _ in range(self._queue.qsize()))
        if not self._woken:
            return cast(list[Message], taken)
        return [message for message in taken if not isinstance(message, _Wake)]


class Worker:
    """One thread that calls `step` again and again. `wake` cuts short what a step waits for."""

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        clock: Clock,
        on_crash: Callable[[str], None],
        wake: Callable[[], None] = _nobody_waits,
    ) -> None:
        self.name = name
        self.progress_s = clock.boottime_s()
        self._step = step
        self._clock = clock
        self._on_crash = on_crash
        self._wake = wake
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the step that is going on end, and no other begin. Doesn't wait; idempotent."""
        self._stopping.set()
        self._wake()

    def stop(self, timeout_s: float) -> bool:
        """Ask it to stop and wait for that; True when the thread ended in time. Idempotent."""
        self.ask_to_stop()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def silent_for_s(self) -> float:
        """Seconds since the last step ended."""
        return self._clock.boottime_s() - self.progress_s

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._step()
                self.progress_s = self._clock.boottime_s()
        except BaseException:
            self._on_crash(self.name)
            raise


def stop_all(workers: Sequence[Worker], timeout_s: float) -> None:
    """Stop them together: it takes as long as the slowest step, not as all of them. Each gets `timeout_s` at most."""
    for worker in workers:
        worker.ask_to_stop()
    for worker in workers:
        worker.stop(timeout_s)
