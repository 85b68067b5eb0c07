"""The gate of every route that needs a key, whichever API it belongs to: key first, then the query, then the body.

A route class knows where its key stands and whom it lets in, so no route can be without. Who is not let in learns
nothing else: the body isn't read and isn't judged. A body is read up to its limit and must be JSON in UTF-8; what
FastAPI gets is already parsed. What was changed is written down for the audit log before it is answered. Fails with the
errors of `model.errors`, which the app turns into answers.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from typing import Any, ClassVar, Final

import msgspec
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from starlette.concurrency import run_in_threadpool

from ringback.api.audited import is_kept, write_down
from ringback.api.auth import BEARER_FORM, Authenticator, Principal
from ringback.api.body import CallerGone, read_body
from ringback.api.deferred import DeferredRoute
from ringback.api.headers import by_name
from ringback.api.problem import UnsupportedMediaType
from ringback.ingest.json_checks import check_utf8, nests_deeper, refusal
from ringback.model.errors import FieldError, Invalid, NotFound
from ringback.model.limits import MANAGEMENT_BODY_BYTES_MAX, NESTING_DEPTH_MAX

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Headers = Mapping[bytes, bytes]

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_METHODS_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
_JSON: Final = "application/json"
_CLIENT_CLOSED: Final = 499
_RAW_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Names with a form of their own, which `control` checks, or which only what is there can have.
_OTHER_NAMES: Final = frozenset(("name", "record_type", "record_id"))


class KeyedRoute(DeferredRoute, ABC):
    """A route that needs a key. What follows from the key is for the class of each API to say."""

    authenticator: ClassVar[Authenticator]
    key_form: ClassVar[str] = BEARER_FORM
    """How a key is sent, for those who sent none."""

    def key_in(self, headers: Headers) -> bytes | None:
        """The key, as the value of an Authorization header has it; None: there is none. Raises Refused."""
        return headers.get(b"authorization")

    @abstractmethod
    def let_in(self, principal: Principal, request: Request) -> None:
        """Return if this caller may go on. Raises Forbidden, NotFound."""

    @abstractmethod
    def check_query(self, query: bytes, known: Collection[str]) -> None:
        """Return if the query is one that can be answered; `known` are its parameters. Raises Invalid."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        parameters = frozenset(_query_parameters(self.dependant))
        takes_body = self.body_field is not None

        async def keyed_handler(request: Request) -> Response:
            principal = await self._principal(self.key_in(by_name(request.scope["headers"])))
            self.let_in(principal, request)
            _check_identifiers(request)
            self.check_query(request.scope["query_string"], parameters)
            request.state.principal = principal
            reads_body = takes_body or request.method in _METHODS_WITH_BODY
            try:
                response = await handle(await _parsed(request) if reads_body else request)
            except CallerGone:
                return Response(status_code=_CLIENT_CLOSED)
            if is_kept(self.name, request, response):
                actor = actor_of(request)
                await run_in_threadpool(write_down, self.name, request, response, actor, principal.tenant_id)
            return response

        return keyed_handler

    async def _principal(self, header: bytes | None) -> Principal:
        known = self.authenticator.cached(header)
        if known is not None:
            return known
        return await run_in_threadpool(self.authenticator.authenticate, header, self.key_form)


def principal_of(request: Request) -> Principal:
    """Who called: set by the gate."""
    principal = request.state.principal
    assert isinstance(principal, Principal)  # noqa: S101 - set above, on every route with a gate
    return principal


def actor_of(request: Request) -> str:
    """The same for the audit log: a key's id, or `operator` for the operator's own key."""
    principal = principal_of(request)
    return principal.key_id or principal.label


def raw_fields(request: Request) -> dict[str, bytes]:
    """The fields of a body that is an object, each as the bytes that came in."""
    assert isinstance(request, _ParsedRequest)  # noqa: S101 - every route with a body gets one
    return {name: bytes(raw) for name, raw in _RAW_FIELDS.decode(request.raw).items()}


class _ParsedRequest(Request):
    """A request whose body was read and parsed already."""

    def __init__(self, request: Request, body: bytes, value: object) -> None:
        # Without a Content-Type a body counts as JSON here, as on the event route; FastAPI would not parse it.
        others = [(name, text) for name, text in request.scope["headers"] if name != b"content-type"]
        headers = [*others, (b"content-type", _JSON.encode("ascii"))]
        super().__init__({**request.scope, "headers": headers}, request.receive)
        self.raw = body
        self._value = value
        # The state is shared with the request that this stands for.
        self.state.fields = [str(name) for name in value] if isinstance(value, dict) else []

    async def body(self) -> bytes:
        return self.raw

    async def json(self) -> Any:
        return self._value


async def _parsed(request: Request) -> Request:
    declared = request.headers.get("content-length")
    declared_bytes = None if declared is None else declared.encode("latin-1")
    body = await read_body(request.receive, declared_bytes, MANAGEMENT_BODY_BYTES_MAX)
    if not body:
        return _ParsedRequest(request, b"", None)
    _check_content_type(request.headers.get("content-type"))
    return _ParsedRequest(request, body, _json(body))


def _check_content_type(content_type: str | None) -> None:
    media_type, _, parameters = (content_type or _JSON).lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if media_type.strip() != _JSON or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMediaType(f"Send the header Content-Type: {_JSON}.")


def _json(body: bytes) -> object:
    check_utf8(body)
    try:
        value: object = msgspec.json.decode(body)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError as error:
        raise refusal(error, body, "") from None
    if nests_deeper(body, NESTING_DEPTH_MAX):
        raise _too_deep()
    return value


def _too_deep() -> Invalid:
    message = f"nests deeper than {NESTING_DEPTH_MAX} levels"
    return Invalid(f"The body {message}.", [FieldError("body", message)])


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    """The names of the query parameters that a route, or what it depends on, takes."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_parameters(inner)


def _check_identifiers(request: Request) -> None:
    """An id that can't be one is of nothing; the store is not asked."""
    identifiers = (str(value) for name, value in request.path_params.items() if name not in _OTHER_NAMES)
    if not all(_IDENTIFIER.fullmatch(identifier) for identifier in identifiers):
        raise NotFound("There is nothing with this id.")
