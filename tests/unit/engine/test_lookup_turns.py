"""Turns between tenants: the caps hold, everyone is served, and a line of one holds up no other."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ringback.engine.lookup_turns import LookupTurns


def test_tenants_are_served_in_turn() -> None:
    turns: LookupTurns[int] = LookupTurns(per_tenant_max=10, total_max=100)
    for i in range(3):
        turns.wait("a", i)
    for i in range(2):
        turns.wait("b", 10 + i)
    assert [turns.take() for _ in range(6)] == [("a", 0), ("b", 10), ("a", 1), ("b", 11), ("a", 2), None]


def test_a_tenant_at_its_cap_waits_and_goes_on_when_a_place_is_free() -> None:
    turns: LookupTurns[int] = LookupTurns(per_tenant_max=1, total_max=100)
    turns.wait("a", 1)
    turns.wait("a", 2)
    assert turns.take() == ("a", 1)
    assert turns.take() is None
    turns.wait("b", 3)
    assert turns.take() == ("b", 3)
    turns.done("a")
    assert turns.take() == ("a", 2)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60),
    st.integers(1, 3),
    st.integers(1, 5),
)
def test_caps_hold_and_everything_is_served_once(
    steps: list[tuple[str, bool]], per_tenant_max: int, total_max: int
) -> None:
    turns: LookupTurns[int] = LookupTurns(per_tenant_max, total_max)
    under_way: list[str] = []
    served = []

    def take_all() -> None:
        while (turn := turns.take()) is not None:
            under_way.append(turn[0])
            served.append(turn[1])
            assert len(under_way) <= total_max
            assert max(Counter(under_way).values()) <= per_tenant_max

    for number, (tenant_id, finish) in enumerate(steps):
        turns.wait(tenant_id, number)
        take_all()
        if finish and under_way:
            turns.done(under_way.pop(0))
            take_all()
    while under_way:
        turns.done(under_way.pop(0))
        take_all()
    assert sorted(served) == list(range(len(steps)))
