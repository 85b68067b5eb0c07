"""The contract that an endpoint is spoken to by, as far as control has to know it: which there are, whether an endpoint
fits one, and what kind of secret its signature needs. Decides nothing about requests (`wire.contract` does)."""

from typing import Final

from ringback.control.findings import Findings
from ringback.model.endpoint import Endpoint
from ringback.model.errors import Conflict
from ringback.profiles import Registry
from ringback.wire.contract import Contract
from ringback.wire.signature import ALGORITHM_OF

_KIND_OF: Final = {algorithm: kind for kind, algorithm in ALGORITHM_OF.items()}


def offered_contract(findings: Findings, field: str, profiles: Registry, name: str) -> Contract | None:
    """The contract of a profile that a caller named; a finding when there is none."""
    contract = profiles.of(name)
    if contract is None:
        findings.add(field, f"must be one of: {', '.join(profiles.names())}")
    return contract


def contract_of(profiles: Registry, endpoint: Endpoint) -> Contract:
    """The contract that the endpoint is spoken to by. Raises Conflict where it, or its signature, is not there."""
    contract = profiles.of(endpoint.profile)
    if contract is None or endpoint.signature not in contract.signatures:
        raise Conflict(
            f"The profile {endpoint.profile} is not there, or it has no signature {endpoint.signature}. Put it back, "
            "or give the endpoint another.",
            code="profile_missing",
        )
    return contract


def secret_kind(contract: Contract, signature: str) -> str:
    """`v1` or `v1a`: by which of the two kinds of secrets this signature of the profile is made."""
    return _KIND_OF[contract.profile.variants[signature].algorithm]


def check_signature(findings: Findings, signature: str, contract: Contract) -> None:
    """Whether a contract has this signature."""
    if signature not in contract.signatures:
        findings.add("signature", f"must be one of: {', '.join(contract.signatures)}")


def check_fit(findings: Findings, endpoint: Endpoint, contract: Contract) -> None:
    """Whether an endpoint can be spoken to by a contract: its signature is there, and its headers are its own."""
    check_signature(findings, endpoint.signature, contract)
    for place, headers in (("headers", endpoint.headers), ("auth.headers", endpoint.auth.headers)):
        for name, _ in headers:
            if name.lower() in contract.header_names:
                findings.add(f"{place}.{name}", f"is a header of the profile {contract.name}")
