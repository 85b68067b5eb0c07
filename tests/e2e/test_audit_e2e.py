"""`ringback doctor --audit` beside a running server: it names what the store lost, and what a receiver lacks."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.setting import VARIABLE_PREFIX
from support.command import ringback
from support.inbox import Inbox
from support.process import Server
from support.tenant import TestTenant

COUNT = 20

Run = Callable[..., tuple[int, list[str]]]


class Told:
    """A server that delivered events, and what their sender and their receiver know of them."""

    def __init__(self, server: Server, inbox: Inbox) -> None:
        self.server = server
        tenant = TestTenant(server, "acme")
        self.endpoint = tenant.endpoint(inbox.url())["id"]
        self.sent = [tenant.send("thing.happened", {"n": number}) for number in range(COUNT)]
        self.received = [str(one.event_id) for one in inbox.wait_for(COUNT)]
        for event_id in self.sent:
            tenant.wait_state(event_id, "delivered")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder: Path = tmp_path_factory.mktemp("audit")
    with Inbox() as inbox, Server(folder / "data", "--allow-private") as server:
        yield Told(server, inbox)


@pytest.fixture
def run(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in [name for name in os.environ if name.startswith(VARIABLE_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def audit(ids: list[str], *flags: str, data: Path = told.server.data) -> tuple[int, list[str]]:
        (tmp_path / "ids").write_text("".join(f"{line}\n" for line in ids))
        code = main(["doctor", "--data", str(data), "--audit", "ids", "--tenant", "acme", *flags])
        return code, capsys.readouterr().out.splitlines()

    return audit


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def test_all_that_was_accepted_is_known(told: Told, run: Run) -> None:
    assert run(told.sent) == (ExitCode.OK, [f"{COUNT} ids read: the store knows all of them."])


def test_an_event_that_is_lost_is_named(told: Told, run: Run) -> None:
    code, lines = run([*told.sent, "evt_lost"])
    assert code == ExitCode.UNEXPECTED
    assert lines == ["evt_lost  the store doesn't know it", f"{COUNT + 1} ids read: 1 the store doesn't know."]


def test_a_copy_from_before_is_held_against_what_was_promised_since(told: Told, run: Run, tmp_path: Path) -> None:
    """As after the loss of a primary: the store went on from an older state than its callers."""
    lost = told.sent[-3:]
    (tmp_path / "older").mkdir(mode=0o700)
    with sqlite3.connect(told.server.data / "ringback.db") as source:
        older = sqlite3.connect(tmp_path / "older" / "ringback.db")
        source.backup(older)
    source.close()
    marks = ",".join("?" * len(lost))
    older.execute(f"DELETE FROM event WHERE id IN ({marks})", lost)
    older.commit()
    older.close()
    code, lines = run(told.sent, "--json", data=tmp_path / "older")
    assert code == ExitCode.UNEXPECTED
    *found, counts = parsed(lines)
    assert found == [{"event": "unknown", "id": event_id} for event_id in lost]
    assert counts == {"event": "audited", "ids": COUNT, "unknown": 3, "missing": 0, "unrecorded": 0}


def test_what_a_receiver_lacks_is_named_with_its_endpoint(told: Told, run: Run) -> None:
    assert run(told.received, "--received") == (
        ExitCode.OK,
        [f"{COUNT} ids read: the store knows all of them, and none is missing."],
    )
    code, lines = run(told.received[1:], "--received", "--endpoint", told.endpoint, "--json")
    assert code == ExitCode.UNEXPECTED
    assert parsed(lines)[0] == {"event": "missing", "id": told.received[0], "endpoint_id": told.endpoint}


def test_nothing_is_missing_before_the_list_begins(told: Told, run: Run) -> None:
    code, lines = run([], "--received", "--until", "24h", "--json")
    assert code == ExitCode.OK
    assert parsed(lines) == [{"event": "audited", "ids": 0, "unknown": 0, "missing": 0, "unrecorded": 0}]


def test_a_list_may_come_by_standard_input(told: Told) -> None:
    given = "".join(json.dumps({"id": event_id, "tenant": "acme"}) + "\n" for event_id in [*told.sent, "evt_lost"])
    ended = ringback(
        *("doctor", "--audit", "-", "--data", str(told.server.data)),
        variables={"RINGBACK_TENANT": "acme"},
        given=given.encode(),
    )
    assert ended.code == ExitCode.UNEXPECTED
    assert ended.out.splitlines()[0].startswith("evt_lost ")
    assert ended.err == ""


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--audit", "nowhere", "--tenant", "acme"], "audit: nowhere can't be read"),
        (["--audit", "list"], "tenant: --audit needs --tenant"),
        (["--audit", "list", "--tenant", "acme", "--endpoint", "ep_1"], "go with --received"),
        (["--audit", "list", "--tenant", "nobody"], "tenant: there is no tenant 'nobody'"),
        (
            ["--audit", "list", "--tenant", "acme", "--data", "nowhere"],
            "data: there is no database nowhere/ringback.db",
        ),
        (["--audit", "list", "--tenant", "acme", "--received", "--since", "soon"], "since: 'soon' is not a time"),
    ],
)
def test_what_it_can_not_do_it_says(
    told: Told,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RINGBACK_TENANT", raising=False)
    (tmp_path / "list").write_text("evt_1\n")
    assert main(["doctor", "--data", str(told.server.data), *flags]) == ExitCode.BAD_SETTING
    assert complaint in capsys.readouterr().err
