"""The status of a tenant's connection: what a caller says of it, as the event that it is.

Contracts whose tenants are connections to other systems tell receivers how far one is. To everything behind this it is
an ordinary event, of any tenant: nothing here stores it or knows a profile. Raises `Malformed` and `Invalid`.
"""

from typing import Final, Literal, get_args

import msgspec

from ringback.ingest.json_checks import invalid, refusal
from ringback.model.errors import FieldError, Invalid, Malformed

STATUS_CHANGED: Final = "connection.status_changed"
_Word = Literal["NEW_CONNECTION", "INITIAL_SYNCED", "READY"]
STATUSES: Final[tuple[str, ...]] = get_args(_Word)


class _Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    status: _Word


_DECODER: Final = msgspec.json.Decoder(_Status)


def event_of_status(body: bytes) -> bytes:
    """The event, as a caller would write it, that `{"status": "READY"}` stands for."""
    try:
        told = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise _in_our_words(refusal(error, body, "")) from None
    except RecursionError:
        raise invalid([FieldError("body", "nests too deeply")]) from None
    return b'{"type":"%s","data":{"status":"%s"}}' % (STATUS_CHANGED.encode(), told.status.encode())


def _in_our_words(refused: Malformed | Invalid) -> Malformed | Invalid:
    """The same refusal, with what a status may be where that is what's wrong."""
    if isinstance(refused, Malformed):
        return refused
    field, message = refused.errors[0]
    if field != "status" or message == "is required":
        return refused
    return invalid([FieldError("status", f"must be one of: {', '.join(STATUSES)}")])
