"""A backup of a server at full speed, restored and started: everything accepted before it began is there."""

import json
import sqlite3
import threading
from itertools import count
from pathlib import Path

import pytest

from ringback.cli.main import main
from support.inbox import Inbox
from support.old_store import IN_CLEAR, SECRET, make_old_store
from support.process import ADMIN_KEY, Server, wait_until
from support.sealing import found_in
from support.tenant import TestTenant

BEFORE = 3_000
NOTE = "y" * 900


class Load:
    """Posts arrays of events as fast as it can; `accepted` are their ids."""

    def __init__(self, server: Server, tenant: TestTenant) -> None:
        self.accepted: list[str] = []
        self._server, self._path = server, f"{tenant.path}/events/batch"
        self._stopping = threading.Event()
        self._numbers = count(1)
        self._threads = [threading.Thread(target=self._post_on, daemon=True) for _ in range(2)]

    def post(self) -> None:
        ids = [f"e{next(self._numbers)}" for _ in range(50)]
        events = [{"type": "thing.happened", "id": name, "data": {"note": NOTE}} for name in ids]
        answer = self._server.ask("POST", self._path, {"events": events})
        if answer.status == 202:
            self.accepted.extend(ids)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    def _post_on(self) -> None:
        while not self._stopping.is_set():
            self.post()


def rows(path: Path, query: str) -> list[tuple]:
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_a_backup_at_full_speed_has_all_that_was_accepted_before_it_began(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, data, there = tmp_path / "backup.db", tmp_path / "data", tmp_path / "there"
    with Inbox() as inbox, Server(data, "--allow-private") as server:
        (data / "backup.part").write_bytes(b"left over")
        tenant = TestTenant(server, "t")
        endpoint = tenant.endpoint(inbox.url())
        load = Load(server, tenant)
        load.start()
        wait_until(lambda: len(load.accepted) >= BEFORE, 30, "there is something to copy")
        before = list(load.accepted)
        asked = ["backup", str(copy), "--url", server.url, "--key", ADMIN_KEY]
        assert main([*asked, "--json"]) == 0
        during = len(load.accepted)
        wait_until(lambda: len(load.accepted) > during, 15, "events are accepted as before")
        told = json.loads(capsys.readouterr().out)
        assert main(asked) == 13  # the file is there
        assert "--force" in capsys.readouterr().err
        load.stop()
        assert not (data / "backup.part").exists()
        assert server.get("/v1/backup") == {"running": False, "copied_bytes": 0, "total_bytes": 0}
        assert server.ask("POST", "/v1/backup", key=None).status == 401
        server.kill()

    assert during > len(before)
    assert (told["bytes"], copy.stat().st_mode & 0o777) == (copy.stat().st_size, 0o600)
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
    copied = {name for (name,) in rows(copy, "SELECT id FROM event")}
    assert copied >= set(before)
    assert len(copied) % 50 == 0  # arrays are whole or not there
    assert found_in(tmp_path, [endpoint["secret"].removeprefix("whsec_")]) == []

    with Inbox() as inbox:
        assert main(["restore", str(copy), "--data", str(there), "--json"]) == 12
        keys = ["--master-key-file", str(data / "master.key")]
        assert main(["restore", str(copy), "--data", str(there), *keys]) == 0
        shown = capsys.readouterr().out
        pending = rows(copy, "SELECT count(*) FROM delivery")[0][0]
        assert not pending or f"{pending:,} deliveries were pending" in shown
        with Server(there, "--allow-private") as server:
            secret = server.get(f"{tenant.path}/endpoints/{endpoint['id']}/secret")["secret"]
            assert secret == endpoint["secret"]
            assert server.ask("GET", f"{tenant.path}/events/{before[-1]}").status == 200
            again = TestTenant(server, "another")
            again.endpoint(inbox.url("/again"))
            again.send()
            inbox.wait_for(1, "/again")


def test_an_old_database_is_backed_up_migrated_served_and_sends_what_waited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with Inbox() as inbox:
        make_old_store(data / "ringback.db", inbox.url())
        asked = ["--data", str(data)]
        assert main(["serve", "--port", "0", *asked]) == 8
        assert "ringback migrate" in capsys.readouterr().err
        assert main(["backup", str(tmp_path / "old.db"), *asked]) == 0
        assert main(["migrate", *asked]) == 0
        said = capsys.readouterr().out
        assert "Running migration 0002" in said
        assert "3 rows were sealed" in said
        assert main(["migrate", *asked]) == 0
        assert capsys.readouterr().out == "The database is up to date.\n"
        assert main(["migrate", *asked, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["ran"] == []
        assert found_in(data, IN_CLEAR) == []
        with Server(data, "--allow-private") as server:
            inbox.wait_for(3)
            assert server.get("/v1/tenants/old/endpoints/ep_old/secret")["secret"] == SECRET
        assert {received.header("Authorization") for received in inbox.received} == {
            "Basic YWRhOm9sZC1wYXNzdzByZC1pbi1jbGVhcg=="
        }
