"""Host names under which a published contract stands at the root: its place is put before the path.

Stands in front of everything else, and only where the operator named such a host; who named none pays nothing. On such
a host there is the contract and nothing more, but for `/healthz` and `/readyz`, which load balancers ask by any name:
neither /v1 nor the event routes. It tells addresses apart, it protects nothing: whoever reaches the server can send any
Host header, and every route has its own gate.
"""

from collections.abc import Mapping
from typing import Any, Final

from ringback.api.body import Message, Receive, Send
from ringback.api.compat.frame import PREFIX
from ringback.api.direct import DirectProtocol
from ringback.api.event_request import EventRequest
from ringback.api.events import AsgiApp, EventsRoute
from ringback.api.room import Room

EVERYWHERE: Final = frozenset(("/healthz", "/readyz"))


class CompatHosts:
    """Which contract is at which host; `hosts` have its name by theirs, in lower case."""

    def __init__(self, hosts: Mapping[str, str]) -> None:
        self._places = {host.encode("ascii"): f"{PREFIX}/{contract}" for host, contract in hosts.items()}

    def place(self, headers: list[tuple[bytes, bytes]]) -> str | None:
        """What is to be put before the path of a request with these headers; None: nothing."""
        for name, value in headers:
            if name == b"host":
                host = value.lower().partition(b":")[0].removesuffix(b".")
                if (place := self._places.get(host)) is not None:
                    return place
        return None

    def in_front_of(self, app: AsgiApp) -> AsgiApp:
        """`app`, with the paths of requests for such hosts put in their place."""

        async def placed(scope: Message, receive: Receive, send: Send) -> None:
            place = self.place(scope["headers"])
            if place is not None and scope["path"] not in EVERYWHERE:
                raw_path = place.encode("ascii") + scope["raw_path"]
                scope = {**scope, "path": place + scope["path"], "raw_path": raw_path}
            await app(scope, receive, send)

        return placed


class HostedProtocol(DirectProtocol):
    """The protocol where there are such hosts: nothing that is for one of them takes the short way."""

    def __init__(self, hosts: CompatHosts, route: EventsRoute, room: Room, **options: Any) -> None:
        super().__init__(route, room, **options)
        self._hosts = hosts

    def _direct_request(self) -> EventRequest | None:
        return None if self._hosts.place(self.headers) is not None else super()._direct_request()
