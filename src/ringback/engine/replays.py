"""Replays are carried out: step after step, each one short transaction, until what a job has to do is queued.

A thread of its own. Jobs take turns. After each step there is a pause, so that ingest always gets its turn, and a job
is held back while its endpoint has a long queue: a receiver that is slow or down doesn't fill the file. Where a job
stands is written with what it did, so whoever comes next goes on there; two engines at one job do no harm. It decides
nothing about events. A store that can't answer is asked again.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.model.limits import REPLAY_PENDING_MAX, STEP_ROWS_MAX
from ringback.observe.telemetry import Observer, StoreTrouble
from ringback.store.port import CommitInDoubt, JobSteps, Retryable, StoreUnavailable

LOOK_EVERY_S: Final = 0.5
STEP_PAUSE_S: Final = 0.02
JOBS_AT_ONCE: Final = 100
# A job that was not started by then was given up by a process that died while it wrote down what to do.
STARTED_WITHIN_MS: Final = 600_000


class Replays:
    """`wait(seconds)` returns early when the process stops."""

    def __init__(
        self,
        *,
        store: JobSteps,
        clock: Clock,
        tell: Callable[[m.ToDispatcher], None],
        wait: Callable[[float], object],
        observer: Observer,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tell = tell
        self._wait = wait
        self._observer = observer
        self._turns: deque[str] = deque()
        self._after = ""
        self._moved = False

    def step(self) -> None:
        """One step of the job whose turn it is; a longer pause when no job could go on."""
        try:
            pause_s = self._step()
        except (StoreUnavailable, Retryable, CommitInDoubt) as error:
            self._observer(StoreTrouble("replays", error.code, error.detail))
            self._turns.clear()
            self._after = ""
            pause_s = LOOK_EVERY_S
        if pause_s:
            self._wait(pause_s)

    def _step(self) -> float:
        if not self._turns and (pause_s := self._look()):
            return pause_s
        if not self._turns:
            return 0.0
        now = self._clock.now_ms()
        job_id = self._turns.popleft()
        if not self._store.job_step(job_id, now, now - STARTED_WITHIN_MS, STEP_ROWS_MAX, REPLAY_PENDING_MAX):
            return 0.0
        self._moved = True
        self._tell(m.Woken())
        return STEP_PAUSE_S

    def _look(self) -> float:
        """See which jobs are next; how long to pause before, if no job could go on in the whole last round."""
        begins = not self._after
        self._turns.extend(self._store.open_jobs(self._after, JOBS_AT_ONCE))
        self._after = self._turns[-1] if len(self._turns) == JOBS_AT_ONCE else ""
        if not begins:
            return 0.0
        idle, self._moved = not self._moved, False
        return LOOK_EVERY_S if idle else 0.0
