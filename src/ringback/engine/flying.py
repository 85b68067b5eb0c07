"""A request in flight, as the dispatcher remembers it until it has ended. Plain values."""

from ringback.engine.lanes import Lane
from ringback.model.event import DueDelivery
from ringback.outgoing import Target


class Flying:
    """A request in flight with what is needed to settle it."""

    __slots__ = ("charged_s", "held_by", "lane", "maybe_repeated", "pace", "row", "target")

    def __init__(self, lane: Lane, row: DueDelivery, target: Target, charged_s: float, held_by: str) -> None:
        self.lane = lane
        self.row = row
        self.target = target
        self.charged_s = charged_s
        self.pace = lane.pace
        self.held_by = held_by
        # Due when an owner died that may have sent it (0: there was none).
        self.maybe_repeated = row.delivery.due_at <= lane.freed_at
