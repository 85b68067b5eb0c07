"""Where claims begin to look: past what was claimed, never past what rings and somebody told of."""

from ringback.model.lane import LaneRow
from ringback.store.postgres.claiming import FULL_EVERY_MS, HEAD, SLACK_MS, ClaimPlace, ClaimStart

NOW = 1_800_000_000_000


def lane(due_at: int) -> LaneRow:
    return LaneRow("ten", "ep", due_at, 0, None, b"")


def started() -> ClaimStart:
    """One that has looked at everything at NOW, and found nothing."""
    claims = ClaimStart()
    assert claims.begin(NOW) == HEAD
    claims.end(NOW, [], all_taken=True)
    return claims


class TestClaimStart:
    def test_a_claim_begins_where_everything_was_seen_but_for_bells_on_their_way(self) -> None:
        assert started().begin(NOW + 1) == ClaimPlace(NOW - SLACK_MS, "", "")

    def test_where_more_rings_than_was_taken_it_goes_on_behind_the_last(self) -> None:
        claims = ClaimStart()
        claims.begin(NOW)
        claims.end(NOW, [lane(NOW - 90_000), lane(NOW - 60_000)], all_taken=False)
        assert claims.begin(NOW + 1) == ClaimPlace(NOW - 60_000, "ten", "ep")

    def test_a_look_that_was_not_finished_moves_nothing(self) -> None:
        claims = ClaimStart()
        claims.begin(NOW)
        claims.end(NOW, [], all_taken=False)
        assert claims.begin(NOW + 1) == HEAD

    def test_now_and_then_it_looks_from_the_head(self) -> None:
        assert started().begin(NOW + FULL_EVERY_MS) == HEAD

    def test_a_clock_that_was_set_back_makes_it_look_from_the_head(self) -> None:
        assert started().begin(NOW - FULL_EVERY_MS) == HEAD

    def test_an_older_bell_is_seen_at_once(self) -> None:
        claims = started()
        assert claims.passes_over(NOW - 60_000)
        claims.lower(NOW - 60_000)
        assert claims.begin(NOW + 1) == ClaimPlace(NOW - 60_000, "", "")

    def test_a_bell_that_rings_during_a_claim_is_not_passed_over_by_the_next(self) -> None:
        claims = started()
        claims.begin(NOW + 1)
        claims.forget()
        claims.end(NOW + 1, [], all_taken=True)
        assert claims.begin(NOW + 2) == HEAD
