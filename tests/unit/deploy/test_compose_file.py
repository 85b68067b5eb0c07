"""deploy/compose.yaml and what belongs to it: whoever fills in .env.example gets settings that hold, and nothing is
named that isn't there.
"""

import re
import stat
import subprocess
from typing import Any

import pytest

from ringback.settings import load
from support.deployment import DEPLOY, check_command, check_variable, example_variables, variables_named, yaml_of
from support.pages import ROOT

TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
FILE: dict[str, Any] = yaml_of(DEPLOY / "compose.yaml")
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("ringback:")}
STORES = {name: service for name, service in SERVICES.items() if service["image"].startswith("postgres:")}


def seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)s", text)
    assert found is not None, text
    return int(found[1])


def test_two_processes_a_migration_and_a_pair_of_databases() -> None:
    assert {check_command(service["command"]) for service in OURS.values()} == {"serve", "migrate"}
    serving = [service for service in OURS.values() if service["command"][0] == "serve"]
    assert len(serving) == 2
    assert len(STORES) == 2
    assert {service["environment"]["POSTGRES_NODE"] for service in STORES.values()} == set(STORES)


def test_what_our_services_are_given_are_settings_and_secrets_come_from_the_file() -> None:
    for service in OURS.values():
        for name in service["environment"]:
            check_variable(name)
        for secret in ("RINGBACK_MASTER_KEY", "RINGBACK_ADMIN_KEY"):
            assert service["environment"][secret].startswith(f"${{{secret}:?"), "compose refuses to start without it"
        assert not {word for word in service["command"] if "${" in word}, "what is in a command can be seen by others"


def test_the_store_names_both_databases_and_takes_the_one_that_accepts_writes() -> None:
    for service in OURS.values():
        hosts, _, query = service["environment"]["RINGBACK_STORE"].rpartition("@")[2].partition("/ringback?")
        assert {host.partition(":")[0] for host in hosts.split(",")} == set(STORES)
        assert "target_session_attrs=read-write" in query.split("&")
        assert any(part.startswith("connect_timeout=") for part in query.split("&"))


def test_every_variable_stands_in_the_example_and_no_other() -> None:
    assert set(variables_named(TEXT)) == set(example_variables(DEPLOY / ".env.example"))
    assert (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines().count("/deploy/.env") == 1


def test_what_the_example_says_how_to_make_is_taken() -> None:
    """The page's commands that fill the file in are run by tests/docs/test_deploy_page.py."""
    made = {"RINGBACK_MASTER_KEY": "A" * 43 + "=", "RINGBACK_ADMIN_KEY": "ab" * 24}
    for service in OURS.values():
        settings = load({}, {"RINGBACK_STORE": service["environment"]["RINGBACK_STORE"], **made}, None)
        assert settings.postgresql_url is not None
        assert settings.master_key == made["RINGBACK_MASTER_KEY"]


def test_what_depends_on_something_can_have_it() -> None:
    waits_for = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    for name, needed in waits_for.items():
        for other, how in needed.items():
            assert other in SERVICES, (name, other)
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no"
            else:
                assert how["condition"] == "service_healthy"
                checks = SERVICES[other].get("healthcheck", {})
                assert "test" in checks or (other in OURS and not checks), f"{other} has no health check"
    left = dict(waits_for)
    while free := [name for name, needed in left.items() if not needed.keys() & left.keys()]:
        for name in free:
            del left[name]
    assert left == {}, "they wait for one another"


def test_processes_get_the_time_that_a_stop_takes_and_start_again() -> None:
    for name, service in OURS.items():
        if service["command"][0] == "serve":
            assert seconds(service["stop_grace_period"]) >= 40, name
            assert service["restart"] == "unless-stopped"
            assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_networks_volumes_and_files_that_are_named_are_there() -> None:
    for name, service in SERVICES.items():
        assert set(service["networks"]) <= set(FILE["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).is_file() if source.startswith("./") else source in FILE["volumes"], volume
    assert FILE["networks"]["database"]["internal"] is True
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_the_proxy_leads_to_our_processes_and_asks_whether_they_are_ready() -> None:
    caddyfile = (DEPLOY / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    (upstreams,) = re.findall(r"reverse_proxy (.+) \{", caddyfile)
    serving = {name for name, service in OURS.items() if service["command"][0] == "serve"}
    assert set(upstreams.split()) == {f"{name}:8080" for name in serving}
    assert "health_uri /readyz" in caddyfile
    assert {name for name, _ in re.findall(r"\{\$(\w+)(:[^}]*)\}", caddyfile)} <= set(SERVICES["proxy"]["environment"])


@pytest.mark.parametrize("script", sorted((DEPLOY / "postgres").glob("*.sh")), ids=lambda script: script.name)
def test_scripts_can_be_run_and_read_only_what_they_are_given(script: Any) -> None:
    assert script.stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).returncode == 0
    text = script.read_text(encoding="utf-8")
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)", text)) | set(re.findall(r"^\\getenv \w+ (\w+)$", text, re.MULTILINE))
    for service in STORES.values():
        assert read <= set(service["environment"]), script.name
