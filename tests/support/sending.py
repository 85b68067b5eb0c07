"""A real transport for tests, in this process or in one of its own, and the loop that drives it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ringback.clock import SystemClock
from ringback.engine.orders import Setup
from ringback.engine.ports import Answered, InboundResponse, OutboundRequest
from ringback.engine.reading import SenderLimits
from ringback.engine.remote import SenderProcess
from ringback.engine.resolver import Resolver
from ringback.engine.sender import CurlTransport
from ringback.model.limits import RESOLVE_S_MAX
from ringback.policy.address import Allowed, UrlRules, parse_allowed
from support.nameserver import NameServer

PRIVATE = UrlRules(allow_private=True)
PUBLIC = UrlRules()
WAIT_S_MAX = 20.0
# The transport adds nothing, so whoever uses it brings these along.
FIXED_HEADERS = ("User-Agent: Ringback", "Accept-Encoding: identity")


def opened(*entries: str) -> UrlRules:
    """The rules of an operator who said `--allow` for each of `entries`."""
    allowed: tuple[Allowed, ...] = tuple(parse_allowed(entry) for entry in entries)
    return UrlRules(allowed=allowed)


class Sending:
    """A transport with its resolver, a context manager. `send` waits for a response; `start` and `finish` don't.

    `apart`: the transport is a `SenderProcess` instead of a `CurlTransport`, and everything else is the same.
    """

    def __init__(
        self,
        rules: UrlRules = PRIVATE,
        *,
        names: NameServer | None = None,
        hosts_file: Path | None = None,
        ca_file: str | None = None,
        limits: SenderLimits | None = None,
        apart: bool = False,
        resolve_s_max: float = RESOLVE_S_MAX,
    ) -> None:
        self.clock = SystemClock()
        servers = [names.address] if names else ["127.0.0.1:9"]
        self.transport: Any  # tests look into the one that they have asked for
        if apart:
            hosts = str(hosts_file) if hosts_file else None
            setup = Setup.of(
                rules,
                limits or SenderLimits(),
                servers=servers,
                hosts_file=hosts,
                ca_file=ca_file,
                resolve_s_max=resolve_s_max,
            )
            self.transport = SenderProcess(setup, self.clock)
            self.transport.wait_until_up()
        else:
            resolver = Resolver(self.clock, servers=servers, hosts_file=hosts_file, resolve_s_max=resolve_s_max)
            self.transport = CurlTransport(resolver, rules, self.clock, ca_file=ca_file, limits=limits)
        self.responses: dict[int, InboundResponse] = {}
        self._tokens = 0

    def __enter__(self) -> "Sending":
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    def start(
        self,
        url: str,
        *,
        body: bytes = b'{"hello":"world"}',
        headers: Iterable[str] = ("Content-Type: application/json",),
        method: str = "POST",
        deadline_s: float = 5.0,
        tenant_id: str = "ten_a",
    ) -> int:
        """Start a request; its token."""
        self._tokens += 1
        lines = [*headers, *FIXED_HEADERS]
        self.transport.start(OutboundRequest(self._tokens, tenant_id, method, url, lines, body, deadline_s))
        return self._tokens

    def send(self, url: str, **options: object) -> InboundResponse:
        """Start a request and wait for its response."""
        token = self.start(url, **options)  # type: ignore[arg-type]
        return self.finish(token)

    def finish(self, token: int) -> InboundResponse:
        self.until(lambda: token in self.responses)
        return self.responses.pop(token)

    def until(self, condition: Callable[[], bool]) -> None:
        """Drive the transport until `condition` holds; fails when it takes too long."""
        end_s = self.clock.boottime_s() + WAIT_S_MAX
        while not condition():
            assert self.clock.boottime_s() < end_s, "waited too long"
            for finished in self.transport.poll(0.05):
                response = finished.response if isinstance(finished, Answered) else finished
                assert response.token not in self.responses, "finished twice"
                self.responses[response.token] = response
