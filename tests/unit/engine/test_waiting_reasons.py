"""Why a delivery waited: what the lane remembers, and which of several reasons counts."""

import pytest

from ringback.engine.lanes import Lane
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


def test_every_reason_is_a_value_of_the_label() -> None:
    assert set(HELD_BY) == {NOTHING, SLOTS, WINDOW, PAUSED, RATE, ORDER, UNCLAIMED}
