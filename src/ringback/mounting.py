"""The console's part of a server, for `compose`: its pages on the app, made from the use cases behind the API.

Makes objects and routes, does nothing else. What the pages show of this process it writes down as a pulse, whose worker
is for `compose` to start and to stop.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ringback import __version__
from ringback.api.app import AppParts
from ringback.clock import Clock
from ringback.console.app import routes_of
from ringback.console.parts import ConsoleFacts, ConsoleParts
from ringback.control.processes import ProcessUseCases
from ringback.control.troubled import TroubledUseCases
from ringback.ingest.watermark import Watermark
from ringback.inspector import HasRouter, mounted_bins
from ringback.observe.telemetry import Observer
from ringback.profiles import Registry
from ringback.pulse import Gauges, Meters, PulseTaker, Running
from ringback.settings import Settings, shown
from ringback.store.port import Store
from ringback.workers import Worker

_AS_THE_APIS: Final = (
    "tenants", "endpoints", "secrets", "attempts", "events", "samples", "replays", "event_types", "profiles", "keys",
    "triggers", "rules", "tracked_sets", "records", "record_types", "readiness", "access", "trail", "operators",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Here:
    """This process, as far as the console shows it. `gauges` are asked for when a page is; `failed` is told of a worker
    that died."""

    store: Store
    clock: Clock
    settings: Settings
    profiles: Registry
    watermark: Watermark
    meters: Meters
    gauges: Callable[[], Gauges]
    wait: Callable[[float], object]
    failed: Callable[[str], None]
    observer: Observer
    base_url: str


def mount_console(app: HasRouter, parts: AppParts, here: Here) -> Worker:
    """Put the pages on the app, and the inspector's addresses if it is on."""
    bins = mounted_bins(app, here.store, here.clock, here.profiles, here.watermark, on=here.settings.bins)
    running = Running(
        here.clock.new_id("proc"), f"{socket.gethostname()}:{os.getpid()}", __version__, here.settings.role
    )
    pulse = PulseTaker(
        running,
        here.store,
        meters=here.meters,
        gauges=here.gauges,
        clock=here.clock,
        wait=here.wait,
        observer=here.observer,
    )
    secure = (here.settings.public_url or "").startswith("https:")
    own = ConsoleParts(
        facts=ConsoleFacts(__version__, secure, here.settings.bins, here.base_url),
        bins=bins,
        activity=parts.trail,
        troubled=TroubledUseCases(here.store, here.clock),
        processes=ProcessUseCases(here.store, here.clock),
        room=pulse.room,
        settings=shown(here.settings),
        **{name: getattr(parts, name) for name in _AS_THE_APIS},
    )
    app.router.routes.extend(routes_of(own))
    return Worker("pulse", pulse.step, here.clock, here.failed)
