"""Handshakes: who owns the lane of an endpoint that has to prove itself asks it, and has the answer written down.

The dispatcher looks at such a lane whenever something happens to it (`look`); here it is asked, asked again while it
can't be reached, and let go when it need not prove itself any more. An answer decides at once. What comes of it is the
settler's to store, and the store decides whether anybody still waits for it: asked about another URL meanwhile, the
endpoint keeps waiting. Only the status is durable, so a crash means that the lane's next owner begins anew.

Belongs to the dispatcher's thread. Requests of handshakes are few and take no slots from deliveries; so many of them at
most are under way, and so many of one tenant's, that a tenant with a thousand dead endpoints delays nobody else's.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ringback.clock import Clock
from ringback.engine import messages as m
from ringback.engine.directory import Directory
from ringback.engine.lanes import Lane
from ringback.engine.lease import Lease
from ringback.engine.news import News
from ringback.engine.ports import InboundResponse, Transport
from ringback.engine.proof import Asking, Question, question
from ringback.engine.verdict import ABORTED, REASONS_TO_GIVE_UP
from ringback.engine.wall import Moment
from ringback.model.attempt import Attempt
from ringback.model.endpoint import EndpointMove
from ringback.model.handshake import HandshakeEnd
from ringback.model.limits import TOTAL_DEADLINE_S_MAX
from ringback.model.notice import Notice
from ringback.outgoing import Target
from ringback.policy.health import Signal
from ringback.wire.handshake import CHALLENGE_BYTES, UNREACHABLE, Handshake, Refused, challenge_of, judge
from ringback.workers import Mailbox

UNDER_WAY_MAX: Final = 256
OF_TENANT_MAX: Final = 32
# An endpoint that can't be reached is asked again after this, or sooner where its profile has little patience.
AGAIN_S: Final = 5.0
AGAIN_SHARE: Final = 0.1
# There was no room, or the lease or the directory isn't to be trusted just now.
LATER_S: Final = 0.5
DEADLINE_S_MIN: Final = 1.0
_NEVER: Final = float("inf")
_NO_REASON: Final = (None, None)


class _Flight(NamedTuple):
    """A request under way, or not recorded yet."""

    lane: Lane
    asking: Asking
    question: Question


class Handshakes:
    """See the module. `touch` has the dispatcher look at a lane again."""

    def __init__(
        self,
        *,
        clock: Clock,
        lease: Lease,
        transport: Transport,
        directory: Directory,
        settler: Mailbox[m.ToSettler],
        tokens: Iterator[int],
        touch: Callable[[str], None],
        origin: str,
        news: News | None = None,
    ) -> None:
        self._news = news or News(clock)
        self._clock = clock
        self._lease = lease
        self._transport = transport
        self._directory = directory
        self._settler = settler
        self._tokens = tokens
        self._touch = touch
        self._origin = origin
        self._flying: dict[int, _Flight] = {}
        self._of_tenant: Counter[str] = Counter()
        self._unrecorded: dict[int, Asking] = {}

    @property
    def in_flight(self) -> int:
        return len(self._flying)

    @property
    def busy(self) -> bool:
        """Whether anything is under way or not recorded yet."""
        return bool(self._flying or self._unrecorded)

    def look(self, lane: Lane, target: Target, now: Moment) -> float:
        """Ask the endpoint if it is time; in how many seconds to look again (infinity: something will happen)."""
        asked_at = target.endpoint.unverified_since or 0
        asking = lane.asking
        if asking is None or asking.asked_at != asked_at:
            self.drop(lane)
            asking = lane.asking = Asking(asked_at)
        if asking.busy:
            return _NEVER
        if now.boot_s < asking.due_s:
            return asking.due_s - now.boot_s
        rules = None if target.contract is None else target.contract.handshake
        if signal := _why_not(target):
            reason = REASONS_TO_GIVE_UP[signal]
            end = HandshakeEnd(*_names(target), asked_at, None, EndpointMove.REFUSED, *reason)
            self._decide(asking, end, target)
        elif rules is None:
            self._decide(asking, HandshakeEnd(*_names(target), asked_at, None, EndpointMove.VERIFIED), target)
        elif not self._may_ask(lane, now):
            return LATER_S
        else:
            self._ask(lane, asking, target, rules, now)
        return _NEVER

    def drop(self, lane: Lane) -> None:
        """The endpoint need not prove itself any more, or is asked something else: break off what is under way."""
        if lane.asking is not None and lane.asking.token is not None:
            self._transport.abort(lane.asking.token)
        lane.asking = None

    def break_off(self) -> None:
        """End the requests under way now."""
        for token in self._flying:
            self._transport.abort(token)

    def finish(self, response: InboundResponse, now: Moment) -> None:
        """A request has ended that is no delivery."""
        flight = self._flying.pop(response.token, None)
        if flight is None:
            return
        lane, asking, asked = flight
        asking.token = None
        self._of_tenant[lane.tenant_id] -= 1
        if not self._of_tenant[lane.tenant_id]:
            del self._of_tenant[lane.tenant_id]
        end = _end_of(asking, asked, response, now)
        if end.by is None:
            asking.due_s = now.boot_s if response.error_code == ABORTED else now.boot_s + _again_s(asked.rules)
        self._settle(asking, end, asked.target)

    def recorded(self, message: m.HandshakeRecorded) -> None:
        """It is stored. What was decided is in the directory by now, or will be in a moment."""
        asking = self._unrecorded.pop(message.token)
        asking.busy = False
        self._touch(message.endpoint_id)

    def _may_ask(self, lane: Lane, now: Moment) -> bool:
        return (
            len(self._flying) < UNDER_WAY_MAX
            and self._of_tenant[lane.tenant_id] < OF_TENANT_MAX
            and self._directory.fresh(now.boot_s)
            and self._lease.covers(now.boot_s, TOTAL_DEADLINE_S_MAX)
        )

    def _ask(self, lane: Lane, asking: Asking, target: Target, rules: Handshake, now: Moment) -> None:
        asking.begun_s = min(asking.begun_s, now.boot_s)
        asking.number += 1
        asking.busy = True
        asking.token = token = next(self._tokens)
        challenge = challenge_of(rules, self._clock.token_bytes(CHALLENGE_BYTES), self._origin)
        asked = question(
            target, rules, challenge, attempt_id=self._clock.new_id("att"), number=asking.number, at=now.wall_ms
        )
        self._flying[token] = _Flight(lane, asking, asked)
        self._of_tenant[lane.tenant_id] += 1
        self._transport.start(asked.request(token, _deadline_s(rules, asking, now)))

    def _decide(self, asking: Asking, end: HandshakeEnd, target: Target) -> None:
        """There is nothing to ask."""
        asking.busy = True
        self._settle(asking, end, target)

    def _settle(self, asking: Asking, end: HandshakeEnd, target: Target) -> None:
        if end.by is not None:
            asking.due_s = self._clock.boottime_s() + LATER_S  # by then the directory knows
        token = next(self._tokens)
        self._unrecorded[token] = asking
        self._settler.post(m.HandshakeEnded(token, end, self._notice(end, target)))

    def _notice(self, end: HandshakeEnd, target: Target) -> Notice | None:
        if end.by is EndpointMove.VERIFIED:
            return self._news.verified(target.endpoint)
        if end.by is None:
            return None
        return self._news.disabled(target.endpoint, end.code or "", end.message or "")


def _why_not(target: Target) -> Signal | None:
    """Why an endpoint can't be asked at all."""
    if target.contract is None:
        return Signal.PROFILE_MISSING
    return Signal.UNREADABLE if target.endpoint.auth.unreadable else None


def _names(target: Target) -> tuple[str, str]:
    return target.endpoint.tenant_id, target.endpoint.id


def _again_s(rules: Handshake) -> float:
    return min(AGAIN_S, rules.retry_for_s * AGAIN_SHARE)


def _deadline_s(rules: Handshake, asking: Asking, now: Moment) -> float:
    """A last try does not outlast the time in which one that can't be reached is tried again."""
    left_s = asking.begun_s + rules.retry_for_s - now.boot_s
    return min(rules.deadline_s, max(DEADLINE_S_MIN, left_s)) if rules.retry_for_s else rules.deadline_s


def _end_of(asking: Asking, asked: Question, response: InboundResponse, now: Moment) -> HandshakeEnd:
    """What a request came to: a decision, or that it is asked again."""
    names, rules = _names(asked.target), asked.rules

    def ended(by: EndpointMove | None, attempt: Attempt, reason: tuple[str | None, str | None]) -> HandshakeEnd:
        return HandshakeEnd(*names, asking.asked_at, attempt, by, *reason)

    if response.status is None:
        error = response.error_code or "bad_response", response.error_message or "The request failed."
        over = now.boot_s + _again_s(rules) - asking.begun_s >= rules.retry_for_s
        if response.error_code == ABORTED or not over:
            return ended(None, asked.attempt(response, error, final=False), _NO_REASON)
        return ended(EndpointMove.REFUSED, asked.attempt(response, error, final=True), rules.errors[UNREACHABLE])
    verdict = judge(rules, asked.challenge, response.status, response.headers, response.body)
    if isinstance(verdict, Refused):
        return ended(EndpointMove.REFUSED, asked.attempt(response, verdict, final=True), verdict)
    per_second = None if verdict.per_minute is None else verdict.per_minute / 60.0
    verified = ended(EndpointMove.VERIFIED, asked.attempt(response, None, final=True), _NO_REASON)
    return verified._replace(per_second=per_second)
