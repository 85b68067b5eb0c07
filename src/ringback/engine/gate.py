"""The engine's side of the hand-over: the way that rows just committed by ingest take to the dispatcher in memory.

It is a hint turned into a saving, never the truth: what is not taken here is fetched when its bell rings.
"""

from ringback.engine import messages as m
from ringback.engine.dispatcher import Dispatcher
from ringback.model.event import DueDelivery


class Gate:
    """Implements `ingest.submission.HandOver`. For any thread."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def mark(self) -> int:
        return self._dispatcher.epoch

    def hand_over(self, mark: int, rows: list[DueDelivery]) -> list[DueDelivery]:
        if not self._dispatcher.leased:
            return rows  # its lanes may be another's by now, who would not hear of them
        ours: list[DueDelivery] = []
        others: list[DueDelivery] = []
        owns = self._dispatcher.owns
        for row in rows:
            # Asked once a row: a lane may come or go between two questions.
            (ours if owns(row.delivery.endpoint_id) else others).append(row)
        if ours:
            self._dispatcher.post(m.HandedOver(mark, ours))
        return others

    def rang(self) -> None:
        self._dispatcher.post(m.Woken())
