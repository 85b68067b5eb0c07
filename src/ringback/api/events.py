"""The hot route: `POST /v1/tenants/{t}/events` and `…/events/batch`, as bare ASGI.

Stands in front of the web framework and hands on what isn't its own, other methods of these paths included. Lets the
caller in, reads the body up to its limit, has it checked (`ingest.accept`), gives it to the ingest writer and answers
when that is done. Never waits for the store on the event loop, and never for a place in the writer's queue: a full one
is a 503. Assumes one event loop. A caller who goes away changes nothing: what was accepted stays accepted.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec

from ringback.api.auth import Authenticator, Principal, authorize
from ringback.api.body import CallerGone, Message, Receive, Send, read_body
from ringback.api.headers import by_name
from ringback.api.problem import UnsupportedMediaType, problem
from ringback.ingest.accept import Acceptor
from ringback.ingest.submission import Accepted, Submission
from ringback.model.errors import Malformed, NotFound, RingbackError
from ringback.model.limits import TENANT_ID_CHARS_MAX
from ringback.model.tenant import Scope
from ringback.times import rfc3339

AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
_Check = Callable[[str, bytes, str | None, int], Submission]

# Above this, checking a body takes long enough for other callers to notice: it is done on another thread.
CHECKED_ON_THE_LOOP_BYTES_MAX: Final = 1024 * 1024
_TENANT_ID: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{TENANT_ID_CHARS_MAX}}}")
_HOPS_DIGITS_MAX: Final = 9
_JSON: Final = "json"
_NDJSON: Final = "ndjson"
_CONTENT_TYPES: Final = {b"application/json": _JSON, b"application/x-ndjson": _NDJSON}
_CHARSETS: Final = {b"utf-8", b"utf8"}

logger = logging.getLogger(__name__)


class _Place(NamedTuple):
    tenant_id: str
    is_batch: bool


class _AcceptedEvent(msgspec.Struct, gc=False):
    id: str
    type: str
    accepted_at: str
    deliveries: int


class _AcceptedId(msgspec.Struct, gc=False):
    id: str


class _AcceptedBatch(msgspec.Struct, gc=False):
    accepted: list[_AcceptedId]


_encode: Final = msgspec.json.Encoder().encode


class EventsRoute:
    """An ASGI app in front of `otherwise`. `submit` queues for the writer and raises Unavailable when that is full.

    Whether a tenant exists is the writer's to say, who looks within its transaction.
    """

    def __init__(
        self,
        acceptor: Acceptor,
        submit: Callable[[Submission], None],
        authenticator: Authenticator,
        otherwise: AsgiApp,
    ) -> None:
        self._acceptor = acceptor
        self._submit = submit
        self._authenticator = authenticator
        self._otherwise = otherwise

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        place = _place(scope)
        if place is None:
            await self._otherwise(scope, receive, send)
            return
        outcome: list[Accepted] | Exception
        try:
            outcome = await self._outcome(place, by_name(scope["headers"]), receive)
        except CallerGone:
            return
        except RingbackError as error:
            outcome = error
        except Exception as error:
            logger.exception("accepting events failed")
            outcome = error
        if isinstance(outcome, list):
            status, body = _accepted(outcome, place.is_batch)
            await _send(send, status, [(b"content-type", b"application/json")], body)
        else:
            answer = problem(outcome)
            await _send(send, answer.status, _raw(answer.headers), answer.body)

    def resolve(self, submissions: list[Submission]) -> None:
        """Wake the callers whose submissions are done: the writer's `on_done`, called on its thread.

        One hop to the event loop for all of them; submissions that somebody else made are passed over.
        """
        waiters = [one.waiter for one in submissions if isinstance(one.waiter, asyncio.Future)]
        if not waiters:
            return
        try:
            waiters[0].get_loop().call_soon_threadsafe(_wake, waiters)
        except RuntimeError:
            # The loop is closed: the server has stopped, and with it everyone who waited.
            logger.debug("%d submissions finished after the server had stopped", len(waiters))

    async def _outcome(
        self, place: _Place, headers: dict[bytes, bytes], receive: Receive
    ) -> list[Accepted] | RingbackError:
        """What became of the request. Raises what speaks against it before the writer sees it."""
        header = headers.get(b"authorization")
        principal = self._authenticator.cached(header)
        if principal is None:
            principal = await asyncio.to_thread(self._authenticator.authenticate, header)
        _let_in(principal, place.tenant_id)
        check, bytes_max = self._check_of(place.is_batch, _form(headers.get(b"content-type"), place.is_batch))
        body = await read_body(receive, headers.get(b"content-length"), bytes_max)
        arguments = place.tenant_id, body, _idempotency_key(headers), _hops(headers)
        if len(body) > CHECKED_ON_THE_LOOP_BYTES_MAX:
            submission = await asyncio.to_thread(check, *arguments)
        else:
            submission = check(*arguments)
        submission.waiter = waiter = asyncio.get_running_loop().create_future()
        self._submit(submission)
        await waiter
        if submission.outcome is None:
            raise RuntimeError("the writer left a submission without an outcome")
        return submission.outcome

    def _check_of(self, is_batch: bool, form: str) -> tuple[_Check, int]:
        """What checks such a body, and how large it may be."""
        acceptor = self._acceptor
        if not is_batch:
            return acceptor.single, acceptor.limits.single_bytes_max
        return acceptor.ndjson if form == _NDJSON else acceptor.array, acceptor.limits.batch_bytes_max


def _let_in(principal: Principal, tenant_id: str) -> None:
    authorize(principal, tenant_id, Scope.INGEST)
    if principal.tenant_id is None and _TENANT_ID.fullmatch(tenant_id) is None:
        raise NotFound("There is no such tenant.")


def _place(scope: Message) -> _Place | None:
    """The tenant and the kind of request, if it is one for this route."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    match scope["path"].split("/"):
        case ["", "v1", "tenants", tenant_id, "events"] if tenant_id:
            return _Place(tenant_id, is_batch=False)
        case ["", "v1", "tenants", tenant_id, "events", "batch"] if tenant_id:
            return _Place(tenant_id, is_batch=True)
    return None


def _form(content_type: bytes | None, is_batch: bool) -> str:
    """How the body is to be read. Without a Content-Type it is JSON."""
    if content_type is None:
        return _JSON
    form = _CONTENT_TYPES.get(content_type)
    if form is None:
        media_type, _, parameters = content_type.lower().partition(b";")
        form = _CONTENT_TYPES.get(media_type.strip())
        charset = parameters.strip().removeprefix(b"charset=").strip(b'"')
        if charset not in _CHARSETS and parameters.strip():
            form = None
    if form is None or (form == _NDJSON and not is_batch):
        expected = "application/json or application/x-ndjson" if is_batch else "application/json"
        raise UnsupportedMediaType(f"Send the header Content-Type: {expected}.")
    return form


def _idempotency_key(headers: dict[bytes, bytes]) -> str | None:
    key = headers.get(b"idempotency-key")
    return None if key is None else key.decode("latin-1")


def _hops(headers: dict[bytes, bytes]) -> int:
    text = headers.get(b"ringback-hops")
    if text is None:
        return 0
    if not text.isdigit() or len(text) > _HOPS_DIGITS_MAX:
        raise Malformed("Ringback-Hops is not a number.")
    return int(text)


def _accepted(outcome: list[Accepted], is_batch: bool) -> tuple[int, bytes]:
    if is_batch:
        status = 200 if all(accepted.duplicate for accepted in outcome) else 202
        return status, _encode(_AcceptedBatch([_AcceptedId(accepted.id) for accepted in outcome]))
    first = outcome[0]
    body = _AcceptedEvent(first.id, first.type, rfc3339(first.accepted_at), first.deliveries)
    return 200 if first.duplicate else 202, _encode(body)


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        # Done already: the request was cancelled when the server stopped.
        if not waiter.done():
            waiter.set_result(None)


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _raw(headers: dict[str, str]) -> Headers:
    return [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
