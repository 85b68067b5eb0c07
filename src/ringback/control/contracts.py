"""The contract that an endpoint is spoken to by, as far as control has to know it: which there are, whether an endpoint
fits one, and what kind of secret its signature needs. Decides nothing about requests (`wire.contract` does)."""

from ringback.control.findings import Findings
from ringback.model.endpoint import NO_URL, Endpoint
from ringback.model.errors import Conflict
from ringback.policy.url import is_private_host
from ringback.profiles import Registry
from ringback.wire.contract import Contract
from ringback.wire.signing import Signing


def offered_contract(findings: Findings, field: str, profiles: Registry, name: str) -> Contract | None:
    """The contract of a profile that a caller named; a finding when there is none."""
    contract = profiles.of(name)
    if contract is None:
        findings.add(field, f"must be one of: {', '.join(profiles.names())}")
    return contract


def contract_of(profiles: Registry, endpoint: Endpoint) -> Contract:
    """The contract that the endpoint is spoken to by. Raises Conflict where it, or its signature, is not there."""
    contract = profiles.of(endpoint.profile)
    if contract is None or not contract.offers(endpoint.signature):
        raise Conflict(
            f"The profile {endpoint.profile} is not there, or it has no signature {endpoint.signature}. Put it back, "
            "or give the endpoint another.",
            code="profile_missing",
        )
    return contract


def own_signing(profiles: Registry, endpoint: Endpoint) -> Contract:
    """The contract of an endpoint that can have a secret of its own. Raises Conflict."""
    contract = contract_of(profiles, endpoint)
    if contract.signing is None:
        raise Conflict(f"Requests of the profile {contract.name} are not signed.", code="no_secret")
    if contract.profile.tenant_signs:
        raise Conflict(
            f"The profile {contract.name} signs with the tenant's secret: see /v1/tenants/{endpoint.tenant_id}/secret.",
            code="no_secret",
        )
    return contract


def check_has_url(endpoint: Endpoint) -> None:
    """Whether there is somewhere to send to. Raises Conflict."""
    if endpoint.url == NO_URL:
        raise Conflict("The endpoint has no URL, so nothing can be sent. Give it one first.", code="no_url")


def needs_own_secret(contract: Contract) -> bool:
    """Whether each endpoint must have a secret of its own."""
    return has_own_secret(contract) and contract.profile.secret_needed


def has_own_secret(contract: Contract) -> bool:
    """Whether an endpoint can have a secret of its own."""
    return contract.signing is not None and not contract.profile.tenant_signs


def signing_of(contract: Contract) -> Signing:
    """How it signs. Raises ValueError if it doesn't."""
    if contract.signing is None:
        raise ValueError(f"requests of {contract.name} are not signed")
    return contract.signing


def takes_the_same_secrets(before: Contract, after: Contract, signature: str) -> bool:
    """Whether an endpoint's secrets can go on signing when its contract is replaced."""
    if before.signing is None or after.signing is None:
        return before.signing is after.signing
    one, other = before.profile, after.profile
    algorithms = [contract.signing.variants[signature].algorithm for contract in (before, after) if contract.signing]
    same_form = one.standard_secret is other.standard_secret and one.tenant_signs is other.tenant_signs
    return same_form and (not one.standard_secret or algorithms[0] == algorithms[1])


def check_choice(findings: Findings, signature: str | None, contract: Contract) -> None:
    """Refuse a `signature` that was chosen (None: none was) where nothing is signed."""
    if signature and not contract.signatures:
        findings.add("signature", f"can't be chosen: requests of the profile {contract.name} are not signed")


def check_fit(findings: Findings, endpoint: Endpoint, contract: Contract) -> None:
    """Whether an endpoint keeps to what its contract asks: a signature that is there, headers of its own, its rules.

    Where only https is allowed, http is all the same to a private host, which nobody but the operator lets in."""
    if not contract.offers(endpoint.signature):
        findings.add("signature", f"must be one of: {', '.join(contract.signatures)}")
    for place, headers in (("headers", endpoint.headers), ("auth.headers", endpoint.auth.headers)):
        for name, _ in headers:
            if name.lower() in contract.header_names:
                findings.add(f"{place}.{name}", f"is a header of the profile {contract.name}")
    rules = contract.profile.rules
    if rules.https_only and not endpoint.url.startswith("https:") and not is_private_host(endpoint.url):
        findings.add("url", f"must be https: the profile {contract.name} sends to nothing else")
    if rules.one_channel and (endpoint.channels is None or len(endpoint.channels) != 1):
        given = "is missing" if endpoint.channels is None else f"has {len(endpoint.channels)}"
        findings.add("channels", f"must have exactly one channel, and {given}: the profile {contract.name} wants that")
