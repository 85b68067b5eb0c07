"""Protections of lanes that are given up for balance, and of those that nobody wants (docs/simulation.md)."""

from typing import Any

from ringback.engine.lanes import Lane
from simulation.protection import protection


@protection("shares")
def a_lane_that_is_given_up_drains_first(node: Any) -> None:
    """A lane that is to be given up is released at once, whatever is under way."""
    lanes = node.dispatcher._lanes
    plain = lanes.move

    def move(lane: Lane) -> None:
        plain(lane)
        lanes._release(lane)

    lanes.move = move


@protection("shares")
def what_nobody_wants_is_claimed_whatever_the_share(node: Any) -> None:
    """Who has its share claims nothing, however long a bell rings."""
    node.dispatcher._search._spreading.next_claim = _by_share_alone(node)


def _by_share_alone(node: Any) -> Any:
    spreading, lanes = node.dispatcher._search._spreading, node.dispatcher._lanes

    def next_claim(now_s: float) -> tuple[int, float]:
        below = spreading._plan.claim_below
        return (spreading._at_once if below is None else max(0, below - len(lanes)), 0.0)

    return next_claim


@protection("shares")
def who_has_too_many_lanes_gives_some_up(node: Any) -> None:
    """A node keeps what it has."""
    node.dispatcher._search._spreading.give_some = lambda now_s: None
