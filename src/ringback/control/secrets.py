"""Signing secrets: reveal and rotate them, of endpoints and of tenants.

A secret leaves through here alone, to someone who may see it, and each time a line goes to the audit log, which names
who and what but never the secret. During a rotation's grace the old and the new secret both sign.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.contracts import needs_own_secret, own_signing, signing_of
from ringback.control.findings import Findings
from ringback.listeners import Wants, nobody
from ringback.model.endpoint import Endpoint, Secret
from ringback.model.errors import NotFound, OverQuota, SecretUnreadable
from ringback.model.limits import SECRET_GRACE_S_MAX
from ringback.model.notice import Notice
from ringback.policy.operations import SECRET_ROTATED, rotated
from ringback.profiles import Registry
from ringback.store.port import Endpoints, Secrets, Tenants
from ringback.wire.contract import Contract
from ringback.wire.signature import (
    PRIVATE_PREFIX,
    SECRET_RANDOM_BYTES,
    BadSecret,
    generate_text_secret,
    public_part,
)

SECRET_GRACE_S_DEFAULT: Final = 86_400
# Below this a secret can be guessed from one signed request.
TENANT_SECRET_CHARS_MIN: Final = 16
TENANT_SECRET_CHARS_MAX: Final = 256
SIGNING_SECRETS_MAX: Final = 8
"""Each secret that still signs makes one more signature in every request."""

_TENANT_SECRET: Final = re.compile(rf"[!-~]{{{TENANT_SECRET_CHARS_MIN},{TENANT_SECRET_CHARS_MAX}}}")

Audit = Callable[[str, dict[str, str]], None]


class SecretStore(Secrets, Endpoints, Tenants, Protocol):
    """What these use cases need of a store."""


class Owner(NamedTuple):
    """Whose secret: an endpoint's, or (endpoint_id None) the tenant's own."""

    tenant_id: str
    endpoint_id: str | None


class GivenSecret(NamedTuple):
    """A secret that a caller has chosen, to sign from now on instead of all others; None: nothing is signed."""

    value: str | None


class Revealed(NamedTuple):
    """A secret as its owner sees it; `public_key` is what an ed25519 receiver verifies with (else None)."""

    secret: str
    public_key: str | None


class Standing(NamedTuple):
    """A secret that signs, without its value: since when, and until when (None: on and on)."""

    created_at: int
    ends_at: int | None


class SecretUseCases:
    """What can be done with secrets. `actor` says who asks (a key's id), for the audit log."""

    def __init__(
        self,
        store: SecretStore,
        clock: Clock,
        profiles: Registry,
        notify: Callable[[], None],
        audit: Audit,
        *,
        wants: Wants = nobody,
        noticed: Callable[[], object] = lambda: None,
    ) -> None:
        """`wants`: who listens to operational events; `noticed` is called when there is something for them."""
        self._wants = wants
        self._noticed = noticed
        self._store = store
        self._profiles = profiles
        self._clock = clock
        self._notify = notify
        self._audit = audit

    def reveal(self, tenant_id: str, endpoint_id: str, actor: str) -> Revealed:
        """The secret an endpoint's requests are signed with. Raises NotFound, Conflict, SecretUnreadable."""
        endpoint = self._endpoint(tenant_id, endpoint_id)
        contract = own_signing(self._profiles, endpoint)
        secret = self._newest(tenant_id, endpoint_id, lambda secret: fits(secret.value, contract, endpoint.signature))
        self._audit("secret_revealed", {"tenant_id": tenant_id, "endpoint_id": endpoint_id, "actor": actor})
        return revealed(secret.value)

    def standing(self, tenant_id: str, endpoint_id: str | None) -> Sequence[Standing]:
        """Which secrets sign now, newest first, of an endpoint or (None) the tenant's own. Tells no secret."""
        return [Standing(one.created_at, one.expires_at) for one in self._signing(Owner(tenant_id, endpoint_id))]

    def rotate(self, tenant_id: str, endpoint_id: str, given: str | None, grace_s: int, actor: str) -> Revealed:
        """Sign with a new secret from now on; the old ones sign beside it for `grace_s` seconds.

        The secret that signs already, given again, changes nothing. Raises Invalid, NotFound, Conflict, OverQuota.
        """
        endpoint = self._endpoint(tenant_id, endpoint_id)
        contract = own_signing(self._profiles, endpoint)
        findings = Findings()
        _check_grace(findings, grace_s)
        if given is not None:
            check_endpoint_secret(findings, "secret", given, contract, endpoint.signature)
        findings.raise_if_any()
        value = given if given is not None else new_endpoint_secret(contract, endpoint.signature, self._clock)
        return self._rotate_endpoint(endpoint, value, grace_s, actor)

    def change_kind(self, endpoint: Endpoint, contract: Contract, signature: str, actor: str) -> Revealed | None:
        """Rotate to a new secret of the kind that `signature` needs, with the default grace. Raises OverQuota.

        None, and nothing is done, if the newest secret is of that kind (a change that failed halfway, tried again), or
        the contract can do without one of the endpoint's own.
        """
        newest = self._store.list_secrets(endpoint.tenant_id, endpoint.id)[:1]
        if not needs_own_secret(contract) or any(fits(secret.value, contract, signature) for secret in newest):
            return None
        value = new_endpoint_secret(contract, signature, self._clock)
        return self._rotate_endpoint(endpoint, value, SECRET_GRACE_S_DEFAULT, actor)

    def replace(self, endpoint: Endpoint, contract: Contract, given: GivenSecret, actor: str) -> None:
        """Sign with the caller's secret and no other, at once; with none where the contract can do without.

        Raises Invalid.
        """
        findings = Findings()
        if given.value is not None:
            check_endpoint_secret(findings, "secret", given.value, contract, endpoint.signature)
        elif needs_own_secret(contract):
            findings.add("secret", f"can't be removed: the profile {contract.name} signs every request")
        findings.raise_if_any()
        owner = Owner(endpoint.tenant_id, endpoint.id)
        signing = [secret.value for secret in self._signing(owner)]
        if signing == ([] if given.value is None else [given.value]):
            return
        if given.value is None:
            self._store.end_secrets(endpoint.tenant_id, endpoint.id, self._clock.now_ms())
            self._audit("secret_removed", {"tenant_id": owner.tenant_id, "endpoint_id": endpoint.id, "actor": actor})
        else:
            self._rotate_to(owner, given.value, 0)
            self._audit("secret_rotated", {"tenant_id": owner.tenant_id, "endpoint_id": endpoint.id, "actor": actor})
        self._notify()

    def reveal_tenant(self, tenant_id: str, actor: str) -> Revealed:
        """The tenant's own secret, which some profiles sign with. Raises NotFound, SecretUnreadable."""
        self._require_tenant(tenant_id)
        secret = self._newest(tenant_id, None, lambda _: True)
        self._audit("secret_revealed", {"tenant_id": tenant_id, "actor": actor})
        return Revealed(secret.value, None)

    def owners(self, value: str) -> Sequence[str]:
        """The tenants whose own secret this is, or was and is in its grace; mostly one or none."""
        return self._store.tenants_by_secret(value, self._clock.now_ms())

    def rotate_tenant(self, tenant_id: str, given: str | None, grace_s: int, actor: str) -> Revealed:
        """The same for the tenant's own secret. Raises Invalid, NotFound, OverQuota."""
        findings = Findings()
        _check_grace(findings, grace_s)
        if given is not None:
            check_tenant_secret(findings, "secret", given)
        findings.raise_if_any()
        self._require_tenant(tenant_id)
        value = given if given is not None else new_tenant_secret(self._clock)
        self._rotate(Owner(tenant_id, None), value, grace_s)
        self._audit("secret_rotated", {"tenant_id": tenant_id, "actor": actor})
        return Revealed(value, None)

    def _endpoint(self, tenant_id: str, endpoint_id: str) -> Endpoint:
        endpoint = self._store.get_endpoint(tenant_id, endpoint_id)
        if endpoint is None:
            raise NotFound("There is no such endpoint.")
        return endpoint

    def _require_tenant(self, tenant_id: str) -> None:
        if self._store.get_tenant(tenant_id) is None:
            raise NotFound("There is no such tenant.")

    def _newest(self, tenant_id: str, endpoint_id: str | None, fitting: Callable[[Secret], bool]) -> Secret:
        for secret in self._store.list_secrets(tenant_id, endpoint_id):
            if secret.unreadable:
                raise SecretUnreadable("The stored secret can't be read. Rotate it to have a new one.")
            if fitting(secret):
                return secret
        raise NotFound("There is no secret.")

    def _rotate_endpoint(self, endpoint: Endpoint, value: str, grace_s: int, actor: str) -> Revealed:
        self._rotate(Owner(endpoint.tenant_id, endpoint.id), value, grace_s)
        self._audit("secret_rotated", {"tenant_id": endpoint.tenant_id, "endpoint_id": endpoint.id, "actor": actor})
        return revealed(value)

    def _signing(self, owner: Owner) -> list[Secret]:
        """The secrets that sign now, newest first."""
        now = self._clock.now_ms()
        known = self._store.list_secrets(*owner)
        return [secret for secret in known if secret.expires_at is None or secret.expires_at > now]

    def _rotate(self, owner: Owner, value: str, grace_s: int) -> None:
        now = self._clock.now_ms()
        signing = self._signing(owner)
        if signing and signing[0].value == value:
            return
        if grace_s and len(signing) >= SIGNING_SECRETS_MAX:
            raise OverQuota(
                f"{len(signing)} secrets sign already. Wait until a grace ends, or rotate with grace_seconds 0.",
                retry_after_s=_seconds_until_one_ends(signing, now),
                code="secret_quota",
            )
        self._rotate_to(owner, value, grace_s)
        self._notify()

    def _rotate_to(self, owner: Owner, value: str, grace_s: int) -> None:
        """Store a new secret; the older ones of its owner end after `grace_s` seconds."""
        now = self._clock.now_ms()
        older = self._store.list_secrets(*owner)
        # The newest is told by its time: two within a millisecond, or a clock set back, must not change places.
        created_at = max([now, *(secret.created_at + 1 for secret in older)])
        new = Secret(self._clock.new_id("sec"), *owner, value, created_at, None)
        old_end_at = now + grace_s * 1_000
        if not self._wants(owner.tenant_id, SECRET_ROTATED):
            self._store.rotate_secret(new, old_end_at)
            return
        data = rotated(*owner, now, old_end_at)
        notice = Notice(owner.tenant_id, self._clock.new_id("evt"), SECRET_ROTATED, owner.endpoint_id, now, data)
        self._store.rotate_secret(new, old_end_at, [notice])
        self._noticed()


def new_endpoint_secret(contract: Contract, signature: str, clock: Clock) -> str:
    """One of the form that the contract has: `whsec_…` for `standard`'s v1, `whsk_…` for v1a."""
    return signing_of(contract).new_secret(clock.token_bytes(SECRET_RANDOM_BYTES), signature)


def new_tenant_secret(clock: Clock) -> str:
    """43 characters of base64url."""
    return generate_text_secret(clock.token_bytes(SECRET_RANDOM_BYTES))


def check_endpoint_secret(findings: Findings, field: str, value: str, contract: Contract, signature: str) -> None:
    """Whether a caller's secret can sign for this signature; a finding when not."""
    try:
        signing_of(contract).check_secret(value, signature)
    except BadSecret as refused:
        findings.add(field, f"can't be used: {refused}")


def check_tenant_secret(findings: Findings, field: str, value: str) -> None:
    """A tenant's secret is text whose bytes are the key, so that it may be one that receivers know already."""
    if _TENANT_SECRET.fullmatch(value) is None:
        findings.add(field, f"must be {TENANT_SECRET_CHARS_MIN} to {TENANT_SECRET_CHARS_MAX} visible ASCII characters")


def fits(value: str, contract: Contract, signature: str) -> bool:
    """Whether a secret is of the kind that this signature needs."""
    try:
        signing_of(contract).check_secret(value, signature)
    except BadSecret:
        return False
    return True


def revealed(value: str) -> Revealed:
    """A secret with its public half, if it has one."""
    return Revealed(value, public_part(value) if value.startswith(PRIVATE_PREFIX) else None)


def _check_grace(findings: Findings, grace_s: int) -> None:
    findings.number("grace_seconds", grace_s, 0, SECRET_GRACE_S_MAX, "seconds")


def _seconds_until_one_ends(signing: list[Secret], now: int) -> int:
    ends = [secret.expires_at for secret in signing if secret.expires_at is not None]
    return max(1, (min(ends, default=now) - now) // 1000 + 1)
