"""The loss of a primary under load: what its standby must have, what it may lack, and how Ringback goes on by itself.

The whole cluster is killed with SIGKILL and its standby promoted. With a synchronous one nothing is lost; with another
one `ringback doctor --audit` names what is. Prints for how long nothing was accepted (`pytest -s`).
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ringback.cli.exits import ExitCode
from support.command import Ended, ringback
from support.inbox import Inbox, Received, Reply
from support.load import load_on
from support.postgres import Cluster
from support.process import Server, wait_until
from support.tcp_proxy import TcpProxy
from support.tenant import TestTenant

MASTER_KEY = "A" * 43 + "="


class Pair:
    """A primary and its standby, and a server that knows both."""

    def __init__(self, stack: ExitStack, folder: Path, *, synchronous: bool) -> None:
        self.primary = stack.enter_context(Cluster.made(durable=False))  # no machine dies here, only processes
        self.primary.create_database("ringback")
        self.standby = stack.enter_context(self.primary.standby("second", synchronous=synchronous))
        self.url = (
            f"postgresql://postgres@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/ringback"
            "?target_session_attrs=read-write"
        )
        environment = {"RINGBACK_STORE": self.url, "RINGBACK_MASTER_KEY": MASTER_KEY}
        self.server = Server(folder / "data", "--allow-private", environment=environment)
        stack.enter_context(self.server)
        self.inbox = stack.enter_context(Inbox())
        self.tenant = TestTenant(self.server, "t")
        self.endpoint: str = self.tenant.endpoint(self.inbox.url())["id"]

    def known(self) -> set[str]:
        """The events that have reached the standby."""
        return {event_id for (event_id,) in self.standby.sql("SELECT id FROM event", database="ringback")}

    def wait_finished(self) -> None:
        """Wait until the standby that took over has nothing more to deliver."""
        wait_until(
            lambda: not self.standby.sql("SELECT 1 FROM delivery LIMIT 1", database="ringback"),
            60,
            "everything that was accepted is delivered",
        )

    def audit(self, ids: list[str], *flags: str) -> Ended:
        return ringback(
            *("doctor", "--audit", "-", "--tenant", "t", "--store", self.url, *flags),
            given="".join(f"{event_id}\n" for event_id in ids).encode(),
        )

    def obstacles(self) -> list[str]:
        """What /readyz names; nothing when it is ready."""
        answer = self.server.ask("GET", "/readyz")
        return [] if answer.status == 200 else answer.json["obstacles"]

    def attempts(self) -> dict[str, list[dict[str, Any]]]:
        """The log, by event."""
        found: dict[str, list[dict[str, Any]]] = {}
        cursor = ""
        while True:
            page = self.server.get(f"{self.tenant.path}/attempts?limit=250{cursor}")
            for attempt in page["items"]:
                found.setdefault(attempt["event_id"], []).append(attempt)
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def listed(self) -> list[str]:
        """All events, as the API lists them, oldest first."""
        found: list[str] = []
        cursor = ""
        while True:
            page = self.server.get(f"{self.tenant.path}/events?order=asc&limit=250{cursor}")
            found += [event["id"] for event in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def repeated(self, event_ids: list[str]) -> list[str]:
        """Those of these events that arrived more than once; each is explained by the log."""
        arrivals = self.arrivals()
        log = self.attempts()
        for event_id in event_ids:
            explained = any(attempt["maybe_repeated"] for attempt in log[event_id])
            assert explained or arrivals[event_id] <= len(log[event_id]), (event_id, arrivals[event_id])
        return [event_id for event_id in event_ids if arrivals[event_id] > 1]

    def arrivals(self) -> Counter[str | None]:
        return Counter(received.event_id for received in self.inbox.received)


def assert_numbers_are_sound(cluster: Cluster) -> None:
    """No number stands twice, and none beyond what the sequence has given out."""
    with psycopg.connect(cluster.url("ringback")) as connection:
        ((rows, numbers, highest),) = connection.execute(
            "SELECT count(*), count(DISTINCT seq), max(seq) FROM event"
        ).fetchall()
        ((drawn,),) = connection.execute("SELECT last_value FROM block").fetchall()
    assert rows == numbers
    assert highest < (drawn + 1) * 1024


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.timeout(120)
def test_with_a_synchronous_standby_nothing_that_got_a_202_is_lost(stack: ExitStack, tmp_path: Path) -> None:
    pair = Pair(stack, tmp_path, synchronous=True)
    # As the operator may have set it on both: the new primary waits for a standby of its own, and there is none.
    pair.standby.sql("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (third)'")
    pair.standby.sql("SELECT pg_reload_conf()")
    with load_on(pair.tenant, prefix="own") as load:
        load.wait_accepted(100)
        killed_s = time.monotonic()
        pair.primary.kill()
        load.wait_refused("store_unavailable")
        pair.standby.promote()
        promoted_s = time.monotonic()
        wait_until(
            lambda: any("No synchronous standby is connected" in text for text in pair.obstacles()),
            30,
            "it says that nothing can be committed",
        )
        assert not [at_s for at_s in load.accepted_at_s if at_s > promoted_s], "nothing is promised meanwhile"
        waited_s = time.monotonic() - promoted_s
        pair.standby.set("synchronous_standby_names", "")
        load.wait_accepted(100)
    away_s = load.away_s(killed_s)
    print(
        f"\nsynchronous: {len(load.accepted)} events accepted; nothing accepted for {away_s:.1f} s, of which "
        f"{promoted_s - killed_s:.1f} s until the standby was promoted and {waited_s:.1f} s until it was told not to "
        f"wait for another; the longest answer took {load.longest_s:.1f} s; turned away: {dict(load.refused)}"
    )
    wait_until(lambda: pair.obstacles() == [], 10, "it is ready again")
    pair.wait_finished()
    print(f"sent more than once: {len(pair.repeated(load.accepted))}")
    assert {received.event_id for received in pair.inbox.received} >= set(load.accepted)
    assert set(pair.listed()) >= set(load.accepted)
    assert_numbers_are_sound(pair.standby)
    audited = pair.audit(load.accepted)
    assert audited.code == ExitCode.OK, audited
    assert audited.out.endswith("the store knows all of them.\n")


@pytest.mark.timeout(120)
def test_with_an_asynchronous_standby_the_audit_names_exactly_what_is_lost(stack: ExitStack, tmp_path: Path) -> None:
    pair = Pair(stack, tmp_path, synchronous=False)
    line = stack.enter_context(TcpProxy(pair.primary.port))
    source = f"host=127.0.0.1 port={line.port} user=postgres application_name=second"
    pair.standby.set("primary_conninfo", source)
    wait_until(lambda: line.open, 30, "the standby follows by the line")
    pair.primary.wait_streaming("second")

    answering = threading.Event()
    with load_on(pair.tenant, prefix="own") as load:
        load.wait_accepted(60)
        # These reach the standby, and what became of them doesn't.
        held: list[str | None] = []

        def hold(received: Received) -> Reply:
            held.append(received.event_id)
            return Reply(200 if answering.wait(15) else 500)

        pair.inbox.reply = hold
        load.wait_accepted(30)
        wait_until(lambda: pair.known().intersection(held), 30, "the standby knows some that are under way")
        line.hold("down")
        under_way = set(pair.arrivals())
        answering.set()
        load.wait_accepted(60)
        recorded = "SELECT event_id FROM attempt WHERE outcome = 'succeeded'"
        wait_until(
            lambda: under_way <= {event_id for (event_id,) in pair.primary.sql(recorded, database="ringback")},
            30,
            "what was under way is recorded, and its record will be lost",
        )
        killed_s = time.monotonic()
        pair.primary.kill()
        line.close()
        load.wait_refused("store_unavailable")
        promised = list(load.accepted)
        pair.standby.promote()
        load.wait_accepted(100)
    away_s = load.away_s(killed_s)
    known = pair.known()
    lost = [event_id for event_id in promised if event_id not in known]
    kept = [event_id for event_id in load.accepted if event_id in known]
    assert lost
    audited = pair.audit(load.accepted)
    assert audited.code == ExitCode.UNEXPECTED, audited
    named = [text.split()[0] for text in audited.out.splitlines()[:-1]]
    assert sorted(named) == sorted(lost)

    pair.wait_finished()
    twice, arrived = pair.repeated(kept), pair.arrivals()
    assert twice
    print(
        f"\nasynchronous: {len(promised)} events accepted before, {len(lost)} of them lost and named "
        f"({sum(event_id in arrived for event_id in lost)} had been delivered); nothing accepted for {away_s:.1f} s; "
        f"of the others sent more than once: {len(twice)}; turned away: {dict(load.refused)}"
    )
    assert_numbers_are_sound(pair.standby)
    # Nobody but their senders can bring the lost ones back, and may do so under the same ids.
    body = {"type": "thing.happened", "data": None}
    for event_id in lost:
        assert pair.server.ask("POST", f"{pair.tenant.path}/events", {**body, "id": event_id}).status == 202
    pair.wait_finished()
    assert set(pair.arrivals()) >= set(load.accepted)
    assert pair.audit(load.accepted).code == ExitCode.OK
    assert set(pair.listed()) >= set(load.accepted)
