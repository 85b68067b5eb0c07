"""A request's headers by name, as every route reads them.

Never picks one of two: a second key, or a second of another header that decides something, is `Malformed`, since a
proxy in front may have looked at the other one. Other headers that come twice are of no interest here; the last one
counts. Assumes lower-case names, as ASGI has them.
"""

from typing import Final

from ringback.model.errors import Malformed

_SENT_ONCE: Final = {
    b"authorization": "Authorization",
    b"idempotency-key": "Idempotency-Key",
    b"if-match": "If-Match",
    b"if-none-match": "If-None-Match",
    b"ringback-version": "Ringback-Version",
    b"ringback-updated-at": "Ringback-Updated-At",
    b"ringback-channel": "Ringback-Channel",
    b"vessel-api-token": "vessel-api-token",
}
_CHARSETS: Final = (b"", b"utf-8", b"utf8")


def by_name(raw: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Each header's value. Raises Malformed."""
    headers = dict(raw)
    if len(headers) != len(raw):
        _refuse_repeated(raw)
    return headers


def media_type(content_type: bytes) -> bytes:
    """The media type that a Content-Type names; b"" when it has a charset that isn't UTF-8."""
    kind, _, parameters = content_type.lower().partition(b";")
    charset = parameters.strip().removeprefix(b"charset=").strip(b'"')
    return kind.strip() if charset in _CHARSETS else b""


def _refuse_repeated(raw: list[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in raw]
    for name, shown in _SENT_ONCE.items():
        if names.count(name) > 1:
            raise Malformed(f"Send the header {shown} once, not {names.count(name)} times.")
