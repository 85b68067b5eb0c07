"""The system's hosts file: names that are answered without asking anybody.

Read again whenever its modification time has changed. A file that is missing or unreadable is an empty one, as it is
to the C library. `localhost` and names below it are always this machine (RFC 6761 section 6.3).
"""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from ringback.policy.url import is_local_name

LOOPBACK: Final = ("127.0.0.1", "::1")
_FILE_BYTES_MAX: Final = 1024 * 1024


class HostsFile:
    """`addresses(name)`: what the file says, IPv4 first; empty when it doesn't know the name."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._modified_ns = -1
        self._names: dict[str, tuple[str, ...]] = {}

    def addresses(self, name: str) -> tuple[str, ...]:
        self._refresh()
        known = self._names.get(name)
        if known is not None:
            return known
        return LOOPBACK if is_local_name(name) else ()

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            modified_ns = self._path.stat().st_mtime_ns
            if modified_ns == self._modified_ns:
                return
            with self._path.open("rb") as file:
                text = file.read(_FILE_BYTES_MAX).decode("ascii", "replace")
        except OSError:
            self._names, self._modified_ns = {}, -1
            return
        self._names, self._modified_ns = parse_hosts(text), modified_ns


def parse_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """Name to addresses. Lines that don't begin with an IP address are skipped."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            canonical = str(ip_address(address))
        except ValueError:
            continue
        for name in names:
            found.setdefault(name.lower(), []).append(canonical)
    return {name: tuple(sorted(dict.fromkeys(found[name]), key=lambda a: ":" in a)) for name in found}
