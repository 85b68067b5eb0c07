"""Samples: events as a profile's contract knows them, written into its file, for previews, tests and its page.

One sample may stand for several event types, as the record does that is created, updated and deleted. Its data are JSON
text and kept as written. Fails with ProfileError when the profile is loaded, never later.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from ringback.wire.vocabulary import Table

SAMPLES_MAX: Final = 200
TEXT_BYTES_MAX: Final = 256
CHANGES: Final = {
    "created": "it is new",
    "updated": "it is another than before",
    "deleted": "it is gone",
}
_EVENT_TYPE: Final = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Sample(NamedTuple):
    """What an event of the type is, apart from its id and its times; `data` and `previous` are JSON. None: nothing."""

    event_type: str
    data: bytes
    subject_type: str | None = None
    subject_id: str | None = None
    change: str | None = None
    previous: bytes | None = None


def read_samples(top: Table) -> Mapping[str, Sample]:
    """The `[[samples]]` of a profile by event type, in the order of the file."""
    found: dict[str, Sample] = {}
    for table in top.tables("samples") if "samples" in top else ():
        table.only("event_types", "data", "subject", "change", "previous")
        plain = Sample(
            "",
            _json(table, "data"),
            *_subject(table),
            change=table.word("change", CHANGES) if "change" in table else None,
            previous=_json(table, "previous") if "previous" in table else None,
        )
        for event_type in table.texts("event_types", _EVENT_TYPE, "event types, such as contact.created"):
            if event_type in found:
                raise table.refuse("event_types", f"{event_type} has a sample already", event_type)
            found[event_type] = plain._replace(event_type=event_type)
    if len(found) > SAMPLES_MAX:
        raise top.refuse("samples", f"are of {len(found)} event types; at most {SAMPLES_MAX} are taken")
    return found


def _subject(table: Table) -> tuple[str | None, str | None]:
    if "subject" not in table:
        return None, None
    subject = table.table("subject")
    subject.only("type", "id")
    return _short(subject, "type"), _short(subject, "id")


def _short(table: Table, key: str) -> str:
    value = table.text(key)
    if len(value.encode()) > TEXT_BYTES_MAX or _CONTROL.search(value):
        raise table.refuse(key, f"must be at most {TEXT_BYTES_MAX} bytes long, without control characters")
    return value


def _json(table: Table, key: str) -> bytes:
    """A text that is JSON, as the API takes it."""
    text = table.text(key).strip()
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise table.refuse(key, f"is no JSON: {error or 'it is nested too deeply'}") from None
    return text.encode()


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
