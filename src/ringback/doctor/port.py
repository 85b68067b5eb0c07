"""The port that a server would have: is it free, or is what has it the server of this very data directory?

Knows that server by the lock on its database and by the sockets that the kernel says it listens on. Binds for a moment
where nothing answers, and changes nothing.
"""

import errno
import http.client
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ringback.doctor.finding import Finding, ok, problem, warning

ANSWER_S_MAX: Final = 2.0
HEALTH: Final = b'"status":"ok"'
PROCESSES: Final = Path("/proc")
_LISTENS: Final = "0A"


def examine_port(host: str, port: int, holder: int | None) -> Iterator[Finding]:
    """Whether the port is free, or is had by `holder`, the process that has the database open."""
    name, where = "port", f"{host} port {port}"
    if port == 0:
        yield ok(name, "a free one is taken at each start")
        return
    if not _answers(host, port):
        yield _bindable(host, port, where)
        return
    listening = _listens(holder, port)
    if listening:
        yield ok(name, f"a Ringback answers on {where}")
    elif listening is None:
        yield warning(
            name,
            f"a Ringback answers on {where}; whether it has this data directory can't be told",
            "Run this as the user who runs the server.",
        )
    else:
        yield problem(
            name,
            f"the Ringback on {where} is another one: it does not have this data directory",
            "Stop it, or choose another port: --port N.",
        )


def _listens(process: int | None, port: int) -> bool | None:
    """Whether a process has a TCP socket that listens on a port; None when it can't be told."""
    try:
        tables = "".join(table.read_text("ascii") for table in (PROCESSES / "net").glob("tcp*"))
        links = [] if process is None else list(_links(PROCESSES / str(process) / "fd"))
    except OSError:
        return None
    if not tables:
        return None
    # sl, local address, remote address, state, four more columns of which none has a blank, and the inode.
    pattern = rf"^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F:]+ {_LISTENS}(?: +\S+){{5}} +(\d+)"
    sockets = {f"socket:[{inode}]" for inode in re.findall(pattern, tables, re.MULTILINE)}
    return not sockets.isdisjoint(links)


def _links(descriptors: Path) -> Iterator[str]:
    for entry in descriptors.iterdir():
        with suppress(FileNotFoundError):  # a process opens and closes files while it is looked at
            yield str(entry.readlink())


def _answers(host: str, port: int) -> bool:
    """Whether a Ringback does."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what was asked for, as it is reached
    connection = http.client.HTTPConnection(reached, port, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", "/healthz")
        return HEALTH in connection.getresponse().read(1_000).replace(b" ", b"")
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _bindable(host: str, port: int, where: str) -> Finding:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return problem("port", f"another program has {where}", "Stop it, or choose another port: --port N.")
        if error.errno == errno.EACCES:
            return problem("port", f"{where} is not for this user", "Choose one from 1024 on: --port N.")
        return problem("port", f"{where} can't be had ({error.strerror})", "Choose another address: --host ADDRESS.")
    return ok("port", f"{where} is free")
