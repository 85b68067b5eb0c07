"""Record types and triggers between the model and the columns of a store that keeps them in tables.

The other rows of `port.records` are their columns in the model's order, so they need nothing. Runs no SQL. Assumes that
a row has the columns in the order of the model's fields.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ringback.model.record import RecordType
from ringback.model.trigger import Trigger

LISTED_BYTES_MAX: Final = 4 * 1024 * 1024

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


def first_of(seen: Sequence[tuple[str, int, int]], limit: int) -> list[str]:
    """Of (id, bytes, whether it is deleted) the ids of the first records that are not deleted, until they take
    LISTED_BYTES_MAX."""
    wanted: list[str] = []
    size = 0
    for record_id, data_bytes, deleted in seen:
        if not deleted:
            wanted.append(record_id)
            size += data_bytes
            if len(wanted) == limit or size >= LISTED_BYTES_MAX:
                break
    return wanted
