"""What the bench of profiles makes of its rounds, and what it counts as missed."""

import profiles as bench


def test_each_round_is_compared_with_its_own_standard_and_the_median_counts() -> None:
    # The second round ran on a machine that was twice as slow.
    figures = bench.figures_of({"standard": [100.0, 200.0, 100.0], "vessel": [120.0, 220.0, 160.0]})
    assert figures["standard"]["ratio"] == 1.0
    assert (figures["vessel"]["cpu_us"], figures["vessel"]["ratio"]) == (160.0, 1.2)
    assert (figures["vessel"]["least"], figures["vessel"]["greatest"]) == (1.1, 1.6)
    assert "vessel" in bench.lines_of(figures)[1]


def test_a_profile_that_costs_more_than_the_goal_is_named() -> None:
    costs = {"standard": [100.0], "vessel": [150.0], "vainu": [151.0]}
    assert bench.missed(bench.figures_of(costs)) == ["vainu: 1.51 of what standard costs, the goal is at most 1.5"]
