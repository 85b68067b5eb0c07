"""Record types and triggers between the model and the columns of a store that keeps them in tables.

The other rows of `port.records` are their columns in the model's order, so they need nothing. Runs no SQL. Assumes that
a row has the columns in the order of the model's fields.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ringback.model.record import RecordType
from ringback.model.trigger import Trigger

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
