"""A scheduler of greenlets on virtual time: the same seed runs the same steps in the same order, exactly.

A task runs until it waits. Which of the tasks that can go on runs next is drawn from the seed, so every interleaving of
store calls, messages and timers that real threads could have comes up for some seed. Time stands still while anything
can run, then jumps to the next moment somebody waits for. It never reads a real clock; a task that raises ends the run.
"""

import random
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from greenlet import greenlet


class Process:
    """What dies or pauses as one: a set of tasks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.paused_until = 0.0


class Task:
    """One greenlet. `frozen_until` holds it alone back, without its knowing (a thread that hangs)."""

    __slots__ = ("frozen_until", "greenlet", "name", "process", "wait_id", "wakes_at")

    def __init__(self, name: str, run: Callable[[], None], process: Process) -> None:
        self.name = name
        self.process = process
        self.greenlet = greenlet(run)
        self.wakes_at = 0.0
        self.wait_id = 0
        self.frozen_until = 0.0


class Scheduler:
    """Runs tasks; `trace` fills while `tracing`. `after_step` is called between any two steps."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now_s = 1_000.0
        self.steps = 0
        self.trace: list[str] = []
        self.tracing = False
        self.after_step: Callable[[], None] = lambda: None
        self._runnable: list[Task] = []
        self._sleeping: list[tuple[float, int, Task, int]] = []
        self._order = count()
        self._current: Task | None = None
        self._main = greenlet.getcurrent()

    def spawn(self, process: Process, name: str, run: Callable[[], None]) -> Task:
        task = Task(f"{process.name}.{name}", run, process)
        self._runnable.append(task)
        return task

    def note(self, what: str) -> None:
        """A line of the trace: who does what, and when."""
        if self.tracing:
            who = self._current.name if self._current is not None else "-"
            self.trace.append(f"{self.now_s:10.4f} {who}: {what}")

    # ── for tasks ────────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> None:
        """A point where another task may run."""
        self._runnable.append(self._here())
        self._main.switch()

    def wait(self, seconds: float) -> None:
        """Wait for that time, or until `wake`."""
        task = self._here()
        self._sleep(task, self.now_s + max(0.0, seconds))
        self._main.switch()

    def current(self) -> Task | None:
        return self._current

    def wake(self, task: Task) -> None:
        """Let a waiting task go on now. A task that is not waiting is left alone."""
        if task.wakes_at > 0.0:
            task.wakes_at = 0.0
            task.wait_id += 1
            self._runnable.append(task)

    def _here(self) -> Task:
        assert self._current is not None, "only a task can wait"
        return self._current

    def _sleep(self, task: Task, until_s: float) -> None:
        task.wait_id += 1
        task.wakes_at = until_s
        heappush(self._sleeping, (until_s, next(self._order), task, task.wait_id))

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, until_s: float, done: Callable[[], bool] = lambda: False) -> None:
        """Run until virtual time `until_s`, or until `done` (asked whenever time moves)."""
        while True:
            task = self._next(until_s, done)
            if task is None:
                return
            self._current = task
            task.greenlet.switch()
            self._current = None
            self.steps += 1
            self.after_step()

    def _next(self, until_s: float, done: Callable[[], bool]) -> Task | None:
        runnable = self._runnable
        while True:
            while runnable:
                if len(runnable) > 1:
                    place = int(self.random.random() * len(runnable))
                    runnable[place], runnable[-1] = runnable[-1], runnable[place]
                task = runnable.pop()
                if task.process.dead or task.greenlet.dead:
                    continue
                held_until_s = max(task.process.paused_until, task.frozen_until)
                if held_until_s > self.now_s:
                    self._sleep(task, held_until_s)
                    continue
                return task
            if not self._advance(until_s) or done():
                return None

    def _advance(self, until_s: float) -> bool:
        """Move time to the next moment somebody waits for; False when that is after `until_s`."""
        while self._sleeping:
            at_s, _, task, wait_id = self._sleeping[0]
            if task.wait_id != wait_id or task.process.dead:
                heappop(self._sleeping)
                continue
            if at_s > until_s:
                self.now_s = until_s
                return False
            self.now_s = max(self.now_s, at_s)
            heappop(self._sleeping)
            task.wakes_at = 0.0
            self._runnable.append(task)
            return True
        return False


class SimMailbox:
    """`workers.Mailbox` on the scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._messages: list[Any] = []
        self._reader: Task | None = None

    def __len__(self) -> int:
        return len(self._messages)

    def post(self, message: Any) -> None:
        self._messages.append(message)
        if self._reader is not None:
            self._scheduler.wake(self._reader)

    def take(self, timeout_s: float) -> list[Any]:
        if not self._messages and timeout_s > 0.0:
            self._reader = self._scheduler.current()
            self._scheduler.wait(timeout_s)
            self._reader = None
        else:
            self._scheduler.step()
        taken, self._messages = self._messages, []
        return taken


class SimLock:
    """A lock that waits on the scheduler, for code that holds one across store calls."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held = False

    def __enter__(self) -> None:
        while self._held:
            self._scheduler.wait(0.001)
        self._held = True

    def __exit__(self, *_: object) -> None:
        self._held = False
