"""The table of addresses: made of IANA's registries and nothing else, and compared with Python's own at every edge."""

import csv
import runpy
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Final

import pytest

from ringback.policy.address import TABLE, UrlRules, refusal, special_range

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "addresses.py"))
PUBLIC = UrlRules()
UNICAST = ip_network("2000::/3")

# Where Python (some version from 3.11 to 3.14) calls an address global and we refuse it, with the reason.
STRICTER: Final = {
    "168.63.129.16/32": "the host's own services answer there on one large cloud",
    "192.0.0.0/24": "until 3.11.4 only parts of it counted as private; 192.0.0.192 is a metadata service",
    "192.0.0.8/32": "the dummy address, as what 192.0.0.0/24 is",
    "192.0.0.9/32": "an anycast address of a protocol that no webhook receiver speaks",
    "192.0.0.10/32": "an anycast address of a protocol that no webhook receiver speaks",
    "192.31.196.0/24": "answers reverse look-ups of private addresses, never HTTP",
    "192.52.193.0/24": "relays multicast, never HTTP",
    "192.88.99.0/24": "6to4 relays: a transition mechanism, given up",
    "192.88.99.2/32": "6a44 relays: a transition mechanism, and IANA says that it isn't reachable",
    "192.175.48.0/24": "answers reverse look-ups of private addresses, never HTTP",
    "224.0.0.0/4": "multicast: Python calls it global where it may be routed",
    "::/8": "not assigned: nothing is there but the special addresses",
    "::/96": "IPv4-compatible: an IPv4 address in disguise",
    "::ffff:0:0/96": "IPv4-mapped: an IPv4 address in disguise; 3.13 judges by that one, we refuse the form",
    "::ffff:0:0:0/96": "IPv4-translated: an IPv4 address in disguise",
    "64:ff9b::/96": "NAT64: a private IPv4 address in disguise goes through, whatever the network's translator does",
    "64:ff9b:1::/48": "NAT64 of one network: IANA says that it isn't reachable; Python before 3.11.10 didn't know it",
    "100::/8": "not assigned",
    "100:0:0:1::/64": "the dummy prefix is from 2025; Python doesn't know it",
    "200::/7": "not assigned",
    "400::/6": "not assigned",
    "800::/5": "not assigned",
    "1000::/4": "not assigned",
    "2001::/23": "protocol assignments; Python before 3.11.10 didn't know all of it",
    "2001::/32": "Teredo: an IPv4 address in disguise",
    "2001:1::1/128": "an anycast address of a protocol that no webhook receiver speaks",
    "2001:1::2/128": "an anycast address of a protocol that no webhook receiver speaks",
    "2001:1::3/128": "an anycast address of a protocol that no webhook receiver speaks",
    "2001:3::/32": "relays multicast, never HTTP",
    "2001:4:112::/48": "answers reverse look-ups of private addresses, never HTTP",
    "2001:20::/28": "names of hosts in the form of addresses (ORCHIDv2): nothing routes there",
    "2001:30::/28": "identities of drones in the form of addresses: nothing routes there",
    "2002::/16": "6to4: an IPv4 address in disguise",
    "2620:4f:8000::/48": "answers reverse look-ups of private addresses, never HTTP",
    "3fff::/20": "documentation, from 2024; Python before 3.13 doesn't know it",
    "4000::/3": "not assigned",
    "5f00::/16": "segments of a provider's own network (SRv6), from 2024",
    "6000::/3": "not assigned",
    "8000::/3": "not assigned",
    "a000::/3": "not assigned",
    "c000::/3": "not assigned",
    "e000::/4": "not assigned",
    "f000::/5": "not assigned",
    "f800::/6": "not assigned",
    "fe00::/9": "not assigned",
    "fec0::/10": "site-local: private until it was given up in 2004, and still used so",
    "ff00::/8": "multicast: Python calls it global where it may be routed",
}


def edges() -> list[IPv4Address | IPv6Address]:
    """The first and last address of every network that we or this Python know of, and their neighbours outside."""
    networks = [row.network for row in TABLE]
    for kind in (IPv4Address, IPv6Address):
        constants = kind(0)._constants  # type: ignore[attr-defined]
        networks += [*constants._private_networks, *getattr(constants, "_private_networks_exceptions", [])]
    found: set[IPv4Address | IPv6Address] = set()
    for network in networks:
        kind = IPv4Address if network.version == 4 else IPv6Address
        first, last = int(network.network_address), int(network.broadcast_address)
        most = 2**network.max_prefixlen - 1
        found.update(kind(number) for number in (first - 1, first, last, last + 1) if 0 <= number <= most)
    return sorted(found, key=lambda address: (address.version, int(address)))


EDGES = edges()


def test_the_table_is_what_the_script_makes_of_the_registries() -> None:
    written = (ROOT / "src" / "ringback" / "policy" / "addresses.csv").read_text(encoding="ascii")
    assert written == SCRIPT["table"](), "run scripts/addresses.py"


def test_each_file_of_the_registries_says_as_of_when_it_is() -> None:
    readme = (SCRIPT["DATA"] / "README.md").read_text(encoding="utf-8")
    for path in SCRIPT["DATA"].glob("*.csv"):
        assert f"`{path.name}`" in readme


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_no_block_of_a_registry_is_left_out(family: str) -> None:
    with (SCRIPT["DATA"] / f"iana-{family}-special-registry-1.csv").open(newline="") as file:
        blocks = [block for row in csv.DictReader(file) for block in row["Address Block"].split(",")]
    known = {str(row.network) for row in TABLE}
    assert {block.split("[")[0].strip() for block in blocks} <= known
    assert len(blocks) > 20


def test_a_broken_registry_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = SCRIPT["table"].__globals__
    for name, broken in {
        "ours.csv": "network,name,rfc,opened_by,remark\n10.9.0.0/16,,,never,\n",
        "ipv4-address-space.csv": "Prefix,Designation,Date,Status\n010/8,x,2001-01,NEW\n",
        "iana-ipv6-special-registry-1.csv": "Address Block,Name,RFC,Allocation Date,Globally Reachable\nx,y,z,a,b\n",
    }.items():
        for path in SCRIPT["DATA"].glob("*.csv"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / name).write_text(broken)
        monkeypatch.setitem(module, "DATA", tmp_path)
        with pytest.raises(ValueError):  # noqa: PT011 - what ipaddress says of a broken network is its own business
            SCRIPT["table"]()


@pytest.mark.parametrize("address", EDGES, ids=str)
def test_every_edge_is_decided_as_python_does_or_for_a_listed_reason(address: IPv4Address | IPv6Address) -> None:
    row = special_range(address)
    assert (row is None) == (refusal(str(address), 443, PUBLIC) is None)
    if row is None:
        assert address.is_global, "we allow what Python knows not to be global"
        assert not address.is_multicast
    elif address.is_global:
        assert str(row.network) in STRICTER


def test_the_listed_reasons_are_about_networks_of_the_table() -> None:
    assert set(STRICTER) <= {str(row.network) for row in TABLE}


@pytest.mark.parametrize("address", [a for a in EDGES if a.version == 6 and a not in UNICAST], ids=str)
def test_nothing_outside_global_unicast_is_dialled(address: IPv6Address) -> None:
    assert refusal(str(address), 443, PUBLIC) is not None


def test_the_space_of_ipv6_is_covered_but_for_global_unicast() -> None:
    """Whatever number is looked at, it is in 2000::/3 or a row covers it: the rows' sizes add up."""
    outside = [row.network for row in TABLE if isinstance(row.network, IPv6Network) and not _within(row.network)]
    outermost = [network for network in outside if not any(_inside(network, other) for other in outside)]
    assert sum(network.num_addresses for network in outermost) == 2**128 - UNICAST.num_addresses


def _within(network: IPv6Network) -> bool:
    return _inside(network, UNICAST)


def _inside(network: IPv6Network, other: object) -> bool:
    return network != other and network.subnet_of(other)  # type: ignore[arg-type]
