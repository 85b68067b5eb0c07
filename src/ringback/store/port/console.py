"""What the console asks of a store: who may sign in and who has, what was done, and the inspector's bins.

All of it is seldom. Each call is one short transaction; a `…_step` changes at most `limit` rows and says how many.
"""

from collections.abc import Sequence
from typing import Protocol

from ringback.model.console import AuditEntry, Bin, BinRequest, ConsoleLink, ConsoleSession, Operator
from ringback.model.pulse import Moment, Pulse


class Operators(Protocol):
    """Few rows."""

    def create_operator(self, operator: Operator, operators_max: int) -> bool:
        """False when the name is taken, or there are `operators_max` already."""

    def operator_by_name(self, name: str) -> Operator | None: ...

    def operator_by_id(self, operator_id: str) -> Operator | None: ...

    def list_operators(self) -> Sequence[Operator]:
        """By name."""

    def change_password(self, operator_id: str, password_hash: str, now: int) -> bool:
        """Store it and end the operator's sessions; False when there is no such operator."""

    def renew_hash(self, operator_id: str, before: str, after: str) -> bool:
        """Store the same password hashed otherwise, where `before` is stored still; its sessions go on."""

    def delete_operator(self, operator_id: str) -> bool:
        """And the operator's sessions; False when there was none."""


class ConsoleSessions(Protocol):
    """Sessions and links. What has expired is never answered, whether it is removed yet or not."""

    def open_session(self, session: ConsoleSession) -> None: ...

    def session_by_token(self, token_hash: bytes, now: int) -> ConsoleSession | None: ...

    def end_session(self, token_hash: bytes) -> bool: ...

    def end_sessions_of(self, holder: str) -> int:
        """All of a holder's; how many."""

    def add_link(self, link: ConsoleLink) -> None: ...

    def link_by_token(self, token_hash: bytes, now: int) -> ConsoleLink | None: ...

    def use_link(self, token_hash: bytes, now: int) -> ConsoleLink | None:
        """Take the link away and answer it: of several who use it at once, one gets it."""


class AuditTrail(Protocol):
    """What was done by whom; entries are never changed."""

    def add_audit_entries(self, entries: Sequence[AuditEntry]) -> None: ...

    def list_audit_entries(
        self, tenant_id: str | None, before: str | None, limit: int, *, all_tenants: bool = False
    ) -> Sequence[AuditEntry]:
        """Newest first, older than the entry with the id `before`. Of one tenant; of none (None); or of everybody."""


class AccessUpkeep(Protocol):
    """For `engine.sweeps`."""

    def expire_access_step(self, now: int, limit: int) -> int:
        """Remove sessions and links that have expired."""

    def expire_audit_step(self, before: int, limit: int) -> int:
        """Remove entries of the audit log that are older than the time `before`."""


class Bins(Protocol):
    """The inspector, for `control.bins`. What has expired is never answered, whether it is removed yet or not."""

    def create_bin(self, made: Bin, bins_max: int, of_tenant_max: int) -> bool:
        """False when there are `bins_max` already, or `of_tenant_max` of its tenant; those that have expired by
        `created_at` don't count."""

    def get_bin(self, bin_id: str, now: int) -> Bin | None: ...

    def list_bins(self, now: int) -> Sequence[Bin]:
        """Everybody's, newest first."""

    def change_bin(self, changed: Bin) -> bool:
        """Store what it answers, its label, profile, secret and `expires_at`; False when there is none. An unreadable
        secret stays as it is stored."""

    def delete_bin(self, bin_id: str) -> bool:
        """With what it has kept; False when there was none."""

    def keep_request(self, request: BinRequest, requests_max: int, expires_at: int) -> int | None:
        """Keep a request under the next number of its bin (the one given is not looked at), and forget the oldest ones
        beyond `requests_max`; the bin expires at `expires_at` or later. Its number; None when there is no such bin at
        the time of the request."""

    def list_bin_requests(self, bin_id: str, before: int | None, limit: int) -> Sequence[BinRequest]:
        """Newest first, below the number `before`."""


class BinUpkeep(Protocol):
    """For `engine.sweeps`."""

    def expire_bins_step(self, now: int, limit: int) -> int:
        """Remove up to `limit` rows of bins that have expired, or whose tenant is deleted: first what they kept."""


class Pulses(Protocol):
    """How processes have done lately, for `ringback.pulse` and `control`."""

    def add_pulse(self, pulse: Pulse) -> None:
        """Keep it, unless there is one of this process and moment."""

    def moments(self, after: int, until: int) -> Sequence[Moment]:
        """What all processes did together, moment by moment, oldest first; those that ended later than `after`, up to
        `until`."""

    def latest_pulses(self, after: int) -> Sequence[Pulse]:
        """The last one of each process that has any later than `after`; by process."""


class PulseUpkeep(Protocol):
    """For `engine.sweeps`."""

    def expire_pulses_step(self, before: int, limit: int) -> int:
        """Remove those of moments that ended before the time `before`."""
