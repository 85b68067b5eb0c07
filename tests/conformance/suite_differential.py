"""A store and the memory store are told the same random story; they must answer the same to the end."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.backend import Backend
from conformance.tale import ENDPOINTS_MAX, EVENTS_MAX, NODES, Tale
from ringback.model.endpoint import EndpointMove, EndpointStatus, Ordering
from ringback.store.memory import MemoryStore

place = st.integers(0, ENDPOINTS_MAX - 1)
soon = st.integers(-3, 6)
lane_status = st.sampled_from(
    [
        EndpointStatus.ACTIVE,
        EndpointStatus.ACTIVE,
        EndpointStatus.INACTIVE,
        EndpointStatus.VERIFICATION_PENDING,
    ]
)
proof = st.sampled_from([EndpointMove.VERIFIED, EndpointMove.REFUSED, None])
node = st.sampled_from(NODES)


def line(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One line of the story: what is called, and with what."""
    return st.tuples(st.just(name), *arguments)


STORY = st.lists(
    st.one_of(
        line("accept", st.lists(place, max_size=3, unique=True), st.sampled_from([None, "k", "l"]), soon),
        line("accept", st.lists(place, max_size=3, unique=True), st.sampled_from([None, "k", "l"]), st.just(0)),
        line("claim", node),
        line("fetch", place),
        line("settle", place, st.integers(0, EVENTS_MAX - 1), st.sampled_from([0, 0, 0, 1, -1]), st.none() | soon),
        line("succeed", place, st.integers(0, EVENTS_MAX - 1), st.sampled_from([0, 0, -1])),
        line("settle_again"),
        line("ring", place, soon),
        line("silence", node, st.lists(place, max_size=3)),
        line("release", node, place, soon),
        line("disown", node, st.lists(place, max_size=3)),
        line("wait", st.integers(1, 4)),
        line("resend", st.integers(0, EVENTS_MAX - 1), st.lists(place, max_size=2, unique=True)),
        line("join_or_leave", node),
        line("take_over", node, st.integers(0, 1)),
        line("add_endpoint", st.sampled_from(Ordering), lane_status),
        line("change_status", place, st.sampled_from(EndpointStatus)),
        line("prove", place, proof, st.sampled_from([0, 0, 1])),
        line("give_up", place),
        line("delete_endpoint", place),
        line("rotate", place),
        line("upkeep"),
        line("expire", st.integers(0, 6)),
        line("redact", st.integers(0, EVENTS_MAX - 1), st.integers(1, 4)),
        line("replay", place, st.lists(st.integers(0, EVENTS_MAX - 1), max_size=6)),
        line("advance", st.sampled_from([0, 100, 100])),
        line("cancel_job", st.integers(0, 5)),
        line("trim", st.integers(2, 9)),
        line("change_record", st.integers(0, 5), st.none() | soon),
        line("track", st.integers(0, 3), st.lists(st.sampled_from("abcd"), max_size=3, unique=True), st.booleans()),
        line("drop_set", st.integers(0, 3)),
        line("delete_tenant"),
    ),
    min_size=10,
    max_size=45,
)


class TestDifferential:
    def test_a_random_story_ends_the_same(self, backend: Backend) -> None:
        @settings(max_examples=60, deadline=None)
        @given(story=STORY)
        def tell(story: list[tuple[Any, ...]]) -> None:
            subject = backend.open()
            try:
                tale = Tale(subject, MemoryStore(sole=backend.sole))
                for name, *arguments in story:
                    getattr(tale, name)(*arguments)
                tale.compare()
                tale.end()
            finally:
                subject.close()

        tell()
