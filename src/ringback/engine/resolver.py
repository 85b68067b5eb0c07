"""Names to addresses, without ever blocking: c-ares under a cache of our own.

libcurl's own resolver has some twenty threads, so fifty dead names would hold up all others. Here every answer is seen
before anything is dialled, lookups of the same name are one, each tenant has a cap on lookups under way
(`lookup_turns`), and no ask waits longer than its budget. Whether an address may be dialled is not decided here.

Belongs to one thread: `resolve`, `forget` and `process` are called by the one that polls `fileno()`. Assumes
`/etc/resolv.conf` names working servers; it is read again every five minutes. Names with a dot are asked for as they
are, names without one also with the system's search domains. A failure is an `Answer` with an error, kept for two
seconds, so that a dead name is not asked for without end.
"""

import heapq
import select
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import pycares

from ringback.clock import Clock
from ringback.engine.hosts import HostsFile
from ringback.engine.lookup_turns import LookupTurns
from ringback.model.limits import RESOLVE_S_MAX

ANSWER_KEPT_S_MIN: Final = 1.0
ANSWER_KEPT_S_MAX: Final = 300.0
FAILURE_KEPT_S: Final = 2.0
# How long the answer for IPv4 waits for the one for IPv6, which some servers never give.
OTHER_FAMILY_GRACE_S: Final = 0.25
_HOSTS_KEPT_S: Final = 5.0
_CHANNEL_KEPT_S: Final = 300.0
# A question is asked again after this long, or a third of the budget: c-ares doubles it for the second try.
_QUERY_TIMEOUT_S: Final = 0.7
_QUERY_TRIES: Final = 2

_FAMILIES: Final = (pycares.QUERY_TYPE_A, pycares.QUERY_TYPE_AAAA)
_NO_SUCH_NAME: Final = pycares.errno.ARES_ENOTFOUND
_NO_ADDRESSES: Final = pycares.errno.ARES_ENODATA
_UNANSWERED: Final = "The name servers gave no answer in time."
_FAILURES: Final = {
    _NO_SUCH_NAME: "There is no such host name.",
    _NO_ADDRESSES: "The host name has no address.",
    pycares.errno.ARES_ETIMEOUT: _UNANSWERED,
    pycares.errno.ARES_ESERVFAIL: "The name servers could not look the host name up.",
    pycares.errno.ARES_EREFUSED: "The name servers refused to look the host name up.",
    pycares.errno.ARES_ECONNREFUSED: "The name servers can't be reached.",
}


class Answer(NamedTuple):
    """What a name leads to: all its addresses, IPv4 first, or (when there are none) why not, in a sentence.

    `expires_s` is on the clock of `Clock.boottime_s`.
    """

    addresses: tuple[str, ...]
    error: str | None
    expires_s: float


class _Lookup:
    """One name that is being looked up or waits for its turn, with the tickets of those who asked."""

    __slots__ = ("addresses", "failures", "finished", "missing", "name", "started", "tenant_ids", "tickets", "ttl_s")

    def __init__(self, name: str) -> None:
        self.name = name
        self.tickets: set[int] = set()
        self.tenant_ids: set[str] = set()
        self.started = False
        self.finished = False
        self.missing = set(_FAMILIES)
        self.addresses: dict[int, list[str]] = {}
        self.failures: list[int] = []
        self.ttl_s = ANSWER_KEPT_S_MAX


class Resolver:
    """Looks names up. `servers` (`address:port`) replaces the system's; `hosts_file` None means no such file."""

    def __init__(
        self,
        clock: Clock,
        *,
        servers: Sequence[str] | None = None,
        hosts_file: Path | None = Path("/etc/hosts"),
        lookups_max: int = 512,
        lookups_per_tenant_max: int = 16,
        names_kept_max: int = 10_000,
        resolve_s_max: float = RESOLVE_S_MAX,
    ) -> None:
        self._clock = clock
        self._servers = list(servers) if servers is not None else None
        self._hosts = HostsFile(hosts_file)
        self._names_kept_max = names_kept_max
        self._resolve_s_max = resolve_s_max
        self._kept: dict[str, Answer] = {}
        self._lookups: dict[str, _Lookup] = {}
        self._tickets: dict[int, _Lookup] = {}
        self._turns: LookupTurns[_Lookup] = LookupTurns(lookups_per_tenant_max, lookups_max)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_numbers = count()
        self._answered: list[tuple[int, Answer]] = []
        self._epoll = select.epoll()
        self._owners: dict[int, pycares.Channel] = {}
        self._closed = False
        self._channels: list[pycares.Channel] = []
        self._channel_until_s = 0.0
        self._channel_due_s = float("inf")

    def fileno(self) -> int:
        """Readable when `process` has something to do; can be put into another epoll."""
        return self._epoll.fileno()

    def resolve(self, ticket: int, tenant_id: str, name: str, budget_s: float) -> Answer | None:
        """The answer if it is known. Else None, and `process` will give one for `ticket` within the budget.

        `name` is in lower case without a final dot. The budget is also at most `resolve_s_max` seconds. A ticket is
        for one ask; the same number may be used again after its answer or `forget`.
        """
        now_s = self._clock.boottime_s()
        answer = self._kept.get(name)
        if answer is not None and answer.expires_s > now_s:
            return answer
        addresses = self._hosts.addresses(name)
        if addresses:
            return self._keep(name, Answer(addresses, None, now_s + _HOSTS_KEPT_S))
        self._ask(ticket, tenant_id, name)
        self._at(
            now_s + min(budget_s, self._resolve_s_max), partial(self._give_up_ticket, ticket, self._tickets[ticket])
        )
        self._start_waiting(now_s)
        return None

    def forget(self, ticket: int) -> None:
        """Drop an ask; the lookup goes on, for the cache."""
        lookup = self._tickets.pop(ticket, None)
        if lookup is not None:
            lookup.tickets.discard(ticket)
        elif self._answered:
            self._answered = [(number, answer) for number, answer in self._answered if number != ticket]

    def process(self) -> list[tuple[int, Answer]]:
        """Read what has come, start what has room; the tickets that have got their answer."""
        for fd, mask in self._epoll.poll(0):
            channel = self._owners.get(fd)
            if channel is not None:
                readable = fd if mask & ~select.EPOLLOUT else pycares.ARES_SOCKET_BAD
                writable = fd if mask & select.EPOLLOUT else pycares.ARES_SOCKET_BAD
                channel.process_fd(readable, writable)
        now_s = self._clock.boottime_s()
        if now_s >= self._channel_due_s:
            for channel in self._channels:
                channel.process_fd(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)
        while self._timers and self._timers[0][0] <= now_s:
            heapq.heappop(self._timers)[2]()
        self._start_waiting(now_s)
        self._set_channel_due(now_s)
        answered, self._answered = self._answered, []
        return answered

    def due_s(self) -> float:
        """When `process` must be called even if nothing is readable, on the clock of `boottime_s`; infinite: never."""
        if self._answered:
            return 0.0
        return min(self._channel_due_s, self._timers[0][0] if self._timers else float("inf"))

    def close(self) -> None:
        """Drop all lookups; no ticket gets an answer any more."""
        if self._closed:
            return
        self._closed = True
        for channel in self._channels:
            channel.close()
        self._channels.clear()
        self._epoll.close()

    # Asking.

    def _ask(self, ticket: int, tenant_id: str, name: str) -> None:
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = _Lookup(name)
        lookup.tickets.add(ticket)
        self._tickets[ticket] = lookup
        if not lookup.started and tenant_id not in lookup.tenant_ids:
            # It stands in the line of everyone who asked: one tenant's full line must not hold up another's ask.
            lookup.tenant_ids.add(tenant_id)
            self._turns.wait(tenant_id, lookup)

    def _start_waiting(self, now_s: float) -> None:
        while (turn := self._turns.take()) is not None:
            tenant_id, lookup = turn
            if lookup.started or not lookup.tickets:
                # Started in another's turn, or nobody waits for it any more.
                self._turns.done(tenant_id)
                if not lookup.started and self._lookups.get(lookup.name) is lookup:
                    del self._lookups[lookup.name]
                continue
            lookup.started = True
            self._at(now_s + self._resolve_s_max, partial(self._finish, lookup, tenant_id))
            self._query(lookup, tenant_id, now_s)

    def _query(self, lookup: _Lookup, tenant_id: str, now_s: float) -> None:
        channel = self._current_channel(now_s)
        ask = channel.query if "." in lookup.name else channel.search
        for family in _FAMILIES:
            try:
                ask(lookup.name, family, callback=partial(self._on_answer, lookup, tenant_id, family))
            except (pycares.AresError, ValueError):
                self._on_answer(lookup, tenant_id, family, None, _NO_SUCH_NAME)
        self._set_channel_due(now_s)

    # Being answered.

    def _on_answer(self, lookup: _Lookup, tenant_id: str, family: int, result: Any, error: int | None) -> None:
        if lookup.finished or self._closed:
            return
        lookup.missing.discard(family)
        if error is not None or result is None:
            lookup.failures.append(_NO_ADDRESSES if error is None else error)
        else:
            addresses = [record.data.addr for record in result.answer if record.type == family]
            lookup.addresses[family] = addresses
            if addresses:
                lookup.ttl_s = min(lookup.ttl_s, *(record.ttl for record in result.answer))
            else:
                lookup.failures.append(_NO_ADDRESSES)
        if not lookup.missing:
            self._finish(lookup, tenant_id)
        elif family == pycares.QUERY_TYPE_A and lookup.addresses.get(family):
            self._at(self._clock.boottime_s() + OTHER_FAMILY_GRACE_S, partial(self._finish, lookup, tenant_id))

    def _finish(self, lookup: _Lookup, tenant_id: str) -> None:
        if lookup.finished:
            return
        lookup.finished = True
        self._turns.done(tenant_id)
        self._lookups.pop(lookup.name, None)
        answer = self._keep(lookup.name, self._answer(lookup))
        for ticket in lookup.tickets:
            del self._tickets[ticket]
            self._answered.append((ticket, answer))

    def _answer(self, lookup: _Lookup) -> Answer:
        now_s = self._clock.boottime_s()
        addresses = tuple(dict.fromkeys(a for family in _FAMILIES for a in lookup.addresses.get(family, ())))
        if addresses:
            return Answer(addresses, None, now_s + min(max(lookup.ttl_s, ANSWER_KEPT_S_MIN), ANSWER_KEPT_S_MAX))
        failures = sorted(lookup.failures, key=lambda code: code == _NO_ADDRESSES)
        error = _UNANSWERED if lookup.missing else _FAILURES.get(failures[0], "The host name could not be looked up.")
        return Answer((), error, now_s + FAILURE_KEPT_S)

    def _keep(self, name: str, answer: Answer) -> Answer:
        self._kept.pop(name, None)
        self._kept[name] = answer
        if len(self._kept) > self._names_kept_max:
            del self._kept[next(iter(self._kept))]
        return answer

    def _give_up_ticket(self, ticket: int, lookup: _Lookup) -> None:
        if self._tickets.get(ticket) is lookup:
            del self._tickets[ticket]
            lookup.tickets.discard(ticket)
            self._answered.append((ticket, Answer((), _UNANSWERED, 0.0)))

    # Timers and channels.

    def _at(self, at_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (at_s, next(self._timer_numbers), what))

    def _current_channel(self, now_s: float) -> pycares.Channel:
        # A new channel reads the system's configuration again and has an empty cache of its own: c-ares keeps answers
        # for up to an hour. The old one is closed when its last query must have ended.
        if now_s >= self._channel_until_s:
            for channel in self._channels:
                self._at(now_s + 4 * self._resolve_s_max + 2.0, partial(self._retire, channel))
            self._channels.append(self._new_channel())
            self._channel_until_s = now_s + _CHANNEL_KEPT_S
        return self._channels[-1]

    def _retire(self, channel: pycares.Channel) -> None:
        if channel in self._channels:
            self._channels.remove(channel)
            channel.close()

    def _new_channel(self) -> pycares.Channel:
        def on_socket(fd: int, readable: bool, writable: bool) -> None:
            self._watch(channel, fd, (select.EPOLLIN if readable else 0) | (select.EPOLLOUT if writable else 0))

        channel = pycares.Channel(
            servers=self._servers,
            timeout=max(_QUERY_TIMEOUT_S, self._resolve_s_max / 3),
            tries=_QUERY_TRIES,
            sock_state_cb=on_socket,
        )
        return channel

    def _watch(self, channel: pycares.Channel, fd: int, mask: int) -> None:
        if self._closed:
            return
        known = self._owners.get(fd)
        if mask == 0:
            if self._owners.pop(fd, None) is not None:
                self._epoll.unregister(fd)
        elif known is None:
            self._owners[fd] = channel
            self._epoll.register(fd, mask)
        else:
            self._epoll.modify(fd, mask)

    def _set_channel_due(self, now_s: float) -> None:
        if not self._lookups:
            self._channel_due_s = float("inf")
            return
        self._channel_due_s = now_s + min((_timeout_s(channel) for channel in self._channels), default=1.0)


def _timeout_s(channel: pycares.Channel) -> float:
    return float(channel.timeout(1.0))  # type: ignore[no-untyped-call]
