"""Record types and triggers between the model and the columns of a store that keeps them in tables, and how records are
listed there.

The other rows of `port.records` are their columns in the model's order, so they need nothing. Runs no SQL. Assumes that
a row has the columns in the order of the model's fields.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from ringback.model.record import Record, RecordType
from ringback.model.trigger import Trigger

LISTED_BYTES_MAX: Final = 4 * 1024 * 1024
WALKED_AT_ONCE_MAX: Final = 1_000

Sizes = Sequence[tuple[str, int, int]]
"""Records by id: id, bytes, whether it is deleted."""
Pick = Callable[[Sizes], list[str]]

_DATA: Final = msgspec.json.Decoder(tuple[str, ...] | str | None)


def record_type_of(row: Sequence[Any]) -> RecordType:
    """A row of all columns of a record type, `fields` and `ignored` as sequences of texts."""
    name, fields, ignored, *rest = row
    return RecordType(name, None if fields is None else tuple(fields), tuple(ignored), *rest)


def trigger_columns(trigger: Trigger) -> dict[str, Any]:
    """The named columns of a trigger."""
    return {
        "id": trigger.id,
        "tenant_id": trigger.tenant_id,
        "name": trigger.name,
        "record_type": trigger.record_type,
        "condition": trigger.when,
        "emits": trigger.emits,
        "data": msgspec.json.encode(trigger.data).decode(),
        "cooldown_s": trigger.cooldown_s,
        "active": trigger.active,
        "template": trigger.template,
        "parameters": trigger.parameters,
        "created_at": trigger.created_at,
        "updated_at": trigger.updated_at,
        "revision": trigger.revision,
    }


def trigger_of(row: Sequence[Any]) -> Trigger:
    """A row of all columns of a trigger."""
    trigger_id, tenant_id, name, record_type, when, emits, data, cooldown_s, active, *rest = row
    carried = _DATA.decode(data)
    return Trigger(trigger_id, tenant_id, name, record_type, when, emits, carried, cooldown_s, bool(active), *rest)


def listed(read: Callable[[str, int, Pick], tuple[Sizes, list[Record]]], after: str | None, limit: int) -> list[Record]:
    """The first `limit` records after an id that are not deleted, until they take LISTED_BYTES_MAX.

    `read(after, step, pick)` is one short read: it looks at the next `step` records and loads those that `pick` picks
    of them. A walk over many deleted records is many of these.
    """
    found: list[Record] = []
    room = LISTED_BYTES_MAX
    place, step = after or "", limit
    while len(found) < limit and room > 0:
        seen, loaded = read(place, step, partial(_first_of, limit=limit - len(found), room=room))
        found += loaded
        room -= sum(len(record.data) for record in loaded)
        if len(seen) < step:
            break
        place, step = seen[-1][0], min(4 * step, WALKED_AT_ONCE_MAX)
    return found


def _first_of(seen: Sizes, limit: int, room: int) -> list[str]:
    """The ids of the first records that are not deleted, until they take up the room."""
    wanted: list[str] = []
    for record_id, data_bytes, deleted in seen:
        if not deleted:
            wanted.append(record_id)
            room -= data_bytes
            if len(wanted) == limit or room <= 0:
                break
    return wanted
