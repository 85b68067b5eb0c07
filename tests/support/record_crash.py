"""The crash loop for records: servers killed with SIGKILL in the middle of changes and batches of them.

Each writer has records of its own and insists on each change until it is acknowledged, so what a record was, one after
the other, is known: its events have to tell just that. A batch that is repeated was done whole or not at all. With
PostgreSQL processes that take requests are killed while another one sends; `crash_fleet` kills those that send.

    python -m support.record_crash --minutes 5 [--seed N] [--store postgres]     (from tests/; `make crash OF=records`)
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from support.fleet import Fleet
from support.postgres import Cluster
from support.posting import TENANT, Book, Caller, Callers, Post
from support.process import ADMIN_KEY, Server, wait_until
from support.reckoning import described
from support.record_chain import (
    Key,
    State,
    chains,
    check_chain,
    check_fired,
    check_stored,
    crossings,
    own,
    read_events,
    states,
)
from support.record_stores import STORES
from support.sightings import Watcher, fickle

WRITERS: Final = 3
RECORDS_EACH: Final = 4
WRITES_PER_SECOND: Final = 20.0
THRESHOLD: Final = 4
SCORES: Final = 7
TYPE: Final = "thing"
EMITS: Final = "thing.hot"
PATH: Final = "/ordered"
DRAIN_WITHIN_S: Final = 60.0
KILLS_MIN: Final = 2
_RETRY: Final = {"delays_s": [0.1, 0.2, 0.5, *[1.0] * 50]}


class RecordWriter(Caller):
    """Changes its own records. `history`: all that each of them was, as far as it was acknowledged."""

    def __init__(self, number: int, apis: Sequence[tuple[str, Server]], book: Book, seed: int) -> None:
        super().__init__(number, apis, book, (), WRITES_PER_SECOND)
        self._chance = random.Random(f"{seed}-{number}")
        self._ids = [f"{number}-{place}" for place in range(RECORDS_EACH)]
        self._asked: dict[str, State] = {}
        self.history: dict[Key, list[State]] = defaultdict(list)
        self.event_ids: set[str] = set()
        self.batches = 0

    def _make(self) -> Post:
        if self._chance.random() < 0.4:
            self.batches += 1
            lines = [self._line(record_id) for record_id in self._ids]
            body = b"\n".join(json.dumps(line).encode() for line in lines)
            return self._written("batch", body, "application/x-ndjson", "POST")
        line = self._line(self._chance.choice(self._ids))
        body = b"" if line["op"] == "delete" else json.dumps(line["data"]).encode()
        return self._written(f"{TYPE}/{line['id']}", body, "application/json", line["op"].upper())

    def _written(self, path: str, body: bytes, content_type: str, method: str) -> Post:
        headers = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": content_type}
        return Post(f"/v1/tenants/{TENANT}/records/{path}", body, headers, method=method)

    def _line(self, record_id: str) -> dict[str, Any]:
        """A change that makes the record what it never was. Both halves of a state are of the same change."""
        history = self.history[TYPE, record_id]
        before = history[-1] if history else None
        half = {"n": self._count, "score": self._chance.randrange(SCORES), "half": self._count}
        op = "put" if before is None else self._chance.choice(["put", "patch", "patch", "delete"])
        line: dict[str, Any] = {"op": op, "type": TYPE, "id": record_id}
        if op == "delete":
            self._asked[record_id] = None
            return line
        put = {**half, "put": self._count}
        self._asked[record_id] = put if op == "put" else {**(before or {}), **half}
        return {**line, "data": put if op == "put" else half}

    def _accepted(self, post: Post, body: bytes, begun_s: float, posted_s: float) -> None:
        answer = json.loads(body)
        told = answer.get("records", [answer])
        if len({one["result"] == "unchanged" for one in told}) != 1:
            self._book.broken.append(f"{post.path} was half done: {told}")
        for one in told:
            self.history[one["type"], one["id"]].append(self._asked.pop(one["id"]))
            self.event_ids.update(filter(None, [one["event_id"]]))
        if self._asked:
            self._book.broken.append(f"{post.path} says nothing of {self._asked}")
            self._asked.clear()


@contextmanager
def _ground(store: str, folder: Path) -> Iterator[list[Server]]:
    """The processes that take requests, started; what they need beside them goes on running."""
    if store == "sqlite":
        with Server(folder / "data", "--allow-private") as server:
            yield [server]
        return
    with Cluster.made(durable=False, in_memory=True) as cluster, Fleet(cluster, folder) as fleet:
        apis = [fleet.add(f"api{number}", "api") for number in (1, 2)]
        fleet.start(apis[0])
        fleet.start(apis[1], fleet.add("engine", "engine"))
        yield list(apis)


def crash_records(store: str, seconds: float, seed: int, folder: Path) -> dict[str, float]:
    """Run it, check it, and return figures. Raises AssertionError with what is broken."""
    chance = random.Random(seed)
    book = Book()
    kills = 0
    with Watcher(fickle(seed, failing=0.05, late=0.03)) as watcher, _ground(store, folder) as apis:
        _set_up(apis[0], watcher)
        named = [(f"api{number}", api) for number, api in enumerate(apis)]
        writers = [RecordWriter(number, named, book, seed) for number in range(WRITERS)]
        callers = Callers(lambda number: writers[number - 1], WRITERS)
        callers.start()
        wait_until(lambda: len(watcher.seen) > 20, 20.0, "deliveries are under way")
        until_s = time.monotonic() + seconds
        while kills < KILLS_MIN or time.monotonic() < until_s:
            time.sleep(chance.uniform(0.1, 1.2))
            victim = chance.choice(apis)
            victim.kill()
            kills += 1
            victim.start()
        callers.stop()
        return {**_hold(apis[0], watcher, writers, book), "kills": kills}


def _set_up(server: Server, watcher: Watcher) -> None:
    server.make("/v1/tenants", {"id": TENANT, "name": "Crash"})
    base = f"/v1/tenants/{TENANT}"
    endpoint = {"url": watcher.url(PATH), "ordering": "subject", "retry": _RETRY}
    server.make(f"{base}/endpoints", endpoint)
    when = f'passed("score", {THRESHOLD})'
    server.make(f"{base}/triggers", {"name": "Hot", "record_type": TYPE, "when": when, "emits": EMITS})


def _hold(server: Server, watcher: Watcher, writers: Sequence[RecordWriter], book: Book) -> dict[str, float]:
    """Compare what was acknowledged, what is stored, what the events tell and what arrived."""
    events = read_events(server, TENANT)
    ids = {event["id"] for event in events}

    def arrived() -> list[str]:
        return [one.event_id for one in list(watcher.seen) if one.status == 200]

    wait_until(lambda: ids <= set(arrived()), DRAIN_WITHIN_S, "every event has arrived")
    found, wrong = chains(events, arrived())
    wrong = [*book.broken, *wrong]
    history: Mapping[Key, list[State]] = {key: one for writer in writers for key, one in writer.history.items()}
    for key in history.keys() | found.keys():
        told = own(found[key], key)
        wrong += check_chain(key, told)
        wrong += check_stored(server, TENANT, key, told)
        fired = [[EMITS] if one == "passed" else [] for one in crossings(told, "score", THRESHOLD)]
        wrong += check_fired(key, found[key], fired)
        if states(told) != history.get(key):
            wrong.append(f"{key} was {history.get(key)}, and the events tell of {states(told)}")
    lost = {event_id for writer in writers for event_id in writer.event_ids} - ids
    wrong += [f"{event_id} was acknowledged and is no event" for event_id in lost]
    assert not wrong, f"{len(wrong)} promises are broken, such as\n" + "\n".join(wrong[:5])
    return {
        "changes": sum(len(one) for one in history.values()),
        "batches": sum(writer.batches for writer in writers),
        "events": len(events),
        "repeated": len(arrived()) - len(ids),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=STORES, default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = crash_records(options.store, options.minutes * 60, options.seed, Path(folder))
    print("nothing lost, nothing half done: " + described(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
