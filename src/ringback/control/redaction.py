"""Privacy requests: the payloads of one event, or of everything about one subject, are removed for good.

What happened stays: types, times, status codes, headers, and the subject's id, by which all of it is found. Each
request leaves a line in the audit log, which names who and what but never the subject's id. When the caller is
answered, the engine of this process sends none of it any more; other processes follow within a second.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.secrets import Audit
from ringback.control.tenants import required_tenant
from ringback.model.errors import NotFound
from ringback.model.limits import STEP_ROWS_MAX
from ringback.store.port import Log, Records, Redactions, Tenants

PRESENT: Final = "present"
DELETED: Final = "deleted"


class RedactionStore(Redactions, Records, Log, Tenants, Protocol):
    """What these use cases need of a store."""


class RedactedSubject(NamedTuple):
    """What became of a subject's events, and what there is of its record: PRESENT, DELETED (its state is gone), or
    None."""

    redacted: int
    record: str | None


class RedactionUseCases:
    """What can be removed. `notify` has the engine drop what it holds; `actor` says who asks (a key's id)."""

    def __init__(self, store: RedactionStore, clock: Clock, notify: Callable[[], None], audit: Audit) -> None:
        self._store = store
        self._clock = clock
        self._notify = notify
        self._audit = audit

    def redact_event(self, tenant_id: str, event_id: str, actor: str) -> None:
        """Remove the payload of one event, from its attempts too. Doing it again changes nothing. Raises NotFound."""
        if self._store.get_event(tenant_id, event_id) is None:
            raise NotFound("There is no such event; events are kept for the tenant's retention_days.")
        self._redact(tenant_id, [event_id])
        self._notify()
        self._audit("payload_redacted", {"tenant_id": tenant_id, "event_id": event_id, "actor": actor})

    def redact_subject(self, tenant_id: str, subject_type: str, subject_id: str, actor: str) -> RedactedSubject:
        """The same for all events of a subject; `redacted` counts those that had not been before. A record of the same
        type and id is left alone, since deleting it is told to receivers. Raises NotFound."""
        required_tenant(self._store, tenant_id)
        redacted = after = 0
        while page := self._store.events_of_subject(tenant_id, subject_type, subject_id, after, STEP_ROWS_MAX):
            self._redact(tenant_id, [one.event_id for one in page])
            redacted += sum(not one.redacted for one in page)
            after = page[-1].seq
        self._notify()
        self._audit("subject_redacted", {"tenant_id": tenant_id, "redacted": str(redacted), "actor": actor})
        return RedactedSubject(redacted, self._record_of(tenant_id, subject_type, subject_id))

    def _record_of(self, tenant_id: str, subject_type: str, subject_id: str) -> str | None:
        record = self._store.get_record(tenant_id, subject_type, subject_id)
        if record is None:
            return None
        return DELETED if record.deleted else PRESENT

    def _redact(self, tenant_id: str, event_ids: Sequence[str]) -> None:
        while self._store.redact_step(tenant_id, event_ids, self._clock.now_ms(), STEP_ROWS_MAX):
            pass  # one short transaction after another, so that others get their turns
