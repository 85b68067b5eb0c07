"""Each protection of the ownership protocol, switched off, makes some seed fail; with it, the same seed is clean."""

import pytest

from simulation.protections import PROTECTIONS, Protection
from simulation.scenario import simulate

# How far to search: after a change of the code other seeds fail than before.
SEEDS_MAX = 40

# Where the search begins for those whose lack shows seldom.
FIRST_SEEDS = {
    "a_claim_needs_the_nodes_own_row": 6,
    "a_claim_takes_only_what_nobody_owns": 2,
    "a_doubtful_claim_is_audited_at_once": 3,
    "a_doubtful_commit_is_settled_by_asking": 6,
    "a_hand_over_below_the_watermark_is_refused": 5,
    "a_hand_over_for_a_lane_opened_since_is_refused": 12,
    "a_lane_is_released_with_nothing_held": 3,
    "a_lane_that_is_given_up_drains_first": 2,
    "a_lane_whose_bell_rang_is_kept": 3,
    "a_node_beats_only_while_its_threads_move": 10,
    "a_node_taken_over_drops_its_lanes": 6,
    "a_node_taken_over_gets_a_fresh_id": 13,
    "a_recorded_answer_has_the_lane_looked_at_again": 2,
    "a_release_needs_a_lane_that_is_still_ours": 6,
    "a_release_reads_the_next_due_time": 3,
    "a_request_ends_within_the_lease": 41,
    "a_reschedule_counts_only_where_attempts_matches": 26,
    "a_row_settled_since_the_fetch_began_is_dropped": 6,
    "a_sweep_rings_for_stranded_work": 21,
    "an_audit_frees_what_memory_does_not_know": 4,
    "an_owner_listens_for_its_bells": 2,
    "an_owner_notes_when_its_retries_are_due": 2,
    "death_is_judged_on_the_boot_clock": 3,
    "deliveries_of_a_deleted_endpoint_are_cancelled": 4,
    "late_commits_below_the_watermark_are_fetched": 2,
    "no_request_starts_past_the_lease": 47,
    "ordered_lanes_fetch_heads_only": 3,
    "ordered_lanes_take_no_hand_over": 3,
    "settling_again_changes_nothing": 2,
    "the_bell_is_silenced_before_the_snapshot": 3,
    "the_bell_rings_after_the_commit": 2,
    "the_dead_are_taken_over": 2,
    "the_lease_counts_from_before_the_beat_was_sent": 13,
    "the_lease_is_on_the_boot_clock": 5,
    "what_an_old_id_claimed_is_not_opened": 13,
    "what_is_not_taken_is_fetched": 3,
    "where_one_process_has_the_store_a_start_frees_all_lanes": 2,
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
