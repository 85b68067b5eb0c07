"""When the attempt was made, as a request says it: where that stands, what it says, and whether it is recent enough.

A profile may have it in a header that is signed, or in the body, in any form of the vocabulary; where it is not signed
it says nothing and is not looked at. Pure: the time to compare with comes in. Fails with nothing but None and False.
"""

from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from ringback.wire.contract import Contract
from ringback.wire.slots import TIME_FORMATS

_SENT_AT: Final = "sent_at"
_SECONDS_DIGITS_MAX: Final = 12
_DIGITS_MAX: Final = 15
_CHARS_MAX: Final = 40


class SentAt(NamedTuple):
    """Where it stands: in the header of this name (in lower case), else at this path in the body; and its form."""

    header: str | None
    path: tuple[str, ...]
    form: str


def signed_time(contract: Contract) -> SentAt | None:
    """Where requests of this profile say when they were sent, under the signature; None: nowhere.

    In the body it counts only where every shape has it in one place, since a request doesn't tell its shape.
    """
    signing = contract.signing
    if signing is None:
        return None
    for header in contract.profile.headers:
        slot, _, form = header.template.strip("{}").partition(":")
        if slot == _SENT_AT and header.name.lower() in signing.headers:
            return SentAt(header.name.lower(), (), form)
    places = {shape.sent_at for _, shape in contract.profile.shapes}
    place = places.pop() if len(places) == 1 else None
    return None if place is None else SentAt(None, *place)


def read_time(form: str, text: str) -> int | None:
    """The milliseconds since 1970 that are written so in this form of the vocabulary; None: that is no such time."""
    write = TIME_FORMATS[form].write
    for ms in _readings(text):
        try:
            # What isn't written as the form writes it is something else, however it can be read.
            if str(write(ms)) == text:
                return ms
        except (ValueError, OverflowError, OSError):
            continue
    return None


def _readings(text: str) -> Iterator[int]:
    """What a text may mean, in milliseconds since 1970."""
    if not text.isascii() or len(text) > _CHARS_MAX:
        return
    if text.isdigit():
        if len(text) <= _SECONDS_DIGITS_MAX:
            yield int(text) * 1000
        if len(text) <= _DIGITS_MAX:
            yield int(text)
        return
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            yield round(read(text).timestamp() * 1000)
        except (ValueError, TypeError, OverflowError, OSError):
            continue
