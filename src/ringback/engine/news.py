"""News: what of the engine's own work somebody is to be told of, made where it happens and stored with it.

Each notice is made only if somebody listens (`listeners`), which is one look into a dictionary, and never on the way of
a delivery that succeeds. Who writes it down does so in the transaction of what it tells.

There are no loops, because what becomes of an operational event is never told: neither that its delivery failed, nor
that its failing had a lane parked. So a delivery is told of once, and only if a caller's event (or a record's) made it.
That an endpoint fails is told on the failure of such a delivery too, at most once until it has recovered; that it has
recovered, only after that was told. An endpoint that is given up, and one that passes a handshake or doesn't, takes a
person to get there again, so that is told whatever led to it. All in all there are at most three for each request that
others' events make, and two for each thing that a person does; how many endpoints listen, to what, and how often they
fail, adds none.
"""

from typing import Final

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.engine.lanes import Lane
from ringback.engine.lease import Lease
from ringback.listeners import Wants, nobody
from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint
from ringback.model.event import DueDelivery
from ringback.model.notice import Notice
from ringback.policy import operations
from ringback.policy.health import Health, Phase, dump
from ringback.policy.operations import (
    DELIVERY_FAILED,
    ENDPOINT_DISABLED,
    ENDPOINT_FAILING,
    ENDPOINT_RECOVERED,
    ENDPOINT_VERIFIED,
    FailedDelivery,
    Last,
)
from ringback.workers import Mailbox

_OPEN: Final = Phase.OPEN


class News:
    """Makes notices, or None where nobody is to be told. For any thread."""

    def __init__(self, clock: Clock, wants: Wants = nobody) -> None:
        self._clock = clock
        self._wants = wants

    def failed(self, row: DueDelivery, endpoint: Endpoint, attempt: Attempt) -> Notice | None:
        """A delivery ended with this attempt, without success."""
        if row.event.operational or not self._wants(endpoint.tenant_id, DELIVERY_FAILED):
            return None
        now = self._clock.now_ms()
        ended = FailedDelivery(row.event.id, row.event.type, attempt.number, _last(attempt))
        return self._notice(endpoint, DELIVERY_FAILED, now, operations.failed(endpoint, now, ended))

    def failing(self, row: DueDelivery, endpoint: Endpoint, attempt: Attempt, health: Health) -> Notice | None:
        """This attempt failed, and left the lane with this health."""
        if health.phase is _OPEN or health.told or row.event.operational:
            return None
        if not self._wants(endpoint.tenant_id, ENDPOINT_FAILING):
            return None
        now = self._clock.now_ms()
        since = now if health.failing_since is None else health.failing_since
        return self._notice(endpoint, ENDPOINT_FAILING, now, operations.failing(endpoint, now, since, _last(attempt)))

    def recovered(self, endpoint: Endpoint, before: Health) -> Notice | None:
        """An attempt succeeded where the lane had this health before."""
        if not before.told or not self._wants(endpoint.tenant_id, ENDPOINT_RECOVERED):
            return None
        now = self._clock.now_ms()
        return self._notice(
            endpoint, ENDPOINT_RECOVERED, now, operations.recovered(endpoint, now, before.failing_since)
        )

    def disabled(self, endpoint: Endpoint, code: str, message: str) -> Notice | None:
        """The endpoint is about to be given up, or did not pass its handshake."""
        if not self._wants(endpoint.tenant_id, ENDPOINT_DISABLED):
            return None
        now = self._clock.now_ms()
        return self._notice(endpoint, ENDPOINT_DISABLED, now, operations.disabled(endpoint, now, code, message))

    def verified(self, endpoint: Endpoint) -> Notice | None:
        """The endpoint has passed its handshake."""
        if not self._wants(endpoint.tenant_id, ENDPOINT_VERIFIED):
            return None
        now = self._clock.now_ms()
        return self._notice(endpoint, ENDPOINT_VERIFIED, now, operations.verified(endpoint, now))

    def _notice(self, endpoint: Endpoint, event_type: str, now: int, data: bytes) -> Notice:
        return Notice(endpoint.tenant_id, self._clock.new_id("evt"), event_type, endpoint.id, now, data)


class LaneNews:
    """For the dispatcher: what is told of lanes that it owns, which is stored with their health. `failure` and
    `recovery` are for its own thread."""

    def __init__(self, news: News, fetcher: Mailbox[m.ToFetcher], lease: Lease) -> None:
        self._news = news
        self._fetcher = fetcher
        self._lease = lease

    def failure(
        self, lane: Lane, row: DueDelivery, endpoint: Endpoint, attempt: Attempt, *, owned: bool
    ) -> Notice | None:
        """Tell that the lane fails, if it does; the notice of the delivery, if this attempt ended it."""
        if owned and (notice := self._news.failing(row, endpoint, attempt, lane.health)) is not None:
            lane.health = lane.health._replace(told=True)
            self._tell(lane, notice)
        return self._news.failed(row, endpoint, attempt) if attempt.final else None

    def recovery(self, lane: Lane, endpoint: Endpoint, before: Health) -> None:
        """Tell that the lane fails no more, if that it did was told. `before`: its health while it did."""
        if (notice := self._news.recovered(endpoint, before)) is not None:
            self._tell(lane, notice)

    def _tell(self, lane: Lane, notice: Notice) -> None:
        self._fetcher.post(m.HealthTurned(self._lease.node_id, lane.endpoint_id, dump(lane.health), notice))


def _last(attempt: Attempt) -> Last:
    return Last(attempt.status_code, attempt.error_code)
