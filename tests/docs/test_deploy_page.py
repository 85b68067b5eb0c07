"""The commands of docs/deploy.md and docs/scaling.md: those that need no container, service or cluster are run."""

import os
import shutil
from pathlib import Path

from ringback.settings import load
from support.deployment import DEPLOY, example_variables
from support.pages import Page


def test_deploy(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    page = Page("docs/deploy.md", tmp_path, {})

    url, key = page.run('printf "%s\\n" "$RINGBACK_STORE" "$RINGBACK_MASTER_KEY"', kept=False).splitlines()
    assert url.startswith("postgresql://")
    assert load({}, {"RINGBACK_MASTER_KEY": key}, None).master_key == key
    page.left_out("there is no Docker: the image")

    page.run()
    filled = tmp_path / "deploy" / ".env"
    assert filled.stat().st_mode & 0o777 == 0o600
    values = example_variables(filled)
    assert [name for name, value in values.items() if not value] == []
    ours = ("RINGBACK_MASTER_KEY", "RINGBACK_ADMIN_KEY", "RINGBACK_PUBLIC_URL")
    assert load({}, {name: values[name] for name in ours}, None).public_url == values["RINGBACK_PUBLIC_URL"]
    assert len({values[name] for name in values if "PASSWORD" in name or "KEY" in name}) == 5, "each its own"

    page.left_out("there is no Docker: start")
    page.left_out("there is no Docker: upgrade")
    page.left_out("there is no Docker: failover")
    page.left_out("there is no Docker: the old primary returns")
    page.left_out("changes the machine: units")
    page.left_out("changes the machine: units on PostgreSQL")
    page.end()


def test_after_a_failover_the_other_node_is_named(tmp_path: Path) -> None:
    """The one line of the failover that needs no Docker."""
    blocks = Page("docs/deploy.md", tmp_path, {})
    (line,) = [line for _ in range(6) for line in blocks.take().splitlines() if line.startswith("sed -i 's/^POSTGRES_")]
    shutil.copy(DEPLOY / ".env.example", tmp_path / ".env")
    assert os.system(f"cd {tmp_path} && {line}") == 0
    assert example_variables(tmp_path / ".env")["POSTGRES_PRIMARY"] == "postgres-b"


def test_scaling(tmp_path: Path) -> None:
    page = Page("docs/scaling.md", tmp_path, {})
    page.left_out("there is no Patroni")
    page.end()
