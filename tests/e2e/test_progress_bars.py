"""The progress bars, on a terminal: drawn while the work goes on, whole at its end. In a pipe there is none."""

import re
import time
from pathlib import Path

from support.command import Ended, ringback, ringback_on_terminal
from support.inbox import Inbox
from support.process import ADMIN_KEY, Server
from support.tenant import TestTenant

EVENTS = 6_000
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def drawings(ended: Ended, what: str) -> list[str]:
    """Each state of the bar as it was drawn, without colours; a bar is drawn again over itself."""
    lines = CONTROLS.sub("", ended.out).replace("\r", "\n").splitlines()
    return [line for line in lines if line.startswith(what)]


def replay_of(tenant: TestTenant, events: int, url: str) -> list[str]:
    """A command that replays so many events, to an endpoint that is hardly ever sent to meanwhile."""
    for _ in range(events // 1_000):
        body = {"events": [{"type": "thing.happened", "data": n} for n in range(1_000)]}
        tenant.server.make(f"{tenant.path}/events/batch", body)
    endpoint = tenant.endpoint(url, rate_per_second=0.001)["id"]
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3_600))
    where = ["--url", tenant.server.url, "--key", ADMIN_KEY, "--tenant", tenant.id]
    return ["replay", *where, "--endpoint", endpoint, "--since", since, "--which", "all"]


def test_a_replay_draws_its_bar_to_the_end(tenant: TestTenant, inbox: Inbox) -> None:
    command = replay_of(tenant, EVENTS, inbox.url())

    ended = ringback_on_terminal(*command)

    assert ended.code == 0, ended.out
    drawn = drawings(ended, "Replaying")
    assert len(drawn) > 2, "it was drawn as it grew"
    counts = [int(count) for line in drawn for count in re.findall(rf"(\d+)/{EVENTS}", line)]
    assert counts == sorted(counts)
    assert counts[0] < EVENTS
    assert counts[-1] == EVENTS
    assert "━━━" in drawn[-1]
    assert "\x1b[?25l" in ended.out
    assert ended.out.rindex("\x1b[?25h") > ended.out.rindex("\x1b[?25l"), "the cursor is there again"
    assert re.search(rf"^job_\w+ done: {EVENTS} of {EVENTS} events queued$", CONTROLS.sub("", ended.out), re.MULTILINE)


def test_a_replay_in_a_pipe_draws_nothing(tenant: TestTenant, inbox: Inbox) -> None:
    ended = ringback(*replay_of(tenant, 1_000, inbox.url()))
    assert re.fullmatch(r"job_\w+ done: 1000 of 1000 events queued\n", ended.out)
    assert ended.err == ""


def test_an_upload_of_ids_draws_its_bar_to_the_end(tenant: TestTenant, tmp_path: Path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text("name,id\n" + "".join(f"Company {number},c_{number}\n" for number in range(20_005)))
    where = ["--url", tenant.server.url, "--key", ADMIN_KEY, "--tenant", tenant.id]

    ended = ringback_on_terminal("tracked-sets", "upload", "customers", str(file), "--column", "id", *where)

    assert ended.code == 0, ended.out
    assert drawings(ended, "Checking")
    assert re.search(r"20005/20005", drawings(ended, "Adding")[-1])
    assert "customers: 20,005 ids read, 20,005 added, 0 removed; it has 20,005 members." in " ".join(ended.out.split())
    assert tenant.server.get(f"{tenant.path}/tracked-sets/customers")["members"] == 20_005


def test_a_backup_of_a_stopped_server_draws_its_bar_to_the_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(data):
        pass

    ended = ringback_on_terminal("backup", str(tmp_path / "copy.db"), "--data", str(data))

    assert ended.code == 0, ended.out
    last = drawings(ended, "Copying")[-1]
    amount = re.search(r"([\d.]+)/([\d.]+) [kM]?B", last)
    assert amount is not None, last
    assert amount[1] == amount[2]
    assert "every page checked" in ended.out.replace("\n", " ")
