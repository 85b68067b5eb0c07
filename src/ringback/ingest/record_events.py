"""The events that a record's change makes: its own, and those of the triggers that fire.

Works out what they are; whether there is a change, and what is stored, is `records`' business. A trigger gets the whole
record, whatever part of it the events of its type carry. It is given what it remembered of the record and says what it
wants remembered; what triggers that are gone remembered is dropped with it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ringback.ingest.record_write import RecordOutcome, RecordWrite
from ringback.ingest.rules import OnFailure, Rule
from ringback.model.event import RECORD, Event
from ringback.model.record import RecordType
from ringback.policy.ordering import key_of_subject
from ringback.policy.record_change import masked, told, within
from ringback.policy.trigger import Change, Verdict, change_values

_encode: Final = msgspec.json.Encoder().encode


class Difference(NamedTuple):
    """A change that is one. `before` and `after` are whole states (None: there was, or is, no record); `pointers` what
    is different, or all that there is of a record that is new or gone."""

    outcome: RecordOutcome
    before: bytes | None
    after: bytes | None
    pointers: Sequence[str]


class RecordEvents:
    """Makes events. `on_failure` is told of triggers that fail."""

    def __init__(self, new_id: Callable[[str], str], on_failure: OnFailure) -> None:
        self._new_id = new_id
        self._on_failure = on_failure

    def whole(self, write: RecordWrite, different: Difference, trace: str | None) -> Event:
        """The record's own event, with all of the record. The data of a deleted one is what it was last."""
        change = different.outcome.value
        data = different.before if different.after is None else different.after
        return Event(
            tenant_id=write.tenant_id,
            id=self._new_id("evt"),
            type=f"{write.type}.{change}",
            data=data or b"{}",
            channel=write.channel,
            subject_type=write.type,
            subject_id=write.id,
            change=change,
            previous=different.before,
            ordering_key=key_of_subject(write.type, write.id),
            occurred_at=write.source_at,
            deliver_at=None,
            accepted_at=write.accepted_at,
            hops=write.hops,
            deliveries=0,
            trace=trace,
            changed=_listed(told(different.pointers)),
            origin=RECORD,
        )

    def own(self, whole: Event, entry: RecordType, different: Difference) -> Event | None:
        """It as it is told: with the fields that the type's events carry. None where none of them is different."""
        if entry.fields is None:
            return whole
        seen = within(different.pointers, entry.fields)
        if not seen and different.outcome is RecordOutcome.UPDATED:
            return None
        previous = None if whole.previous is None else masked(whole.previous, entry.fields)
        return whole._replace(data=masked(whole.data, entry.fields), previous=previous, changed=_listed(told(seen)))

    def fire(
        self, rules: Sequence[Rule], whole: Event, different: Difference, marks: str | None
    ) -> tuple[list[Event], str | None]:
        """The events of the triggers that fire, and what all of them want remembered."""
        values = change_values(Change(whole, different.before, different.after))
        known: Mapping[str, Any] = {} if marks is None else msgspec.json.decode(marks)
        kept: dict[str, object] = {}
        events = []
        for rule in rules:
            trigger, compiled = rule.trigger, rule.compiled()
            if isinstance(compiled, str):
                verdict = Verdict(fires=False, data=None, marks=None, failure=compiled)
            else:
                verdict = compiled.judge(trigger.id, trigger.cooldown_s, values, known, whole.accepted_at)
            if verdict.marks is not None:
                kept[trigger.id] = verdict.marks
            if verdict.failure is not None:
                self._on_failure(trigger.tenant_id, trigger.id, whole.id, verdict.failure)
            if verdict.data is not None:
                event_id = self._new_id("evt")
                events.append(whole._replace(id=event_id, type=trigger.emits, data=verdict.data, origin=trigger.id))
        return events, _encode(kept).decode() if kept and different.after is not None else None


def _listed(pointers: Sequence[str]) -> str:
    return _encode(pointers).decode()
