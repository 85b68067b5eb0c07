"""`ringback serve` on PostgreSQL: what differs from a file for whoever starts it, asks it and migrates it."""

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ringback import __version__
from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.model.tenant import Scope
from ringback.setting import VARIABLE_PREFIX
from ringback.store.migrate import load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import prepare
from support.inbox import Inbox
from support.page_text import readable
from support.process import ADMIN_KEY, Server, wait_until
from support.tcp_proxy import TcpProxy
from support.tenant import TestTenant

MASTER_KEY = "A" * 43 + "="
MIGRATIONS = len(load_migrations("postgres"))


@contextmanager
def serving(folder: Path, url: str, *flags: str, wait: bool = True, **variables: str) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    environment = {"RINGBACK_STORE": url, "RINGBACK_MASTER_KEY": MASTER_KEY, **variables}
    server = Server(folder / "data", "--allow-private", *flags, environment=environment)
    server.start(wait=wait)
    try:
        yield server
    finally:
        server.stop()


Here = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """A command in this process, on the test's database; its exit code and what it printed."""
    for name in [name for name in os.environ if name.startswith(VARIABLE_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RINGBACK_STORE", empty_database)
    monkeypatch.setenv("RINGBACK_MASTER_KEY", MASTER_KEY)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def ready(server: Server) -> tuple[int, Any]:
    answer = server.ask("GET", "/readyz", key=None)
    return answer.status, answer.json


def test_what_one_process_accepts_another_sends(empty_database: str, tmp_path: Path) -> None:
    with (
        Inbox() as inbox,
        serving(tmp_path / "api", empty_database, "--role", "api") as api,
        serving(tmp_path / "engine", empty_database, "--role", "engine", wait=False) as engine,
    ):
        status, said = ready(api)
        assert (status, said["status"]) == (200, "ready")
        assert any("no synchronous standby" in caution for caution in said["cautions"])
        wait_until(lambda: "started" in engine.log.read_text(), 30, "the engine has started")
        status, said = ready(engine)
        assert (status, said["code"]) == (503, "not_accepting")

        tenant = TestTenant(api, "acme")
        tenant.endpoint(inbox.url())
        tenant.wait_state(tenant.send("thing.happened"), "delivered")
        posted = engine.ask("POST", "/v1/tenants/acme/events", {"type": "a", "data": 1})
        assert (posted.status, posted.json["code"]) == (503, "not_accepting")

        backup = api.ask("POST", "/v1/backup")
        assert (backup.status, backup.json["code"]) == (409, "backup_elsewhere")
        metrics = api.ask("GET", "/metrics").body.decode()
        assert "ringback_store_bytes" in metrics
        assert "\nringback_disk_free_bytes" not in metrics, "it would be of this machine's disk"
        assert not (tmp_path / "api" / "data").exists()


def test_the_console_of_one_shows_what_all_processes_do(empty_database: str, tmp_path: Path) -> None:
    with (
        Inbox() as inbox,
        serving(tmp_path / "api", empty_database, "--role", "api") as api,
        serving(tmp_path / "engine", empty_database, "--role", "engine", wait=False),
        httpx.Client(base_url=api.url) as browser,
    ):
        tenant = TestTenant(api, "acme")
        tenant.endpoint(inbox.url())
        for _ in range(3):
            tenant.wait_state(tenant.send("thing.happened"), "delivered")
        assert browser.post("/console/sign-in", data={"key": ADMIN_KEY}).status_code == 303

        def succeeded() -> bool:
            found = re.search(r"Runs that succeeded: <b>[\d.,]+</b> a second, at most ([\d.,]+)", overview())
            return found is not None and found[1] != "0"

        def overview() -> str:
            return browser.get("/console/operator").text

        wait_until(succeeded, 60, "the one that accepts shows what the one that sends did")
        assert "0 of 1000 requests under way" in readable(overview())
        processes = readable(browser.get("/console/nodes").text)
        host = re.escape(socket.gethostname())
        for does in ("accepts", "sends"):
            assert re.search(rf"{host}:\d+ {does} {re.escape(__version__)} 20", processes), processes


def test_the_first_start_makes_an_admin_key_that_holds_everywhere_and_can_be_revoked(
    empty_database: str, tmp_path: Path
) -> None:
    with serving(tmp_path / "first", empty_database, wait=False, RINGBACK_ADMIN_KEY="") as first:
        first.wait_ready()
        key = (first.data / "admin.key").read_text().strip()
        assert first.ask("GET", "/v1/tenants", key=key).status == 200
        assert "admin_key_made key_id=key_" in first.log.read_text()
        assert f"An admin key was made; it is in {first.data / 'admin.key'}." in first.log.read_text()
        with serving(tmp_path / "second", empty_database, RINGBACK_ADMIN_KEY="") as second:
            assert not second.data.exists()
            (kept,) = second.ask("GET", "/v1/keys", key=key).json["items"]
            assert kept["scope"] == Scope.ADMIN
            assert second.ask("DELETE", f"/v1/keys/{kept['id']}", key=key).status == 204
        wait_until(lambda: first.ask("GET", "/v1/tenants", key=key).status == 401, 10, "it is revoked here too")
        assert first.ask("GET", "/v1/tenants", key=ADMIN_KEY).status == 401


def test_a_database_that_hangs_or_is_away_makes_it_not_ready_and_it_recovers(
    empty_database: str, tmp_path: Path
) -> None:
    port = int(empty_database.rpartition(":")[2].partition("/")[0])
    with TcpProxy(port) as proxy:
        proxy.refuse_new()
        url = empty_database.replace(f":{port}/", f":{proxy.port}/")
        with serving(tmp_path, url, wait=False) as server:
            wait_until(lambda: "waits_for_store" in server.log.read_text(), 20, "it says that it waits")
            proxy.let_pass()
            server.wait_ready()
            proxy.hold()
            status, said = ready(server)
            assert (status, said["code"]) == (503, "store_unavailable")
            assert server.ask("GET", "/healthz", key=None).status == 200
            proxy.let_pass()
            wait_until(lambda: ready(server)[0] == 200, 40, "it is ready again")
            proxy.refuse_new()
            proxy.reset()
            wait_until(lambda: ready(server)[1].get("code") == "store_unavailable", 10, "it says that it is away")
            proxy.let_pass()
            wait_until(lambda: ready(server)[0] == 200, 40, "it is ready again")


def test_it_waits_for_ringback_migrate_and_goes_on(empty_database: str, tmp_path: Path, here: Here) -> None:
    prepare(Address(empty_database), load_migrations("postgres")[:-1], migrate=False)
    with serving(tmp_path, empty_database, wait=False) as server:
        wait_until(lambda: "waits_for_migration" in server.log.read_text(), 20, "it says that it waits")
        code, out, err = here("migrate", "--json")
        assert (code, err) == (ExitCode.OK, "")
        told = json.loads(out)
        assert (told["from"], told["to"], told["sealed"]) == (MIGRATIONS - 1, MIGRATIONS, 0)
        assert len(told["ran"]) == 1
        server.wait_ready()
    assert here("migrate") == (ExitCode.OK, "The database is up to date.\n", "")


def test_a_start_that_is_told_to_migrates_and_another_key_is_refused(
    empty_database: str, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(Address(empty_database), load_migrations("postgres")[:-1], migrate=False)
    with serving(tmp_path, empty_database, "--migrate") as server:
        TestTenant(server, "acme")  # whose secret is sealed
    monkeypatch.setenv("RINGBACK_MASTER_KEY", "B" * 42 + "A=")
    code, _, err = here("serve", "--port", "0")
    assert code == ExitCode.MASTER_KEY_MISSING
    assert err.splitlines()[-1].endswith("[master_key_missing]")
    code, out, _ = here("doctor", "--offline")
    assert code == ExitCode.UNEXPECTED
    assert "The database has secrets sealed with the master key" in " ".join(out.split())


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_copies_are_its_own_tools_business(tmp_path: Path, here: Here, command: str) -> None:
    copy = tmp_path / "copy.db"
    if command == "restore":
        copy.write_text("")
    code, _, err = here(command, str(copy), "--store", "postgresql://ada:secret@db/ringback")
    assert code == ExitCode.BAD_SETTING
    assert "its own tools" in err
    assert "secret" not in err
