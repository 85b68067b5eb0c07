"""What the engine and its sender process say to each other, in msgpack: the one place that knows the form.

The first frame is a `Setup`; every later one to the sender is `Orders`, every one back a list of what has ended, an
empty one as a sign of life. Times are on the machine's boot clock, which both processes read alike.
"""

import signal
from ipaddress import ip_network
from typing import Final, NamedTuple

import msgspec

from ringback.engine.departure import Departure
from ringback.engine.ports import Answered, OutboundRequest
from ringback.engine.reading import SenderLimits
from ringback.model.endpoint import Endpoint, Secret
from ringback.model.limits import IN_FLIGHT_MAX, RESOLVE_S_MAX
from ringback.policy.address import Allowed, UrlRules

BEAT_S: Final = 1.0
"""How often the sender lets hear from it, at least."""

SIGNALS_TO_END: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What the sender doesn't listen to: it ends with the engine's process and not by itself."""


class Setup(NamedTuple):
    """How to send: the arguments of `CurlTransport` and its `Resolver`, with networks as text."""

    allow_http: bool
    allow_private: bool
    allowed: list[tuple[str, int | None]]
    limits: SenderLimits
    connections_kept_max: int
    resolve_s_max: float
    servers: list[str] | None
    hosts_file: str | None
    ca_file: str | None
    base_url: str

    @staticmethod
    def of(
        rules: UrlRules,
        limits: SenderLimits,
        *,
        connections_kept_max: int = IN_FLIGHT_MAX,
        resolve_s_max: float = RESOLVE_S_MAX,
        servers: list[str] | None = None,
        hosts_file: str | None = "/etc/hosts",
        ca_file: str | None = None,
        base_url: str = "",
    ) -> "Setup":
        """`servers` (`address:port`) and `ca_file` None: the system's. `base_url`: where the API is."""
        allowed = [(str(network), port) for network, port in rules.allowed]
        return Setup(
            rules.allow_http, rules.allow_private, allowed, limits, connections_kept_max, resolve_s_max,
            servers, hosts_file, ca_file, base_url,
        )  # fmt: skip

    @property
    def rules(self) -> UrlRules:
        """The operator's rules."""
        allowed = tuple(Allowed(ip_network(network), port) for network, port in self.allowed)
        return UrlRules(allow_http=self.allow_http, allow_private=self.allow_private, allowed=allowed)


class ProfileNews(NamedTuple):
    """A profile's text, which was checked, under a number of its own; each version has a new one."""

    number: int
    name: str
    text: str


class TargetNews(NamedTuple):
    """An endpoint as it is from now on, under a number of its own; each change has a new one.

    `profile` is the number of its profile; None: there is none that fits.
    """

    number: int
    endpoint: Endpoint
    secrets: tuple[Secret, ...]
    profile: int | None


class Orders(NamedTuple):
    """What to do, in this order: learn profiles and targets, begin deliveries and requests, break off tokens, forget
    targets and profiles.

    The deadlines of what begins run from `since_s`.
    """

    since_s: float
    profiles: list[ProfileNews]
    targets: list[TargetNews]
    deliveries: list[Departure]
    requests: list[OutboundRequest]
    aborted: list[int]
    forgotten: list[int]
    profiles_forgotten: list[int]


encode: Final = msgspec.msgpack.Encoder().encode
decode_setup: Final = msgspec.msgpack.Decoder(Setup).decode
decode_orders: Final = msgspec.msgpack.Decoder(Orders).decode
decode_answers: Final = msgspec.msgpack.Decoder(list[Answered]).decode
