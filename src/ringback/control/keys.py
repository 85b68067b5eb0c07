"""API keys: make, list and revoke them.

A key's text is made here, shown once to whoever asked for it, and never stored: the store holds its SHA-256. The
text is 32 random bytes, so a plain hash is as good as a slow one. Which key may do what is `api.auth`'s business.
"""

import base64
import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.findings import Findings
from ringback.control.paging import Page, PageRequest, checked_limit, decode_cursor, page_of
from ringback.control.tenants import required_tenant
from ringback.model.console import key_holder
from ringback.model.errors import NotFound
from ringback.model.tenant import ApiKey, Scope
from ringback.store.port import ConsoleSessions, Keys, Tenants

KEY_RANDOM_BYTES: Final = 32
_LIST: Final = "keys"


class KeyStore(Keys, Tenants, ConsoleSessions, Protocol):
    """What these use cases need of a store."""


class NewKey(NamedTuple):
    """A key just made; `text` is what the caller has to keep."""

    key: ApiKey
    text: str


class KeyUseCases:
    """What can be done with keys. `tenant_id` None stands for the admin keys everywhere."""

    def __init__(self, store: KeyStore, clock: Clock, notify: Callable[[], None]) -> None:
        self._store = store
        self._clock = clock
        self._notify = notify

    def create(self, tenant_id: str | None, scope: Scope, label: str = "") -> NewKey:
        """Make a key. Raises Invalid, or NotFound for an unknown tenant."""
        if (tenant_id is None) is not (scope is Scope.ADMIN):
            raise ValueError(f"a key with the scope {scope} can't belong to {tenant_id!r}")
        findings = Findings()
        findings.text("label", label, empty=True)
        findings.raise_if_any()
        self._require(tenant_id)
        made = keep_key(self._store, self._clock, new_key_text(scope, self._clock), scope, label, tenant_id=tenant_id)
        self._notify()
        return made

    def list(self, tenant_id: str | None, page: PageRequest) -> Page[ApiKey]:
        """Newest first."""
        limit = checked_limit(page.limit)
        after = decode_cursor(_LIST, page.cursor)
        self._require(tenant_id)
        rows = self._store.list_keys(tenant_id, after, limit + 1)
        return page_of(_LIST, rows, limit, lambda key: key.id)

    def delete(self, tenant_id: str | None, key_id: str) -> None:
        """Revoke it, at once in this process, within a second in others; who signed in with it is signed out. Raises
        NotFound."""
        there = self._store.delete_key(tenant_id, key_id)
        if tenant_id is None:
            # Also of one that is gone: whoever deleted it may have been cut off before this.
            self._store.end_sessions_of(key_holder(key_id))
        if not there:
            raise NotFound("There is no such key.")
        self._notify()

    def _require(self, tenant_id: str | None) -> None:
        if tenant_id is not None:
            required_tenant(self._store, tenant_id)


def keep_key(store: Keys, clock: Clock, text: str, scope: Scope, label: str, *, tenant_id: str | None = None) -> NewKey:
    """Have `text` hold as a key from now on."""
    key = ApiKey(
        id=clock.new_id("key"),
        scope=scope,
        tenant_id=tenant_id,
        label=label,
        hash=hash_of_key(text),
        created_at=clock.now_ms(),
    )
    store.create_key(key)
    return NewKey(key, text)


def new_key_text(scope: Scope, clock: Clock) -> str:
    """`rb_tenant_` and 43 characters."""
    chance = base64.urlsafe_b64encode(clock.token_bytes(KEY_RANDOM_BYTES)).decode("ascii").rstrip("=")
    return f"rb_{scope}_{chance}"


def hash_of_key(text: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
