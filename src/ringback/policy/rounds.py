"""Rounds of a deficit round robin: who waits, what they were charged, and whose turn it is.

A pure data structure for `policy.fairness`, which says what is shared and why. Every round forgives each account
one quantum. An account waits in the round in which it is out of debt; that round is known when it is charged, so
the rounds are a calendar (round number → queue) and those without anybody are skipped. Assumes that an account is
in one `Rounds` at a time. Taking from an empty one is a caller's error and raises IndexError.
"""

from collections import OrderedDict
from heapq import heappop, heappush
from typing import Any, Final, Generic, TypeVar

QUANTUM_S: Final = 0.01
_ROUNDS_PER_S: Final = 1.0 / QUANTUM_S


class Account:
    """What was charged, in seconds on the scale of its `Rounds`, and the round it waits in while it is queued."""

    __slots__ = ("charged_s", "round", "rounds")

    def __init__(self) -> None:
        self.charged_s = 0.0
        self.round = 0
        self.rounds: Rounds[Any] | None = None

    def charge(self, cost_s: float) -> None:
        """Charge what starts now; the next turn is that of others who are due."""
        self.charged_s += cost_s
        rounds = self.rounds
        if rounds is not None and rounds.count > 1:
            rounds.move(self)

    def correct(self, more_s: float) -> None:
        """Charge or give back the difference. Who is due later by it is moved when its turn comes; who is due
        earlier, at once."""
        self.charged_s += more_s
        rounds = self.rounds
        if rounds is not None and rounds.count > 1 and int(self.charged_s * _ROUNDS_PER_S) < self.round:
            rounds.move(self)


Member = TypeVar("Member", bound=Account)


class Rounds(Generic[Member]):
    """Accounts by the round in which they are due, each round first come, first served.

    Who joins an empty queue is `_only`, and enters the calendar when a second one comes.
    """

    __slots__ = ("_calendar", "_numbers", "_only", "count")

    def __init__(self) -> None:
        self.count = 0
        self._only: Member | None = None
        self._calendar: dict[int, OrderedDict[Member, None]] = {}
        self._numbers: list[int] = []

    def add(self, member: Member) -> None:
        if not self.count:
            self._only = member
        else:
            if self._only is not None:
                self._enter(self._only)
                self._only = None
            self._enter(member)
        member.rounds = self
        self.count += 1

    def remove(self, member: Member) -> None:
        if self._only is not None:
            self._only = None
        else:
            del self._calendar[member.round][member]
            if self.count == 1:
                self._calendar.clear()
                self._numbers.clear()
        member.rounds = None
        self.count -= 1

    def move(self, member: Member) -> None:
        """To the end of the round in which it is due by now. Only for a queue of two or more."""
        waiting = self._calendar[member.round]
        if int(member.charged_s * _ROUNDS_PER_S) == member.round:
            waiting.move_to_end(member)
        else:
            del waiting[member]
            self._enter(member)

    def first(self) -> Member:
        """Whose turn it is. The queue must not be empty."""
        if self._only is not None:
            return self._only
        while True:
            number = self._numbers[0]
            waiting = self._calendar[number]
            if not waiting:
                heappop(self._numbers)
                del self._calendar[number]
                continue
            member = next(iter(waiting))
            if self.count == 1 or int(member.charged_s * _ROUNDS_PER_S) <= number:
                return member
            self.move(member)

    def _enter(self, member: Member) -> None:
        number = int(member.charged_s * _ROUNDS_PER_S)
        waiting = self._calendar.get(number)
        if waiting is None:
            waiting = self._calendar[number] = OrderedDict()
            heappush(self._numbers, number)
        waiting[member] = None
        member.round = number
