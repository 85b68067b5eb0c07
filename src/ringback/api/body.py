"""Reading a request's body up to a limit, in bare ASGI.

Never holds more than the limit (and what the server has just read). A body that is too large is refused as soon as
that is known, from its Content-Length if it has one; what is still on its way then is thrown away by the server.
Assumes that the server checks the framing (Content-Length, chunks). A caller who goes away in the middle ends in
`CallerGone`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from ringback.ingest.accept import too_large

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LENGTH_DIGITS_MAX: Final = 18


class CallerGone(Exception):
    """The caller closed the connection before the body was complete. There is nobody to answer."""


async def read_body(receive: Receive, declared: bytes | None, bytes_max: int) -> bytes:
    """The whole body. `declared` is the Content-Length header. Raises TooLarge and CallerGone."""
    if declared is not None and (len(declared) > _LENGTH_DIGITS_MAX or int(declared) > bytes_max):
        raise too_large(bytes_max)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise CallerGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > bytes_max:
            raise too_large(bytes_max)
        if not message.get("more_body", False):
            return b"".join([*parts, part]) if parts else part
        parts.append(part)
