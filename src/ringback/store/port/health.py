"""What is asked of a store about itself: whether it commits, how much there is, what room it takes."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class CountPlace(NamedTuple):
    """Where a page of a count ended; tells nothing to anybody but the store that gave it."""

    tenant_id: str
    seq: int


class Counted(NamedTuple):
    """One page of a count: `rows`, the last of which was at `last` (None: there are no more)."""

    rows: int
    last: CountPlace | None


class Census(Protocol):
    """For the metrics: how much there is, page by page, each a short read."""

    def count_deliveries(self, after: CountPlace | None, limit: int) -> Counted:
        """Deliveries that are not finished, after the place `after` (None: from the beginning)."""

    def lane_healths(self, after: str, limit: int) -> Sequence[tuple[str, bytes]]:
        """(endpoint_id, health as it was stored last) of lanes, by endpoint id, after the id `after`."""

    def latest_disabled(self, limit: int) -> Sequence[tuple[str, int]]:
        """(endpoint_id, since when, wall ms) of those that are disabled, whosever they are, newest first."""

    def oldest_bell(self, now: int) -> int | None:
        """Since when (wall ms) a lane rings that nobody owns, the earliest by `now`; None: none does. Bells of what is
        off or paused don't ring."""


class Space(NamedTuple):
    """Sizes in bytes: of what is stored, of the write-ahead log, free on the disk and of the disk (None: not known)."""

    store_bytes: int
    log_bytes: int
    free_bytes: int | None
    disk_bytes: int | None


class Health(Protocol):
    """For /readyz, for the watermark of the disk and for closing."""

    def check(self) -> None:
        """Prove that the store can commit; raises StoreUnavailable when it can't."""

    def cautions(self) -> Sequence[str]:
        """What doesn't hold at present of what is promised, a sentence each: such as that a 202 would not survive the
        loss of the database's machine. As of now, or of the last `check`; may raise
        StoreUnavailable."""

    def space(self) -> Space:
        """How much room the store takes and has. Asks the file system, never a table."""

    def close(self) -> None:
        """Finish what is going on and close. Nothing may be called afterwards."""
