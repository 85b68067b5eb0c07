"""The hot route: `POST /v1/tenants/{t}/events`, `…/events/batch` and `…/status`, as bare ASGI.

Stands in front of the web framework and hands on what isn't its own, other methods of these paths included. Lets the
caller in, has the body read up to its limit, checked (`ingest.accept`) and stored (`writer_queue`), and answers when
that is done. Most requests don't even come here: `direct` answers the ordinary ones, with the same parts.
"""

import logging
from collections.abc import Awaitable, Callable

from ringback.api.answer import send_json, send_problem
from ringback.api.auth import Principal
from ringback.api.body import CallerGone, Message, Receive, Send
from ringback.api.door import Door
from ringback.api.event_request import EventRequest, Place, accepted, code_of, place_of, read_head
from ringback.api.headers import by_name
from ringback.api.query import check_query
from ringback.ingest.accept import Acceptor
from ringback.ingest.submission import Accepted, Submission
from ringback.model.errors import RingbackError

AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)


class EventsRoute:
    """An ASGI app in front of `otherwise`. Whether a tenant exists is the writer's to say, who looks within its
    transaction.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        door: Door,
        otherwise: AsgiApp,
    ) -> None:
        self.queue = door.queue
        self.meter = door.meter
        self._acceptor = acceptor
        self._door = door
        self._authenticator = door.authenticator
        self._otherwise = otherwise
        self._trace = door.trace
        self._quota_of = door.quota_of

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
            await send_json(send, status, body)
        else:
            self.meter.ended(started_s, code_of(outcome))
            await send_problem(send, outcome)

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

    async def _outcome(
        self, place: Place, headers: dict[bytes, bytes], query: bytes, receive: Receive
    ) -> list[Accepted] | RingbackError:
        """What became of the request. Raises what speaks against it before the writer sees it."""
        request = self.expected(place, headers)
        if request is None:
            principal = await self._door.principal(headers.get(b"authorization"))
            request = self._let_in(principal, place, headers)
        try:
            check_query(query, ())
            store = self.queue.store(request.submission, request.quota, headers, receive, request.bytes_max)
            outcome = outcome_of(await store)
        except Exception as error:
            request.end_span(error)
            raise
        request.end_span(outcome)
        return outcome


def outcome_of(submission: Submission | None) -> list[Accepted] | RingbackError:
    """What became of a submission that is done."""
    if submission is None or submission.outcome is None:
        raise RuntimeError("the writer left a submission without an outcome")
    return submission.outcome
