"""The SQLite store's account of what processes did lately."""

from collections.abc import Sequence
from typing import Final

from ringback.model.pulse import Moment, Pulse
from ringback.store.queries import load
from ringback.store.sqlite.connection import SqlitePart, change

_SQL: Final = load("sqlite")


class SqlitePulses(SqlitePart):
    """`Pulses` and `PulseUpkeep`."""

    def add_pulse(self, pulse: Pulse) -> None:
        with self._writer.transaction() as connection:
            connection.execute(_SQL["insert_pulse"], pulse._asdict())

    def moments(self, after: int, until: int) -> Sequence[Moment]:
        return [Moment(*row) for row in self._read(_SQL["moments"], {"after": after, "until": until})]

    def latest_pulses(self, after: int) -> Sequence[Pulse]:
        return [Pulse(*row) for row in self._read(_SQL["latest_pulses"], {"after": after})]

    def expire_pulses_step(self, before: int, limit: int) -> int:
        with self._writer.transaction() as connection:
            return change(connection, _SQL["expire_pulses"], {"before": before, "limit": limit})
