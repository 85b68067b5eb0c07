"""One event as a caller writes it: the fields, and what each may hold.

`data` and `previous` stay the caller's own bytes. Types are strict and unknown fields refused. `decode` raises
`Malformed` or `Invalid`; `field_errors` returns what is wrong with the values, all of it. Neither reads a clock.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec

from ringback.ingest.json_checks import invalid, nests_deeper, refusal
from ringback.model.errors import FieldError, Invalid, Malformed
from ringback.model.limits import CALLER_ID_CHARS_MAX, FOREVER_MS, INDEXED_TEXT_BYTES_MAX, NESTING_DEPTH_MAX
from ringback.policy.match import valid_event_type
from ringback.policy.ordering import key_of_subject

_CALLER_ID: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{CALLER_ID_CHARS_MAX}}}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_is_type: Final = lru_cache(maxsize=4_096)(valid_event_type)
TOO_DEEP: Final = f"nests deeper than {NESTING_DEPTH_MAX} arrays and objects"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
NO_MOMENT: Final = "must be an RFC 3339 time such as 2026-11-21T23:11:26Z"
# What is said instead of the decoder's own words, which speak of its types.
_EXPECTED: Final = {
    "occurred_at": NO_MOMENT,
    "deliver_at": NO_MOMENT,
    "change": "must be one of: created, updated, deleted",
}
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The object an event is about."""

    type: str
    id: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, kw_only=True):
    """An event as sent in; see API.md. `previous` is empty where it wasn't sent."""

    type: str
    data: msgspec.Raw
    id: str | None = None
    channel: str | None = None
    subject: Subject | None = None
    change: Literal["created", "updated", "deleted"] | None = None
    previous: msgspec.Raw = msgspec.Raw()
    occurred_at: Moment | None = None
    deliver_at: Moment | None = None
    ordering_key: str | None = None


_DECODER: Final = msgspec.json.Decoder(Envelope)


def decode(raw: bytes | msgspec.Raw, place: str) -> Envelope:
    """The envelope in `raw`, which must be UTF-8. `place` is where it stands: "" or `events[3]`."""
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError as error:
        raise in_our_words(refusal(error, raw, place), place, _EXPECTED) from None
    except RecursionError:
        raise invalid([FieldError(at(place, "data"), TOO_DEEP)]) from None


def in_our_words(refused: Malformed | Invalid, place: str, expected: Mapping[str, str]) -> Malformed | Invalid:
    """The same refusal, with the message that its field has in `expected`."""
    if isinstance(refused, Malformed):
        return refused
    messages = {at(place, field): message for field, message in expected.items()}
    return invalid([FieldError(field, messages.get(field, message)) for field, message in refused.errors])


def at(place: str, field: str) -> str:
    """`subject.id`, or `events[3].subject.id` inside a batch."""
    return f"{place}.{field}" if place else field


def field_errors(envelope: Envelope, data: bytes, previous: bytes | None, place: str) -> list[FieldError]:
    """What is wrong with the values of one envelope, moments apart. `data` and `previous` are its payloads."""
    wrong: list[tuple[str, str]] = []
    if not _is_type(envelope.type):
        wrong.append(("type", "is not names of letters, digits, _ and - joined by full stops, 128 characters at most"))
    if envelope.id is not None and _CALLER_ID.fullmatch(envelope.id) is None:
        wrong.append(("id", f"is not 1 to {CALLER_ID_CHARS_MAX} letters, digits, _ and -"))
    if envelope.channel is not None:
        check_text(envelope.channel, "channel", wrong)
    if envelope.subject is not None:
        check_text(envelope.subject.type, "subject.type", wrong)
        check_text(envelope.subject.id, "subject.id", wrong)
    if envelope.ordering_key is not None:
        check_text(envelope.ordering_key, "ordering_key", wrong)
    if nests_deeper(data, NESTING_DEPTH_MAX):
        wrong.append(("data", TOO_DEEP))
    if previous is not None and nests_deeper(previous, NESTING_DEPTH_MAX):
        wrong.append(("previous", TOO_DEEP))
    return [FieldError(at(place, field), message) for field, message in wrong] if wrong else []


def milliseconds(moment: datetime | None, field: str) -> int | None:
    """Since 1970. Raises Invalid for what lies before that or after 9999."""
    if moment is None:
        return None
    ms = (moment - _EPOCH) // _MILLISECOND
    if not 0 <= ms <= FOREVER_MS:
        raise invalid([FieldError(field, "lies before 1970 or after 9999")])
    return ms


def ordering_key(envelope: Envelope) -> str | None:
    """The caller's own key, else one made of the subject, else None; 256 bytes of UTF-8 at most."""
    subject = envelope.subject
    if envelope.ordering_key is not None or subject is None:
        return envelope.ordering_key
    return key_of_subject(subject.type, subject.id)


def check_text(text: str, field: str, wrong: list[tuple[str, str]]) -> None:
    """Add to `wrong` what is wrong with a text that is indexed."""
    if text.isascii() and text.isprintable() and 0 < len(text) <= INDEXED_TEXT_BYTES_MAX:
        return
    if not text:
        wrong.append((field, "is empty"))
    elif len(text.encode()) > INDEXED_TEXT_BYTES_MAX:
        wrong.append((field, f"is longer than {INDEXED_TEXT_BYTES_MAX} bytes of UTF-8"))
    elif _CONTROL.search(text):
        wrong.append((field, "has a control character in it"))
