"""Secrets at rest on a real server: nothing of them in its files, rows that were tampered with, keys that are gone."""

import base64
import sqlite3
from pathlib import Path

import pytest

from ringback.cli.main import main
from ringback.model.master_key import written
from support.inbox import Inbox
from support.process import Server, wait_until
from support.sealing import NEW_KEY, OLD_KEY, found_in
from support.tenant import TestTenant

PASSWORD = "basic-passw0rd-in-clear"
AUTHORIZATION = "Token raw-v4lue-in-clear"
HEADER = "header-v4lue-in-clear"


def test_no_secret_is_anywhere_in_the_files_or_the_log_of_a_real_run(tmp_path: Path) -> None:
    flags = ("--allow-private", "--log-level", "debug", "--log-format", "json", "--log-attempts")
    with Inbox() as inbox, Server(tmp_path / "data", *flags) as server:
        tenant = TestTenant(server, "t")
        plain = tenant.endpoint(inbox.url("/plain"))
        tenant.endpoint(inbox.url("/basic"), auth={"type": "basic", "username": "ada", "password": PASSWORD})
        tenant.endpoint(inbox.url("/raw"), auth={"type": "raw", "value": AUTHORIZATION})
        header = tenant.endpoint(inbox.url("/header"), auth={"type": "header", "headers": {"X-Api-Key": HEADER}})
        rotated = server.make(f"{tenant.path}/endpoints/{plain['id']}/secret/rotate", {"grace_seconds": 60})["secret"]
        private = tenant.endpoint(inbox.url("/ed25519"), signature="v1a")["secret"]
        own = server.get(f"{tenant.path}/secret")["secret"]
        assert tenant.patch(header["id"], label="Changed").status == 200
        for _ in range(5):
            tenant.send()
        inbox.wait_for(25)
        wait_until(lambda: len(tenant.attempts()) == 25, 15, "all attempts are recorded")
        assert inbox.at("/raw")[0].header("Authorization") == AUTHORIZATION
        assert inbox.at("/header")[0].header("X-Api-Key") == HEADER

        basic = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
        hidden = [text.partition("_")[2] for text in (plain["secret"], rotated, private)]
        hidden += [own, PASSWORD, AUTHORIZATION, HEADER, basic]
        assert (server.data / "ringback.db-wal").stat().st_size > 0
        assert found_in(tmp_path, hidden) == []
        server.kill()  # its files as a crash leaves them
        assert found_in(tmp_path, hidden) == []
        server.start()
        assert server.get(f"{tenant.path}/endpoints/{plain['id']}/secret")["secret"] == rotated
        assert server.stop() == 0
        assert found_in(tmp_path, hidden) == []
        assert {name for name, _ in found_in(tmp_path, [plain["id"]])} >= {"ringback.db", "data.log"}  # they are read


def test_a_row_that_was_tampered_with_breaks_its_endpoint_alone_and_a_new_secret_mends_it(
    server: Server, tenant: TestTenant, inbox: Inbox
) -> None:
    broken, fine = tenant.endpoint(inbox.url("/broken")), tenant.endpoint(inbox.url("/fine"))
    file = sqlite3.connect(server.data / "ringback.db", timeout=10)
    with file:
        file.execute(
            "UPDATE secret SET value = (SELECT value FROM secret WHERE endpoint_id = ?) WHERE endpoint_id = ?",
            (fine["id"], broken["id"]),
        )
    file.close()
    event_id = tenant.send()

    path = f"{tenant.path}/endpoints/{broken['id']}"
    wait_until(lambda: server.get(path)["status"] == "disabled", 15, "the endpoint is given up")
    assert server.get(path)["disable_reason"]["code"] == "secret_unreadable"
    inbox.wait_for(1, "/fine")
    (attempt,) = wait_until(
        lambda: tenant.attempts(broken["id"]), 10, "the attempt is recorded"
    )  # after it was given up
    assert (attempt["outcome"], attempt["final"]) == ("failed", False)
    assert attempt["error"]["code"] == "secret_unreadable"
    revealed = server.ask("GET", f"{path}/secret")
    assert (revealed.status, revealed.json["code"]) == (500, "secret_unreadable")
    assert server.ask("GET", "/readyz").status == 200
    assert inbox.at("/broken") == []
    assert f"endpoint_disabled tenant_id={tenant.id}" in server.log.read_text()

    server.make(f"{path}/secret/rotate", {})
    server.make(f"{path}/activate", {})
    (received,) = inbox.wait_for(1, "/broken")
    assert received.event_id == event_id
    assert len((received.header("webhook-signature") or "").split()) == 1  # the unreadable one signs no more


def test_a_key_that_is_gone_or_exposed_keeps_the_server_from_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    with Server(data) as server:
        TestTenant(server, "t")
        key_id = server.get("/v1/master-key")["key_id"]
    key_file = data / "master.key"
    assert key_file.stat().st_mode & 0o777 == 0o600
    before = {path.name: path.read_bytes() for path in data.iterdir()}

    def refused(exit_code: int, *words: str) -> None:
        """One line on standard error, and this exit code."""
        assert main(["serve", "--port", "0", "--data", str(data)]) == exit_code
        (line,) = capsys.readouterr().err.splitlines()
        for word in words:
            assert word in line

    key_file.chmod(0o644)
    refused(11, "master_key_unusable", "chmod 600", str(key_file))
    key_file.chmod(0o600)
    with monkeypatch.context() as patched:
        patched.setenv("RINGBACK_MASTER_KEY", written([OLD_KEY]))
        refused(12, "master_key_missing", key_id, "RINGBACK_MASTER_KEY", str(key_file))
        patched.setenv("RINGBACK_MASTER_KEY", "not-a-key")
        refused(2, "RINGBACK_MASTER_KEY", "base64 of 32 bytes")
    key_file.write_text(written([NEW_KEY]))
    refused(12, "master_key_missing", key_id, str(key_file))
    key_file.unlink()
    refused(12, "master_key_missing", key_id, str(key_file))
    assert not key_file.exists()  # none was made in its place
    kept = {path.name: path.read_bytes() for path in data.iterdir() if path.name != "ringback.db.lock"}
    assert kept == {name: content for name, content in before.items() if name in kept}
    assert "ringback.db" in kept
