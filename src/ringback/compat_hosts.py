"""Host names under which a published contract stands at the root: what an operator writes, checked.

Knows the contracts' names, so that a wrong one is refused before anything is loaded; tests hold them against the routes
that there are. What becomes of a request for such a host is `api.compat.hosts`'s business.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

CONTRACTS: Final = ("vinsight", "vainu", "vessel", "insideview")
"""What there is below `/compat`."""

_LABEL: Final = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")


class CompatHost(NamedTuple):
    """A host name, in lower case and without a port, and whose contract is there."""

    host: str
    contract: str


def parse_compat_hosts(entries: Sequence[str]) -> tuple[CompatHost, ...]:
    """Entries such as `hooks.example.com=vainu`. Raises ValueError, with a sentence, for anything else."""
    hosts: dict[str, CompatHost] = {}
    for entry in entries:
        one = _parse(entry)
        if one.host in hosts:
            raise ValueError(f"{one.host!r} is there twice; a host has one contract")
        hosts[one.host] = one
    return tuple(hosts.values())


def _parse(entry: str) -> CompatHost:
    host, equals, contract = entry.partition("=")
    host = host.lower()
    if not equals:
        raise ValueError(f"{entry!r} is not HOST=NAME, such as hooks.example.com=vainu")
    if _HOST.fullmatch(host) is None:
        raise ValueError(
            f"{host!r} is not a host name such as hooks.example.com: without scheme, port and path, and an "
            "international name in its xn-- form"
        )
    if contract not in CONTRACTS:
        raise ValueError(f"{contract!r} is no published contract; there are {', '.join(CONTRACTS)}")
    return CompatHost(host, contract)
