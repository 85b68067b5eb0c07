"""The inspector's part of a server, for `compose`: its bins, and that a server may send to itself for them.

Where bins are switched off, they can be asked about and nothing can be sent to them.
"""

import socket
from ipaddress import ip_network
from typing import Protocol

from starlette.routing import Router

from ringback.api.server import shown_host
from ringback.clock import Clock
from ringback.console.receiving import receiving_routes
from ringback.control.bins import BinUseCases
from ringback.ingest.watermark import Watermark
from ringback.policy.address import Allowed
from ringback.profiles import Registry
from ringback.store.port import Bins


class HasRouter(Protocol):
    """A web app."""

    @property
    def router(self) -> Router: ...


def mounted_bins(
    app: HasRouter, store: Bins, clock: Clock, profiles: Registry, watermark: Watermark, *, on: bool
) -> BinUseCases:
    """The bins, with the addresses that are sent to if they are on."""
    bins = BinUseCases(store, clock, profiles, watermark.check)
    if on:
        app.router.routes.extend(receiving_routes(bins))
    return bins


def own_address(listener: socket.socket) -> Allowed:
    """A server's own address and port, for a server whose endpoints may be there although that is private."""
    host, port = listener.getsockname()[:2]
    return Allowed(ip_network(shown_host(host).strip("[]")), port)
