"""Makes `src/ringback/policy/addresses.csv`, the table of addresses that are not dialled, of IANA's registries.

    python scripts/addresses.py

The registries stand beside this script in `iana/`, with where they are from and as of when. Every block of the two
special-purpose registries is refused, also those that are globally reachable: they belong to protocols, no receiver is
there. So is every block of the two address spaces that is no unicast space. What `--allow-private` opens, and the few
addresses that no registry has, stand in `iana/ours.csv`. A file that isn't as IANA writes it raises ValueError.
"""

import csv
import io
import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "scripts" / "iana"
TABLE = ROOT / "src" / "ringback" / "policy" / "addresses.csv"

COLUMNS = ("network", "name", "rfc", "registry", "allocated", "globally_reachable", "opened_by")


class Row(NamedTuple):
    """A line of the table. `allocated` and `globally_reachable` decide nothing: they are for whoever reads it."""

    network: IPv4Network | IPv6Network
    name: str
    rfc: str
    registry: str
    allocated: str
    globally_reachable: str
    opened_by: str


def main() -> None:
    TABLE.write_text(table(), encoding="ascii")


def table() -> str:
    """The whole file, as it must be."""
    found: dict[IPv4Network | IPv6Network, Row] = {}
    for row in (*special_purpose("ipv4"), *special_purpose("ipv6"), *ipv4_space(), *ipv6_space()):
        found.setdefault(row.network, row)  # the special-purpose registries know more than the address spaces
    add_ours(found)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted(found.values(), key=lambda row: (row.network.version, row.network)))
    return out.getvalue()


def special_purpose(family: str) -> Iterator[Row]:
    """The rows of a special-purpose registry; a cell may hold two blocks, and footnote marks."""
    for row in read(f"iana-{family}-special-registry-1.csv"):
        for block in unmarked(row["Address Block"]).split(","):
            yield Row(
                ip_network(block.strip()),
                row["Name"].strip('"'),
                references(row["RFC"]),
                f"iana-{family}-special",
                row["Allocation Date"],
                unmarked(row["Globally Reachable"]).lower() or "deprecated",
                "never",
            )


def ipv4_space() -> Iterator[Row]:
    """The blocks of the IPv4 address space that are no unicast space, put together where they are one thing."""
    reserved: dict[str, list[IPv4Network]] = {}
    for row in read("ipv4-address-space.csv"):
        if row["Status"] not in ("RESERVED", "ALLOCATED", "LEGACY"):
            raise ValueError(f"ipv4-address-space.csv: {row['Prefix']} has the status {row['Status']!r}")
        if row["Status"] == "RESERVED":
            first, _, length = row["Prefix"].partition("/")
            reserved.setdefault(row["Designation"], []).append(IPv4Network(f"{int(first)}.0.0.0/{length}"))
    for designation, networks in reserved.items():
        for network in collapse_addresses(networks):
            rfc = "RFC 5771" if designation == "Multicast" else "none"
            yield Row(network, designation, rfc, "iana-ipv4-space", "", "", "never")


def ipv6_space() -> Iterator[Row]:
    """Everything in the IPv6 address space but the one block of global unicast."""
    for row in read("ipv6-address-space-1.csv"):
        if row["Allocation"] != "Global Unicast":
            network = IPv6Network(row["IPv6 Prefix"])
            yield Row(network, row["Allocation"], references(row["Reference"]), "iana-ipv6-space", "", "", "never")


def add_ours(found: dict[IPv4Network | IPv6Network, Row]) -> None:
    """Put our decisions and remarks to the networks of the registries, and add those that are not there."""
    for row in read("ours.csv"):
        network = ip_network(row["network"])
        known = found.get(network)
        if (known is None) != bool(row["name"]):
            raise ValueError(f"ours.csv: {network} needs a name of its own just when no registry has it")
        if known is None:
            known = Row(network, row["name"], row["rfc"], "own", "", "", "never")
        name = f"{known.name} ({row['remark']})" if row["remark"] else known.name
        found[network] = known._replace(name=name, opened_by=row["opened_by"])


def references(cell: str) -> str:
    """`[RFC8190]` NEWLINE `[RFC919], Section 7` as `RFC 8190, RFC 919 section 7`."""
    text = " ".join(cell.split()).replace("] [", "][").replace("][", ", ").strip("[")
    text = text.replace("], Section ", " section ").replace("]", "")
    return re.sub(r"RFC(?=\d)", "RFC ", text)


def unmarked(cell: str) -> str:
    """A cell without its footnote marks: `192.0.0.0/24 [2]` is `192.0.0.0/24`."""
    return re.sub(r"\s*\[\d+\]", "", cell)


def read(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
