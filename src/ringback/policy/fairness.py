"""Whose turn it is: deficit round robin over tenants, then over a tenant's lanes.

A pure data structure: no I/O, no clock (it is told the time), one thread. It knows who wants a turn and what turns
have cost; it never knows what is sent. Assumes that every `started` is followed by one `finished`, and that callers
withdraw a lane that has nothing to send or a full window. An unknown lane given to `withdraw` or `finished` is passed
over.

What is shared, and why

    What runs out is slots: requests in flight. A receiver that answers in 10 ms uses a slot for 10 ms, one that
    hangs uses it for 20 s. Shared by number of requests, the hanging one gets 2,000 times as much. So a turn costs
    the time that its connection is held, never less than 1 ms. Nobody knows that time when the request starts: the
    lane's average is charged then, and the difference when it has ended.

Rounds

    Everybody keeps an account of what was charged. In each round an account is forgiven 10 ms, its quantum. Those
    whose charges are forgiven take turns, one request at a time; those that are overdrawn sit the rounds out until
    they are not. One 20 s request thus means 2,000 rounds of waiting, while others want the slot. Rounds in which
    nobody is due are skipped: the round in which an account is due again is known when it is charged, so it is put
    down there at once (a calendar: round number → queue), and the next round is the lowest number with a queue.
    Nothing is scanned, and if nobody else waits, waiting takes no time.

    Being absent earns nothing: an account that comes back starts in the current round at the earliest. Being
    absent forgives nothing either: what was overdrawn is still there.

Three lines

    Lanes known to be quick wait in the fast line; those over 1 s on average, or that failed last time, in the slow
    line; those that nothing is known of in the new line. Each line has rounds of its own over the tenants, and each
    tenant's side of a line has rounds of its own over the lanes. While the fast line and one of the others wait they
    get equal connection time; one request of the longest kind (20 s) is the most that either can owe the other. The
    slow line never starts what would hold more than 75 % of the slots: then nobody looks at it, however long it is.
    So dead receivers can't take the slots that quick ones need, and quick ones can't shut out those that may have
    recovered.

    A new lane may be quick, and shows it by one request (its window is 1 until then). If all slots that slow ones may
    have are held by dead receivers, that request would wait for 20 s. So the new line has another 12 % of the slots,
    of which one tenant may use a quarter, and takes turns with the slow one.

Never all at once

    Hundreds of dead receivers that are tried in one moment time out in one moment, and what follows (attempts are
    recorded, lanes fetched, tried again, parked) holds up everybody, again and again. So while more than 64 requests
    of lanes that aren't quick are in flight, the slow line starts 400 a second, some at a time: then they end so as
    well. The new line is not held up by this, since a new lane may be quick.

A quarter while others wait

    In each line the tenants that hold 25 % of the slots or more wait apart from the others, and are looked at only
    when none of the others could start something. Alone a tenant may use everything; when another one comes, it
    gets every slot that falls free until it has its quarter. Among tenants that all have a quarter the rounds
    decide, so no slot stays empty that somebody could use.

    A tenant's own lanes are protected from one another in the same way: its slow lanes hold at most 75 % of its
    quarter, and its fast lanes too as long as slow ones wait. Else its dead receivers would fill the quarter, and
    its healthy ones would starve. Of what is new, the part that has slots of its own is not
    counted here. No cap is less than one slot, for each line.

Costs

    `pick`, `started` and `finished` take the same time for one lane as for 100,000: a queue is an ordered
    dictionary, and the calendar a heap of the few round numbers in use. With a single lane there is nothing to
    reorder and its account just runs on. Records of lanes and tenants that are gone are swept when they outnumber
    those in use, since what they owe is forgotten only when the rounds have passed it.
"""

# ruff: noqa: FURB136, PLR1730 - max() costs four times a comparison, and this runs for every request.

from collections.abc import Sequence
from typing import Final

from ringback.policy import rate
from ringback.policy.health import Pace
from ringback.policy.rounds import Account, Rounds

COST_S_MIN: Final = 0.001
SLOW_SHARE: Final = 0.75
NEW_SHARE: Final = 0.12
TENANT_SHARE: Final = 0.25
OWED_S_MAX: Final = 20.0
UNSPACED_MAX: Final = 64
SPACED_PER_SECOND: Final = 400.0
CLOSED_S: Final = 0.02

_IDLE_RECORDS_MAX: Final = 1_024
_QUICK: Final = Pace.QUICK
_SLOW: Final = Pace.SLOW
_NEW: Final = Pace.NEW


class _Line:
    """The tenants that have lanes waiting here, apart by whether they hold their share of the slots already."""

    __slots__ = ("above", "below", "now_s", "waiting")

    def __init__(self) -> None:
        self.below: Rounds[_Side] = Rounds()
        self.above: Rounds[_Side] = Rounds()
        self.waiting = 0
        self.now_s = 0.0

    def enter(self, side: "_Side", credit_s: float = 0.0) -> None:
        """Wait here, with no more than `credit_s` of time that the rounds have passed unused."""
        side.charged_s = max(side.charged_s, self.now_s - credit_s)
        (self.above if side.above else self.below).add(side)
        self.waiting += 1

    def leave(self, side: "_Side") -> None:
        if side.rounds is not None:
            side.rounds.remove(side)
            self.waiting -= 1


class _Side(Account):
    """A tenant's lanes in one line. `above`: it holds what it may while others wait."""

    __slots__ = ("above", "in_flight", "lanes", "line", "now_s", "tenant")

    def __init__(self, tenant: "_Tenant", line: _Line) -> None:
        super().__init__()
        self.tenant = tenant
        self.line = line
        self.lanes: Rounds[_Lane] = Rounds()
        self.now_s = 0.0
        self.in_flight = 0
        self.above = False


class _Tenant:
    """Its sides, by `Pace`."""

    __slots__ = ("in_flight", "records", "sides")

    def __init__(self, lines: Sequence[_Line]) -> None:
        self.sides = tuple(_Side(self, line) for line in lines)
        self.in_flight = 0
        self.records = 0


class _Lane(Account):
    __slots__ = ("fading", "in_flight", "name", "side")

    def __init__(self, name: str, side: _Side) -> None:
        super().__init__()
        self.name = name
        self.side = side
        self.in_flight = 0
        self.fading = False


_NOBODY: Final[Rounds[_Side]] = Rounds()


class Turns:
    """Who may start the next request. See the module's text for the rules."""

    def __init__(self, slots: int) -> None:
        """`slots` (1 or more) is how many requests may be in flight."""
        if slots < 1:
            raise ValueError(f"turns need at least one slot, not {slots}")
        self.slots = slots
        self.slow_slots = max(1, int(slots * SLOW_SHARE))
        new_slots = int(slots * NEW_SHARE)
        self.unproven_slots = max(self.slow_slots, min(self.slow_slots + new_slots, slots - 1))
        self.tenant_slots = max(1, int(slots * TENANT_SHARE))
        self.side_slots = max(1, int(self.tenant_slots * SLOW_SHARE))
        self.new_side_slots = max(1, int(new_slots * TENANT_SHARE))
        self.in_flight = 0
        self.slow_in_flight = 0
        """What is in flight of lanes that are not quick, those that are new among them."""
        self._lines = (_Line(), _Line(), _Line())
        self._fast, self._slow, self._new = self._lines
        self._fast_owes_s = 0.0
        self._new_was_last = False
        self._now_s = 0.0
        self._conforms_at_s = 0.0
        self._slow_opens_at_s = 0.0
        self._lanes: dict[str, _Lane] = {}
        self._tenants: dict[str, _Tenant] = {}
        self._sweep_at = _IDLE_RECORDS_MAX

    @property
    def waiting(self) -> bool:
        """Whether anybody wants a turn."""
        return any(line.waiting for line in self._lines)

    def wants(self, lane: str) -> bool:
        """Whether this lane wants a turn."""
        record = self._lanes.get(lane)
        return record is not None and record.rounds is not None

    @property
    def opens_at_s(self) -> float:
        """When `pick` may have an answer that it doesn't have now only because of the time; infinity when never."""
        waits = self._now_s < self._slow_opens_at_s and self._slow.waiting
        return self._slow_opens_at_s if waits else float("inf")

    def at(self, now_s: float) -> None:
        """It is `now_s`, on a clock that never goes back."""
        self._now_s = now_s

    def offer(self, lane: str, tenant: str, cost_s: float, pace: Pace) -> None:
        """`lane` of `tenant` wants a turn, and goes on wanting one until it is withdrawn. Repeating it only moves
        the lane to another line when its `pace` has changed.

        `cost_s`, what a request of it is expected to cost, doesn't decide its place: an account may be overdrawn
        by one request, else a costly lane that comes alone would have to save up.
        """
        record = self._lanes.get(lane)
        if record is None:
            record = self._new_record(lane, tenant, pace)
        side = record.side.tenant.sides[pace]
        if record.side is not side:
            self._leave(record)
            record.charged_s = side.now_s + max(0.0, record.charged_s - record.side.now_s)
            record.side = side
        if record.rounds is None:
            self._join(record)

    def withdraw(self, lane: str) -> None:
        """`lane` wants no turn any more. What it has in flight goes on."""
        record = self._lanes.get(lane)
        if record is not None:
            self._leave(record)

    def pick(self) -> str | None:
        """The lane whose turn it is for one request; None when nobody may start one. Changes nothing that can be
        seen: until something is started, finished, offered or withdrawn, or `opens_at_s` has come, the answer is the
        same."""
        if self.in_flight >= self.slots:
            return None
        fast, slow = self._fast.below, self._slow_below()
        if not fast.count and not slow.count:
            fast, slow = self._fast.above, self._slow_above()
            if not fast.count and not slow.count:
                return None
        line = fast if fast.count and (self._fast_owes_s <= 0.0 or not slow.count) else slow
        return line.first().lanes.first().name

    def _slow_below(self) -> Rounds[_Side]:
        """Who is next of those that are not known to be quick: what is new and what is slow take turns."""
        slow, new = self._slow.below, self._new.below
        if self.slow_in_flight >= self.slow_slots or self._now_s < self._slow_opens_at_s:
            return new if self.slow_in_flight < self.unproven_slots else _NOBODY
        return slow if slow.count and (self._new_was_last or not new.count) else new

    def _slow_above(self) -> Rounds[_Side]:
        if self.slow_in_flight >= self.slow_slots:
            return _NOBODY
        slow, new = self._slow.above, self._new.above
        if self._now_s < self._slow_opens_at_s:
            return new
        return slow if slow.count and (self._new_was_last or not new.count) else new

    def started(self, lane: str, tenant: str, cost_s: float, pace: Pace) -> None:
        """One request of `lane` has started: it occupies a slot and is charged `cost_s` in advance."""
        record = self._lanes.get(lane)
        if record is None:
            record = self._new_record(lane, tenant, pace)
        own_side = record.side
        owner = own_side.tenant
        side = owner.sides[pace]
        line = side.line
        cost_s = cost_s if cost_s > COST_S_MIN else COST_S_MIN
        self.in_flight += 1
        record.in_flight += 1
        owner.in_flight += 1
        side.in_flight += 1
        if pace is not _QUICK:
            self.slow_in_flight += 1
            self._new_was_last = pace is _NEW
            if pace is _SLOW and self.slow_in_flight > UNSPACED_MAX:
                self._space()
        if side.charged_s > line.now_s:
            line.now_s = side.charged_s
        if record.charged_s > own_side.now_s:
            own_side.now_s = record.charged_s
        side.charge(cost_s)
        record.charge(cost_s)
        if self._slow.waiting or self._new.waiting or pace is not _QUICK:
            self._settle_lines(cost_s, pace)
        if owner.in_flight >= self.side_slots or pace is _NEW:
            self._place(owner)

    def finished(self, lane: str, tenant: str, charged_s: float, actual_s: float, pace: Pace) -> None:
        """A started request has ended: its slot is free, and the account gets the difference. `charged_s` and
        `pace` are what `started` was told."""
        record = self._lanes.get(lane)
        if record is None or not record.in_flight:
            return
        owner = record.side.tenant
        side = owner.sides[pace]
        charged_s = charged_s if charged_s > COST_S_MIN else COST_S_MIN
        more_s = (actual_s if actual_s > COST_S_MIN else COST_S_MIN) - charged_s
        self.in_flight -= 1
        record.in_flight -= 1
        owner.in_flight -= 1
        side.in_flight -= 1
        if pace is not _QUICK:
            self.slow_in_flight -= 1
        side.correct(more_s)
        record.correct(more_s)
        if self._slow.waiting or self._new.waiting or pace is not _QUICK:
            self._settle_lines(more_s, pace)
        if owner.in_flight + 1 >= self.side_slots or pace is _NEW:
            self._place(owner)

    def _space(self) -> None:
        """One of many that may hang has started. When no more conform to the rate, the line waits until some do."""
        self._conforms_at_s = rate.after_request(self._conforms_at_s, self._now_s, SPACED_PER_SECOND)
        wait_s = rate.wait_s(self._conforms_at_s, self._now_s)
        if wait_s > 0.0:
            self._slow_opens_at_s = self._now_s + wait_s + CLOSED_S

    def _join(self, record: _Lane) -> None:
        side = record.side
        record.charged_s = max(record.charged_s, side.now_s)
        record.fading = False
        side.lanes.add(record)
        if side.rounds is None:
            side.line.enter(side)
            self._place(side.tenant)

    def _leave(self, record: _Lane) -> None:
        if record.rounds is not None:
            side = record.side
            side.lanes.remove(record)
            if not side.lanes.count:
                side.line.leave(side)
                self._place(side.tenant)

    def _place(self, owner: _Tenant) -> None:
        """Put a tenant's sides where they belong by what it holds now."""
        fast, slow, new = owner.sides
        both = fast.rounds is not None and slow.rounds is not None
        held = owner.in_flight - min(new.in_flight, self.new_side_slots)
        full = held >= (max(2, self.tenant_slots) if both else self.tenant_slots)
        self._put(fast, full or (both and fast.in_flight >= self.side_slots))
        self._put(slow, full or slow.in_flight >= self.side_slots)
        self._put(new, new.in_flight >= self.new_side_slots)

    def _put(self, side: _Side, above: bool) -> None:
        if above is not side.above:
            side.above = above
            if side.rounds is not None:
                side.line.leave(side)
                # It was here all the time, so what it was given back is its own.
                side.line.enter(side, OWED_S_MAX)

    def _settle_lines(self, cost_s: float, pace: Pace) -> None:
        """Note what the fast line and the others owe each other. Only while both wait: being absent earns nothing."""
        if pace is _QUICK:
            owed_s = self._fast_owes_s + cost_s
        elif self._fast.waiting:
            owed_s = self._fast_owes_s - cost_s
        else:
            return
        self._fast_owes_s = min(max(owed_s, -OWED_S_MAX), OWED_S_MAX)

    def _new_record(self, lane: str, tenant: str, pace: Pace) -> _Lane:
        if len(self._lanes) >= self._sweep_at:
            self._sweep()
        owner = self._tenants.get(tenant)
        if owner is None:
            owner = self._tenants[tenant] = _Tenant(self._lines)
        owner.records += 1
        record = self._lanes[lane] = _Lane(lane, owner.sides[pace])
        return record

    def _sweep(self) -> None:
        """Forget lanes that are gone: at once when they owe nothing, else when a second sweep finds them gone."""
        for name, record in list(self._lanes.items()):
            if record.rounds is not None or record.in_flight:
                continue
            if record.fading or record.charged_s <= record.side.now_s:
                del self._lanes[name]
                record.side.tenant.records -= 1
            record.fading = True
        for name in [name for name, owner in self._tenants.items() if not owner.records]:
            del self._tenants[name]
        self._sweep_at = max(_IDLE_RECORDS_MAX, 2 * len(self._lanes))
