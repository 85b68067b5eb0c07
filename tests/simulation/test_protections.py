"""Each protection of the ownership protocol, switched off, makes some seed fail; with it, the same seed is clean."""

import pytest

from simulation.protections import PROTECTIONS, Protection
from simulation.scenario import simulate

# How far to search: after a change of the code other seeds fail than before.
SEEDS_MAX = 40

# Where the search begins for those whose lack shows seldom.
FIRST_SEEDS = {
    "a_claim_needs_the_nodes_own_row": 4,
    "a_hand_over_below_the_watermark_is_refused": 4,
    "a_hand_over_for_a_lane_opened_since_is_refused": 5,
    "a_node_beats_only_while_its_threads_move": 6,
    "a_node_taken_over_gets_a_fresh_id": 6,
    "a_request_ends_within_the_lease": 8,
    "a_reschedule_counts_only_where_attempts_matches": 9,
    "a_sweep_rings_for_stranded_work": 4,
    "death_is_judged_on_the_boot_clock": 6,
    "no_request_starts_past_the_lease": 8,
    "the_lease_is_on_the_boot_clock": 16,
    "the_match_index_is_checked_in_the_transaction": 6,
    "what_an_old_id_claimed_is_not_opened": 6,
    "who_may_not_send_does_not_claim": 7,
}


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_without_it_some_seed_fails(protection: Protection) -> None:
    first = FIRST_SEEDS.get(protection.name, 1)
    for seed in range(first, first + SEEDS_MAX):
        broken = simulate(seed, protection.trouble, break_it=protection.break_it, sweeping=protection.sweeping)
        if broken.violations:
            whole = simulate(seed, protection.trouble, sweeping=protection.sweeping)
            assert not whole.violations, f"fails with the protection too: {whole.violations[:3]}"
            return
    pytest.fail(f"no seed notices that it is off: {protection.broken_by}")
