"""The systemd units: their commands are ours, a stop has the time it takes, and systemd itself can read them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ringback.cli.exits import ExitCode
from support.deployment import DEPLOY, Unit, check_command, check_variable, example_variables

PATHS = sorted((DEPLOY / "systemd").glob("*.service"))
UNITS = {path.name: Unit(path) for path in PATHS}
SERVING = [unit for unit in UNITS.values() if unit.command[1] == "serve"]


def flag(unit: Unit, name: str) -> str:
    return unit.command[unit.command.index(name) + 1]


def test_there_is_one_for_each_way_to_run() -> None:
    assert sorted(UNITS) == [
        "ringback-api.service", "ringback-engine@.service", "ringback-migrate.service", "ringback.service"
    ]  # fmt: skip
    assert flag(UNITS["ringback-api.service"], "--role") == "api"
    assert flag(UNITS["ringback-engine@.service"], "--role") == "engine"


@pytest.mark.parametrize("unit", UNITS.values(), ids=lambda unit: unit.name)
def test_commands_and_directories_fit(unit: Unit) -> None:
    program, *words = unit.command
    assert program == "/opt/ringback/bin/ringback"
    assert check_command(words) in ("serve", "migrate")
    service = unit["Service"]
    assert flag(unit, "--data") == f"/var/lib/{service['StateDirectory'].replace('%i', '1')}"
    assert service["StateDirectoryMode"] == "0700"
    assert service["EnvironmentFile"].lstrip("-") == "/etc/ringback/ringback.env"
    assert {"ProtectSystem", "NoNewPrivileges", "PrivateTmp", "DynamicUser"} <= set(service)


@pytest.mark.parametrize("unit", SERVING, ids=lambda unit: unit.name)
def test_a_stop_is_one_signal_to_the_server_and_has_its_time(unit: Unit) -> None:
    service = unit["Service"]
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) >= 40
    assert service["Restart"] == "always"
    assert int(service["LimitNOFILE"]) >= 10_000


def test_what_another_start_does_not_mend_ends_the_single_server() -> None:
    given = UNITS["ringback.service"]["Service"]["RestartPreventExitStatus"].split()
    assert {ExitCode(int(code)) for code in given} == {
        ExitCode.BAD_SETTING, ExitCode.STORE_CORRUPT, ExitCode.STORE_NEWER, ExitCode.STORE_OLDER,
        ExitCode.MASTER_KEY_UNUSABLE, ExitCode.MASTER_KEY_MISSING, ExitCode.PROFILE_FILE_UNUSABLE,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["ringback-api.service", "ringback-engine@.service"])
def test_what_another_start_does_not_mend_ends_a_process_on_postgresql(name: str) -> None:
    given = UNITS[name]["Service"]["RestartPreventExitStatus"].split()
    assert {ExitCode(int(code)) for code in given} == {
        ExitCode.BAD_SETTING, ExitCode.STORE_NEWER, ExitCode.MASTER_KEY_MISSING, ExitCode.PROFILE_FILE_UNUSABLE,
        ExitCode.STORE_RIGHTS, ExitCode.STORE_VERSION, ExitCode.STORE_POOLER, ExitCode.MASTER_KEY_REQUIRED,
    }  # fmt: skip


def test_the_example_of_variables_has_settings_only() -> None:
    named = example_variables(DEPLOY / "systemd" / "ringback.env.example")
    assert {"RINGBACK_STORE", "RINGBACK_MASTER_KEY", "RINGBACK_ADMIN_KEY"} <= set(named)
    for name in named:
        check_variable(name)


def test_systemd_reads_them(tmp_path: Path) -> None:
    """Where systemd is there; the tests above hold without it."""
    for path in PATHS:
        here = path.read_text(encoding="utf-8").replace("/opt/ringback/bin/ringback", os.path.realpath(sys.executable))
        (tmp_path / path.name.replace("@.", "@1.")).write_text(here, encoding="utf-8")
    verify = shutil.which("systemd-analyze")
    if verify is not None:
        done = subprocess.run(
            [verify, "verify", "--man=no", *sorted(tmp_path.iterdir())],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        said = [line for line in done.stderr.splitlines() if "ringback" in line]
        assert (done.returncode, said) == (0, [])
    assert len(list(tmp_path.iterdir())) == len(PATHS)
