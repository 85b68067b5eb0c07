"""The process itself: how it starts, refuses to start, stops, and starts again where it was."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.inbox import Inbox, Reply
from support.process import ADMIN_KEY, Server, free_port, wait_until
from support.tenant import TestTenant


def run_serve(
    data: Path, *flags: str, port: int | None = None, admin_key: str = ADMIN_KEY
) -> subprocess.CompletedProcess[str]:
    """`ringback serve`, expected to end by itself."""
    command = [sys.executable, "-m", "ringback.cli.main", "serve", "--port", str(port or free_port())]
    return subprocess.run(
        [*command, "--data", str(data), *flags],
        env={**os.environ, "RINGBACK_ADMIN_KEY": admin_key},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def assert_refused(ended: subprocess.CompletedProcess[str], exit_code: int, *words: str) -> None:
    """One clear line on standard error, and the documented exit code."""
    assert ended.returncode == exit_code, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.strip()]
    for word in words:
        assert word in line
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert_refused(run_serve(tmp_path / "data", port=port), 3, str(port), "--port")

    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    assert_refused(run_serve(tmp_path / "file" / "data"), 4, "data directory", "--data")


def test_a_data_directory_that_is_read_only_is_one_clear_line() -> None:
    assert_refused(run_serve(Path("/proc/self")), 4, "/proc/self")


def test_a_corrupt_database_is_one_clear_line_and_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    database = data / "ringback.db"
    database.write_bytes(b"this is no database, but somebody may want it back" * 100)
    before = database.read_bytes()

    assert_refused(run_serve(data), 6, str(database))
    assert database.read_bytes() == before


def test_a_newer_database_is_one_clear_line_and_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(data):
        pass
    connection = sqlite3.connect(data / "ringback.db")
    connection.execute("INSERT INTO schema_version (number, name) VALUES (9999, 'tomorrow')")
    connection.commit()
    connection.close()

    assert_refused(run_serve(data), 7, "newer")


def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as first:
        assert_refused(run_serve(tmp_path / "data"), 5, str(first.pid))
        assert first.ask("GET", "/readyz").status == 200


@pytest.mark.parametrize("key", ["short", "has a space in it, and more"])
def test_a_bad_admin_key_is_refused_without_being_shown(tmp_path: Path, key: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "ringback.cli.main", "serve", "--port", "0", "--data", str(tmp_path / "data")],
        env={**os.environ, "RINGBACK_ADMIN_KEY": key},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert_refused(ended, 2, "RINGBACK_ADMIN_KEY")
    assert key not in ended.stderr


@pytest.mark.parametrize("kept", [b"", b"short\n", b"\xff" * 40])
def test_a_key_file_without_a_key_is_one_clear_line(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "admin.key").write_bytes(kept)

    assert_refused(run_serve(tmp_path, admin_key=""), 4, str(tmp_path / "admin.key"), "Delete the file")


def test_a_key_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "admin.key").mkdir()

    assert_refused(run_serve(tmp_path, admin_key=""), 4, str(tmp_path / "admin.key"), "can't be read")


@pytest.mark.parametrize("module", ["typer", "apsw"])
def test_ctrl_c_while_modules_are_loaded_leaves_no_trace(tmp_path: Path, module: str) -> None:
    """The module that stands in for the real one is where Ctrl-C comes: before any command, and within `serve`."""
    (tmp_path / f"{module}.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])

    ended = subprocess.run(
        [sys.executable, "-m", "ringback.cli.main", "serve", "--port", "0", "--data", str(tmp_path / "data")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )

    assert (ended.returncode, ended.stderr) == (130, "")


def test_the_first_start_makes_an_admin_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ringback.cli.main", "serve", "--port", str(port), "--data", str(data)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        key_file = data / "admin.key"
        wait_until(lambda: key_file.exists() and key_file.read_text().strip(), 30, "the key is made")
        server = Server(data, port=port)
        key = key_file.read_text().strip()

        def lets_in() -> bool:
            try:
                return server.ask("GET", "/v1/tenants", key=key).status == 200
            except OSError:
                return False

        wait_until(lets_in, 30, "the key lets in")
        assert key_file.stat().st_mode & 0o777 == 0o600
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_sigterm_lets_requests_in_flight_end_and_records_them(tmp_path: Path) -> None:
    with Inbox(lambda received: Reply(delay_s=2.0)) as inbox, Server(tmp_path / "data", "--allow-private") as server:
        tenant = TestTenant(server, "t")
        tenant.endpoint(inbox.url())
        event_id = tenant.send()
        inbox.wait_for(1)

        started_s = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started_s < 15.0

        server.start()
        assert tenant.state(event_id) == "delivered"
        assert len(inbox.received) == 1


def test_what_waits_goes_out_after_a_restart(tmp_path: Path) -> None:
    with Inbox(lambda received: Reply(500)) as inbox, Server(tmp_path / "data", "--allow-private") as server:
        tenant = TestTenant(server, "t")
        tenant.endpoint(inbox.url(), retry={"delays_s": [1.0] * 20})
        events = [tenant.send() for _ in range(5)]
        inbox.wait_for(5)

        server.kill()
        inbox.reply = lambda received: Reply()
        server.start()

        for event_id in events:
            tenant.wait_state(event_id, "delivered", within_s=20)


def test_readyz_needs_no_key_and_healthz_neither(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
            assert server.ask("GET", path, key=None).status == 200
