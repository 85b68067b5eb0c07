"""A request's headers by name, as every route reads them.

Never picks one of two: a second key or a second Idempotency-Key is `Malformed`, since a proxy in front may have looked
at the other one. Other headers that come twice are of no interest here; the last one counts. Assumes lower-case names,
as ASGI has them.
"""

from typing import Final

from ringback.model.errors import Malformed

_SENT_ONCE: Final = {
    b"authorization": "Authorization",
    b"idempotency-key": "Idempotency-Key",
    b"vessel-api-token": "vessel-api-token",
}


def by_name(raw: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Each header's value. Raises Malformed."""
    headers = dict(raw)
    if len(headers) != len(raw):
        _refuse_repeated(raw)
    return headers


def _refuse_repeated(raw: list[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in raw]
    for name, shown in _SENT_ONCE.items():
        if names.count(name) > 1:
            raise Malformed(f"Send the header {shown} once, not {names.count(name)} times.")
