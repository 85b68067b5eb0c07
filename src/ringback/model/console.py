"""Who is signed in at the console, who may, and what was done: rows as they are stored.

Plain values, no rules. A token or a password is never here, only a hash of it. Times are milliseconds since 1970, UTC.
"""

from enum import StrEnum
from typing import Final, NamedTuple

AUDIT_KEPT_DAYS: Final = 365
SESSION_S_MAX: Final = 12 * 3_600
LINK_S_DEFAULT: Final = 900
LINK_S_MAX: Final = 86_400
OPERATOR_HOLDER: Final = "operator:"
KEY_HOLDER: Final = "key:"
LINK_HOLDER: Final = "link:"
OWN_KEY_HOLDER: Final = "admin-key:"
"""How a session's `holder` begins."""


class Role(StrEnum):
    """What somebody at the console may do: everything; everything of one tenant; look at what is one tenant's."""

    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    VIEWER = "viewer"


class Operator(NamedTuple):
    """Somebody who runs this Ringback. `name` is unique: they sign in with it. `password_hash` is argon2's text."""

    id: str
    name: str
    password_hash: str
    created_at: int
    changed_at: int


def operator_holder(operator_id: str) -> str:
    """Whose sessions end with an operator, or with the password."""
    return f"{OPERATOR_HOLDER}{operator_id}"


def key_holder(key_id: str) -> str:
    """Whose sessions end with an admin key."""
    return f"{KEY_HOLDER}{key_id}"


class ConsoleSession(NamedTuple):
    """Somebody who is signed in. `token_hash` is the SHA-256 of what the cookie holds.

    `tenant_id` is None for operators. `holder` says by what right: `operator:op_…`, `key:key_…` (an admin key),
    `admin-key:…` (the operator's own) or `link:TENANT`; when the right ends, the sessions of its holder do. `actor` is
    how the person is named in the audit log.
    """

    token_hash: bytes
    role: Role
    tenant_id: str | None
    holder: str
    actor: str
    created_at: int
    expires_at: int


class ConsoleLink(NamedTuple):
    """A link that lets in whoever opens it first. `made_by` is the key or person who asked for it."""

    token_hash: bytes
    tenant_id: str
    role: Role
    made_by: str
    expires_at: int


class AuditEntry(NamedTuple):
    """Something that somebody did. `tenant_id` is None for what belongs to no tenant; `about` names what it was done to
    (`endpoint ep_…`); `values` is a JSON object of texts, with no secret in it. Ids are in the order of time."""

    id: str
    tenant_id: str | None
    at: int
    actor: str
    action: str
    about: str
    values: str


class Bin(NamedTuple):
    """An address that keeps what is sent to it. It answers with `status`, `headers` (JSON: name → value), `body`, after
    `delay_ms`. `profile` says by which contract signatures are checked (None: by none), `secret` with what (sealed by
    the store; `unreadable` when it doesn't open with the master keys that are here). `tenant_id` is None for an
    operator's. `requests` counts all that were ever kept."""

    id: str
    tenant_id: str | None
    label: str
    status: int
    headers: str
    body: bytes
    delay_ms: int
    profile: str | None
    secret: str | None
    created_at: int
    expires_at: int
    requests: int = 0
    unreadable: bool = False


class BinRequest(NamedTuple):
    """A request that a bin has kept. `number` counts from 1 in its bin; `path` has the query with it; `headers` is a
    JSON array of [name, value]. `truncated`: there was more than is kept, of the body or of the headers."""

    bin_id: str
    number: int
    at: int
    method: str
    path: str
    headers: str
    body: bytes
    truncated: bool
    remote_address: str
