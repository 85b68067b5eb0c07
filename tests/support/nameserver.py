"""A name server on loopback UDP whose answers a test writes down beforehand, as hostile as it likes.

    with NameServer() as names:
        names.say("a.example", Reply(["192.0.2.1"]), Reply(["10.0.0.1"]))   # first this, then that, then that again
        Resolver(clock, servers=[names.address], hosts_file=None)

`names.address` also fits the setting `name_servers`. Questions of type A and AAAA are counted each by itself, and
`about` gives one of them replies of its own. A name that nothing was said about doesn't exist, unless something was
said about `*.its.parent`. Addresses with a colon answer AAAA questions, the others A.

What it can do to whoever asks, by name:

    rebinding(first, then)    first these addresses, from the second question on those, TTL 0
    mixed(*addresses)         all at once: public ones and private ones
    chain(names, addresses)   an alias of an alias of …, at whose end there are addresses
    loop_of(name)             an alias of itself
    SILENT, LATE              no answer; one that comes after ten seconds
    NO_SUCH_NAME, FAILING, REFUSING, EMPTY      NXDOMAIN, SERVFAIL, REFUSED, an answer without addresses
    TRUNCATED                 "ask again over TCP", where nobody listens
    WRONG_ID                  the answer to another question
    GARBAGE                   bytes that are no answer
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
_KINDS = {"A": _A, "AAAA": _AAAA}
_TRUNCATED_FLAG = 0x0200


class Reply(NamedTuple):
    """What is answered. `silent`: nothing; `delay_s`: late; `cnames`: the addresses belong to the last of these.

    `silent_about` names a question ("A" or "AAAA") that alone stays unanswered. `truncated`, `wrong_id` and `garbage`
    spoil the packet.
    """

    addresses: Sequence[str] = ()
    ttl_s: int = 60
    rcode: int = NOERROR
    delay_s: float = 0.0
    silent: bool = False
    silent_about: str = ""
    cnames: Sequence[str] = ()
    truncated: bool = False
    wrong_id: bool = False
    garbage: bool = False


SILENT = Reply(silent=True)
LATE = Reply(["127.0.0.1"], delay_s=10.0)
NO_SUCH_NAME = Reply(rcode=NXDOMAIN)
FAILING = Reply(rcode=SERVFAIL)
REFUSING = Reply(rcode=REFUSED)
EMPTY = Reply()
TRUNCATED = Reply(["127.0.0.1"], truncated=True)
WRONG_ID = Reply(["127.0.0.1"], wrong_id=True)
GARBAGE = Reply(garbage=True)


def rebinding(first: Sequence[str], then: Sequence[str]) -> tuple[Reply, Reply]:
    """For `say(name, *rebinding(…))`."""
    return Reply(first, ttl_s=0), Reply(then, ttl_s=0)


def mixed(*addresses: str) -> Reply:
    """All of them in one answer."""
    return Reply(addresses)


def chain(names: Sequence[str], addresses: Sequence[str]) -> Reply:
    """An alias of `names[0]`, which is an alias of `names[1]`, …, the last of which has the addresses."""
    return Reply(addresses, cnames=names)


def loop_of(name: str) -> Reply:
    """An alias of itself."""
    return Reply(cnames=[name])


class NameServer:
    """A context manager. `asked` lists (name, "A" or "AAAA") in the order of the questions."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        host, port = self._socket.getsockname()
        self.address = f"{host}:{port}"
        self.asked: list[tuple[str, str]] = []
        self._replies: dict[tuple[str, int], list[Reply]] = {}
        self._counts: dict[tuple[str, int], int] = defaultdict(int)
        self._timers: list[threading.Timer] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def say(self, name: str, *replies: Reply, about: str = "") -> None:
        """Answer questions about `name` with these in turn, the last one for ever; `about` "A" or "AAAA": only those.

        `*.parent` is for all names below `parent` that nothing else was said about.
        """
        for kind in (_KINDS[about],) if about else _KINDS.values():
            self._replies[name, kind] = list(replies)
            self._counts[name, kind] = 0

    def names_asked(self, parent: str) -> set[str]:
        """The different names below `parent` that somebody asked for."""
        return {name for name, _ in list(self.asked) if name.endswith(f".{parent}")}

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
        replies = self._replies.get((name, kind)) or self._replies.get((f"*.{name.partition('.')[2]}", kind))
        if not replies:
            return NO_SUCH_NAME
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
    if reply.garbage:
        return question[:2] + b"\xff" * 40
    records = []
    owner = b"\xc0\x0c"
    for alias in reply.cnames:
        target = _name(alias)
        records.append(owner + struct.pack(">HHIH", _CNAME, 1, reply.ttl_s, len(target)) + target)
        owner = target
    for address in reply.addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        if (kind == _AAAA) == (family == socket.AF_INET6):
            data = socket.inet_pton(family, address)
            records.append(owner + struct.pack(">HHIH", kind, 1, reply.ttl_s, len(data)) + data)
    if reply.truncated:
        records = []
    asked_id = int.from_bytes(question[:2], "big") ^ (0x5555 if reply.wrong_id else 0)
    flags = 0x8180 | reply.rcode | (_TRUNCATED_FLAG if reply.truncated else 0)
    header = struct.pack(">HHHHHH", asked_id, flags, 1, len(records), 0, 0)
    return header + question[12:end] + b"".join(records)
