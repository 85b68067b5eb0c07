"""Answers in bare ASGI, for the routes that have no framework around them."""

from collections.abc import Sequence

from ringback.api.body import Send
from ringback.api.problem import problem

_JSON = (b"content-type", b"application/json")


async def send_json(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """Answer with a document that is JSON already."""
    await _send(send, status, [_JSON, *headers], body)


async def send_problem(send: Send, error: Exception) -> None:
    """Answer with the problem that `error` is."""
    answer = problem(error)
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in answer.headers.items()]
    await _send(send, answer.status, headers, answer.body)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
