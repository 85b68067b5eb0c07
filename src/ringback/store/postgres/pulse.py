"""The PostgreSQL store's account of what processes did lately."""

from collections.abc import Sequence
from typing import Final

from ringback.model.pulse import Moment, Pulse
from ringback.store.postgres.connection import PostgresPart
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresPulses(PostgresPart):
    """`Pulses` and `PulseUpkeep`."""

    def add_pulse(self, pulse: Pulse) -> None:
        with self._db.writing() as session:
            session.change(_SQL["insert_pulse"], pulse._asdict())

    def moments(self, after: int, until: int) -> Sequence[Moment]:
        with self._db.reading() as session:
            return [Moment(*row) for row in session.rows(_SQL["moments"], {"after": after, "until": until})]

    def latest_pulses(self, after: int) -> Sequence[Pulse]:
        with self._db.reading() as session:
            return [Pulse(*row) for row in session.rows(_SQL["latest_pulses"], {"after": after})]

    def expire_pulses_step(self, before: int, limit: int) -> int:
        with self._db.writing() as session:
            return session.change(_SQL["expire_pulses"], {"before": before, "limit": limit})
