"""What is kept beside an event of the endpoints that it did not go to, and why not: a text, as stores hold it.

JSON: an array of `[endpoint id, kind, detail]`, of which `policy.reasons` makes words when somebody asks; or one of the
marks of `model.event`. Kept where under MISSED_KEPT_MAX endpoints missed the event. Pure.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from ringback.model.event import MADE_FOR_ONE, TOO_MANY_MISSED
from ringback.policy.reasons import Cause

MISSED_KEPT_MAX: Final = 100
_ROWS: Final = msgspec.json.Decoder(list[tuple[str, str, str | None]])
_encode: Final = msgspec.json.Encoder().encode


class Missed(NamedTuple):
    """One endpoint that an event did not go to, and why not (`Cause`)."""

    endpoint_id: str
    kind: str
    detail: str | None = None


class Kept(NamedTuple):
    """Some that missed an event. `text` None: there are none; `size` is how many there are, kept or not."""

    size: int = 0
    text: str | None = None


NOBODY: Final = Kept()


class KeptReasons(NamedTuple):
    """What is known of who missed an event. `made_for_one`: it was for one endpoint alone."""

    causes: dict[str, Cause]
    made_for_one: bool = False


def too_many(count: int) -> bool:
    """Whether it is not kept, one by one, that so many missed an event."""
    return count >= MISSED_KEPT_MAX


def keep(rows: Sequence[Missed]) -> Kept:
    """What is kept of these."""
    if not rows:
        return NOBODY
    return Kept(len(rows), TOO_MANY_MISSED if too_many(len(rows)) else _encode(rows).decode())


def joined(one: Kept, more: Kept) -> Kept:
    """What is kept of both."""
    if not one.size or not more.size:
        return one if one.size else more
    size = one.size + more.size
    if too_many(size) or one.text is None or more.text is None:
        return Kept(size, TOO_MANY_MISSED)
    return Kept(size, f"{one.text[:-1]},{more.text[1:]}")


def read_kept(text: str | None) -> KeptReasons:
    """What the text says. Without one, and where these were too many, nothing is known."""
    if text is None or text == TOO_MANY_MISSED:
        return KeptReasons({})
    if text == MADE_FOR_ONE:
        return KeptReasons({}, made_for_one=True)
    return KeptReasons({endpoint_id: Cause(kind, detail) for endpoint_id, kind, detail in _ROWS.decode(text)})
