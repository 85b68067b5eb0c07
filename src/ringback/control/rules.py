"""Rules tried out: which events a filter or an endpoint matches and why not, and what a trigger would emit.

Looks at an event as it could be posted, at one that is stored, or at the last ones; a trigger at a pair of states, or
at the last changes of records, from the oldest on, with what it would have remembered between them. Nothing is stored
or sent. Reads only, in short steps. A try ends early (`complete` is false) when it has looked at so much that the
answer would get large or take long: what rules cost is reckoned as for real ones (`policy.effort`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.endpoint_fields import EndpointFields, check_matching
from ringback.control.findings import Findings
from ringback.control.paging import PAGE_BYTES_MAX, READ_AT_ONCE
from ringback.control.tenants import required_tenant
from ringback.control.tried import PostedEvent, TriedRecord, change_between, change_of, event_of
from ringback.control.trigger_fields import TriggerFields, check_trigger
from ringback.model.endpoint import Endpoint
from ringback.model.errors import Invalid, NotFound
from ringback.model.event import RECORD, Event, payload_bytes
from ringback.model.trigger import Trigger
from ringback.policy.reasons import Reason, why
from ringback.policy.trigger import Change, CompiledTrigger, change_values, compile_trigger
from ringback.policy.wanted import filter_values
from ringback.store.port import Endpoints, EventQuery, Log, Membership, Tenants, TrackedSets, Triggers

LAST_MAX: Final = 100
ANSWERS_MAX: Final = 10_000
LOOKED_AT_MAX: Final = 1_000
"""Of the events of a record type's name, where others than changes are among them."""
WORK_MAX: Final = 25_000_000
"""What one try may take in all, about a second (`policy.effort`)."""
_NOT_SAVED: Final = ""
_UNCHANGED: Final = Reason("unchanged", "Both states are the same: that is no change.")
_WHEN: Final = Reason("when", "`when` is false for this change, or the trigger fired within cooldown_s before.")


class RuleStore(Endpoints, Log, Tenants, TrackedSets, Triggers, Protocol):
    """What these use cases need of a store."""


class Source(NamedTuple):
    """What is looked at: exactly one of these."""

    event: PostedEvent | None = None
    event_id: str | None = None
    last: int | None = None
    record: TriedRecord | None = None


class Answer(NamedTuple):
    """What one rule says of an event. `rule_id` and `name` are "" for one that is not stored. `reason` None: it
    matches, or fires; then `emits` and `data` are the type and the JSON of the event that a trigger makes."""

    rule_id: str
    name: str
    reason: Reason | None
    emits: str | None = None
    data: bytes | None = None


class Tried(NamedTuple):
    """An event, or that of a record's change, and what rules say of it."""

    event: Event
    answers: Sequence[Answer]


class Trial(NamedTuple):
    """Newest first."""

    tried: Sequence[Tried]
    complete: bool


class RuleUseCases:
    """What can be tried."""

    def __init__(self, store: RuleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def try_filter(self, tenant_id: str, fields: EndpointFields, source: Source) -> Trial:
        """What an endpoint with these fields (of `filter`, `event_types`, `channels`, `tracked_set`) would get. Raises
        Invalid, NotFound."""
        findings = Findings()
        endpoint = Endpoint(id=_NOT_SAVED, tenant_id=tenant_id, label="", url="", **check_matching(findings, fields))
        findings.raise_if_any()
        return self._try(tenant_id, [endpoint], source)

    def try_endpoints(self, tenant_id: str, endpoint_id: str | None, source: Source) -> Trial:
        """What one endpoint, or each of the tenant's, gets. Raises Invalid, NotFound."""
        required_tenant(self._store, tenant_id)
        return self._try(tenant_id, self._endpoints(tenant_id, endpoint_id, source), source)

    def try_trigger(self, tenant_id: str, trigger: TriggerFields | str, source: Source) -> Trial:
        """What a trigger, or the one of this id, would emit. Raises Invalid, NotFound."""
        required_tenant(self._store, tenant_id)
        chosen = self._trigger(tenant_id, trigger)
        compiled = compile_trigger(chosen.when, chosen.data)
        if source.record is not None:
            change = change_between(tenant_id, source.record, self._clock)
            return Trial([_judged(chosen, compiled, change, {})[0]], complete=True)
        changes, whole = self._changes(chosen, source)
        return _play(chosen, compiled, changes, whole=whole)

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────

    def _try(self, tenant_id: str, endpoints: Sequence[Endpoint], source: Source) -> Trial:
        if source.record is not None:
            raise _wrong("record", "is for triggers; endpoints and filters are tried on events")
        events = self._events(tenant_id, source)
        sets = sorted({one.tracked_set for one in endpoints if one.tracked_set is not None})
        return _trial(self._answers(endpoints, sets, event) for event in events)

    def _answers(self, endpoints: Sequence[Endpoint], sets: Sequence[str], event: Event) -> tuple[Tried, int, int]:
        members: set[Membership] = set()
        if event.subject_id is not None and sets:
            members = self._store.are_members([Membership(event.tenant_id, name, event.subject_id) for name in sets])
        values = None if event.redacted else filter_values(event)
        answers = [
            Answer(one.id, one.label, why(one, event, _member_of(event.tenant_id, members), values))
            for one in endpoints
        ]
        return Tried(event, answers), payload_bytes(event), 0 if values is None else values.spent

    def _endpoints(self, tenant_id: str, endpoint_id: str | None, source: Source) -> Sequence[Endpoint]:
        if endpoint_id is not None:
            endpoint = self._store.get_endpoint(tenant_id, endpoint_id)
            if endpoint is None:
                raise NotFound("There is no such endpoint.")
            return [endpoint]
        at_once = ANSWERS_MAX // (source.last or 1)
        found = self._store.list_endpoints(tenant_id, None, at_once + 1)
        if len(found) > at_once:
            raise _wrong(
                "endpoint_id",
                f"is required here: the tenant has more than {at_once} endpoints; or ask about fewer events",
            )
        return found

    def _events(self, tenant_id: str, source: Source) -> Iterable[Event]:
        """Those that are looked at, newest first."""
        required_tenant(self._store, tenant_id)
        if source.event is not None:
            return [event_of(tenant_id, source.event, self._clock)]
        if source.event_id is not None:
            event = self._store.get_event(tenant_id, source.event_id)
            if event is None:
                raise NotFound("There is no such event.")
            return [event]
        return self._last(EventQuery(tenant_id), _checked_last(source.last))

    def _last(self, query: EventQuery, count: int, wanted: Callable[[Event], bool] = lambda _: True) -> Iterator[Event]:
        place: int | None = None
        looked_at = 0
        while count > 0 and looked_at < LOOKED_AT_MAX:
            step = min(READ_AT_ONCE, LOOKED_AT_MAX - looked_at)
            rows = self._store.list_events(query._replace(after=place, limit=step))
            found = [event for _, event in rows if wanted(event)][:count]
            yield from found
            count -= len(found)
            looked_at += len(rows)
            if len(rows) < step:
                return
            place = rows[-1].seq

    # ── changes ──────────────────────────────────────────────────────────────────────────────────────────────

    def _trigger(self, tenant_id: str, given: TriggerFields | str) -> Trigger:
        if isinstance(given, str):
            found = self._store.get_trigger(tenant_id, given)
            if found is None:
                raise NotFound("There is no such trigger.")
            return found
        findings = Findings()
        checked = check_trigger(findings, given)
        findings.raise_if_any()
        return Trigger(**checked, id=_NOT_SAVED, tenant_id=tenant_id)

    def _changes(self, trigger: Trigger, source: Source) -> tuple[Sequence[Change], bool]:
        """The last changes of records, oldest first, and whether these are all that were asked for."""
        if source.event is not None:
            raise _wrong(
                "event", "is for filters and endpoints; triggers are tried on a record, or on the last changes"
            )
        if source.event_id is not None:
            changes = [change_of(event) for event in self._events(trigger.tenant_id, source)]
            found = [change for change in changes if change is not None]
            if not found:
                raise _wrong("event_id", "is not the event of a record's change, or its payload was removed")
            return found, True
        kinds = tuple(f"{trigger.record_type}.{change}" for change in ("created", "updated", "deleted"))
        query = EventQuery(trigger.tenant_id, patterns=kinds)
        found = []
        size = 0
        for event in self._last(query, _checked_last(source.last), lambda event: event.origin == RECORD):
            change = change_of(event)
            size += payload_bytes(event)
            if change is not None:
                found.append(change)
            if size > PAGE_BYTES_MAX:
                return found[::-1], False
        return found[::-1], True


def _play(trigger: Trigger, compiled: CompiledTrigger, changes: Sequence[Change], *, whole: bool) -> Trial:
    """What the trigger makes of one change after the other, until that is much or takes long. `whole`: there are no
    others that were asked for."""
    marks: dict[str | None, dict[str, Any]] = {}
    found: list[Tried] = []
    bytes_left, work_left = PAGE_BYTES_MAX, WORK_MAX
    for change in changes:
        if bytes_left < 0 or work_left < 0:
            break
        tried, spent = _judged(trigger, compiled, change, marks.setdefault(change.event.subject_id, {}))
        found.append(tried)
        bytes_left -= sum(len(answer.data or b"") for answer in tried.answers)
        work_left -= spent
    return Trial(found[::-1], complete=whole and len(found) == len(changes))


def _judged(trigger: Trigger, compiled: CompiledTrigger, change: Change, marks: dict[str, Any]) -> tuple[Tried, int]:
    """What it makes of a change, and what that cost. `marks` are kept up to date."""
    if change.event.change == "updated" and change.event.changed == "[]":
        return Tried(change.event, [Answer(trigger.id, trigger.name, _UNCHANGED)]), 0
    values = change_values(change)
    verdict = compiled.judge(trigger.id, trigger.cooldown_s, values, marks, change.event.accepted_at)
    marks.pop(trigger.id, None)
    if verdict.marks is not None and change.after is not None:
        marks[trigger.id] = verdict.marks
    reason = None
    if not verdict.fires:
        reason = _WHEN if verdict.failure is None else Reason("when", verdict.failure, failed=True)
    answer = Answer(trigger.id, trigger.name, reason, trigger.emits if verdict.fires else None, verdict.data)
    return Tried(change.event, [answer]), values.spent


def _trial(tried: Iterable[tuple[Tried, int, int]]) -> Trial:
    """As many as there is room and time for: each with its bytes, and with what it cost."""
    found: list[Tried] = []
    bytes_left, work_left = PAGE_BYTES_MAX, WORK_MAX
    for one, size, spent in tried:
        if bytes_left < 0 or work_left < 0:
            return Trial(found, complete=False)
        found.append(one)
        bytes_left -= size
        work_left -= spent
    return Trial(found, complete=True)


def _member_of(tenant_id: str, members: set[Membership]) -> Callable[[str, str], bool]:
    return lambda name, member: Membership(tenant_id, name, member) in members


def _checked_last(last: int | None) -> int:
    findings = Findings()
    findings.number("last", last or 0, 1, LAST_MAX, "events")
    findings.raise_if_any()
    return last or 0


def _wrong(field: str, message: str) -> Invalid:
    findings = Findings()
    findings.add(field, message)
    return Invalid(f"{field} {message}.", findings.found)
