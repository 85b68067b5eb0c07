"""What is asked of a store for events that make themselves: records, tracked sets, triggers, and what is told of rules.

What ingest does with them it does in its own transaction (`RecordTransaction`, part of `IntakeTransaction`).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ringback.model.notice import Notice
from ringback.model.record import Record, RecordKey, RecordType
from ringback.model.tracked_set import TrackedSet
from ringback.model.trigger import Trigger


class RecordPut(NamedTuple):
    """A record as it is to be stored. `seen` is the revision that was read in this transaction (None: there was
    none)."""

    record: Record
    seen: int | None


class Membership(NamedTuple):
    """That an id is in a tracked set."""

    tenant_id: str
    set_name: str
    member: str


class RecordTransaction(Protocol):
    """What a write transaction of the ingest writer does with records, and asks about sets and rules."""

    def lock_records(self, keys: Sequence[RecordKey]) -> Mapping[RecordKey, Record]:
        """Those of the records that are there, deleted ones too; nobody else changes them until the transaction ends.
        The keys are distinct; they are taken in key order."""

    def put_records(self, puts: Sequence[RecordPut]) -> None:
        """Store records; those that were there must have been locked. In key order. Raises Retryable when one that was
        not there when it was asked for has been made meanwhile, and BadRow for what no database takes."""

    def tracked(self, asked: Sequence[Membership]) -> set[Membership]:
        """Those of them that are so, as this transaction sees it. Of a set that is not there nothing is a member."""

    def triggers(self, trigger_ids: Sequence[str]) -> Sequence[Trigger]:
        """Those of the triggers that exist."""

    def record_types(self, names: Sequence[str]) -> Sequence[RecordType]:
        """Those of the entries that exist."""


class Records(Protocol):
    """For `control.records`."""

    def get_record(self, tenant_id: str, record_type: str, record_id: str) -> Record | None:
        """A deleted one too."""

    def list_records(self, tenant_id: str, record_type: str, after: str | None, limit: int) -> Sequence[Record]:
        """Those of a type that are not deleted, by id (as bytes), after the id `after`. May find fewer than there are
        when they are large; none only at the end."""


class RecordUpkeep(Protocol):
    """For `engine.sweeps` and `engine.retention`: one small step each, which returns how many rows it changed."""

    def forget_records_step(self, now: int, limit: int) -> int:
        """Remove deleted records whose `forget_at` is `now` or earlier."""

    def clear_members_step(self, limit: int) -> int:
        """Remove members of sets that were deleted; an emptied set is forgotten with its last members."""


class RecordTypes(Protocol):
    """A change is logged under the kind `record_type`, no tenant, and the type's name."""

    def put_record_type(self, record_type: RecordType, types_max: int) -> RecordType | None:
        """Add it, or replace all but `created_at` of the one with its name; what is stored then, with its revision.

        None, and nothing is done, when it is new and there are `types_max` already. The revision given is not looked
        at.
        """

    def get_record_type(self, name: str) -> RecordType | None: ...

    def list_record_types(self, after: str | None, limit: int) -> Sequence[RecordType]:
        """By name (as bytes), after the name `after`."""

    def delete_record_type(self, name: str) -> bool: ...


class TrackedSets(Protocol):
    """Nobody keeps sets in memory: their changes are not logged. A tenant that is deleted takes its sets along."""

    def put_tracked_set(self, tracked_set: TrackedSet, sets_max: int) -> TrackedSet | None:
        """Add an empty one, unless there is one of its name: the stored one then. None, and nothing is done, when it
        is new and the tenant has `sets_max` already, or was deleted."""

    def get_tracked_set(self, tenant_id: str, name: str) -> TrackedSet | None: ...

    def list_tracked_sets(self, tenant_id: str, after: str | None, limit: int) -> Sequence[TrackedSet]:
        """By name (as bytes), after the name `after`."""

    def delete_tracked_set(self, tenant_id: str, name: str) -> bool:
        """At once nothing is a member of it; the rows go in `clear_members_step`s."""

    def add_members(self, tenant_id: str, name: str, members: Sequence[str], now: int, members_max: int) -> int | None:
        """Add distinct ids, those that are in it already passed over; how many are new. None when there is no such set;
        -1, and nothing is done, when it would have more than `members_max`."""

    def remove_members(self, tenant_id: str, name: str, members: Sequence[str], now: int) -> int | None:
        """Remove distinct ids; how many were in it. None when there is no such set."""

    def list_members(self, tenant_id: str, name: str, after: str | None, limit: int) -> Sequence[str]:
        """In order (as bytes), after `after`."""

    def are_members(self, asked: Sequence[Membership]) -> set[Membership]:
        """As `RecordTransaction.tracked`, in a read of its own."""


class Triggers(Protocol):
    """A change is logged under the kind `trigger`, the tenant, and the trigger's id. A tenant that is deleted takes its
    triggers along, at once."""

    def create_trigger(self, trigger: Trigger, triggers_max: int) -> bool:
        """False when the tenant has `triggers_max` already, or was deleted."""

    def get_trigger(self, tenant_id: str, trigger_id: str) -> Trigger | None: ...

    def list_triggers(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Trigger]:
        """By id (oldest first), after the id `after`."""

    def update_trigger(self, trigger: Trigger) -> bool:
        """Store it where the stored revision is trigger.revision - 1; False when it is not."""

    def delete_trigger(self, tenant_id: str, trigger_id: str) -> bool:
        """What was told of its failures goes with it."""


class RuleFailure(NamedTuple):
    """A filter (`rule_id` is its endpoint) or a trigger (its own id) that failed on an event, for the last time."""

    tenant_id: str
    rule_id: str
    at: int
    event_id: str
    message: str


class RuleFailures(Protocol):
    """What people are shown of rules that fail. One row a rule."""

    def note_rule_failures(self, failures: Sequence[RuleFailure]) -> None:
        """Keep these, of distinct rules, unless a later one of the same rule is there. In key order."""

    def rule_failures(self, tenant_id: str, rule_ids: Sequence[str]) -> Sequence[RuleFailure]:
        """Those that there are of these rules."""


class Notices(Protocol):
    """For `ingest.notices`: what waits to become events. They are written with what they tell of. And for `listeners`:
    who asks for what."""

    def patterns_of_endpoints(self, after: str, limit: int) -> Sequence[tuple[str, str, Sequence[str]]]:
        """(id, tenant, patterns of event types) of endpoints that are not deleted, by id, after the id `after`."""

    def oldest_notices(self, limit: int) -> Sequence[Notice]:
        """The oldest ones first."""

    def drop_notices(self, notices: Sequence[tuple[str, str]]) -> None:
        """(tenant, id) of those that became events, or that nobody asked for. In key order."""
