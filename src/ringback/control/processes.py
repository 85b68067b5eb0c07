"""The processes of a server and how they have done lately, as the store knows them: for whoever runs Ringback."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.model.ids import made_at
from ringback.model.pulse import PULSE_KEPT_MS, TICK_MS, Moment, Pulse
from ringback.store.port import Nodes, Pulses

# Until then all processes have written down how they did in a moment; their clocks needn't agree to the millisecond.
LATE_MS: Final = 2_000
RECENT_MS: Final = 60_000 + LATE_MS
# Who was silent for longer is not shown any more.
SHOWN_MS: Final = 120_000


class ProcessStore(Nodes, Pulses, Protocol):
    """What is asked of the store."""


class Lately(NamedTuple):
    """Moments of six hours, oldest first, and those of about the last minute. One in which no process ran is not
    there."""

    moments: Sequence[Moment]
    recent: Sequence[Moment]


class HeardProcess(NamedTuple):
    """One that is there, or was lately. `since` (wall ms) is when it began; `silent`: it ended, or hangs."""

    pulse: Pulse
    since: int | None
    silent: bool


class SendingProcess(NamedTuple):
    """One that owns queues. `since` (wall ms) is when it began, or began anew (None: its id doesn't tell); `beat` grows
    every few seconds while it lives, and one that died goes within 35 s; `endpoints` is how many queues it owns."""

    id: str
    since: int | None
    beat: int
    endpoints: int


class ProcessUseCases:
    """What can be asked of processes. Reads only."""

    def __init__(self, store: ProcessStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def lately(self) -> Lately:
        """What all processes did together."""
        now = self._clock.now_ms()
        moments = self._store.moments(now - PULSE_KEPT_MS, now - LATE_MS)
        return Lately(moments, [one for one in moments if one.at > now - RECENT_MS])

    def heard(self) -> Sequence[HeardProcess]:
        """Those that take part, the oldest first."""
        now = self._clock.now_ms()
        latest = self._store.latest_pulses(now - SHOWN_MS)
        return [HeardProcess(one, made_at(one.process), now - one.at > 3 * TICK_MS) for one in latest]

    def sending(self) -> Sequence[SendingProcess]:
        """Those that own queues, or may, the oldest first."""
        owned = dict(self._store.spread())
        found = [SendingProcess(one.id, made_at(one.id), one.beat, owned.get(one.id, 0)) for one in self._store.nodes()]
        return sorted(found, key=lambda process: process.id)
