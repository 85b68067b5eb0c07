"""Who is calling, and what they may do.

A key comes as `Authorization: Bearer KEY`; the store has only its SHA-256. Keys that were found stay in a bounded
cache, which is emptied as soon as the log of changes shows a change of a key or a tenant: at once where `refresh`
is called after a write, else within a second. Any thread may call. Fails with `NoKey` (401), `Forbidden` (403),
`NotFound` (404), and with the store's errors when the store can't answer. Never logs or shows a key.
"""

import hmac
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.keys import hash_of_key
from ringback.model.errors import Forbidden, NoKey, NotFound
from ringback.model.lane import Change
from ringback.model.tenant import Scope
from ringback.store.port import Follow, Keys, StoreUnavailable

REFRESH_EVERY_S: Final = 1.0
CACHED_KEYS_MAX: Final = 10_000
CACHED_MISSES_MAX: Final = 1_000
HEADER_BYTES_MAX: Final = 1_024

_NO_HEADER: Final = "There is no key."
_NO_KEY_IN_IT: Final = "The header has no key in it."
_NOT_KNOWN: Final = "This key is not known, or not any more. Is it whole?"
BEARER_FORM: Final = "Send the header `Authorization: Bearer rb_…` with the key as it was shown when it was made."

_BREADTH: Final = {Scope.INGEST: 0, Scope.TENANT: 1, Scope.ADMIN: 2}


class Principal(NamedTuple):
    """Who a key belongs to. `tenant_id` is None for admin keys; `key_id` is None for the operator's own."""

    scope: Scope
    tenant_id: str | None
    key_id: str | None
    label: str


OPERATOR: Final = Principal(Scope.ADMIN, None, None, "operator")


def authorize(principal: Principal, tenant_id: str | None, need: Scope) -> None:
    """Let pass who may do what `need` stands for under `tenant_id` (None: what belongs to no tenant).

    Another tenant's things are NotFound, whatever the scope: their existence is nobody else's business. A scope
    that is too small is Forbidden.
    """
    if principal.scope is Scope.ADMIN:
        return
    if tenant_id is not None and tenant_id != principal.tenant_id:
        raise NotFound("There is no such tenant.")
    if _BREADTH[principal.scope] < _BREADTH[need]:
        raise Forbidden(f"A key of scope {principal.scope} may not do this.")


class Cache(Protocol):
    """Configuration that is kept in memory beside the keys, and follows with them."""

    def load(self) -> None:
        """Read everything there is."""

    def follow(self, changes: Sequence[Change]) -> None:
        """Read what changed. After an error the same changes come again."""


class Authenticator:
    """Knows keys. `admin_key` is the operator's own (None: there is none).

    A busy server asks `cached` first, which never waits, and `authenticate` only when that has no answer. `caches`
    are brought up to date with the keys, so that whoever is let in meets a configuration no older than a second.
    """

    def __init__(
        self, keys: Keys, follow: Follow, clock: Clock, admin_key: str | None = None, caches: Sequence[Cache] = ()
    ) -> None:
        self._caches = caches
        self._keys = keys
        self._follow = follow
        self._clock = clock
        self._admin_hash = None if admin_key is None else hash_of_key(admin_key)
        self._lock = threading.Lock()
        self._known: dict[bytes, Principal] = {}
        self._unknown: set[bytes] = set()
        self._generation = 0
        self._version: int | None = None
        self._refresh_at_s = float("-inf")

    def cached(self, header: bytes | None) -> Principal | None:
        """The principal if that can be said at once, without asking the store."""
        if self._clock.boottime_s() >= self._refresh_at_s:
            return None
        return self._known.get(header) if header is not None else None

    def authenticate(self, header: bytes | None, form: str = BEARER_FORM) -> Principal:
        """The principal behind the value of an Authorization header. Raises NoKey, which says in what `form` a key is
        to be sent; may ask the store."""
        key = _key_of(header)
        if key is None or header is None:
            raise NoKey(f"{_NO_HEADER if header is None else _NO_KEY_IN_IT} {form}")
        if self._clock.boottime_s() >= self._refresh_at_s:
            self.refresh()
        principal = self._known.get(header) or self._find(header, key)
        if principal is None:
            raise NoKey(f"{_NOT_KNOWN} {form}")
        return principal

    def refresh(self) -> None:
        """Follow the log of changes. Whoever changed a key calls this before answering."""
        # Others go on with what is cached while one thread looks.
        due_at_s, self._refresh_at_s = self._refresh_at_s, self._clock.boottime_s() + REFRESH_EVERY_S
        try:
            with self._lock:
                self._follow_changes()
        except BaseException:
            self._refresh_at_s = due_at_s
            raise

    def keep_fresh(self) -> None:
        """For a thread that calls it more often than once in `REFRESH_EVERY_S`: then nobody who calls ever waits for a
        look at the log. A store that can't answer is asked again."""
        with suppress(StoreUnavailable):
            self.refresh()

    def _follow_changes(self) -> None:
        changes = None if self._version is None else self._follow.changes_after(self._version)
        if changes is None:  # nothing was followed yet, or some were missed
            version = self._follow.version()
            for cache in self._caches:
                cache.load()
            self._version = version
            self._forget()
            return
        if any(change.kind in {"key", "tenant"} for change in changes):
            self._forget()
        if changes:
            for cache in self._caches:
                cache.follow(changes)
            self._version = changes[-1].version

    def _forget(self) -> None:
        # What another thread read from the store before this moment must not be cached after it: the generation.
        self._generation += 1
        self._known = {}
        self._unknown = set()

    def _find(self, header: bytes, key: str) -> Principal | None:
        digest = hash_of_key(key)
        with self._lock:
            generation = self._generation
            if digest in self._unknown:
                return None
        principal = self._look_up(digest)
        with self._lock:
            if generation == self._generation:
                self._remember(header, digest, principal)
        return principal

    def _look_up(self, digest: bytes) -> Principal | None:
        if self._admin_hash is not None and hmac.compare_digest(digest, self._admin_hash):
            return OPERATOR
        found = self._keys.find_key(digest)
        if found is None:
            return None
        return Principal(found.scope, found.tenant_id, found.id, found.label)

    def _remember(self, header: bytes, digest: bytes, principal: Principal | None) -> None:
        if principal is None:
            if len(self._unknown) >= CACHED_MISSES_MAX:
                self._unknown.clear()
            self._unknown.add(digest)
            return
        if len(self._known) >= CACHED_KEYS_MAX:
            self._known.clear()
        self._known[header] = principal


def _key_of(header: bytes | None) -> str | None:
    if header is None or len(header) > HEADER_BYTES_MAX:
        return None
    scheme, _, rest = header.partition(b" ")
    key = rest.strip(b" ")
    if scheme.lower() != b"bearer" or not key or any(not 0x21 <= byte <= 0x7E for byte in key):
        return None
    return key.decode("ascii")
