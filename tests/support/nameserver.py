"""A name server on loopback UDP whose answers a test writes down beforehand.

    with NameServer() as names:
        names.say("a.example", Reply(["192.0.2.1"]), Reply(["10.0.0.1"]))   # first this, then that, then that again
        Resolver(clock, servers=[names.address], hosts_file=None)

A name that nothing was said about doesn't exist. Addresses with a colon answer AAAA questions, the others A.
"""

import contextlib
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5
_A, _AAAA, _CNAME = 1, 28, 5


class Reply(NamedTuple):
    """What is answered. `silent`: nothing; `delay_s`: late; `cname`: the addresses belong to this name instead.

    `silent_about` names a question ("A" or "AAAA") that alone stays unanswered.
    """

    addresses: Sequence[str] = ()
    ttl_s: int = 60
    rcode: int = NOERROR
    delay_s: float = 0.0
    silent: bool = False
    silent_about: str = ""
    cname: str = ""


class NameServer:
    """A context manager. `asked` lists (name, "A" or "AAAA") in the order of the questions."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        host, port = self._socket.getsockname()
        self.address = f"{host}:{port}"
        self.asked: list[tuple[str, str]] = []
        self._replies: dict[str, list[Reply]] = {}
        self._counts: dict[tuple[str, int], int] = defaultdict(int)
        self._timers: list[threading.Timer] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def say(self, name: str, *replies: Reply) -> None:
        """Answer questions of each type about `name` with these in turn, the last one for ever."""
        self._replies[name] = list(replies)
        for kind in (_A, _AAAA):
            self._counts[name, kind] = 0

    def __enter__(self) -> "NameServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for timer in self._timers:
            timer.cancel()
        # Closing doesn't wake a thread that is in recvfrom; an empty datagram does.
        host, _, port = self.address.partition(":")
        self._socket.sendto(b"", (host, int(port)))
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, client = self._socket.recvfrom(4_096)
            if not question:
                return
            name, kind, end = _parse_question(question)
            self.asked.append((name, "A" if kind == _A else "AAAA" if kind == _AAAA else str(kind)))
            reply = self._next_reply(name, kind)
            if (
                reply.silent
                or (reply.silent_about == "A" and kind == _A)
                or (reply.silent_about == "AAAA" and kind == _AAAA)
            ):
                continue
            answer = _answer(question, end, kind, reply)
            if reply.delay_s:
                timer = threading.Timer(reply.delay_s, self._send, (answer, client))
                timer.daemon = True
                self._timers.append(timer)
                timer.start()
            else:
                self._send(answer, client)

    def _next_reply(self, name: str, kind: int) -> Reply:
        replies = self._replies.get(name)
        if not replies:
            return Reply(rcode=NXDOMAIN)
        count = self._counts[name, kind]
        self._counts[name, kind] = count + 1
        return replies[min(count, len(replies) - 1)]

    def _send(self, answer: bytes, client: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(answer, client)  # type: ignore[call-overload]


def _parse_question(packet: bytes) -> tuple[str, int, int]:
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode("ascii"))
        at += 1 + packet[at]
    (kind,) = struct.unpack_from(">H", packet, at + 1)
    return ".".join(labels).lower(), kind, at + 5


def _name(text: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode("ascii") for label in text.split(".")) + b"\0"


def _answer(question: bytes, end: int, kind: int, reply: Reply) -> bytes:
    records = []
    owner = b"\xc0\x0c"
    if reply.cname and reply.rcode == NOERROR:
        target = _name(reply.cname)
        records.append(owner + struct.pack(">HHIH", _CNAME, 1, reply.ttl_s, len(target)) + target)
        owner = target
    for address in reply.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        if (kind == _AAAA) == (family == socket.AF_INET6):
            data = socket.inet_pton(family, address)
            records.append(owner + struct.pack(">HHIH", kind, 1, reply.ttl_s, len(data)) + data)
    header = question[:2] + struct.pack(">HHHHH", 0x8180 | reply.rcode, 1, len(records), 0, 0)
    return header + question[12:end] + b"".join(records)
