"""A scheduler of greenlets on virtual time: the same seed runs the same steps in the same order, exactly.

A task runs until it waits. Which of the tasks that can go on runs next is drawn from the seed, so every interleaving of
store calls, messages and timers that real threads could have comes up for some seed. Time stands still while anything
can run, then jumps to the next moment somebody waits for.
"""

import random
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from greenlet import greenlet


class Task:
    """One greenlet. `frozen_until` holds it back without its knowing (a pause of its process)."""

    def __init__(self, name: str, run: Callable[[], None], process: "Process") -> None:
        self.name = name
        self.process = process
        self.greenlet = greenlet(run)
        self.wakes_at = 0.0
        self.wait_id = 0


class Process:
    """What dies or pauses as one: a set of tasks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.paused_until = 0.0


class Scheduler:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now_s = 1_000.0
        self.steps = 0
        self.trace: list[str] = []
        self.tracing = False
        self._runnable: list[Task] = []
        self._sleeping: list[tuple[float, int, Task, int]] = []
        self._order = count()
        self._current: Task | None = None
        self._main = greenlet.getcurrent()
        self.after_step: Callable[[], None] = lambda: None

    def spawn(self, process: Process, name: str, run: Callable[[], None]) -> Task:
        task = Task(f"{process.name}.{name}", run, process)
        self._runnable.append(task)
        return task

    # ── for tasks ────────────────────────────────────────────────────────────────────────────────────────────

    def step(self, what: str = "") -> None:
        """A point where another task may run."""
        task = self._here()
        self._runnable.append(task)
        self._leave(what)

    def sleep(self, seconds: float) -> None:
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Wait for that time, or until `wake`."""
        task = self._here()
        task.wait_id += 1
        task.wakes_at = self.now_s + max(0.0, seconds)
        heappush(self._sleeping, (task.wakes_at, next(self._order), task, task.wait_id))
        self._leave("wait")

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

    def _leave(self, what: str) -> None:
        task = self._here()
        if self.tracing and what:
            self.trace.append(f"{self.now_s:10.3f} {task.name} {what}")
        self._main.switch()

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
        while True:
            while self._runnable:
                place = self.random.randrange(len(self._runnable))
                self._runnable[place], self._runnable[-1] = self._runnable[-1], self._runnable[place]
                task = self._runnable.pop()
                if task.process.dead or task.greenlet.dead:
                    continue
                if task.process.paused_until > self.now_s:
                    self._hold(task)
                    continue
                return task
            if not self._advance(until_s) or done():
                return None

    def _hold(self, task: Task) -> None:
        task.wait_id += 1
        task.wakes_at = task.process.paused_until
        heappush(self._sleeping, (task.wakes_at, next(self._order), task, task.wait_id))

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
