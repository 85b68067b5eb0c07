"""How a webhook's requests are signed, for the people at both ends: whose secret, which header, the code that verifies.

Never has a secret's value: that is shown by whoever was asked to reveal it, once.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from ringback.console.page import Page
from ringback.control.secrets import Standing
from ringback.model.endpoint import Endpoint
from ringback.model.errors import NotFound
from ringback.model.tenant import Tenant
from ringback.wire.contract import Contract
from ringback.wire.receiving import Code, codes
from ringback.wire.vocabulary import SIGNATURE

HIDDEN: Final = "***"
GRACES: Final = (
    ("86400", "one day"),
    ("0", "none: the old secret ends at once"),
    ("3600", "one hour"),
    ("259200", "three days"),
    ("604800", "a week"),
    ("2592000", "30 days"),
)
"""Seconds, and how long that is."""


class Signs(NamedTuple):
    """`owner` is `endpoint`, `tenant`, or "" where nothing is signed; `several`: during a rotation both secrets sign.
    `standing`: the secrets that sign now, newest first; `by_public_key`: receivers verify with the public half."""

    owner: str
    header: str
    several: bool
    needed: bool
    by_public_key: bool
    standing: Sequence[Standing]
    codes: Sequence[Code]


_NOT_SIGNED: Final = Signs("", "", several=False, needed=False, by_public_key=False, standing=(), codes=())


def contract_named(page: Page, profile: str) -> Contract | None:
    """The contract of a profile; None: it is not there, or doesn't compile any more."""
    with suppress(NotFound):
        return page.parts.profiles.get(profile).contract
    return None


def signs_of(page: Page, endpoint: Endpoint) -> Signs:
    """How this webhook's requests are signed."""
    contract = contract_named(page, endpoint.profile)
    if contract is None or contract.signing is None or not contract.offers(endpoint.signature):
        return _NOT_SIGNED
    tenant_signs = contract.profile.tenant_signs
    standing = page.parts.secrets.standing(page.tenant_id, None if tenant_signs else endpoint.id)
    return Signs(
        owner="tenant" if tenant_signs else "endpoint",
        header=header_name(contract),
        several=contract.signing.separator is not None,
        needed=contract.profile.secret_needed,
        by_public_key=contract.signing.variants[endpoint.signature].algorithm == "ed25519",
        standing=standing,
        codes=codes(contract, endpoint.signature),
    )


def signs_of_tenant(page: Page, tenant: Tenant) -> Signs:
    """How webhooks of the tenant's own profile are signed, as far as the tenant's secret does that."""
    standing = page.parts.secrets.standing(tenant.id, None)
    contract = contract_named(page, tenant.profile)
    if contract is None or contract.signing is None or not contract.profile.tenant_signs:
        return _NOT_SIGNED._replace(standing=standing)
    several = contract.signing.separator is not None
    return Signs(
        "tenant", header_name(contract), several, needed=True, by_public_key=False, standing=standing,
        codes=codes(contract),
    )  # fmt: skip


def header_name(contract: Contract) -> str:
    """The header that carries the signature, as it goes out."""
    carrier = contract.header_of(SIGNATURE)
    return next((header.name for header in contract.profile.headers if header.name.lower() == carrier), "")
