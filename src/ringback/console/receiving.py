"""Where bins are sent to: any method at `/bins/{id}` and below it, by whoever knows the address.

Outside the console's session: nobody is signed in here, and nothing here looks at cookies. Of a body up to 1 MiB is
read and the beginning kept; more is refused with 413, and not kept. An answer that is to be late waits without a
thread, and so many at most; beyond that it is 503, though the request was kept. What a bin answers comes from the same
address as the console, so every answer forbids the browser to run it or to take it for something else. Errors are
problems, as those of the API.
"""

import asyncio
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ringback.control.bins import Arrived, BinAnswer, BinUseCases
from ringback.model.errors import TooLarge, Unavailable
from ringback.model.limits import BIN_ANSWERS_WAITING_MAX, BIN_BODY_KEPT_BYTES_MAX, BIN_BODY_READ_BYTES_MAX

BASE: Final = "/bins"
_ALWAYS: Final = {
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
_UNLESS_SAID: Final = {"cache-control": "no-store", "content-type": "text/plain; charset=utf-8"}


def receiving_routes(bins: BinUseCases) -> list[BaseRoute]:
    """For `compose` to mount, where bins are wanted."""
    receiving = _Receiving(bins)
    # No method is named: an app of its own gets them all.
    return [
        Route(f"{BASE}/{{bin}}", receiving, include_in_schema=False),
        Route(f"{BASE}/{{bin}}/{{rest:path}}", receiving, include_in_schema=False),
    ]


class _Receiving:
    """An ASGI app. `waiting` answers are late, and not there yet."""

    def __init__(self, bins: BinUseCases) -> None:
        self._bins = bins
        self.waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            arrived = await _arrived(request)
        except ClientDisconnect:
            return
        answer = await run_in_threadpool(self._bins.keep, request.path_params["bin"], arrived)
        if answer.delay_s > 0:
            await self._wait(answer.delay_s)
        await _response(answer)(scope, receive, send)

    async def _wait(self, seconds: float) -> None:
        if self.waiting >= BIN_ANSWERS_WAITING_MAX:
            raise Unavailable(
                f"{BIN_ANSWERS_WAITING_MAX} answers of bins are waiting to be sent, which is the most there can be. "
                "The request was kept.",
                code="bins_busy",
            )
        self.waiting += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self.waiting -= 1


async def _arrived(request: Request) -> Arrived:
    """The request with the beginning of its body. Raises TooLarge, ClientDisconnect."""
    scope = request.scope
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:19]) > BIN_BODY_READ_BYTES_MAX:
        raise _too_large()
    body, size = bytearray(), 0
    async for part in request.stream():
        size += len(part)
        if size > BIN_BODY_READ_BYTES_MAX:
            raise _too_large()
        body += part[: BIN_BODY_KEPT_BYTES_MAX - len(body)]
    query = scope["query_string"].decode("latin-1")
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    return Arrived(
        method=request.method,
        path=f"{path}?{query}" if query else path,
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=bytes(body),
        remote_address=request.client.host if request.client is not None else "",
        cut=size > len(body),
    )


def _response(answer: BinAnswer) -> Response:
    said = {name.lower(): value for name, value in answer.headers}
    response = Response(answer.body, answer.status)
    for name, value in {**_UNLESS_SAID, **said, **_ALWAYS}.items():
        response.headers[name] = value
    return response


def _too_large() -> TooLarge:
    return TooLarge(f"A bin reads at most {BIN_BODY_READ_BYTES_MAX:,} bytes of a body. The request was not kept.")
