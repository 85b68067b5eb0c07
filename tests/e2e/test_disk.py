"""A full disk in mid load, a real one: events are turned away, nothing accepted is lost, and it recovers by itself."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.exposition import scrape
from support.inbox import Inbox, Reply
from support.process import Server, wait_until
from support.small_disk import SmallDisk
from support.tenant import TestTenant

MIB = 1024 * 1024
DISK_BYTES = 128 * MIB
PAYLOAD = "x" * 20_000


class Load:
    """Events posted by several threads until it is stopped: which were accepted, how the others were turned away."""

    def __init__(self, tenant: TestTenant) -> None:
        self._tenant = tenant
        self.accepted: list[str] = []
        self.refused: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._post, daemon=True) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _post(self) -> None:
        while not self._stopping.wait(0.005):
            answer = self._tenant.server.ask(
                "POST", f"{self._tenant.path}/events", {"type": "thing.happened", "data": PAYLOAD}
            )
            if answer.status == 202:
                self.accepted.append(answer.json["id"])
            else:
                assert answer.status == 503, answer.body
                assert int(answer.headers["retry-after"]) >= 1
                self.refused[answer.json["code"]] += 1

    def wait_accepted(self, more: int) -> None:
        """Until so many more were accepted from now on."""
        target = len(self.accepted) + more
        wait_until(lambda: len(self.accepted) >= target, 30, f"{more} more events are accepted")

    def wait_refused(self, code: str) -> None:
        wait_until(lambda: self.refused[code] >= 3, 30, f"events are refused with {code}")

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)


@contextmanager
def load_on(tenant: TestTenant) -> Iterator[Load]:
    load = Load(tenant)
    try:
        yield load
    finally:
        load.stop()


@contextmanager
def server_on(disk: SmallDisk, free_bytes_min: int) -> Iterator[TestTenant]:
    environment = {"RINGBACK_DISK_FREE_BYTES_MIN": str(free_bytes_min)}
    with Server(disk.at / "data", "--allow-private", environment=environment, inside=disk.inside) as server:
        yield TestTenant(server, "t")


def obstacles(server: Server) -> list[str]:
    """What /readyz names; nothing when it is ready."""
    answer = server.ask("GET", "/readyz")
    return [] if answer.status == 200 else answer.json["obstacles"]


def pending(tenant: TestTenant, event_ids: list[str]) -> list[str]:
    return [event_id for event_id in event_ids if tenant.state(event_id) != "delivered"]


def assert_all_delivered(tenant: TestTenant, load: Load, inbox: Inbox) -> None:
    left = list(load.accepted)

    def done() -> bool:
        left[:] = pending(tenant, left[:20]) + left[20:]
        return not left

    wait_until(done, 60, "everything that was accepted is delivered")
    assert {received.event_id for received in inbox.received} == set(load.accepted)


def test_below_the_watermark_events_are_turned_away_and_deliveries_go_on(tmp_path: Path, inbox: Inbox) -> None:
    answering = threading.Event()
    inbox.reply = lambda received: Reply(200 if answering.wait(15) else 500)
    with SmallDisk(tmp_path / "disk", DISK_BYTES) as disk, server_on(disk, 12 * MIB) as tenant:
        server = tenant.server
        tenant.endpoint(inbox.url())
        with load_on(tenant) as load:
            load.wait_accepted(50)
            disk.fill(11 * MIB)
            load.wait_refused("disk_nearly_full")

            assert "The disk is nearly full." in obstacles(server)
            assert server.ask("GET", "/readyz").json["code"] == "disk_nearly_full"
            assert server.ask("GET", "/healthz").status == 200
            shown = scrape(server)
            assert shown("ringback_disk_free_bytes") < shown("ringback_disk_free_bytes_min") == 12 * MIB
            accepted_before = list(load.accepted)
            answering.set()
            wait_until(lambda: tenant.state(accepted_before[-1]) == "delivered", 30, "deliveries go on")
            assert tenant.patch(tenant.endpoint(inbox.url("/other"), active=False)["id"], label="b").status == 200
            assert load.accepted == accepted_before

            disk.make_room()
            load.wait_accepted(10)
        wait_until(lambda: obstacles(server) == [], 10, "it is ready again")
        assert_all_delivered(tenant, load, inbox)


def test_a_disk_that_is_really_full_loses_nothing_and_recovers(tmp_path: Path, inbox: Inbox) -> None:
    with SmallDisk(tmp_path / "disk", DISK_BYTES) as disk, server_on(disk, 0) as tenant:
        server = tenant.server
        tenant.endpoint(inbox.url())
        with load_on(tenant) as load:
            load.wait_accepted(50)
            disk.fill()
            load.wait_refused("store_unavailable")

            assert disk.free_bytes() < MIB
            wait_until(lambda: any("disk is full" in text for text in obstacles(server)), 20, "it says so")
            assert server.ask("GET", "/healthz").status == 200

            disk.make_room()
            load.wait_accepted(50)
        wait_until(lambda: obstacles(server) == [], 10, "it is ready again")
        assert_all_delivered(tenant, load, inbox)
        assert load.refused.keys() == {"store_unavailable"}
