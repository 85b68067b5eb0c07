"""Telemetry events as counts: an observer beside the one that writes them as lines.

They are rare (an endpoint is parked, a commit fails), so a lock is no matter. May be called from any thread.
"""

import threading
from collections import Counter
from collections.abc import Mapping

from ringback.observe import families as f
from ringback.observe import telemetry as t
from ringback.observe.families import Family
from ringback.observe.telemetry import Observer, TelemetryEvent


class Happenings(Observer):
    """Counts events by family and labels."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[Family, Counter[tuple[str, ...]]] = {
            f.LANE_TURNS: Counter({("parked",): 0, ("recovered",): 0}),
            f.ENDPOINTS_DISABLED: Counter(),
            f.SWEEP_REPAIRS: Counter({("rung",): 0, ("freed",): 0, ("made",): 0}),
            f.SWEEP_CLEARED: Counter({("cancelled",): 0, ("purged",): 0, ("expired_keys",): 0, ("members",): 0}),
            f.STORE_TROUBLES: Counter(),
            f.LEASES_LOST: Counter({(): 0}),
            f.NODES_TAKEN_OVER: Counter({(): 0}),
        }

    def __call__(self, event: TelemetryEvent, /) -> None:
        with self._lock:
            for family, labels, count in _counted(event):
                self._counts[family][labels] += count

    def counts(self) -> Mapping[Family, Mapping[tuple[str, ...], int]]:
        """By family, then by label values."""
        with self._lock:
            return {family: dict(counts) for family, counts in self._counts.items()}


def _counted(event: TelemetryEvent) -> list[tuple[Family, tuple[str, ...], int]]:
    """What an event adds to. What isn't here is a line in the log alone, or counted by a meter."""
    counted: list[tuple[Family, tuple[str, ...], int]] = []
    match event:
        case t.LaneParked():
            counted.append((f.LANE_TURNS, ("parked",), 1))
        case t.LaneRecovered():
            counted.append((f.LANE_TURNS, ("recovered",), 1))
        case t.EndpointDisabled(code=code):
            counted.append((f.ENDPOINTS_DISABLED, (code,), 1))
        case t.StoreTrouble(part=part, code=code):
            counted.append((f.STORE_TROUBLES, (part, code), 1))
        case t.SweepRepaired() | t.SweepCleared():
            family = f.SWEEP_REPAIRS if isinstance(event, t.SweepRepaired) else f.SWEEP_CLEARED
            counted += [(family, (kind,), rows) for kind, rows in event._asdict().items()]
        case t.LeaseLost():
            counted.append((f.LEASES_LOST, (), 1))
        case t.NodeTakenOver():
            counted.append((f.NODES_TAKEN_OVER, (), 1))
    return counted
