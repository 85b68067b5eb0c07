"""Why a delivery waited: what the lane remembers, and which of several reasons counts."""

from typing import Any

import pytest

from ringback.engine.lanes import Lane
from ringback.model.event import Delivery, DueDelivery, Event
from ringback.model.lane import LaneRow
from ringback.observe.attempts import HELD_BY, NOTHING, ORDER, PAUSED, RATE, SLOTS, UNCLAIMED, WINDOW

OPENED = 1_000_000


def lane(not_before: int = 0, ordered: bool = False) -> Lane:
    made = Lane(LaneRow("t", "ep", None, not_before, None, b""), 1, 1, OPENED)
    made.ordered = ordered
    return made


@pytest.mark.parametrize("reason", [WINDOW, RATE])
def test_what_held_the_lane_back_since_the_row_was_due(reason: str) -> None:
    held = lane()
    held.hold_back(reason, OPENED + 500)
    assert held.waited_for(OPENED + 400, OPENED + 900, 0) == reason
    assert held.waited_for(OPENED + 600, OPENED + 900, 0) == NOTHING


def test_a_pause_counts_while_it_was_most_of_the_time() -> None:
    paused = lane()
    paused.hold_back(PAUSED, OPENED, 1.0)
    paused.hold_back(WINDOW, OPENED + 1_100)
    assert paused.waited_for(OPENED, OPENED + 1_200, 0) == PAUSED
    assert paused.waited_for(OPENED, OPENED + 2_200, 0) == WINDOW
    assert paused.waited_for(OPENED + 1_000, OPENED + 1_050, 0) == WINDOW


def test_a_pause_that_the_lane_came_with_counts_too() -> None:
    assert lane(not_before=OPENED - 10).waited_for(OPENED - 5_000, OPENED + 50, 0) == PAUSED


def test_a_lane_that_nobody_had_is_unclaimed_until_something_else_took_longer() -> None:
    late = lane()
    late.hold_back(WINDOW, OPENED + 100)
    assert late.waited_for(OPENED - 5_000, OPENED + 200, 0) == UNCLAIMED
    assert late.waited_for(OPENED - 50, OPENED + 200, 0) == WINDOW


def test_an_ordered_lane_waits_for_its_heads_and_everybody_for_slots() -> None:
    assert lane(ordered=True).waited_for(OPENED, OPENED + 100, 0) == ORDER
    assert lane().waited_for(OPENED, OPENED + 100, OPENED + 50) == SLOTS
    assert lane().waited_for(OPENED + 60, OPENED + 100, OPENED + 50) == NOTHING


def queued(due_at: int, **how: Any) -> Lane:
    made = lane(**how)
    event = Event("t", "evt_1", "a.b", b"{}", None, None, None, None, None, None, None, None, 0, 0, 1)
    made.enqueue(DueDelivery(Delivery("t", "ep", event.id, None, due_at, 1, 0, 0), event))
    return made


class TestSinceWhen:
    """What is due waits for this server."""

    def test_what_is_queued_and_due_waits_since_it_was(self) -> None:
        assert queued(OPENED + 100).waits_since(OPENED + 900, OPENED + 900) == OPENED + 100

    def test_nothing_waits_where_nothing_is_queued(self) -> None:
        assert lane().waits_since(OPENED + 900, OPENED + 900) is None

    @pytest.mark.parametrize("reason", [WINDOW, RATE, PAUSED])
    def test_what_the_endpoint_holds_back_is_not_ours(self, reason: str) -> None:
        held = queued(OPENED + 100)
        held.hold_back(reason, OPENED + 200, 0.7)
        assert held.waits_since(OPENED + 900, OPENED + 900) is None

    def test_what_was_due_in_a_pause_waits_since_the_bell_that_ended_it(self) -> None:
        row = LaneRow("t", "ep", OPENED - 50, OPENED - 50, None, b"")
        resumed = Lane(row, 1, 1, OPENED)
        resumed.enqueue(queued(OPENED - 9_000).pop())
        assert resumed.waits_since(OPENED + 900, OPENED + 900) == OPENED - 50

    def test_what_nobody_had_is_ours(self) -> None:
        row = LaneRow("t", "ep", OPENED - 5_000, 0, None, b"")
        late = Lane(row, 1, 1, OPENED)
        late.enqueue(queued(OPENED - 5_000).pop())
        assert late.waits_since(OPENED + 100, OPENED + 100) == OPENED - 5_000


def test_every_reason_is_a_value_of_the_label() -> None:
    assert set(HELD_BY) == {NOTHING, SLOTS, WINDOW, PAUSED, RATE, ORDER, UNCLAIMED}
