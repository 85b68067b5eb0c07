"""Secrets, endpoints and bins between the model and the columns of a store that keeps them on a disk.

On the way in, what is secret is sealed: the secret of a signature or of a bin whole, of an endpoint its credentials;
`config` then holds their kind, the user's name and the headers' names only. On the way out it is opened. What doesn't
open comes as `unreadable`: that is that row's trouble alone. Rows of an older version are plain and come as they are.
Everything must be sealed inside the transaction that stores it: whoever drops a master key relies on it.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec

from ringback.model.console import Bin
from ringback.model.endpoint import Auth, AuthType, Endpoint, Secret
from ringback.store.port import Sealer

NOTHING_SEALED: Final = ""
"""Instead of a key's id: the row has nothing secret."""
DOES_NOT_OPEN: Final = "-"
"""Instead of a key's id: what is sealed in the row could not be opened to be sealed anew. Sorts before all ids."""

_ENDPOINT: Final = msgspec.json.Decoder(Endpoint)
_AUTH: Final = msgspec.json.Decoder(Auth)


SecretRow = tuple[str, str, str | None, str, int, int | None, str | None]
"""A row of `id, tenant_id, endpoint_id, value, created_at, expires_at, key_id`."""


class EndpointColumns(NamedTuple):
    """`keep` says that `key_id` and `credentials` stay as they are stored."""

    config: bytes
    key_id: str | None
    credentials: str | None
    keep: bool = False


class SealedRows:
    """Seals and opens rows with `sealer`; without one, what is stored is stored as it is (in tests)."""

    def __init__(self, sealer: Sealer | None = None) -> None:
        self.sealer = sealer

    def secret_columns(self, secret: Secret) -> dict[str, Any]:
        """The named columns of a new secret."""
        key_id, value = self.sealed_secret(secret.id, secret.tenant_id, secret.endpoint_id, secret.value)
        # Whoever looks for a secret looks for a tenant: those of endpoints are never found by their value.
        found_by = self._fingerprint(secret.value, key_id) if secret.endpoint_id is None else None
        return {
            "id": secret.id,
            "tenant_id": secret.tenant_id,
            "endpoint_id": secret.endpoint_id,
            "value": value,
            "created_at": secret.created_at,
            "expires_at": secret.expires_at,
            "key_id": key_id,
            "fingerprint": found_by,
        }

    def sealed_secret(
        self, secret_id: str, tenant_id: str, endpoint_id: str | None, value: str
    ) -> tuple[str | None, str]:
        """(key_id, value) as they are stored."""
        if self.sealer is None:
            return None, value
        return self.sealer.seal(value, _secret_place(secret_id, tenant_id, endpoint_id))

    def fingerprints(self, value: str) -> list[bytes]:
        """What a tenant's secret may be found by: one for each master key that is here."""
        if self.sealer is None:
            return [self._fingerprint(value, None)]
        return [self._fingerprint(value, key_id) for key_id in self.sealer.key_ids]

    def _fingerprint(self, value: str, key_id: str | None) -> bytes:
        if self.sealer is None or key_id is None:
            return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
        return self.sealer.fingerprint(value, key_id)

    def secret(self, row: SecretRow) -> Secret:
        """The secret of a row."""
        secret_id, tenant_id, endpoint_id, text, created_at, expires_at, key_id = row
        value = text if key_id is None else self._open(text, _secret_place(secret_id, tenant_id, endpoint_id))
        return Secret(secret_id, tenant_id, endpoint_id, value or "", created_at, expires_at, value is None)

    def owners(self, rows: Iterable[SecretRow], value: str) -> list[str]:
        """The ids of the tenants, in order, whose secret among these rows is this value."""
        secrets = [self.secret(row) for row in rows]
        return sorted({secret.tenant_id for secret in secrets if secret.is_value(value)})

    def endpoint_row(self, endpoint: Endpoint) -> dict[str, Any]:
        """The named columns of an endpoint: it as a whole, and those that repeat what SQL has to look at."""
        return {
            "id": endpoint.id,
            "tenant_id": endpoint.tenant_id,
            "label": endpoint.label,
            "url": endpoint.url,
            "status": endpoint.status,
            "ordering": endpoint.ordering,
            "profile": endpoint.profile,
            "revision": endpoint.revision,
            "disabled_at": endpoint.disabled_since,
            **self._endpoint_columns(endpoint)._asdict(),
        }

    def _endpoint_columns(self, endpoint: Endpoint) -> EndpointColumns:
        """The columns that hold an endpoint whole."""
        auth = endpoint.auth
        if auth.unreadable:
            return EndpointColumns(_config(endpoint), None, None, keep=True)
        if self.sealer is None:
            return EndpointColumns(msgspec.json.encode(endpoint), None, None)
        if auth.type is AuthType.NONE:
            return EndpointColumns(msgspec.json.encode(endpoint), NOTHING_SEALED, None)
        sealed = self.sealer.seal(msgspec.json.encode(auth).decode(), _endpoint_place(endpoint.id, endpoint.tenant_id))
        return EndpointColumns(_config(endpoint), sealed.key_id, sealed.text)

    def endpoint(self, row: tuple[bytes, str | None, str | None]) -> Endpoint:
        """A row of `config, key_id, credentials`. What an older version did not know has its default; what this one
        doesn't know is lost."""
        config, key_id, credentials = row
        endpoint = _ENDPOINT.decode(config)
        if key_id is None or (endpoint.auth.type is AuthType.NONE and credentials is None):
            return endpoint
        opened = self._open(credentials or "", _endpoint_place(endpoint.id, endpoint.tenant_id))
        auth = replace(endpoint.auth, unreadable=True) if opened is None else _AUTH.decode(opened)
        return replace(endpoint, auth=auth)

    def bin_columns(self, one: Bin) -> dict[str, Any]:
        """The named columns of a bin; `keep`: its secret stays as it is stored."""
        columns: dict[str, Any] = {**one._asdict(), "key_id": None, "keep": one.unreadable}
        if self.sealer is not None and one.secret is not None:
            columns["key_id"], columns["secret"] = self.sealer.seal(one.secret, _bin_place(one.id, one.tenant_id))
        return columns

    def bin(self, row: tuple[Any, ...]) -> Bin:
        """A bin of a row of its columns, without `unreadable`, and `key_id`."""
        *columns, key_id = row
        stored = Bin(*columns)
        if stored.secret is None or key_id is None:
            return stored
        opened = self._open(stored.secret, _bin_place(stored.id, stored.tenant_id))
        return stored._replace(secret=opened, unreadable=opened is None)

    def _open(self, text: str, place: tuple[str, ...]) -> str | None:
        return None if self.sealer is None else self.sealer.open(text, place)


class SealedKind(NamedTuple):
    """One kind of row with something sealed, to be sealed anew: the names of its statements (`lock`: where several
    processes may do it), and `again`, which makes of a row its id and its columns anew (None: it doesn't open)."""

    keys: str
    to_reseal: str
    lock: str
    reseal: str
    does_not_open: str
    again: Callable[[SealedRows, Any], tuple[str, dict[str, Any] | None]]


def _secret_again(sealed: SealedRows, row: Any) -> tuple[str, dict[str, Any] | None]:
    secret = sealed.secret(row)
    return secret.id, None if secret.unreadable else sealed.secret_columns(secret)


def _endpoint_again(sealed: SealedRows, row: Any) -> tuple[str, dict[str, Any] | None]:
    endpoint = sealed.endpoint(row)
    return endpoint.id, None if endpoint.auth.unreadable else sealed.endpoint_row(endpoint)


def _bin_again(sealed: SealedRows, row: Any) -> tuple[str, dict[str, Any] | None]:
    one = sealed.bin(row)
    return one.id, None if one.unreadable else sealed.bin_columns(one)


SEALED_KINDS: Final = (
    SealedKind(
        keys="keys_of_credentials",
        to_reseal="credentials_to_reseal",
        lock="lock_credentials",
        reseal="reseal_credentials",
        does_not_open="credentials_do_not_open",
        again=_endpoint_again,
    ),
    SealedKind(
        keys="keys_of_secrets",
        to_reseal="secrets_to_reseal",
        lock="lock_secrets",
        reseal="reseal_secret",
        does_not_open="secret_does_not_open",
        again=_secret_again,
    ),
    SealedKind(
        keys="keys_of_bins",
        to_reseal="bins_to_reseal",
        lock="lock_bins",
        reseal="reseal_bin",
        does_not_open="bin_does_not_open",
        again=_bin_again,
    ),
)
"""In the order in which their rows are locked."""


def _config(endpoint: Endpoint) -> bytes:
    """An endpoint without what is secret in it."""
    auth = endpoint.auth
    names = tuple((name, "") for name, _ in auth.headers)
    return msgspec.json.encode(replace(endpoint, auth=Auth(auth.type, auth.username, headers=names)))


def _secret_place(secret_id: str, tenant_id: str, endpoint_id: str | None) -> tuple[str, ...]:
    return "secret", secret_id, tenant_id, endpoint_id or ""


def _endpoint_place(endpoint_id: str, tenant_id: str) -> tuple[str, ...]:
    return "endpoint", endpoint_id, tenant_id


def _bin_place(bin_id: str, tenant_id: str | None) -> tuple[str, ...]:
    return "bin", bin_id, tenant_id or ""


class _Patterns(msgspec.Struct):
    event_types: tuple[str, ...] = ("*",)


_PATTERNS: Final = msgspec.json.Decoder(_Patterns)


def patterns_of(config: bytes) -> tuple[str, ...]:
    """What a stored endpoint asks for, without opening the rest."""
    return _PATTERNS.decode(config).event_types
