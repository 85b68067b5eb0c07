"""The sender's part of a server, for `compose`: the process that makes the requests, set up by the settings."""

from ringback.clock import Clock
from ringback.engine.orders import Setup
from ringback.engine.reading import SenderLimits
from ringback.engine.remote import SenderProcess
from ringback.policy.address import UrlRules
from ringback.settings import Settings


def make_sender(settings: Settings, rules: UrlRules, clock: Clock, base_url: str) -> SenderProcess:
    """The sender, whose process is being started."""
    limits = SenderLimits(
        connect_s_max=settings.connect_s_max, body_kept_bytes_max=settings.response_body_kept_bytes_max
    )
    setup = Setup.of(
        rules,
        limits,
        connections_kept_max=settings.in_flight_max,
        resolve_s_max=settings.resolve_s_max,
        servers=list(settings.name_servers) or None,
        ca_file=settings.ca_file,
        base_url=base_url,
    )
    return SenderProcess(setup, clock, pass_traces=settings.propagate_trace)
