"""Changes of records inside one write transaction: what is stored, what that makes of it, and which events it makes.

Records are locked and read once for a whole batch; changes apply one after the other to what is in memory, so that
several to the same record are seen in their order, and what is left is stored at the end. A request of which one change
is refused leaves nothing (`apply` raises). A change is compared with what is stored: no difference makes no event. For
a state that comes late by what its source says nothing is done. Triggers look at changes alone, never at events: what
they emit can't make them fire again. Never matches events with endpoints and never commits.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ringback.ingest.envelope import at
from ringback.ingest.record_events import Difference, RecordEvents
from ringback.ingest.record_write import ANY_REVISION, NO_REVISION, RecordOp, RecordOutcome, RecordWrite
from ringback.ingest.rules import OnFailure, Rules
from ringback.model.errors import NoSuchRecord, PreconditionFailed, TooLarge
from ringback.model.event import Event
from ringback.model.limits import WAITING_BYTES_MAX
from ringback.model.record import Record, RecordKey, RecordType
from ringback.policy.record_change import differences, members_of, merged, object_of, told, without
from ringback.store.port import RecordPut, RecordTransaction
from ringback.times import DAY_MS

LOCKED_AT_ONCE: Final = 250
STORED_BYTES_MAX: Final = WAITING_BYTES_MAX
"""What a batch may have in memory of stored records: a small patch may be for a large one."""
_DONE_NOTHING: Final = ()


class StoredTooLarge(TooLarge):
    """The records that are to be changed are too much for one transaction."""

    def __init__(self) -> None:
        super().__init__(
            f"The records that the request is for have more than {STORED_BYTES_MAX} bytes together. Nothing was done: "
            "send fewer changes at once."
        )


class RecordChange(NamedTuple):
    """What one write came to. `events` are new: the record's own first, if it makes one (`has_event`)."""

    record: Record | None
    outcome: RecordOutcome
    changed: tuple[str, ...]
    has_event: bool
    events: Sequence[Event]


class RecordBook:
    """The records of one transaction. `load` once, `apply` for each request, then `puts`."""

    def __init__(self, rules: Rules, new_id: Callable[[str], str], on_failure: OnFailure) -> None:
        self._rules = rules
        self._events = RecordEvents(new_id, on_failure)
        self._seen: dict[RecordKey, int | None] = {}
        self._stored: dict[RecordKey, Record] = {}
        self._touched: dict[RecordKey, Record] = {}
        self._drafts: dict[RecordKey, Record] = {}

    def load(self, transaction: RecordTransaction, writes: Sequence[RecordWrite]) -> None:
        """Read what is stored of all records that are to be changed, and keep others from changing it. Raises
        StoredTooLarge when that is more than is kept in memory at once."""
        keys = sorted({(write.tenant_id, write.type, write.id) for write in writes})
        self._stored = {}
        size = 0
        for start in range(0, len(keys), LOCKED_AT_ONCE):
            found = transaction.lock_records(keys[start : start + LOCKED_AT_ONCE])
            self._stored.update(found)
            size += sum(len(record.data) for record in found.values())
            if size > STORED_BYTES_MAX:
                raise StoredTooLarge
        self._seen = {key: self._stored[key].revision if key in self._stored else None for key in keys}

    def apply(self, writes: Sequence[RecordWrite], trace: str | None) -> list[RecordChange]:
        """The changes of one request, in their order. Raises NoSuchRecord, PreconditionFailed and TooLarge, and then
        none is made."""
        self._drafts = {}
        made = [self._change(write, trace) for write in writes]
        self._touched.update(self._drafts)
        return made

    def puts(self) -> list[RecordPut]:
        """What is to be stored."""
        return [RecordPut(record, self._seen[key]) for key, record in sorted(self._touched.items())]

    # ── one change ───────────────────────────────────────────────────────────────────────────────────────────

    def _change(self, write: RecordWrite, trace: str | None) -> RecordChange:
        record = self._current(write)
        there = record is not None and not record.deleted
        _check_revision(write, record if there else None)
        if record is None and write.op is RecordOp.DELETE:
            raise NoSuchRecord(write.place)
        if write.op is RecordOp.PATCH and not there:
            raise NoSuchRecord(write.place)
        if record is not None and _comes_late(write, record):
            return RecordChange(record, RecordOutcome.STALE, (), has_event=False, events=_DONE_NOTHING)
        different = self._different(write, record)
        if different is None:
            same = record is not None and write.version is not None and write.version == record.version
            if record is not None and not same:
                self._keep(_as_told(record, write))
            return RecordChange(record, RecordOutcome.UNCHANGED, (), has_event=False, events=_DONE_NOTHING)
        if record is not None and write.version is not None and write.version == record.version:
            return RecordChange(record, RecordOutcome.STALE, (), has_event=False, events=_DONE_NOTHING)
        return self._made(write, record, different, trace)

    def _current(self, write: RecordWrite) -> Record | None:
        key = write.tenant_id, write.type, write.id
        return self._drafts.get(key) or self._touched.get(key) or self._stored.get(key)

    def _keep(self, record: Record) -> None:
        self._drafts[record.key] = record

    def _different(self, write: RecordWrite, record: Record | None) -> Difference | None:
        """What the write makes different; None: nothing."""
        before = None if record is None or record.deleted else record.data
        if write.op is RecordOp.DELETE:
            if before is None:
                return None
            return Difference(RecordOutcome.DELETED, before, None, members_of(object_of(before)))
        after = write.data
        if before is None:
            return Difference(RecordOutcome.CREATED, None, after, members_of(object_of(after)))
        if write.op is RecordOp.PATCH:
            after = merged(before, after)
            _check_size(write, after)
        if after == before:
            return None
        pointers = differences(object_of(before), object_of(after))
        return Difference(RecordOutcome.UPDATED, before, after, pointers) if pointers else None

    def _made(
        self, write: RecordWrite, record: Record | None, different: Difference, trace: str | None
    ) -> RecordChange:
        entry = self._rules.type_of(write.type)
        draft = _next_revision(record, write, different, entry)
        pointers = different.pointers
        if different.outcome is RecordOutcome.UPDATED:
            pointers = without(pointers, entry.ignored)
        if not pointers and different.outcome is RecordOutcome.UPDATED:
            self._keep(draft)
            return RecordChange(draft, different.outcome, (), has_event=False, events=_DONE_NOTHING)
        different = different._replace(pointers=pointers)
        whole = self._events.whole(write, different, trace)
        own = self._events.own(whole, entry, different)
        rules = self._rules.of(write.tenant_id, write.type)
        known = None if record is None else record.marks  # that of a record which goes, too
        fired, marks = self._events.fire(rules, whole, different, known) if rules else ([], None)
        self._keep(draft._replace(marks=marks))
        return RecordChange(draft, different.outcome, told(pointers), own is not None, [*filter(None, (own,)), *fired])


def _check_size(write: RecordWrite, data: bytes) -> None:
    if len(data) > write.bytes_max:
        what = at(write.place, "data") if write.place else "The record"
        raise TooLarge(f"{what} would have more than {write.bytes_max} bytes with this patch.")


def _next_revision(record: Record | None, write: RecordWrite, different: Difference, entry: RecordType) -> Record:
    """The record as it is stored next. What the source said last stays where it says nothing now."""
    now = write.accepted_at
    deleted = different.after is None
    born = now if record is None or record.deleted else record.created_at
    return Record(
        write.tenant_id,
        write.type,
        write.id,
        1 if record is None else record.revision + 1,
        write.version if write.version is not None or record is None else record.version,
        write.source_at if write.source_at is not None or record is None else record.source_at,
        born,
        now,
        now + entry.deleted_kept_days * DAY_MS if deleted else None,
        None if record is None or deleted else record.marks,
        different.after or b"",
    )


def _as_told(record: Record, write: RecordWrite) -> Record:
    """The same state, which the source calls newer now."""
    version = record.version if write.version is None else write.version
    source_at = record.source_at if write.source_at is None else write.source_at
    return record._replace(version=version, source_at=source_at)


def _comes_late(write: RecordWrite, record: Record) -> bool:
    """Whether what is stored is newer. A version says more than a time."""
    if write.version is not None and record.version is not None:
        return write.version < record.version
    if write.source_at is not None and record.source_at is not None:
        return write.source_at < record.source_at
    return False


def _check_revision(write: RecordWrite, there: Record | None) -> None:
    wanted = write.if_revision
    if wanted is None:
        return
    accepted = (NO_REVISION,) if there is None else (ANY_REVISION, there.revision)
    if wanted not in accepted:
        raise PreconditionFailed(0 if there is None else there.revision, write.place)
