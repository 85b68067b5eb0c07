"""Where a look for lanes that ring begins.

Bells are looked for in the order of their times, and each that is heard leaves a dead entry at the head of an index.
While some session's transaction is old, nobody may clear them away, and whoever began at the head would pass over all
of them. So a look begins where the last one ended, less SLACK_MS for bells that were on their way: what rings anew
rings at about the present time. What rings at an older time is found by a look from the head every FULL_EVERY_MS, or
at once where somebody knows of it and calls `forget` or `lower`. Each process keeps it for itself, and loses nothing
by losing it.
"""

import threading
from collections.abc import Sequence
from typing import Final, NamedTuple

from ringback.model.lane import LaneRow

SLACK_MS: Final = 2_000
FULL_EVERY_MS: Final = 5_000


class ClaimPlace(NamedTuple):
    """A place in the order of claims."""

    from_due: int
    from_tenant: str
    from_endpoint: str


HEAD: Final = ClaimPlace(-(1 << 62), "", "")


class ClaimStart:
    """For any thread, but one claims at a time."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._place = HEAD
        self._full_at: int | None = None
        self._lowest: int | None = None

    def begin(self, now: int) -> ClaimPlace:
        """Where the claim by `now` that begins here looks from."""
        with self._turn:
            self._lowest = None
            if self._full_at is None or not -FULL_EVERY_MS < now - self._full_at < FULL_EVERY_MS:
                self._full_at = now
                self._place = HEAD
            return self._place

    def end(self, now: int, claimed: Sequence[LaneRow], *, all_taken: bool) -> None:
        """The claim has taken these, in the order of their bells, and all there are by `now` if `all_taken`."""
        place = ClaimPlace(now - SLACK_MS, "", "")
        if not all_taken:
            if not claimed:
                return
            last = claimed[-1]
            place = min(place, ClaimPlace(last.due_at or 0, last.tenant_id, last.endpoint_id))
        with self._turn:
            if self._lowest is not None:
                place = min(place, ClaimPlace(self._lowest, "", ""))
            self._place = max(self._place, place) if self._lowest is None else place

    def lower(self, due_at: int) -> None:
        """A bell rings, or is about to, at a time that may be older than where claims begin."""
        with self._turn:
            self._lowest = due_at if self._lowest is None else min(due_at, self._lowest)
            self._place = min(self._place, ClaimPlace(due_at, "", ""))

    def forget(self) -> None:
        """Bells ring at times that nobody here knows."""
        self.lower(HEAD.from_due)

    def passes_over(self, due_at: int) -> bool:
        """Whether claims begin after that time."""
        return due_at < self._place.from_due


class Looks:
    """Where this process looks: for lanes of nobody, and for those of its own."""

    def __init__(self) -> None:
        self.claims = ClaimStart()
        self.hearing = ClaimStart()

    def lower(self, due_at: int) -> None:
        """See `ClaimStart`."""
        self.claims.lower(due_at)
        self.hearing.lower(due_at)

    def forget(self) -> None:
        """See `ClaimStart`."""
        self.claims.forget()
        self.hearing.forget()
