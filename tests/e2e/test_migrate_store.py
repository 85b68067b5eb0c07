"""From SQLite to PostgreSQL: what a real server has stored and not yet delivered is moved, served and delivered."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from standardwebhooks import Webhook

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.store.migrate import load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import Moving, prepare
from ringback.store.sqlite.moving import opened_source
from support.command import environment_without_ours, ringback, ringback_on_terminal
from support.inbox import Inbox, Received, Reply
from support.moving import in_postgres, tables_of
from support.postgres import Cluster
from support.process import Server, wait_until
from support.profiles import profile_text
from support.tenant import TestTenant

DAY_S: Final = 86_400
SOON: Final = {"delays_s": [2] * 10}
HOURS: Final = {"delays_s": [3600]}
PENDING: Final = ("down", "later", "ordered", "paused")
PASSWORD: Final = "a-passw0rd"


class Story:
    """A server on SQLite that has something of everything, and then is stopped."""

    path = "/v1/tenants/acme"

    def __init__(self, folder: Path, inbox: Inbox) -> None:
        self.inbox = inbox
        self.refused = {f"/{name}" for name in PENDING}
        inbox.reply = lambda received: Reply(500 if received.path in self.refused else 200)
        self.server = Server(folder / "data", "--allow-private")
        with self.server:
            tenant = TestTenant(self.server, "acme")
            self._make_endpoints(tenant)
            self._deliver(tenant)
            self._leave_pending(tenant)
            self.told = {page: self.server.get(page) for page in self._pages()}
            self.first_page = self.server.get(f"{self.path}/events?limit=3&order=asc")
        self.sent_before = len(inbox.received)

    def _make_endpoints(self, tenant: TestTenant) -> None:
        url = self.inbox.url
        self.fine = tenant.endpoint(url("/fine"), event_types=["fine.*"], headers={"X-Own": "yes"})
        rotate = f"{self.path}/endpoints/{self.fine['id']}/secret/rotate"
        self.rotated = tenant.server.make(rotate, {"grace_seconds": 3600})["secret"]
        self.down = tenant.endpoint(url("/down"), event_types=["down"], retry=SOON)
        self.later = tenant.endpoint(url("/later"), event_types=["later"], retry=HOURS)
        self.ordered = tenant.endpoint(url("/ordered"), event_types=["ordered"], ordering="subject", retry=SOON)
        basic = {"type": "basic", "username": "ada", "password": PASSWORD}
        self.paused = tenant.endpoint(url("/paused"), event_types=["paused"], retry=SOON, auth=basic)
        assert tenant.server.ask("PUT", "/v1/profiles/own", {"toml": profile_text("own")}).status == 201
        self.own = tenant.endpoint(url("/own"), event_types=["own"], profile="own")
        described = {"description": "One that is fine."}
        assert tenant.server.ask("PUT", "/v1/event-types/fine.one", described).status == 201
        self.key = tenant.key()

    def _deliver(self, tenant: TestTenant) -> None:
        self.events = [tenant.send("fine.one", {"n": n}) for n in range(5)]
        self.repeated = {"type": "fine.repeated", "data": 1}
        self.first_time = self.send_repeated(self.server).json
        tenant.send("own", {"n": 1}, id="an-id-of-mine")
        self.redacted = tenant.send("fine.personal", {"name": "to be forgotten"})
        wait_until(lambda: len(tenant.attempts()) == 8, 15, "all are delivered and recorded")
        assert self.server.ask("DELETE", f"{self.path}/events/{self.redacted}/payload").status == 204
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + DAY_S))
        self.scheduled = tenant.send("fine.scheduled", deliver_at=at)

    def send_repeated(self, server: Server) -> Any:
        return server.ask("POST", f"{self.path}/events", self.repeated, headers={"Idempotency-Key": "once"})

    def _leave_pending(self, tenant: TestTenant) -> None:
        self.pending = {
            name: [tenant.send(name, {"n": n}, ordering_key="one" if name == "ordered" else None) for n in range(3)]
            for name in PENDING
        }
        wait_until(
            lambda: all(tenant.attempts(getattr(self, name)["id"]) for name in PENDING), 15, "each was tried in vain"
        )
        assert tenant.patch(self.paused["id"], active=False).status == 200
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - DAY_S))
        replay = {"since": since, "which": "failed"}
        job = self.server.make(f"{self.path}/endpoints/{self.fine['id']}/replay", replay)["id"]
        self.job = f"{self.path}/jobs/{job}"
        wait_until(lambda: self.server.get(self.job)["state"] != "running", 15, "the replay has ended")

    def _pages(self) -> list[str]:
        """What stays the same while what waits is tried again."""
        events = [
            f"{self.path}/events/{event}" for event in (*self.events, "an-id-of-mine", self.redacted, self.scheduled)
        ]
        fine = f"{self.path}/endpoints/{self.fine['id']}"
        attempts = [attempt["id"] for attempt in self.server.get(f"{fine}/attempts")["items"]]
        return [
            "/v1/tenants",
            "/v1/keys",
            "/v1/profiles",
            "/v1/profiles/own",
            "/v1/event-types",
            f"{self.path}/keys",
            f"{self.path}/secret",
            f"{self.path}/events?limit=250",
            *(f"{fine}{rest}" for rest in ("", "/secret", "/attempts", "/stats")),
            *(f"{self.path}/attempts/{attempt}" for attempt in attempts),
            *events,
            *(f"{event}/deliveries" for event in events),
            self.job,
        ]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with Inbox() as inbox:
        yield Story(tmp_path_factory.mktemp("story"), inbox)


@pytest.fixture(scope="module")
def copy(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory again, for those that don't come to the end."""
    to = tmp_path_factory.mktemp("copy") / "data"
    shutil.copytree(story.server.data, to)
    return to


class Serving:
    """The story's store in PostgreSQL, how it was moved there, and a server on it."""

    def __init__(self, story: Story, url: str) -> None:
        self.url = url
        self.moved = ringback("migrate-store", "--from", f"sqlite:///{story.server.data}/ringback.db", "--to", url)
        assert self.moved.code == 0, self.moved.err
        (export,) = re.findall(r'export RINGBACK_MASTER_KEY="\$\((.*)\)"', self.moved.out)
        key = subprocess.run(["sh", "-c", export], capture_output=True, text=True, check=True).stdout.strip()
        environment = {"RINGBACK_STORE": url, "RINGBACK_MASTER_KEY": key}
        story.refused = set()
        self.server = Server(story.server.data.parent / "new", "--allow-private", environment=environment)


@pytest.fixture(scope="module")
def serving(story: Story, postgres: Cluster) -> Iterator[Serving]:
    with postgres.empty_database() as url:
        serving = Serving(story, url)
        with serving.server:
            yield serving


def verified(received: Received, secret: str) -> Any:
    """The data of a request whose signature is right."""
    headers = {name.lower(): value for name, value in received.headers}
    return json.loads(json.dumps(Webhook(secret).verify(received.body, headers)))["data"]


# ── interrupted ────────────────────────────────────────────────────────────────────────────────────────────────


def test_killed_in_the_middle_and_interrupted_it_goes_on(
    copy: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["migrate-store", "--from", f"sqlite:{copy}/ringback.db", "--to", empty_database]

    def started() -> "subprocess.Popen[str]":
        process = [sys.executable, "-m", "ringback.cli.main", *command]
        return subprocess.Popen(process, env=environment_without_ours({}), stderr=subprocess.PIPE, text=True)

    def stands_at(locker: "psycopg.Connection[Any]", table: str) -> bool:
        query = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s)"
        return locker.execute(query, [table]).fetchone() is not None

    prepare(Address(empty_database), load_migrations("postgres"), migrate=False)
    with psycopg.connect(empty_database) as locker:
        for table, number in (("delivery", signal.SIGKILL), ("attempt", signal.SIGINT)):
            locker.execute(f"LOCK TABLE {table} IN SHARE MODE")
            process = started()
            wait_until(lambda table=table: stands_at(locker, table), 30, f"it has come to {table}")
            process.send_signal(number)
            _, said = process.communicate(timeout=30)
            locker.rollback()
        assert process.returncode == ExitCode.INTERRUPTED
        assert said == "Interrupted. Run the same command again: it goes on where it was.\n"
    (noted,) = in_postgres(empty_database, "store_move")
    assert noted["moved"] > len(in_postgres(empty_database, "event")) == 21
    monkeypatch.setenv("RINGBACK_MASTER_KEY", "A" * 43 + "=")
    serve = ("serve", "--port", "0", "--data", str(copy.parent / "new"), "--store", empty_database)
    assert main(serve) == ExitCode.STORE_MOVE_UNFINISHED
    assert capsys.readouterr().err.endswith("[store_move_unfinished]\n")
    ended = ringback_on_terminal(*command)
    assert ended.code == 0, ended.out
    for drawn in ("Moving lane", "Comparing event ", "counted and compared"):
        assert drawn in ended.out
    assert "store_move" not in tables_of(empty_database)


def test_no_server_starts_on_what_a_move_has_set_up_and_not_filled(
    copy: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a SIGKILL in its first moments: the mark is there as soon as the tables are."""
    with opened_source(copy / "ringback.db") as source:
        moving = Moving(source.mark, str(copy / "ringback.db"))
    assert prepare(Address(empty_database), load_migrations("postgres"), migrate=False, moving=moving)
    monkeypatch.setenv("RINGBACK_MASTER_KEY", "A" * 43 + "=")
    serve = ("serve", "--port", "0", "--data", str(copy.parent / "new"), "--store", empty_database)
    assert main(serve) == ExitCode.STORE_MOVE_UNFINISHED
    capsys.readouterr()
    monkeypatch.delenv("RINGBACK_MASTER_KEY")
    assert main(["migrate-store", "--from", f"sqlite:{copy}/ringback.db", "--to", empty_database]) == ExitCode.OK
    assert "store_move" not in tables_of(empty_database)


# ── moved and served ───────────────────────────────────────────────────────────────────────────────────────────


def test_it_says_what_was_compared_and_what_to_do_next(story: Story, serving: Serving) -> None:
    said = serving.moved.out
    assert re.search(r"^  event +21 rows  [0-9a-f]{32}$", said, re.MULTILINE)
    assert "counted and compared on both sides" in said
    assert f"Never start a server on {story.server.data}/ringback.db again" in said
    assert "13 deliveries" in said
    assert serving.moved.err == ""


def test_everything_that_was_told_is_told_again(story: Story, serving: Serving) -> None:
    assert len(story.told) > 25
    for page, told in story.told.items():
        assert serving.server.get(page) == told, page


def test_what_waited_is_delivered_once_each_under_its_old_id_and_secret(story: Story, serving: Serving) -> None:
    tenant = f"{story.path}/endpoints"
    for name in ("down", "ordered"):
        wait_until(lambda name=name: len(delivered(story, name)) == 3, 30, f"{name} gets what waited")
        assert sorted(one.event_id or "" for one in delivered(story, name)) == sorted(story.pending[name])
        secret = getattr(story, name)["secret"]
        assert {verified(one, secret)["n"] for one in delivered(story, name)} == {0, 1, 2}
    assert [one.event_id for one in delivered(story, "ordered")] == story.pending["ordered"]
    assert delivered(story, "paused") == []
    activate = serving.server.ask("PATCH", f"{tenant}/{story.paused['id']}", {"active": True})
    assert activate.status == 200
    wait_until(lambda: len(delivered(story, "paused")) == 3, 30, "what was paused goes out")
    assert all((one.header("authorization") or "").startswith("Basic ") for one in delivered(story, "paused"))
    assert delivered(story, "later") == []
    (waits,) = serving.server.get(f"{story.path}/events/{story.pending['later'][0]}/deliveries")["items"]
    assert (waits["state"], waits["attempts"]) == ("pending", 1)


def delivered(story: Story, name: str) -> list[Received]:
    """What came to an endpoint since the move."""
    return [one for one in story.inbox.received[story.sent_before :] if one.path == f"/{name}"]


def test_new_events_go_on_where_the_old_ones_end(story: Story, serving: Serving) -> None:
    server = serving.server
    new = server.make(f"{story.path}/events", {"type": "fine.new", "data": {"n": 9}})["id"]
    own = server.make(f"{story.path}/events", {"type": "own", "data": {"n": 2}})["id"]
    wait_until(lambda: delivered(story, "fine") and delivered(story, "own"), 30, "new events are delivered")
    (received,) = delivered(story, "fine")
    assert received.header("x-own") == "yes"
    for secret in (story.fine["secret"], story.rotated):
        assert verified(received, secret) == {"n": 9}
    assert delivered(story, "own")[0].header("x-own-id") == own
    listed = [item["id"] for item in story.first_page["items"]]
    cursor = story.first_page["next_cursor"]
    while (page := server.get(f"{story.path}/events?limit=5&order=asc&cursor={cursor}"))["items"]:
        listed += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert listed[:5] == story.events
    assert listed[-2:] == [new, own]
    assert len(set(listed)) == len(listed) == 23


def test_what_callers_have_claimed_stays_claimed(story: Story, serving: Serving) -> None:
    again = story.send_repeated(serving.server)
    assert (again.status, again.json["id"]) == (200, story.first_time["id"])
    own = {"type": "own", "data": {"n": 1}, "id": "an-id-of-mine"}
    assert serving.server.ask("POST", f"{story.path}/events", own).status == 200
    assert serving.server.ask("POST", f"{story.path}/events", {**own, "data": {"n": 5}}).status == 409
    assert serving.server.ask("GET", f"{story.path}/events", key=story.key).status == 200
