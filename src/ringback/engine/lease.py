"""How long this node may trust that its lanes are its own. Written by the heartbeat, read by the dispatcher.

The moment is on this machine's own boot clock, counted from *before* the last good beat was sent. No other machine's
clock is ever compared with it.
"""

from ringback.model.limits import LEASE_S


class Lease:
    """`node_id` is fresh at each registration; `until_s` is 0.0 while nothing is trusted."""

    __slots__ = ("node_id", "until_s")

    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self.until_s = 0.0

    def renewed(self, beat_sent_s: float) -> None:
        """A beat that was sent at `beat_sent_s` was good."""
        self.until_s = beat_sent_s + LEASE_S

    def lost(self) -> None:
        self.until_s = 0.0

    def covers(self, now_s: float, deadline_s: float) -> bool:
        """Whether a request that begins now and may last `deadline_s` ends within the lease."""
        return now_s + deadline_s <= self.until_s
