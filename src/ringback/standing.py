"""How this process stands: what `/metrics` shows of its parts, and what speaks against accepting events (`/readyz`).

Reads what the parts say of themselves, from whichever thread asks, and changes nothing. A store that can't answer
leaves its figures out; that is for `/readyz` to say, which asks it to commit.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from ringback.clock import Clock
from ringback.control.readiness import Obstacle
from ringback.engine.engine import Engine
from ringback.ingest.watermark import Watermark
from ringback.ingest.writer import Writer
from ringback.observe import families as f
from ringback.observe.families import Family
from ringback.store.port import Census, Health, StoreUnavailable
from ringback.workers import Worker

Samples = Mapping[tuple[str, ...], float]
SILENT_S_MAX: Final = 10.0
# The sender reports every second; well before the server gives it up, nobody should send events here.
SENDER_SILENT_S_MAX: Final = 5.0


class StandingStore(Health, Census, Protocol):
    """What is asked of the store."""


class Sender(Protocol):
    """What is asked of the sender process."""

    @property
    def silent_s(self) -> float: ...


class Room(Protocol):
    """What is asked of the room for bodies of requests."""

    @property
    def full(self) -> bool: ...


class Delivering(NamedTuple):
    """The parts of a process that sends. `slots` is how many requests may be under way."""

    engine: Engine
    sender: Sender
    slots: int


class Accepting(NamedTuple):
    """The parts of a process that accepts. `accepts` is False for one that only sends."""

    writer: Writer
    worker: Worker
    watermark: Watermark
    accepts: bool
    room: Room


class Standing:
    """See the module."""

    def __init__(self, store: StandingStore, clock: Clock, accepting: Accepting, delivering: Delivering | None) -> None:
        self._store = store
        self._clock = clock
        self._accepting = accepting
        self._delivering = delivering

    # ── may events come? ─────────────────────────────────────────────────────────────────────────────────────

    def obstacles(self) -> list[Obstacle]:
        """What speaks against it; the most telling first."""
        writer, worker, watermark, accepts, room = self._accepting
        found: list[Obstacle] = []
        if not accepts:
            found.append(Obstacle("not_accepting", "This process only sends (role engine)."))
        watermark.look()
        if watermark.nearly_full:
            found.append(Obstacle("disk_nearly_full", "The disk is nearly full."))
        if writer.full or room.full:
            found.append(Obstacle("busy", "Too many events are waiting to be stored."))
        if worker.silent_for_s() >= SILENT_S_MAX:
            found.append(Obstacle("not_ready", f"The writer has made no progress for {worker.silent_for_s():.0f} s."))
        return found + self._troubles()

    def _troubles(self) -> list[Obstacle]:
        if self._delivering is None:
            return []
        troubles = self._delivering.engine.troubles()
        silent_s = self._delivering.sender.silent_s
        if silent_s > SENDER_SILENT_S_MAX:
            troubles.append(f"The sender process has been silent for {silent_s:.0f} s.")
        return [Obstacle("not_ready", trouble) for trouble in troubles]

    # ── figures ──────────────────────────────────────────────────────────────────────────────────────────────

    def gauges(self) -> dict[Family, Samples]:
        """What `observe.prometheus` asks for."""
        writer, worker, *_ = self._accepting
        silences_s = {"writer": worker.silent_for_s()}
        found: dict[Family, Samples] = {
            f.EVENTS_WAITING: {(): writer.events_waiting},
            **self._space(),
            **self._oldest_due(),
        }
        if self._delivering is not None:
            silences_s |= self._delivering.engine.silences_s()
            found |= _of_engine(self._delivering)
        found[f.THREAD_SILENT] = {(name,): seconds for name, seconds in silences_s.items()}
        return found

    def _oldest_due(self) -> dict[Family, Samples]:
        now = self._clock.now_ms()
        try:
            bell = self._store.oldest_bell(now)
        except StoreUnavailable:
            return {}
        waiting = self._delivering.engine.dispatcher.oldest_waiting() if self._delivering is not None else None
        since = min((at for at in (bell, waiting) if at is not None), default=now)
        return {f.OLDEST_DUE: {(): max(0, now - since) / 1000.0}}

    def _space(self) -> dict[Family, Samples]:
        try:
            space = self._store.space()
        except StoreUnavailable:
            return {}
        found: dict[Family, Samples] = {
            f.STORE_BYTES: {(): space.store_bytes},
            f.STORE_WAL_BYTES: {(): space.log_bytes},
        }
        if space.free_bytes is not None:  # else the disk is another machine's, and there is no watermark
            found[f.DISK_FREE] = {(): space.free_bytes}
            found[f.DISK_FREE_MIN] = {(): self._accepting.watermark.bytes_for(space.disk_bytes)}
        return found


def _of_engine(delivering: Delivering) -> dict[Family, Samples]:
    engine, sender, slots = delivering
    found: dict[Family, Samples] = {
        f.IN_FLIGHT: {(): engine.dispatcher.in_flight},
        f.IN_FLIGHT_MAX: {(): slots},
        f.LANES_OWNED: {(): len(engine.dispatcher.lanes)},
        f.DELIVERIES_HELD: {(): engine.dispatcher.rows_held},
        f.SENDER_SILENT: {(): sender.silent_s},
    }
    if engine.census.waiting is not None and engine.census.parked is not None:
        found[f.DELIVERIES_WAITING] = {(): engine.census.waiting}
        found[f.LANES_PARKED] = {(): engine.census.parked}
    return found
