"""A full disk in mid load, a real one: events are turned away, nothing accepted is lost, and it recovers by itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.exposition import scrape
from support.inbox import Inbox, Reply
from support.load import Load, load_on, wait_all_delivered
from support.process import Server, wait_until
from support.small_disk import SmallDisk
from support.tenant import TestTenant

MIB = 1024 * 1024
DISK_BYTES = 128 * MIB
PAYLOAD = "x" * 20_000


@contextmanager
def server_on(disk: SmallDisk, free_bytes_min: int) -> Iterator[TestTenant]:
    environment = {"RINGBACK_DISK_FREE_BYTES_MIN": str(free_bytes_min)}
    with Server(disk.at / "data", "--allow-private", environment=environment, inside=disk.inside) as server:
        yield TestTenant(server, "t")


def obstacles(server: Server) -> list[str]:
    """What /readyz names; nothing when it is ready."""
    answer = server.ask("GET", "/readyz")
    return [] if answer.status == 200 else answer.json["obstacles"]


def assert_all_delivered(tenant: TestTenant, load: Load, inbox: Inbox) -> None:
    wait_all_delivered(tenant, load.accepted)
    assert {received.event_id for received in inbox.received} == set(load.accepted)


def test_below_the_watermark_events_are_turned_away_and_deliveries_go_on(tmp_path: Path, inbox: Inbox) -> None:
    answering = threading.Event()
    inbox.reply = lambda received: Reply(200 if answering.wait(15) else 500)
    with SmallDisk(tmp_path / "disk", DISK_BYTES) as disk, server_on(disk, 12 * MIB) as tenant:
        server = tenant.server
        tenant.endpoint(inbox.url())
        with load_on(tenant, PAYLOAD) as load:
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
        with load_on(tenant, PAYLOAD) as load:
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
