"""A PostgreSQL database: whether a server could use it, what a 202 is worth on it, and what makes it slow.

A line for each thing an operator would ask the server's own views for; what is wrong with it names the process, the
table or the setting. Never shows a password or the text of a query.
"""

from collections.abc import Iterator
from typing import Final

from ringback.clock import Clock
from ringback.doctor.finding import Finding, ok, problem, refused, size, warning
from ringback.model.errors import StartError
from ringback.store.postgres.database import no_rights
from ringback.store.postgres.examination import OLD_S, OpenTransaction, PostgresFacts, Standby, examine
from ringback.store.postgres.promises import NOTHING_COMMITS, cautions_of
from ringback.store.postgres.start_errors import OWN_THEM

CLOCKS_APART_MS_MAX: Final = 2_000
CONNECTIONS_SHARE_MAX: Final = 0.8
DEAD_ROWS_MIN: Final = 100_000
BEHIND_S_MAX: Final = 10.0
BEHIND_BYTES_MAX: Final = 256 * 1024 * 1024

_NOT_CLEARED: Final = "While it is open nothing that was delivered since can be cleared away, and queries slow down."
_STANDBY: Final = (
    "Fine, if the loss of the last events may be borne: `ringback doctor --audit` names them. Else add a standby and "
    "set synchronous_standby_names (docs/scaling.md)."
)


def examine_postgresql(url: str, shown: str, clock: Clock) -> tuple[list[Finding], PostgresFacts | None]:
    """What is to be said about the database at `url`, called `shown`, and its facts if it could be asked."""
    before_ms = clock.now_ms()
    try:
        facts = examine(url)
    except StartError as error:
        return [refused("database", error)], None
    return [*_of_facts(shown, facts), *_of_clocks(before_ms, facts.server.now_ms, clock.now_ms())], facts


def _of_facts(shown: str, facts: PostgresFacts) -> Iterator[Finding]:
    yield from _of_database(shown, facts)
    yield from _of_promises(facts)
    yield from _of_standbys(facts)
    yield from _of_transactions(facts)
    yield from _of_waits(facts)
    yield from _of_dead_rows(facts)
    yield from _of_days(facts)
    yield from _of_connections(facts)
    if not facts.server.sees_all:
        yield warning(
            "statistics",
            "this role sees its own sessions alone, so other transactions, waits and standbys may be missing above",
            "GRANT pg_read_all_stats TO the role, or run this as another.",
        )


def _of_database(shown: str, facts: PostgresFacts) -> Iterator[Finding]:
    name, server = "database", facts.server
    told = f"{shown}, PostgreSQL {server.version.split(' ')[0]}"
    if not server.supported:
        yield problem(name, f"{told}: too old", "Upgrade the server to PostgreSQL 14 or later.")
    elif server.standby:
        yield problem(
            name,
            f"{told}: a standby, which can't be written",
            "Name all hosts in the URL and add target_session_attrs=read-write.",
        )
    elif facts.read_only:
        yield problem(
            name,
            f"{told}, can only be read: default_transaction_read_only is on",
            "Switch it off where it was switched on: for the database, the role or the server.",
        )
    elif not facts.schema:
        yield ok(name, f"{told}, empty; the first start sets it up")
    elif facts.missing:
        yield problem(
            name,
            f"{told}, written by an older Ringback (schema {facts.schema}): a server waits until it is migrated",
            "Back it up, then run `ringback migrate`.",
        )
    elif facts.unfinished_move:
        yield problem(
            name,
            f"{told}, has only a part of another store: no server starts on it",
            "Run the same `ringback migrate-store` again: it goes on where it was.",
        )
    elif facts.out_of_reach:
        yield problem(name, f"{told}: {no_rights(facts.out_of_reach)}", OWN_THEM)
    else:
        yield ok(name, f"{told}, schema {facts.schema}, {size(server.bytes)}")


def _of_promises(facts: PostgresFacts) -> Iterator[Finding]:
    """What it means for a 202."""
    name, promises = "202", facts.promises
    cautions = cautions_of(promises)
    for caution in cautions:
        found = problem if caution == NOTHING_COMMITS else warning
        yield found(name, caution.rstrip("."), _advice_on(caution))
    if not cautions:
        yield ok(
            name,
            "an event that got one survives the loss of the primary: synchronous_commit is "
            f"{promises.synchronous_commit}, synchronous_standby_names {promises.synchronous_standby_names!r}",
        )


def _advice_on(caution: str) -> str:
    if "standby" not in caution:
        return "Switch it on, in postgresql.conf or wherever it was switched off."
    return "Start the standby, or another that is named." if "connected" in caution else _STANDBY


def _of_standbys(facts: PostgresFacts) -> Iterator[Finding]:
    name = "standbys"
    for standby in facts.standbys:
        told = f"{standby.name or 'unnamed'}: {_state_of(standby)}"
        behind = (standby.behind_s or 0) > BEHIND_S_MAX or (standby.behind_bytes or 0) > BEHIND_BYTES_MAX
        if behind:
            yield warning(name, told, "Look at its disk and at the network between the two.")
        else:
            yield ok(name, told)
    if not facts.standbys:
        yield ok(name, "none is connected")


def _state_of(standby: Standby) -> str:
    if standby.state is None:
        return "its state may not be seen"
    lag = "" if standby.behind_s is None else f" and {standby.behind_s:.1f} s"
    bytes_behind = "unknown" if standby.behind_bytes is None else size(standby.behind_bytes)
    return f"{standby.state}, {standby.sync}, {bytes_behind}{lag} behind"


def _of_transactions(facts: PostgresFacts) -> Iterator[Finding]:
    name = "transactions"
    for prepared in facts.prepared[:1]:
        yield warning(
            name,
            f"{prepared.name!r} of {prepared.owner} was prepared {_long(prepared.age_s)} ago and never ended",
            f"{_NOT_CLEARED} COMMIT PREPARED or ROLLBACK PREPARED it.",
        )
    if facts.open_transactions:
        yield _oldest(facts.open_transactions[0], len(facts.open_transactions))
    elif not facts.prepared:
        yield ok(name, f"none is open for longer than {OLD_S:.0f} s")


def _oldest(oldest: OpenTransaction, count: int) -> Finding:
    application = f", application {oldest.application!r}" if oldest.application else ""
    others = f" ({count} or more are open for long)" if count > 1 else ""
    return warning(
        "transactions",
        f"the oldest is open for {_long(oldest.age_s)}: process {oldest.pid}, user {oldest.user}{application}, "
        f"{oldest.state}, last query of {oldest.query_start}{others}",
        f"{_NOT_CLEARED} End it there, or with SELECT pg_terminate_backend({oldest.pid}).",
    )


def _of_waits(facts: PostgresFacts) -> Iterator[Finding]:
    for wait in facts.long_waits:
        blockers = ", ".join(map(str, wait.blocked_by)) or "unknown"
        yield warning(
            "waits",
            f"process {wait.pid} ({wait.application or 'unnamed'}) waits for a lock for {_long(wait.waits_s)}, held by "
            f"process {blockers}",
            "See what that process does (pg_stat_activity), and end it if it hangs.",
        )
    if not facts.long_waits:
        yield ok("waits", "nobody waits for a lock for long")


def _of_dead_rows(facts: PostgresFacts) -> Iterator[Finding]:
    name = "dead rows"
    if not facts.server.autovacuum:
        yield problem(name, "autovacuum is off: nothing clears them away", "Set autovacuum and track_counts to on.")
    for table in facts.tables:
        if not table.cleared:
            yield problem(
                name,
                f"autovacuum is switched off for {table.table}",
                f"ALTER TABLE {table.table} RESET (autovacuum_enabled).",
            )
    much = [table for table in facts.tables if table.dead > max(DEAD_ROWS_MIN, table.live)]
    for table in much:
        yield warning(
            name,
            f"{table.table} has {table.dead:,}, and {table.live:,} that live",
            "Is a transaction open for long, or a replication slot behind? Else VACUUM it.",
        )
    if facts.server.autovacuum and not much:
        told = ", ".join(f"{table.table} {table.dead:,}" for table in facts.tables if table.dead)
        yield ok(name, told or "none")


def _of_days(facts: PostgresFacts) -> Iterator[Finding]:
    """Events and attempts have a partition each day, which engines make ahead."""
    name, ahead = "days", facts.days_ahead
    if ahead is not None and ahead < 1:
        yield warning(
            name,
            "there is no partition for tomorrow, so nobody makes them ahead",
            "Start a process that sends (role all or engine); it makes them, and removes what is past retention.",
        )
    elif ahead is not None:
        yield ok(name, f"partitions are made for {ahead} days ahead")


def _of_connections(facts: PostgresFacts) -> Iterator[Finding]:
    used, most = facts.server.connections, facts.server.connections_max
    told = f"{used:,} of {most:,} are in use"
    if used > most * CONNECTIONS_SHARE_MAX:
        yield warning("connections", told, "Raise max_connections, or find who keeps so many (pg_stat_activity).")
    else:
        yield ok("connections", told)


def _of_clocks(before_ms: int, theirs_ms: int, after_ms: int) -> Iterator[Finding]:
    """The server was asked at some moment in between."""
    apart_ms = max(before_ms - theirs_ms, theirs_ms - after_ms, 0)
    if apart_ms > CLOCKS_APART_MS_MAX:
        yield warning(
            "clocks",
            f"this machine's and the database's are {apart_ms / 1000:.1f} s apart",
            "Keep all machines in step with NTP: retries and retention go by each one's own clock.",
        )
    else:
        yield ok("clocks", "this machine's and the database's agree")


def _long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
