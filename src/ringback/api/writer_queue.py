"""The way from the event loop to the ingest writer and back, for every route whose requests it stores.

Never waits for the store on the event loop, and never for a place in the writer's queue: a full one is a 503. Assumes
one event loop. A caller who goes away changes nothing: what was accepted stays accepted.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from ringback.api.arrivals import Arrivals
from ringback.api.body import Receive, read_body
from ringback.ingest.quotas import Quota
from ringback.ingest.submission import Submission

# Above this, checking a body takes long enough for other callers to notice: it is done on another thread.
CHECKED_ON_THE_LOOP_BYTES_MAX: Final = 1024 * 1024

logger = logging.getLogger(__name__)


def _welcome() -> None:
    """Nothing speaks against it."""


class WriterQueue:
    """`submit` queues for the writer and raises Unavailable when that is full; `admit` does the latter alone, so that a
    server with too much to do doesn't read and check what it can't take. `arrivals` are told what is stored."""

    def __init__(
        self,
        submit: Callable[[Submission], None],
        admit: Callable[[], None] = _welcome,
        arrivals: Arrivals | None = None,
    ) -> None:
        self.admit = admit
        self.arrivals = arrivals or Arrivals()
        self._submit = submit
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, submission: Submission, quota: Quota | None, done: Callable[[], None]) -> None:
        """Give a submission to the writer; `done` is called on the event loop. Raises OverQuota and Unavailable."""
        self._loop = asyncio.get_running_loop()
        submission.waiter = done
        if quota is None:
            self._submit(submission)
        else:
            self._submit_within(quota, submission)

    async def store(
        self,
        check: Callable[[bytes], Submission],
        quota: Quota | None,
        headers: dict[bytes, bytes],
        receive: Receive,
        bytes_max: int,
    ) -> Submission:
        """Read a request's body, have it checked and stored; the submission, which is done."""
        self.admit()
        body = await read_body(receive, headers.get(b"content-length"), bytes_max)
        if len(body) > CHECKED_ON_THE_LOOP_BYTES_MAX:
            submission = await asyncio.to_thread(check, body)
        else:
            submission = check(body)
        del body  # what came of it has its own copies
        done = asyncio.get_running_loop().create_future()
        self.submit(submission, quota, partial(_settle, done))
        await done
        return submission

    def resolve(self, submissions: list[Submission]) -> None:
        """Wake the callers whose submissions are done, and those who wait for events of these tenants: the writer's
        `on_done`, called on its thread.

        One hop to the event loop for all of them; submissions that somebody else made are passed over.
        """
        self.arrivals.told(one.tenant_id for one in submissions)
        waiters = [one.waiter for one in submissions if one.waiter is not None]
        for submission in submissions:
            submission.waiter = None  # else the two would hold each other, for the garbage collector to find
        if not waiters or self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(_wake, waiters)
        except RuntimeError:
            # The loop is closed: the server has stopped, and with it everyone who waited.
            logger.debug("%d submissions finished after the server had stopped", len(waiters))

    def _submit_within(self, quota: Quota, submission: Submission) -> None:
        quota.take(submission.size)
        try:
            self._submit(submission)
        except BaseException:
            quota.give_back(submission.size)
            raise


def _wake(waiters: list[Callable[[], None]]) -> None:
    for done in waiters:
        done()


def _settle(future: asyncio.Future[None]) -> None:
    # Done already: the request was cancelled when the server stopped.
    if not future.done():
        future.set_result(None)
