"""The audit log: who did or revealed what, as operators and a tenant's people can read it.

Entries are written after the deed, by whoever answered the request that did it; they are never changed and go after
AUDIT_KEPT_DAYS. What was done stays done if the store can't take the entry: then it stands in the log of the process.
Never a secret: values are names, ids and numbers.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from ringback.clock import Clock
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.model.console import AuditEntry
from ringback.model.errors import RingbackError
from ringback.store.port import AuditTrail as StoredTrail

ABOUT_CHARS_MAX: Final = 512
NOBODY: Final = "nobody"
"""Who is not signed in."""

_LIST: Final = "audit"
# What the use cases tell and no request's own entry says: a secret can be revealed by reading alone.
_ALSO_KEPT: Final = frozenset({"secret_revealed"})

Log = Callable[[str, dict[str, str]], object]


class AuditTrail:
    """What is written down, and reading it. `log` writes a line: its event and its fields."""

    def __init__(self, store: StoredTrail, clock: Clock, log: Log) -> None:
        self._store = store
        self._clock = clock
        self._log = log

    def record(self, actor: str, action: str, tenant_id: str | None, about: str = "", **values: str) -> None:
        """Write down what was done, and never fail. `tenant_id` None: it belongs to no tenant."""
        entry = AuditEntry(
            id=self._clock.new_id("aud"),
            tenant_id=tenant_id,
            at=self._clock.now_ms(),
            actor=actor,
            action=action,
            about=about[:ABOUT_CHARS_MAX],
            values=msgspec.json.encode(values).decode(),
        )
        try:
            self._store.add_audit_entries([entry])
        except RingbackError as error:
            facts = {"actor": actor, "action": action, "tenant_id": tenant_id or "", "about": entry.about}
            self._log("audit_not_written", {**facts, **values, "code": error.code})

    def told(self, event: str, values: dict[str, str]) -> None:
        """For use cases that tell what they did: a line in the log, and an entry of what nothing else writes down."""
        self._log(event, values)
        if event in _ALSO_KEPT:
            rest = dict(values)
            actor, tenant_id = rest.pop("actor", ""), rest.pop("tenant_id", None)
            self.record(actor, event, tenant_id, _about(rest))

    def list(self, tenant_id: str | None, page: PageRequest, *, all_tenants: bool = False) -> Page[AuditEntry]:
        """Newest first: of a tenant; of what belongs to none (None); or of everybody."""
        limit = checked_limit(page.limit)
        before = decode_cursor(_LIST, page.cursor)
        rows = self._store.list_audit_entries(tenant_id, before, limit + 1, all_tenants=all_tenants)
        return page_of(_LIST, rows, limit, lambda entry: entry.id)


def _about(ids: Mapping[str, str]) -> str:
    return " ".join(f"{name.removesuffix('_id')} {value}" for name, value in ids.items())
