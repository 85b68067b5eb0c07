"""How many lanes a node gives up, and how many it may take, so that all nodes come to own about as many.

Pure. Every node decides for itself, by how many lanes each of them owned a moment ago; nobody coordinates. So each must
come to a decision that is right if the others decide by the same rules, and harmless if they saw other figures: nothing
is given up within a tolerance around an equal share, and who has given something up takes nothing back.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

# Within so much of an equal share nothing moves: a fraction, and a few, so that a handful of lanes stays where it is.
TOLERANCE: Final = 0.25
TOLERATED_LANES: Final = 4
# While a share is few lanes, a node may claim more than its own: much that becomes due at once is begun with at once.
FEW_LANES: Final = 50
FREE_LANES: Final = 200
# What is given up is given in steps: so many lanes, or so much of what the node has.
GIVE_LANES_MAX: Final = 500
GIVE_FRACTION_MAX: Final = 0.25


class Plan(NamedTuple):
    """What a node does until it hears how the lanes are spread then.

    It gives `give` lanes up. It claims lanes while it owns fewer than `claim_below` (None: however many), and else only
    those that nobody has wanted for a while.
    """

    give: int
    claim_below: int | None


ALONE: Final = Plan(0, None)


def equal_share(mine: int, others: Sequence[int]) -> int:
    """How many lanes each node would own if all owned as many, rounded up."""
    return -(-(mine + sum(others)) // (1 + len(others)))


def tolerance(share: int) -> int:
    """How many lanes more or fewer than an equal share are well."""
    return int(share * TOLERANCE) + TOLERATED_LANES


def plan(mine: int, others: Sequence[int]) -> Plan:
    """What a node does that owns `mine` lanes, where each of the others owns as many as `others` says.

    It gives up what it has more than its share when that is more than is tolerated, or when another has so much less
    than its share. It does not claim what it gives up, nor what somebody in need would be glad of.
    """
    if not others:
        return ALONE
    share = equal_share(mine, others)
    tolerated = tolerance(share)
    in_need = min(others) < share - tolerated
    if mine > share and (in_need or mine > share + tolerated):
        return Plan(min(mine - share, max(GIVE_LANES_MAX, int(mine * GIVE_FRACTION_MAX))), 0)
    if in_need:
        return Plan(0, share)
    return Plan(0, share + tolerated if share >= FEW_LANES else FREE_LANES)


def claim_at_once(most: int, nodes: int) -> int:
    """How many lanes one of `nodes` nodes claims at a time, where one alone claims `most`: so that several that look at
    the same time get about as many."""
    return max(1, most // nodes)
