"""The memory store's account of what processes did lately."""

from collections.abc import Sequence
from itertools import groupby

from ringback.model.pulse import Moment, Pulse, together
from ringback.store.memory.tables import MemoryPart, refuse_bad_rows


class MemoryPulses(MemoryPart):
    """`Pulses` and `PulseUpkeep`."""

    def add_pulse(self, pulse: Pulse) -> None:
        refuse_bad_rows([pulse])
        with self._tables as tables:
            tables.pulses.setdefault((pulse.at, pulse.process), pulse)

    def moments(self, after: int, until: int) -> Sequence[Moment]:
        with self._tables as tables:
            wanted = sorted(one for one in tables.pulses.values() if after < one.at <= until)
        return [together(pulses) for _, pulses in groupby(wanted, key=lambda one: one.at)]

    def latest_pulses(self, after: int) -> Sequence[Pulse]:
        with self._tables as tables:
            wanted = sorted((one.process, one) for one in tables.pulses.values() if one.at > after)
        return list(dict(wanted).values())

    def expire_pulses_step(self, before: int, limit: int) -> int:
        with self._tables as tables:
            old = sorted(name for name in tables.pulses if name[0] < before)[:limit]
            for name in old:
                del tables.pulses[name]
            return len(old)
