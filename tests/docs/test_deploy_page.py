"""The commands of docs/deploy.md and docs/scaling.md: those that need no container, service or cluster are run."""

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ringback.settings import load
from ringback.store.migrate import load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import prepare
from support.deployment import DEPLOY, example_variables
from support.pages import ROOT, Page

if TYPE_CHECKING:
    from support.postgres import Cluster


def test_deploy(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    page = Page("docs/deploy.md", tmp_path, {})

    url, key = page.run('printf "%s\\n" "$RINGBACK_STORE" "$RINGBACK_MASTER_KEY"', kept=False).splitlines()
    assert load({}, {"RINGBACK_STORE": url}, None).postgresql_url == url
    assert "CHANGE-ME" not in Address(url).shown, "libpq can read it"
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


def test_the_sql_makes_a_role_that_can_set_the_database_up(postgres: "Cluster") -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    statements = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    made = statements.replace("ringback", "deploy_page")
    for statement in made.split(";")[:-1]:
        postgres.sql(statement)
    try:
        address = Address(postgres.url("deploy_page", "deploy_page"))
        prepare(address, load_migrations("postgres"), migrate=False)
        owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'event'"
        assert postgres.sql(owner, database="deploy_page") == [("deploy_page",)]
    finally:
        postgres.drop_database("deploy_page")
        postgres.sql("DROP ROLE deploy_page")
