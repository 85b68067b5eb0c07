"""The hot route: `POST /v1/tenants/{t}/events`, `…/events/batch` and `…/status`, as bare ASGI.

Stands in front of the web framework and hands on what isn't its own, other methods of these paths included. Lets the
caller in, reads the body up to its limit, has it checked (`ingest.accept`), gives it to the ingest writer and answers
when that is done. Never waits for the store on the event loop, and never for a place in the writer's queue: a full one
is a 503. Assumes one event loop. A caller who goes away changes nothing: what was accepted stays accepted. Most
requests don't even come here: `direct` answers the ordinary ones, with the same parts.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from ringback.api.arrivals import Arrivals
from ringback.api.auth import Authenticator, Principal
from ringback.api.body import CallerGone, Message, Receive, Send, read_body
from ringback.api.event_request import EventRequest, Place, accepted, code_of, place_of, read_head
from ringback.api.headers import by_name
from ringback.api.problem import problem
from ringback.api.query import check_query
from ringback.ingest.accept import Acceptor
from ringback.ingest.quotas import Quota, no_quota
from ringback.ingest.submission import Accepted, Submission
from ringback.model.errors import RingbackError
from ringback.observe.meters import RequestMeter
from ringback.observe.traces import TraceAccept

AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

# Above this, checking a body takes long enough for other callers to notice: it is done on another thread.
CHECKED_ON_THE_LOOP_BYTES_MAX: Final = 1024 * 1024

logger = logging.getLogger(__name__)


def _welcome() -> None:
    """Nothing speaks against it."""


class EventsRoute:
    """An ASGI app in front of `otherwise`. `submit` queues for the writer and raises Unavailable when that is full;
    `admit` does the latter alone, so that a server with too much to do doesn't read and check what it can't take.

    Whether a tenant exists is the writer's to say, who looks within its transaction.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        submit: Callable[[Submission], None],
        authenticator: Authenticator,
        otherwise: AsgiApp,
        *,
        meter: RequestMeter,
        trace: TraceAccept | None = None,
        quota_of: Callable[[str], Quota | None] = no_quota,
        admit: Callable[[], None] = _welcome,
        arrivals: Arrivals | None = None,
    ) -> None:
        self.admit = admit
        self.arrivals = arrivals or Arrivals()
        self._acceptor = acceptor
        self._submit = submit
        self._authenticator = authenticator
        self._otherwise = otherwise
        self.meter = meter
        self._trace = trace
        self._quota_of = quota_of
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        place = place_of(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if place is None:
            await self._otherwise(scope, receive, send)
            return
        outcome: list[Accepted] | Exception
        started_s = self.meter.start()
        try:
            outcome = await self._outcome(place, by_name(scope["headers"]), scope["query_string"], receive)
        except CallerGone:
            return
        except RingbackError as error:
            outcome = error
        except Exception as error:
            logger.exception("accepting events failed")
            outcome = error
        if isinstance(outcome, list):
            status, body = accepted(outcome, place)
            self.meter.ended(started_s, None)
            await _send(send, status, [(b"content-type", b"application/json")], body)
        else:
            answer = problem(outcome)
            self.meter.ended(started_s, code_of(outcome))
            await _send(send, answer.status, _raw(answer.headers), answer.body)

    def expected(self, place: Place, headers: dict[bytes, bytes]) -> EventRequest | None:
        """The request if it can be let in at once; None: it takes asking the store first.

        Raises what speaks against the request.
        """
        principal = self._authenticator.cached(headers.get(b"authorization"))
        return None if principal is None else self._let_in(principal, place, headers)

    def _let_in(self, principal: Principal, place: Place, headers: dict[bytes, bytes]) -> EventRequest:
        request = read_head(self._acceptor, self._quota_of(place.tenant_id), principal, place, headers)
        if self._trace is not None:
            request = request._replace(span=self._trace(place.tenant_id, headers))
        return request

    def submit(self, request: EventRequest, submission: Submission, done: Callable[[], None]) -> None:
        """Give events to the writer; `done` is called on the event loop. Raises OverQuota and Unavailable."""
        self._loop = asyncio.get_running_loop()
        submission.waiter = done
        if request.quota is None:
            self._submit(submission)
        else:
            self._submit_within(request.quota, submission)

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

    async def _outcome(
        self, place: Place, headers: dict[bytes, bytes], query: bytes, receive: Receive
    ) -> list[Accepted] | RingbackError:
        """What became of the request. Raises what speaks against it before the writer sees it."""
        request = self.expected(place, headers)
        if request is None:
            principal = await asyncio.to_thread(self._authenticator.authenticate, headers.get(b"authorization"))
            request = self._let_in(principal, place, headers)
        try:
            check_query(query, ())
            outcome = await self._stored(request, headers, receive)
        except Exception as error:
            request.end_span(error)
            raise
        request.end_span(outcome)
        return outcome

    async def _stored(
        self, request: EventRequest, headers: dict[bytes, bytes], receive: Receive
    ) -> list[Accepted] | RingbackError:
        """Read the body, have its events stored; what became of them."""
        self.admit()
        body = await read_body(receive, headers.get(b"content-length"), request.bytes_max)
        if len(body) > CHECKED_ON_THE_LOOP_BYTES_MAX:
            submission = await asyncio.to_thread(request.submission, body)
        else:
            submission = request.submission(body)
        del body  # its events have their own copies
        done = asyncio.get_running_loop().create_future()
        self.submit(request, submission, partial(_settle, done))
        await done
        return outcome_of(submission)

    def _submit_within(self, quota: Quota, submission: Submission) -> None:
        quota.take(len(submission.events))
        try:
            self._submit(submission)
        except BaseException:
            quota.give_back(len(submission.events))
            raise


def outcome_of(submission: Submission | None) -> list[Accepted] | RingbackError:
    """What became of a submission that is done."""
    if submission is None or submission.outcome is None:
        raise RuntimeError("the writer left a submission without an outcome")
    return submission.outcome


def _wake(waiters: list[Callable[[], None]]) -> None:
    for done in waiters:
        done()


def _settle(future: asyncio.Future[None]) -> None:
    # Done already: the request was cancelled when the server stopped.
    if not future.done():
        future.set_result(None)


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _raw(headers: dict[str, str]) -> Headers:
    return [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
