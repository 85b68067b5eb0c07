"""Protections of what is recorded, and repairs of what crashes and doubts leave behind (docs/simulation.md)."""

from typing import Any

from ringback.engine import messages as m
from simulation.protection import Override, protection

# ── ingest ───────────────────────────────────────────────────────────────────────────────────────────────────────


@protection("doubt")
def a_doubtful_commit_is_settled_by_asking(node: Any) -> None:
    """A commit whose answer was lost is taken for done."""
    node.writer._happened = lambda batch: True


@protection("change")
def the_match_index_is_checked_in_the_transaction(node: Any) -> None:
    """The match index is brought up to date every five seconds only."""
    index = node.writer._index
    plain = index.refresh
    last_s: list[float] = []

    def refresh(transaction: Any) -> None:
        now_s = node.clock.boottime_s()
        if not last_s or now_s - last_s[-1] > 5.0:
            plain(transaction)
            last_s.append(now_s)

    index.refresh = refresh


# ── settling ─────────────────────────────────────────────────────────────────────────────────────────────────────


@protection("pause")
def a_reschedule_counts_only_where_attempts_matches(node: Any) -> None:
    """A failed attempt reschedules its delivery whatever happened to it since."""

    def settle(settlements: Any) -> Any:
        def done() -> list[bool]:
            store = node.world.store
            for one in settlements:
                queue = store._tables.queues[one.attempt.tenant_id, one.attempt.endpoint_id]
                if one.seq in queue:
                    queue[one.seq] = queue[one.seq]._replace(attempts=one.attempt.number - 1)
            settled: list[bool] = store.settle(settlements)
            return settled

        return node.store.call("settle", done, (settlements,))

    node.settler._store = Override(node.store, settle=settle)


@protection("doubt")
def settling_again_changes_nothing(node: Any) -> None:
    """An attempt gets a fresh id each time it is settled, so that a repetition is not recognised."""

    def settle(settlements: Any) -> Any:
        fresh = [one._replace(attempt=one.attempt._replace(id=node.clock.new_id("att"))) for one in settlements]
        return node.store.settle(fresh)

    node.settler._store = Override(node.store, settle=settle)


@protection("unavailable")
def what_was_sent_is_recorded_however_long_it_takes(node: Any) -> None:
    """Results that the store would not take at once are given up."""
    settler = node.settler
    plain = settler.step

    def step() -> None:
        plain()
        while settler._waiting:
            given_up = settler._waiting.take(len(settler._waiting.first()))
            done = [(s.settlement.attempt.endpoint_id, s.generation, s.settlement.seq, None) for s in given_up]
            node.tell(m.Settled(done))

    settler.step = step


# ── repairs ──────────────────────────────────────────────────────────────────────────────────────────────────────


@protection("unrung")
def a_sweep_rings_for_stranded_work(node: Any) -> None:
    """The sweep does not look for due work that no bell announces."""
    node.sweep._store = Override(node.store, ring_stranded=lambda now, limit: 0)


@protection("doubt", sweeping=False)
def a_doubtful_claim_is_audited_at_once(node: Any) -> None:
    """After a claim or release whose answer was lost, nobody looks whose lanes they are."""
    plain = node.fetcher._inbox.post
    node.fetcher._inbox = Override(
        node.fetcher._inbox, post=lambda message: None if isinstance(message, m.Audit) else plain(message)
    )


@protection("doubt")
def an_audit_frees_what_memory_does_not_know(node: Any) -> None:
    """No audit finds lanes whose row names this node though it does not have them."""
    node.fetcher._audit = lambda node_id: None


@protection("change")
def deliveries_of_a_deleted_endpoint_are_cancelled(node: Any) -> None:
    """The sweep leaves deliveries of deleted endpoints where they are."""
    node.sweep._store = Override(node.store, cancel_step=lambda now, limit: 0)
