"""Writing records, as bare ASGI: `PUT, PATCH, DELETE …/records/{type}/{id}` and `POST …/records/batch`.

Stands between the event route and the web framework, and hands on what isn't its own, reading included. Lets the caller
in, has the body checked (`ingest.record_accept`) and stored by the ingest writer, in the same commits as events, and
answers with what became of it. Never waits for the store on the event loop.
"""

import logging
from collections.abc import Sequence

from ringback.api.answer import send_json, send_problem
from ringback.api.auth import Principal
from ringback.api.body import CallerGone, Message, Receive, Send
from ringback.api.door import Door
from ringback.api.event_request import code_of
from ringback.api.events import AsgiApp
from ringback.api.headers import by_name
from ringback.api.query import check_query
from ringback.api.record_request import RecordPlace, RecordRequest, place_of, read_head, tenant_of, written
from ringback.ingest.record_accept import RecordAcceptor
from ringback.ingest.submission import RecordResult, Submission
from ringback.model.errors import RingbackError

logger = logging.getLogger(__name__)


class RecordsRoute:
    """An ASGI app in front of `otherwise`. Whether tenant and record exist is the writer's to say, who looks within its
    transaction."""

    def __init__(self, acceptor: RecordAcceptor, door: Door, otherwise: AsgiApp) -> None:
        self._acceptor = acceptor
        self._door = door
        self._otherwise = otherwise
        self._meter = door.meter

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        place = place_of(scope["method"], scope["raw_path"]) if scope["type"] == "http" else None
        if place is None:
            await self._otherwise(scope, receive, send)
            return
        outcome: Sequence[RecordResult] | Exception
        started_s = self._meter.start()
        try:
            outcome = await self._outcome(place, by_name(scope["headers"]), scope["query_string"], receive)
        except CallerGone:
            return
        except RingbackError as error:
            outcome = error
        except Exception as error:
            logger.exception("writing records failed")
            outcome = error
        if isinstance(outcome, Exception):
            self._meter.ended(started_s, code_of(outcome))
            await send_problem(send, outcome)
            return
        self._meter.ended(started_s, None)
        self._meter.wrote([result.outcome for result in outcome])
        answer = written(outcome, place.op)
        await send_json(send, answer.status, answer.body, answer.headers)

    async def _outcome(
        self, place: RecordPlace, headers: dict[bytes, bytes], query: bytes, receive: Receive
    ) -> Sequence[RecordResult]:
        """What became of the request. Raises what speaks against it."""
        principal = await self._door.principal(headers.get(b"authorization"))
        request = self._let_in(principal, place, headers)
        try:
            check_query(query, ())
            store = self._door.queue.store(request.submission, request.quota, headers, receive, request.bytes_max)
            results = _results_of(await store)
        except Exception as error:
            request.end_span(error)
            raise
        request.end_span(results)
        return results

    def _let_in(self, principal: Principal, place: RecordPlace, headers: dict[bytes, bytes]) -> RecordRequest:
        tenant_id = tenant_of(place)
        request = read_head(self._acceptor, self._door.quota_of(tenant_id), principal, place, headers)
        if self._door.trace is not None:
            request = request._replace(span=self._door.trace(tenant_id, headers))
        return request


def _results_of(submission: Submission) -> Sequence[RecordResult]:
    if isinstance(submission.outcome, RingbackError):
        raise submission.outcome
    if len(submission.results) != len(submission.writes):
        raise RuntimeError("the writer left changes of records without a result")
    return submission.results
