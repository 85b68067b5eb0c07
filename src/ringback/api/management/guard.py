"""The gate of every management route: key first, then the query, then the body, then the route.

A route class knows the scope it needs, so no route can be without one. Who is not let in learns nothing else: the
body isn't read and isn't judged. A body is read up to its limit and must be JSON in UTF-8; what FastAPI gets is
already parsed. Fails with the errors of `model.errors`, which the app turns into problems.
"""

import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ClassVar, Final

import msgspec
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from ringback.api.auth import Authenticator, Principal, authorize
from ringback.api.body import CallerGone, read_body
from ringback.api.headers import by_name
from ringback.api.problem import UnsupportedMediaType
from ringback.api.query import check_query
from ringback.ingest.json_checks import check_utf8, nests_deeper, refusal
from ringback.model.errors import FieldError, Invalid, NotFound
from ringback.model.limits import MANAGEMENT_BODY_BYTES_MAX, NESTING_DEPTH_MAX
from ringback.model.tenant import Scope

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_METHODS_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
_JSON: Final = "application/json"
_CLIENT_CLOSED: Final = 499
_RAW_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Names with a form of their own, which `control` checks.
_OTHER_NAMES: Final = "name"


class GuardedRoute(APIRoute):
    """A route that needs a key. `guarded` makes the classes that routers use."""

    need: ClassVar[Scope]
    authenticator: ClassVar[Authenticator]

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        parameters = frozenset(_query_parameters(self.dependant))

        async def guarded_handler(request: Request) -> Response:
            principal = await self._principal(by_name(request.scope["headers"]).get(b"authorization"))
            authorize(principal, request.path_params.get("tenant_id"), self.need)
            _check_identifiers(request)
            check_query(request.scope["query_string"], parameters)
            request.state.principal = principal
            if request.method not in _METHODS_WITH_BODY:
                return await handle(request)
            try:
                return await handle(await _parsed(request))
            except CallerGone:
                return Response(status_code=_CLIENT_CLOSED)

        return guarded_handler

    async def _principal(self, header: bytes | None) -> Principal:
        known = self.authenticator.cached(header)
        if known is not None:
            return known
        return await run_in_threadpool(self.authenticator.authenticate, header)


def guarded(scope: Scope, keys: Authenticator) -> type[GuardedRoute]:
    """The class of routes that a key of `scope`, or a broader one, may use."""

    class Guarded(GuardedRoute):
        need = scope
        authenticator = keys

    return Guarded


def principal_of(request: Request) -> Principal:
    """Who called: set by the gate."""
    principal = request.state.principal
    assert isinstance(principal, Principal)  # noqa: S101 - set above, on every guarded route
    return principal


def is_operator(request: Request) -> bool:
    """Whether an admin key called."""
    return principal_of(request).scope is Scope.ADMIN


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
    identifiers = (str(value) for name, value in request.path_params.items() if name != _OTHER_NAMES)
    if not all(_IDENTIFIER.fullmatch(identifier) for identifier in identifiers):
        raise NotFound("There is nothing with this id.")
