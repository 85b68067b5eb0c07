"""Which addresses may be dialled: each line of SECURITY's "Dialling", and the table against Python's own opinion."""

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.policy.address import TABLE, UrlRules, parse_allowed, parse_name_server, refusal, special_range
from support.sending import opened

PUBLIC = UrlRules()
PRIVATE = UrlRules(allow_private=True)

NEVER_PUBLIC = [
    # This network, private, loopback, shared, link local (the metadata services of most clouds).
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
    # Protocol assignments, with Oracle's metadata service, which is_global let through (GHSA-mvm9-4fhw-xqf3).
    "192.0.0.1", "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.0.0.192",
    # Documentation, benchmarking, anycast services, relays, Azure's host address.
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.31.196.1", "192.52.193.1",
    "192.175.48.1", "192.88.99.1", "168.63.129.16",
    # Multicast, reserved, broadcast.
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    # IPv6: unspecified, loopback, unique local (with AWS's metadata service), link and site local, multicast.
    "::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1",
    # IPv4 in IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
    "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::7f00:1", "::808:808", "::ffff:0:7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::808:808", "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::1", "2002:808:808::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2a00:1450::5efe:a00:1", "2a00:1450::200:5efe:a00:1",
    # The rest of what is not ordinary unicast.
    "100::1", "100:0:0:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1",
    "2001:db8::1", "2620:4f:8000::1", "3fff::1", "5f00::1", "1::1", "4000::1", "8000::1", "a000::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER_PUBLIC)
def test_an_address_that_leads_inside_or_nowhere_is_refused(address: str) -> None:
    assert refusal(address, 443, PUBLIC) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_a_public_address_may_be_dialled(address: str) -> None:
    assert refusal(address, 443, PUBLIC) is None


@pytest.mark.parametrize(
    "text", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost", "", "fe80::1%eth0", "::1%lo", "8.8.8.8 "]
)
def test_what_is_no_canonical_address_is_refused_even_with_private_ones_allowed(text: str) -> None:
    assert refusal(text, 443, PUBLIC) is not None
    assert refusal(text, 443, PRIVATE) is not None


@given(st.integers(0, 2**32 - 1).map(ip_address) | st.integers(0, 2**128 - 1).map(ip_address))
def test_whatever_python_holds_for_not_global_is_refused(address: object) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:  # type: ignore[attr-defined]
        assert refusal(str(address), 443, PUBLIC) is not None


@given(st.integers(0, 2**32 - 1))
def test_no_ipv4_address_comes_in_through_ipv6(number: int) -> None:
    for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::"):
        assert refusal(str(IPv6Address(int(IPv6Address(prefix)) | number)), 443, PUBLIC) is not None
    assert refusal(str(IPv6Address((0x2002 << 112) | (number << 80) | 1)), 443, PUBLIC) is not None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row.network))
def test_both_ends_of_every_row_are_refused(row: object) -> None:
    network = row.network  # type: ignore[attr-defined]
    assert refusal(str(network.network_address), 443, PUBLIC) is not None
    assert refusal(str(network.broadcast_address), 443, PUBLIC) is not None


def test_the_table_has_each_network_once_and_says_where_it_is_from() -> None:
    networks = [row.network for row in TABLE]
    assert len(networks) == len(set(networks)) > 50
    assert all(row.name and row.rfc for row in TABLE)


def test_the_longest_prefix_decides() -> None:
    row = special_range(ip_address("192.0.0.170"))
    assert row is not None
    assert row.network == ip_network("192.0.0.170/32")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "172.20.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1"]
)
def test_allow_private_opens_private_networks_on_any_port_without_tls(address: str) -> None:
    assert refusal(address, 80, PRIVATE, "http") is None
    assert refusal(address, 22, PRIVATE, "http") is None


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "169.254.169.254", "192.0.0.192", "168.63.129.16", "224.0.0.1", "255.255.255.255", "::", "fe80::1",
     "ff02::1", "::ffff:127.0.0.1", "::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1"],
)  # fmt: skip
def test_allow_private_opens_neither_metadata_services_nor_other_forms_of_an_address(address: str) -> None:
    assert refusal(address, 80, PRIVATE, "http") is not None


def test_an_allowed_network_and_port_leave_everything_else_refused() -> None:
    rules = opened("10.1.0.0/16:8080")
    assert refusal("10.1.2.3", 8080, rules, "http") is None
    assert refusal("10.1.2.3", 8081, rules, "http") is not None
    assert refusal("10.2.0.1", 8080, rules, "http") is not None
    assert refusal("127.0.0.1", 8080, rules, "http") is not None
    assert refusal("::ffff:10.1.2.3", 8080, rules, "http") is not None
    assert refusal("8.8.8.8", 8080, rules, "http") is not None, "http to a public address was not opened"
    assert refusal("8.8.8.8", 22, opened("10.1.0.0/16:22")) is not None
    assert refusal("8.8.8.8", 443, rules) is None


def test_an_allowed_network_without_port_is_open_on_all_ports() -> None:
    rules = opened("169.254.169.254/32")
    assert refusal("169.254.169.254", 80, rules, "http") is None
    assert refusal("169.254.169.253", 80, rules, "http") is not None


def test_ports_of_public_addresses() -> None:
    assert refusal("8.8.8.8", 8443, PUBLIC) is None
    for port in (22, 25, 80, 445, 1023, 6379, 5432, 9200, 11211):
        assert refusal("8.8.8.8", port, PUBLIC) is not None, port
    assert refusal("8.8.8.8", 80, PUBLIC, "http") is not None
    assert refusal("8.8.8.8", 80, UrlRules(allow_http=True), "http") is None
    assert refusal("10.0.0.1", 80, UrlRules(allow_http=True), "http") is not None


@pytest.mark.parametrize(
    ("text", "network", "port"),
    [
        ("10.0.0.0/8:8080", "10.0.0.0/8", 8080),
        ("10.0.0.0/8", "10.0.0.0/8", None),
        ("127.0.0.1:9000", "127.0.0.1/32", 9000),
        ("127.0.0.1", "127.0.0.1/32", None),
        ("fd00::/8:443", "fd00::/8", 443),
        ("[fd00::]/8:443", None, None),
        ("[::1]:443", "::1/128", 443),
        ("[::1]", "::1/128", None),
        ("::1/128", "::1/128", None),
    ],
)
def test_an_entry_of_allow_is_read(text: str, network: str | None, port: int | None) -> None:
    if network is None:
        with pytest.raises(ValueError, match="not CIDR:PORT"):
            parse_allowed(text)
    else:
        assert parse_allowed(text) == (ip_network(network), port)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", "192.0.2.53:53"),
        ("192.0.2.53:5353", "192.0.2.53:5353"),
        ("2001:db8::53", "[2001:db8::53]:53"),
        ("[2001:db8::53]", "[2001:db8::53]:53"),
        ("[2001:db8:0::53]:5353", "[2001:db8::53]:5353"),
    ],
)
def test_a_name_server_is_read(text: str, server: str) -> None:
    assert parse_name_server(text) == server


@pytest.mark.parametrize(
    "text",
    ["", "ns.example", "127.1", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "[192.0.2.53", "[::1]:", "a:b"],
)
def test_a_broken_name_server_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_name_server(text)


@pytest.mark.parametrize(
    "text", ["", "10.0.0.1/8:80", "10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:65536", "10.0.0.0/8:٣", "x:80"]
)
def test_a_broken_entry_of_allow_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse_allowed(text)


@pytest.mark.parametrize("text", ["::1:80", "::1", "fd00::1:8443", "::ffff:10.0.0.1"])
def test_ipv6_without_brackets_or_length_is_refused_since_its_port_is_unclear(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write \[::1\]:80 or ::1/128\.$"):
        parse_allowed(text)
