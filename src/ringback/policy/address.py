"""Which addresses a request may be sent to, decided from the address itself just before it is dialled.

The table `addresses.csv` is made of IANA's registries (and a few addresses of our own, marked so) by
`scripts/addresses.py`, since Python's `is_global` says yes to several that lead inside: NAT64 and 6to4 forms of private
addresses, multicast, 192.0.0.192. The longest matching prefix decides, and every row is a refusal; `opened_by` says
whether `--allow-private` lifts it. An entry of `--allow CIDR:PORT` lifts everything for just that network and port.

Never resolves a name and never does I/O after the table was read at import. What isn't an address is refused.
"""

import csv
import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Final, NamedTuple

from ringback.policy.port import port_refusal


class Allowed(NamedTuple):
    """A network, and one port of it or (None) all, that the operator opened in spite of every other rule."""

    network: IPv4Network | IPv6Network
    port: int | None


class UrlRules(NamedTuple):
    """What the operator allows. The default is https, public addresses, port 443 and most ports from 1024 on.

    `allow_http`: http too, on public addresses. `allow_private`: http, any port, and private addresses.
    """

    allow_http: bool = False
    allow_private: bool = False
    allowed: tuple[Allowed, ...] = ()


class SpecialRange(NamedTuple):
    """One row of the table. `private`: `--allow-private` opens it."""

    network: IPv4Network | IPv6Network
    name: str
    rfc: str
    private: bool


# An address, or one with a port: `[…]:53`, or without brackets where there is only one colon.
_NAME_SERVER: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?|[^\[\]]+")
_ISATAP: Final = SpecialRange(IPv6Network("::/0"), "ISATAP", "RFC 5214", private=False)
_ISATAP_IDENTIFIERS: Final = frozenset({0x00005EFE, 0x02005EFE})


def read_table(path: Path) -> tuple[SpecialRange, ...]:
    """The rows of `addresses.csv`. Raises ValueError for a row that is no network or has an unknown `opened_by`."""
    with path.open(encoding="ascii", newline="") as file:
        return tuple(_row(row) for row in csv.DictReader(file))


def _row(row: dict[str, str]) -> SpecialRange:
    if row["opened_by"] not in ("private", "never"):
        raise ValueError(f"addresses.csv: {row['network']} has opened_by {row['opened_by']!r}")
    return SpecialRange(ip_network(row["network"]), row["name"], row["rfc"], row["opened_by"] == "private")


TABLE: Final = read_table(Path(__file__).with_name("addresses.csv"))

# Longest prefix first, so that the first hit decides.
_LONGEST_FIRST: Final = {
    version: sorted(
        (row for row in TABLE if row.network.version == version), key=lambda row: row.network.prefixlen, reverse=True
    )
    for version in (4, 6)
}


@lru_cache(maxsize=8_192)
def special_range(address: IPv4Address | IPv6Address) -> SpecialRange | None:
    """The row that covers `address`, or None: it is public."""
    if isinstance(address, IPv6Address) and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP_IDENTIFIERS:
        return _ISATAP
    for row in _LONGEST_FIRST[address.version]:
        if address in row.network:
            return row
    return None


def refusal(address: str, port: int, rules: UrlRules, scheme: str = "https") -> str | None:
    """Why `address` must not be dialled, in a sentence; None when it may be.

    `address` is what the socket will connect to, as text; with a zone id or in any odd spelling it is refused.
    """
    try:
        parsed = _parse(address)
    except ValueError:
        return f"{address[:64]!r} is not an IP address."
    if is_allowed(parsed, port, rules):
        return None
    reason = range_refusal(parsed, rules)
    if reason is not None or rules.allow_private:
        return reason
    if scheme == "http" and not rules.allow_http:
        return f"{parsed} may only be spoken to over https."
    return port_refusal(port, scheme)


def range_refusal(address: IPv4Address | IPv6Address, rules: UrlRules) -> str | None:
    """Why `address` is none to send to, whatever the port; None when it is public, or private and that is allowed."""
    row = special_range(address)
    if row is None or (row.private and rules.allow_private):
        return None
    return f"{address} is not a public address: {row.name} ({row.rfc})."


@lru_cache(maxsize=8_192)
def _parse(address: str) -> IPv4Address | IPv6Address:
    if "%" in address:
        raise ValueError("zone ids are not accepted")
    return ip_address(address)


def is_allowed(address: IPv4Address | IPv6Address, port: int, rules: UrlRules) -> bool:
    """Whether the operator opened this address and port by name."""
    return any(entry.port in (None, port) and address in entry.network for entry in rules.allowed)


def parse_allowed(text: str) -> Allowed:
    """An entry of `--allow`: `10.1.0.0/16:8443`, `10.1.2.3:8443`, `fd00::/8:8443`, `[fd00::1]:8443`; or without port.

    Raises ValueError, with a sentence, for anything else: a network with host bits, a port that isn't one, an IPv6
    address with neither brackets nor a length, of which nobody can say where its port begins.
    """
    network_text, port = _split_port(text)
    try:
        network = ip_network(network_text.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise ValueError(f"{text!r} is not CIDR:PORT such as 10.1.0.0/16:8443 ({error}).") from None
    return Allowed(network, port)


def parse_name_server(text: str) -> str:
    """An entry of `name_servers`, as the resolver wants it: `192.0.2.53:53`, `[2001:db8::53]:53`.

    Takes `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` and `[2001:db8::53]:5353`; the port is 53 where there is none.
    Raises ValueError, with a sentence, for anything else.
    """
    match = _NAME_SERVER.fullmatch(text)
    host, port = ("", 53) if match is None else (match[1] or match[2] or text, int(match[3] or 53))
    try:
        address = _parse(host)
    except ValueError:
        raise ValueError(f"{text!r} is not an address such as 192.0.2.53 or (with a port) [2001:db8::53]:53.") from None
    if not 1 <= port <= 65_535:
        raise ValueError(f"{text!r} has no port from 1 to 65535 after the colon.")
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def _split_port(text: str) -> tuple[str, int | None]:
    head, slash, tail = text.partition("/")
    if slash:
        length, colon, port_text = tail.partition(":")
        network_text = f"{head}/{length}"
    elif head.startswith("["):
        network_text, colon, port_text = head.rpartition(":") if not head.endswith("]") else (head, "", "")
    else:
        network_text, colon, port_text = head.partition(":")
        if ":" in port_text:
            raise ValueError(f"{text!r} may or may not end in a port. Write [::1]:80 or ::1/128.")
    if not colon:
        return network_text, None
    if not (port_text.isascii() and port_text.isdigit() and 1 <= int(port_text) <= 65_535):
        raise ValueError(f"{text!r} has no port from 1 to 65535 after the colon.")
    return network_text, int(port_text)
