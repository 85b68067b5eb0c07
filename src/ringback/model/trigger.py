"""Triggers: rules that turn a record's change into an event of another type. `policy.trigger` reads them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trigger:
    """One rule. Times are milliseconds since 1970.

    `when` is CEL over `event`, `data` and `previous`. `emits` is the type of the event that it makes. `data` says what
    that carries: None the record, JSON pointers some of its fields, a text CEL that gives a map. For `cooldown_s` after
    it has fired for a record it doesn't fire for that one again. `template` and `parameters` (JSON) are what it was
    made from, if it was. `revision` grows by one with each stored change.
    """

    id: str
    tenant_id: str
    name: str
    record_type: str
    when: str
    emits: str
    data: tuple[str, ...] | str | None = None
    cooldown_s: float = 0.0
    active: bool = True
    template: str | None = None
    parameters: bytes | None = None
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1
