"""Many threads change the same few records at once, through one process or through two that share a database.

Each change follows on the one before, events arrive in that order, and a trigger fires just once for each crossing.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from support.inbox import Inbox
from support.postgres import Cluster
from support.process import Server, wait_until
from support.record_chain import chains, check_chain, check_fired, check_stored, crossings, own, read_events
from support.record_stores import servers_on_postgres

TYPE = "contact"
IDS = ("1", "2", "3")
THREADS = 8
CHANGES_EACH = 25
THRESHOLD = 80
RULES = {"score.passed": ("passed", 0), "score.exited": ("exited", 0), "score.risen": ("passed", 9.5)}
"""Which crossings make which events: of which kind, with which hysteresis."""
_tenants = count(1)


@pytest.fixture(scope="module")
def two_on_postgres(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Server]]:
    with servers_on_postgres(postgres, tmp_path_factory.mktemp("two"), 2) as servers:
        yield servers


def changes(servers: Sequence[Server], path: str, number: int, results: list[dict[str, Any]]) -> None:
    """One thread's: puts, patches and batches, each with a state that no other one makes."""
    chance = random.Random(number)
    for turn in range(CHANGES_EACH):
        server = servers[(number + turn) % len(servers)]
        state = {"by": f"{number}-{turn}", "score": chance.choice([10, 70, 79, 80, 85, 120])}
        record_id = chance.choice(IDS)
        if turn % 5 == 0:
            lines = [{"op": chance.choice(["put", "patch"]), "type": TYPE, "id": one, "data": state} for one in IDS]
            chance.shuffle(lines)
            body = "\n".join(map(json.dumps, lines)).encode()
            headers = {"Content-Type": "application/x-ndjson"}
            answer = server.ask("POST", f"{path}/records/batch", body, headers=headers)
            assert answer.status == 200, answer.body
            results += answer.json["records"]
        else:
            method = chance.choice(["PUT", "PATCH"])
            answer = server.ask(method, f"{path}/records/{TYPE}/{record_id}", state)
            assert answer.status in (200, 201), answer.body
            results.append(answer.json)


def run_all(jobs: Sequence[Callable[[], None]]) -> None:
    """All at once, on threads. Raises the first of what they raise."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result(60)


def hold(servers: Sequence[Server]) -> None:
    tenant = f"c{next(_tenants)}"
    path = f"/v1/tenants/{tenant}"
    servers[0].make("/v1/tenants", {"id": tenant, "name": tenant})
    for emits, (kind, hysteresis) in RULES.items():
        rule = {"name": emits, "record_type": TYPE, "when": f'{kind}("score", {THRESHOLD}, {hysteresis})'}
        servers[0].make(f"{path}/triggers", {**rule, "emits": emits})
    with Inbox() as inbox:
        servers[0].make(f"{path}/endpoints", {"url": inbox.url(), "ordering": "subject"})
        batch = "\n".join(json.dumps({"type": TYPE, "id": one, "data": {"score": 0}}) for one in IDS).encode()
        headers = {"Content-Type": "application/x-ndjson"}
        results = servers[0].ask("POST", f"{path}/records/batch", batch, headers=headers).json["records"]
        run_all([lambda number=number: changes(servers, path, number, results) for number in range(THREADS)])
        events = read_events(servers[0], tenant)
        wait_until(lambda: len(inbox.received) >= len(events), 60.0, "every event has arrived")
        compare(servers[-1], tenant, events, [one.event_id or "" for one in inbox.received], results)


def compare(
    server: Server,
    tenant: str,
    events: Sequence[Mapping[str, Any]],
    arrived: Sequence[str],
    results: Sequence[Mapping[str, Any]],
) -> None:
    found, wrong = chains(events, arrived)
    for record_id in IDS:
        key = TYPE, record_id
        told = own(found[key], key)
        wrong += check_chain(key, told)
        wrong += check_stored(server, tenant, key, told)
        fired: list[list[str]] = [[] for _ in told]
        for emits, (kind, hysteresis) in RULES.items():
            for place, crossed in enumerate(crossings(told, "score", THRESHOLD, hysteresis)):
                if crossed == kind:
                    fired[place].append(emits)
        wrong += check_fired(key, found[key], fired)
    assert wrong == []
    answered = [one["event_id"] for one in results]
    told_ids = {event["id"] for event in events if event["type"].startswith(f"{TYPE}.")}
    assert len(answered) == len(set(answered)) > THREADS * CHANGES_EACH
    assert set(answered) == told_ids
    assert len(events) - len(told_ids) > len(IDS) * len(RULES)


@pytest.mark.timeout(240)
def test_changes_at_once_through_one_process_follow_on_each_other(server: Server) -> None:
    hold([server])


@pytest.mark.timeout(240)
def test_changes_at_once_through_two_processes_follow_on_each_other(two_on_postgres: Sequence[Server]) -> None:
    hold(two_on_postgres)
