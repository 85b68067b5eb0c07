"""`ringback doctor` in real situations: beside a running server, on damaged files, with networks that misbehave."""

import base64
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main

from ringback.cli.exits import ExitCode
from ringback.cli.main import app, main
from ringback.doctor import database, machine, place
from ringback.doctor import port as port_module
from ringback.doctor.finding import Finding, Status
from ringback.setting import VARIABLE_PREFIX
from ringback.store.sqlite import examination as sqlite_examination
from support.authority import Authority
from support.command import COLUMNS, ringback, ringback_on_terminal
from support.inbox import Inbox, Reply
from support.nameserver import NameServer
from support.nameserver import Reply as NameReply
from support.process import ADMIN_KEY, Server, free_port
from support.profiles import profile_text
from support.tenant import TestTenant


class Report(NamedTuple):
    """What a run found, by name."""

    code: int
    checks: dict[str, dict[str, Any]]

    def of(self, name: str) -> tuple[str, str]:
        return self.checks[name]["status"], self.checks[name]["detail"]


Doctor = Callable[..., Report]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """A run in this process, in an empty directory, on a free port, offline unless the flags say otherwise."""
    for name in [name for name in os.environ if name.startswith(VARIABLE_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*flags: str, online: bool = False) -> Report:
        fixed = [] if "--port" in flags else ["--port", str(free_port())]
        code = main(["doctor", "--json", *fixed, *([] if online else ["--offline"]), *flags])
        printed = json.loads(capsys.readouterr().out)
        checks = {check["name"]: check for check in printed["checks"]}
        statuses = [check["status"] for check in printed["checks"]]
        assert (printed["problems"], printed["warnings"]) == (statuses.count("problem"), statuses.count("warning"))
        assert code == (ExitCode.UNEXPECTED if printed["problems"] else ExitCode.OK)
        for check in printed["checks"]:
            assert bool(check["advice"]) == (check["status"] != "ok"), "what isn't well says what to do"
        return Report(code, checks)

    return run


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has delivered something."""
    folder: Path = tmp_path_factory.mktemp("doctor")
    with Inbox() as inbox, Server(folder / "data", "--allow-private") as server:
        tenant = TestTenant(server, "acme")
        tenant.endpoint(inbox.url())
        tenant.wait_state(tenant.send("thing.happened", {"x": "y" * 1_000}), "delivered")
        yield server


@pytest.fixture
def copy(running: Server, tmp_path: Path) -> Path:
    """A data directory with a copy of that database, which nobody has open."""
    data = tmp_path / "copy"
    data.mkdir(mode=0o700)
    with sqlite3.connect(running.data / "ringback.db") as source, sqlite3.connect(data / "ringback.db") as target:
        source.backup(target)
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    source.close()
    target.close()
    return data


# ── the place ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fresh_place_has_no_problem_and_is_left_as_it_was(tmp_path: Path) -> None:
    flags = ["doctor", "--offline", "--port", str(free_port())]
    ended = ringback(*flags, directory=tmp_path)
    assert (ended.code, ended.err) == (ExitCode.OK, "")
    assert "is not there yet; the first start makes it." in ended.out
    assert ended.out.splitlines()[-1].startswith("0 problems, ")
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_it_fits_into_80_columns(tmp_path: Path) -> None:
    ended = ringback_on_terminal("doctor", "--offline", "--port", "0", "--data", str(tmp_path / ("d" * 20)))
    assert ended.code == ExitCode.OK
    words = [line for line in ended.out.splitlines() if str(tmp_path) not in line and "/etc/" not in line]
    assert len(words) > 8
    assert max(map(len, words)) < COLUMNS + len("\x1b[33m\x1b[0m")


def test_beside_a_running_server(running: Server, doctor: Doctor) -> None:
    report = doctor("--data", str(running.data), "--port", str(running.port), "--deep")
    assert report.code == ExitCode.OK
    assert report.of("port") == ("ok", f"a Ringback answers on 127.0.0.1 port {running.port}")
    status, detail = report.of("database")
    assert status == "ok"
    assert f"open in process {running.pid}" in detail
    assert "every page is well" in detail
    assert "a day: enough for" in report.of("disk")[1]
    assert running.ask("GET", "/readyz").status == 200
    tenant_path = "/v1/tenants/acme/events"
    assert running.ask("POST", tenant_path, {"type": "a", "data": 1}).status == 202, "it is not in the way"


def test_a_database_at_rest_is_read_without_a_trace(copy: Path, doctor: Doctor) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    report = doctor("--data", str(copy), "--deep")
    assert report.of("database")[0] == "ok"
    assert "open in process" not in report.of("database")[1]
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_damaged_database_is_a_problem(copy: Path, doctor: Doctor) -> None:
    file = copy / "ringback.db"
    content = bytearray(file.read_bytes())
    content[8192:] = bytes(len(content) - 8192)
    file.write_bytes(content)
    report = doctor("--data", str(copy), "--deep")
    assert report.code == ExitCode.UNEXPECTED
    status, detail = report.of("database")
    assert (status, "damaged" in detail) == ("problem", True)
    file.write_bytes(b"no database at all, but a text of some length" * 100)
    assert doctor("--data", str(copy)).of("database")[0] == "problem"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("INSERT INTO schema_version VALUES (99, 'later')", "a newer"),
        ("DELETE FROM schema_version WHERE number > 1", "an older"),
    ],
)
def test_a_schema_of_another_version_is_a_problem(copy: Path, doctor: Doctor, change: str, words: str) -> None:
    with sqlite3.connect(copy / "ringback.db") as connection:
        connection.execute(change)
    connection.close()
    status, detail = doctor("--data", str(copy)).of("database")
    assert status == "problem"
    assert f"written by {words} Ringback (schema " in detail


def test_another_programs_database_is_a_problem(tmp_path: Path, doctor: Doctor) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    status, detail = doctor("--store", f"sqlite:///{tmp_path}/other.db").of("database")
    assert (status, "another program's database" in detail) == ("problem", True)


def test_a_directory_that_can_not_be_written_is_a_problem(
    tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir(mode=0o500)
    (tmp_path / "file").write_text("")
    assert doctor("--data", str(tmp_path / "file")).of("data directory")[0] == "problem"
    # Root may write everywhere, so that the system's answer is put in here.
    monkeypatch.setattr(place.os, "access", lambda *_: False)
    assert doctor("--data", str(tmp_path / "data")).of("data directory") == (
        "problem",
        f"{tmp_path / 'data'} can't be written by this user",
    )
    status, detail = doctor("--data", str(tmp_path / "a" / "b")).of("data directory")
    assert (status, "can't be made in" in detail) == ("problem", True)


def test_what_others_can_read_is_a_warning(tmp_path: Path, doctor: Doctor) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    (data / "admin.key").write_text(ADMIN_KEY)
    (data / "admin.key").chmod(0o644)
    report = doctor("--data", str(data))
    for name in ("data directory", "admin key"):
        assert report.of(name)[0] == "warning", name
    assert report.of("master key") == ("ok", "the first start makes one")
    data.chmod(0o700)
    (data / "admin.key").chmod(0o600)
    report = doctor("--data", str(data))
    assert (report.of("data directory")[0], report.of("admin key")[0]) == ("ok", "ok")


def without_master_key(data: Path) -> None:
    (data / "master.key").unlink()


def another_master_key(data: Path) -> None:
    (data / "master.key").write_text(base64.b64encode(b"k" * 32).decode())


def garbage_for_master_key(data: Path) -> None:
    (data / "master.key").write_text("garbage")


def master_key_for_everybody(data: Path) -> None:
    (data / "master.key").chmod(0o644)


def empty_admin_key(data: Path) -> None:
    (data / "admin.key").write_text("")


def short_admin_key(data: Path) -> None:
    (data / "admin.key").write_text("secret")


@pytest.mark.parametrize(
    ("harm", "name", "code"),
    [
        (without_master_key, "master key", ExitCode.MASTER_KEY_MISSING),
        (another_master_key, "master key", ExitCode.MASTER_KEY_MISSING),
        (garbage_for_master_key, "master key", ExitCode.MASTER_KEY_UNUSABLE),
        (master_key_for_everybody, "master key", ExitCode.MASTER_KEY_UNUSABLE),
        (empty_admin_key, "admin key", ExitCode.DATA_DIRECTORY_UNUSABLE),
        (short_admin_key, "admin key", ExitCode.DATA_DIRECTORY_UNUSABLE),
    ],
)
def test_keys_with_which_no_server_starts_are_a_problem_with_the_advice_that_serve_gives(
    running: Server,
    copy: Path,
    doctor: Doctor,
    harm: Callable[[Path], None],
    name: str,
    code: ExitCode,
) -> None:
    (copy / "master.key").touch(mode=0o600)
    (copy / "master.key").write_bytes((running.data / "master.key").read_bytes())
    good = doctor("--data", str(copy))
    assert (good.code, good.of(name)[0]) == (ExitCode.OK, "ok")
    assert "opens what is sealed" in good.of("master key")[1]
    harm(copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    check = doctor("--data", str(copy)).checks[name]
    assert check["status"] == "problem"
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    ended = ringback("serve", "--data", str(copy), "--port", "0")
    assert ended.code == code
    assert ended.err.startswith(f"ringback: {check['detail']}. ")
    assert check["advice"] in ended.err


def test_a_master_key_from_the_variable_is_checked_too(
    copy: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_MASTER_KEY", base64.b64encode(b"k" * 32).decode())
    status, detail = doctor("--data", str(copy)).of("master key")
    assert (status, "which RINGBACK_MASTER_KEY does not have" in detail) == ("problem", True)


def test_profiles_in_files_are_checked(tmp_path: Path, doctor: Doctor) -> None:
    folder = tmp_path / "data" / "profiles"
    folder.mkdir(parents=True)
    (folder / "own.toml").write_text(profile_text())
    assert doctor().of("profiles") == ("ok", "in files: own")
    (folder / "bad.toml").write_text("name = 5")
    status, detail = doctor().of("profiles")
    assert status == "problem"
    assert "bad.toml" in detail


def test_a_directory_that_nobody_can_make_is_a_problem(doctor: Doctor) -> None:
    report = doctor("--data", "/proc/x")
    assert report.of("data directory") == ("problem", "/proc/x is not there, and can't be made in /proc")
    assert report.of("file system") == ("problem", "/proc is proc: nothing can be kept there")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("nfs4", "problem"), ("fuse.sshfs", "problem"), ("tmpfs", "warning"), ("overlay", "warning"), ("ext4", "ok")],
)
def test_the_file_system_is_told_by_the_nearest_mount(tmp_path: Path, kind: str, status: str) -> None:
    mounts = tmp_path / "mounts"
    blank = tmp_path / "with blank"
    blank.mkdir()
    shown = str(blank).replace(" ", "\\040")
    mounts.write_text(f"/dev/a / xfs rw 0 0\nserver:/b {shown} {kind} rw 0 0\n/dev/c {tmp_path}/with xfs rw 0 0\n")
    (finding,) = place.examine_file_system(blank / "not" / "there", mounts)
    assert finding.status == status
    assert str(blank) in finding.detail


def test_a_disk_that_is_nearly_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def status(free: int, growth: float | None = None, free_bytes_min: int = 256 * 1024**2) -> Finding:
        usage = (1_000 * 1024**3, 0, free)
        monkeypatch.setattr(
            place.shutil,
            "disk_usage",
            lambda _: type("Usage", (), dict(zip(("total", "used", "free"), usage, strict=True))),
        )
        (finding,) = place.examine_disk(tmp_path, growth, free_bytes_min)
        return finding

    full = status(1024**2)
    assert (full.status, "less than 256.0 MB events are refused" in full.detail) == (Status.PROBLEM, True)
    assert status(1024**3, free_bytes_min=2 * 1024**3).status is Status.PROBLEM, "by the setting of this server"
    assert status(1024**3, free_bytes_min=1024**2).status is Status.WARNING
    assert status(50 * 1024**3).status is Status.WARNING
    assert status(500 * 1024**3).status is Status.OK
    soon = status(500 * 1024**3, growth=100 * 1024**3)  # a little less than five days, until events are refused
    assert (soon.status, "enough for 5 days" in soon.detail) == (Status.WARNING, True)


def test_growth_counts_the_last_day_alone(copy: Path) -> None:
    path = copy / "ringback.db"
    with sqlite3.connect(path) as connection:
        now = connection.execute("SELECT max(accepted_at) FROM event").fetchone()[0]
        columns = "tenant_id, type, accepted_at, hops, deliveries, data, id"
        for number in range(30):
            at = now - (40 - number) * 3_600_000
            connection.execute(f"INSERT INTO event ({columns}) VALUES ('a', 'b', {at}, 0, 0, x'31', 'n{number}')")
        connection.execute("DELETE FROM event WHERE seq < (SELECT min(seq) FROM event WHERE id = 'n0')")
    connection.close()
    facts = sqlite_examination.examine(path, now)
    recent = sum(40 - number <= 24 for number in range(30))
    assert facts.grows_by_bytes_a_day == pytest.approx(facts.bytes * recent / 30)


def test_a_large_write_ahead_log_is_told(copy: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAL_BYTES_MAX", 10)
    with sqlite3.connect(copy / "ringback.db") as connection:
        connection.execute("UPDATE commit_check SET count = count + 1")
        connection.commit()
        assert doctor("--data", str(copy)).of("write-ahead log")[0] == "warning"
    connection.close()


# ── the machine ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_low_limit_of_open_files_is_a_problem(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ringback.cli.main", "doctor", "--offline", "--port", "0"]
    ended = subprocess.run(
        ["sh", "-c", 'ulimit -n 200 && exec "$@"', "sh", *command],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith(VARIABLE_PREFIX)},
    )  # fmt: skip
    assert ended.returncode == ExitCode.UNEXPECTED
    assert "problem  open files" in ended.stdout
    assert "LimitNOFILE=1256" in ended.stdout


def test_a_clock_that_can_not_be_right_is_told(tmp_path: Path) -> None:
    def status(now_ms: int, newest: int | None = None, written: Path | None = None) -> str:
        (finding,) = machine.examine_clock(now_ms, newest, written)
        return finding.status.value

    now_ms = 1_800_000_000_000
    assert status(0) == "problem"
    assert status(5_000_000_000_000) == "problem"
    assert status(now_ms, now_ms + 120_000) == "problem", "the log has what was not yet"
    (tmp_path / "file").write_text("")
    os.utime(tmp_path / "file", (now_ms / 1000 + 120, now_ms / 1000 + 120))
    assert status(now_ms, now_ms, tmp_path / "file") == "warning"


def test_an_sqlite_with_the_bug_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "linked_sqlite", lambda: "3.51.2")
    assert [finding.status for finding in machine.examine_libraries() if finding.name == "SQLite"] == [Status.PROBLEM]
    monkeypatch.setattr(machine, "linked_sqlite", lambda: "3.51.3")
    assert [finding.status for finding in machine.examine_libraries() if finding.name == "SQLite"] == [Status.OK]


# ── the settings ───────────────────────────────────────────────────────────────────────────────────────────────


def test_variables_that_nobody_reads_are_told_with_what_may_be_meant(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_ALOW_PRIVATE", "1")
    monkeypatch.setenv("RINGBACK_KEY", "k")
    check = doctor().checks["variable"]
    assert check["detail"] == "RINGBACK_ALOW_PRIVATE is set, and there is no such setting"
    assert check["advice"] == "Is RINGBACK_ALLOW_PRIVATE meant?"


def test_every_variable_of_the_command_line_is_known(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(command: Any) -> Iterator[str]:
        for below in getattr(command, "commands", {}).values():
            yield from walk(below)
        for option in command.params:
            if getattr(option, "envvar", None):
                yield str(option.envvar)

    variables = {*walk(typer.main.get_command(app)), "RINGBACK_CONFIG", "RINGBACK_TRACE"}
    assert len(variables) > 5
    for name in variables:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("RINGBACK_ADMIN_KEY", ADMIN_KEY)
    report = doctor()
    assert report.of("variables")[0] == "ok"
    assert report.of("admin key") == ("ok", "RINGBACK_ADMIN_KEY is set, and holds")


def test_settings_with_a_risk_are_told(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "ringback.toml").write_text('allow = ["10.0.0.0/8:443"]\n')
    status, detail = doctor().of("setting")
    assert status == "warning"
    assert detail.startswith("allow is 10.0.0.0/8:443. What is listed can be reached")


def test_a_setting_that_can_not_be_read_is_a_problem_and_the_rest_is_looked_at(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_IN_FLIGHT_MAX", "many")
    report = doctor()
    assert report.code == ExitCode.UNEXPECTED
    assert report.of("settings") == (
        "problem",
        "in_flight_max: 'many' is not a whole number from 1 to 10000 requests (from RINGBACK_IN_FLIGHT_MAX)",
    )
    assert "clock" in report.checks


# ── the network ────────────────────────────────────────────────────────────────────────────────────────────────


def test_names_are_looked_up_with_the_name_server_that_is_given(doctor: Doctor) -> None:
    with NameServer() as names:
        names.say("good.example", NameReply(["192.0.2.1"]))
        names.say("silent.example", NameReply(silent=True))
        flags = ["--name-servers", names.address, "--tls-host", "127.0.0.1:1"]
        good = doctor("--dns-name", "good.example", *flags, online=True)
        assert good.of("names")[1].startswith("good.example is 192.0.2.1 (")
        missing = doctor("--dns-name", "missing.example", *flags, online=True)
        assert missing.of("names")[0] == "warning"
        silent = doctor("--dns-name", "silent.example", *flags, online=True)
        assert silent.of("names")[0] == "problem"
        assert "gave no answer in time" in silent.of("names")[1]
        assert good.of("TLS") == ("warning", "127.0.0.1:1 could not be reached, so it was not checked")


@contextmanager
def tls_receiver(authority: Authority, *, self_signed: bool) -> Iterator[int]:
    """A server on loopback that shakes hands and hangs up; its port."""
    context = authority.self_signed("127.0.0.1") if self_signed else authority.server("127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as shaken:
                    shaken.recv(1)
            except OSError:
                pass  # the client thinks nothing of our certificate

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(5)


def test_a_certificate_is_believed_by_the_authorities_that_the_sender_trusts(tmp_path: Path, doctor: Doctor) -> None:
    authority = Authority(tmp_path)
    with NameServer() as names:
        flags = ["--name-servers", names.address, "--ca-file", authority.ca_file]
        with tls_receiver(authority, self_signed=False) as port:
            report = doctor(*flags, "--tls-host", f"127.0.0.1:{port}", online=True)
            assert report.of("certificates") == ("ok", f"1 authorities in {authority.ca_file}")
            assert report.of("TLS")[1].startswith(f"127.0.0.1:{port} has a certificate that is believed")
        with tls_receiver(authority, self_signed=True) as port:
            report = doctor(*flags, "--tls-host", f"127.0.0.1:{port}", online=True)
            status, detail = report.of("TLS")
            assert (status, "self-signed" in detail) == ("problem", True)
            assert report.code == ExitCode.UNEXPECTED


def test_a_file_of_authorities_that_is_none_is_a_problem(tmp_path: Path, doctor: Doctor) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for name in ("ca.pem", "nowhere.pem"):
        status, detail = doctor("--ca-file", str(tmp_path / name)).of("settings")
        assert (status, detail.endswith("(from --ca-file)")) == ("problem", True)


def test_name_servers_are_given_as_to_serve(doctor: Doctor) -> None:
    status, detail = doctor("--name-servers", "nonsense").of("settings")
    assert (status, detail.endswith("(from --name-servers)")) == ("problem", True)


def test_the_public_url_is_asked(running: Server, doctor: Doctor) -> None:
    with NameServer() as names, Inbox() as inbox:
        flags = ["--name-servers", names.address, "--dns-name", "x.example", "--tls-host", "127.0.0.1:1"]
        assert doctor(*flags, "--public-url", running.url, online=True).of("public URL")[0] == "ok"
        other = doctor(*flags, "--public-url", inbox.url("/x"), online=True)
        assert other.of("public URL")[0] == "warning"
        assert "(status 200)" in other.of("public URL")[1]


def test_a_port_that_another_ringback_has_is_a_problem(running: Server, doctor: Doctor, tmp_path: Path) -> None:
    status, detail = doctor("--data", str(tmp_path / "other"), "--port", str(running.port)).of("port")
    assert (status, "it does not have this data directory" in detail) == ("problem", True)
    with Inbox(
        lambda _: Reply(body=b'{"status":"ok"}')
    ) as other:  # this directory's server is up, and not what answers
        assert doctor("--data", str(running.data), "--port", str(other.port)).of("port")[0] == "problem"


def test_whose_port_it_is_may_not_be_told(
    running: Server, doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_module, "PROCESSES", tmp_path)
    assert doctor("--data", str(running.data), "--port", str(running.port)).of("port")[0] == "warning"


def test_a_port_that_another_program_has_is_a_problem(doctor: Doctor) -> None:
    with Inbox() as inbox:
        assert doctor("--port", str(inbox.port)).of("port")[0] == "problem"
    with socket.socket() as bound:  # taken, and nobody answers
        bound.bind(("127.0.0.1", 0))
        assert doctor("--port", str(bound.getsockname()[1])).of("port")[0] == "problem"
    assert doctor("--port", "0").of("port")[0] == "ok"
    assert doctor("--host", "192.0.2.1").of("port")[0] == "problem"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--tls-host", "a:b"], "tls-host: 'a:b' is not of the form HOST or HOST:PORT."),
        (["--tls-host", "u@a"], "tls-host: 'u@a' is not of the form HOST or HOST:PORT."),
    ],
)
def test_what_can_not_be_asked_is_refused_before_anything_is_printed(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *flags]) == ExitCode.BAD_SETTING
    assert capsys.readouterr() == ("", f"ringback: {words} [bad_setting]\n")
