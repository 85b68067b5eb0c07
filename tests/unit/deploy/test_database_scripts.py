"""deploy/postgres/*.sh on a real PostgreSQL: what the first start sets up, and who becomes a standby of whom.

What the image itself does is a script here that writes down what it was started with.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployment import DEPLOY
from support.postgres import Cluster
from support.postgres_programs import Place, account, as_account, program

PASSWORDS = {name: f"{name.lower()}_1" for name in ("RINGBACK_DATABASE_PASSWORD", "POSTGRES_REPLICATION_PASSWORD")}


class Node:
    """The second node of a pair: its directory, and node.sh for it."""

    def __init__(self, place: Place, port: int) -> None:
        self.data = place.make("volume") / "pgdata"
        programs = place.make("programs")
        for name in ("node.sh", "first-start.sh"):
            shutil.copy(DEPLOY / "postgres" / name, programs / name)
        (programs / "docker-entrypoint.sh").write_text('#!/bin/sh\necho "started: $*"\n', encoding="utf-8")
        for script in programs.iterdir():
            script.chmod(0o755)
        self._programs = programs
        self._port = port

    def run(self, script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        path = f"{self._programs}:{Path(program('pg_basebackup')).parent}:{os.environ['PATH']}"
        known = {"PATH": path, "PGDATA": str(self.data), "PGPORT": str(self._port), "POSTGRES_USER": "postgres"}
        return subprocess.run(
            [self._programs / script, "postgres", "-c", "max_connections=200"],
            env={**known, **PASSWORDS, "POSTGRES_NODE": "postgres-b", **environment},
            capture_output=True, text=True, check=False, timeout=60, cwd="/", **as_account(),
        )  # fmt: skip


@pytest.fixture(scope="module")
def primary() -> Iterator[Cluster]:
    """One of this module's own: from the first start on its commits wait for a standby."""
    with Cluster.made(durable=False) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def node(primary: Cluster) -> Iterator[Node]:
    place = Place("deploy-node")
    try:
        made = Node(place, primary.port)
        done = made.run("first-start.sh", PGDATA=str(primary.data), PGHOST="127.0.0.1")
        assert done.returncode == 0, done.stderr
        primary.sql("SELECT pg_reload_conf()")
        yield made
    finally:
        place.close()


def test_the_first_start_makes_what_the_url_names(primary: Cluster, node: Node) -> None:
    assert primary.sql("SELECT rolname, rolsuper FROM pg_roles WHERE rolreplication AND rolname <> 'postgres'") == [
        ("replicator", False)
    ]
    owned = "SELECT pg_get_userbyid(datdba), datcollate FROM pg_database WHERE datname = 'ringback'"
    assert primary.sql(owned) == [("ringback", "C")]
    assert (primary.data / "pg_hba.conf").read_text(encoding="utf-8").endswith("replicator all scram-sha-256\n")
    kept = (primary.data / "postgresql.auto.conf").read_text(encoding="utf-8")
    assert 'FIRST 1 ("postgres-a", "postgres-b")' in kept


def test_a_node_that_is_not_the_primary_becomes_its_standby(primary: Cluster, node: Node) -> None:
    (node.data.parent / "pgdata.new").mkdir()  # of a copy that broke off
    if (user := account()) is not None:
        os.chown(node.data.parent / "pgdata.new", user.pw_uid, user.pw_gid)
    done = node.run("node.sh", POSTGRES_PRIMARY="127.0.0.1")
    assert done.stdout == "started: postgres -c max_connections=200\n", done.stderr
    assert (node.data / "standby.signal").exists()
    follows = (node.data / "postgresql.auto.conf").read_text(encoding="utf-8")
    assert "application_name=''postgres-b''" in follows or "application_name=postgres-b" in follows
    assert "primary_slot_name = 'postgres_b'" in follows
    assert primary.sql("SELECT slot_name, slot_type FROM pg_replication_slots") == [("postgres_b", "physical")]

    again = node.run("node.sh", POSTGRES_PRIMARY="192.0.2.1")
    assert again.stdout.startswith("started: "), "it has its data: nobody is asked"


def test_a_node_that_was_the_primary_is_refused_when_another_is(node: Node, primary: Cluster) -> None:
    place = Place("deploy-old-primary")
    try:
        old = Node(place, primary.port)
        old.data.mkdir()
        (old.data / "PG_VERSION").write_text("16\n", encoding="utf-8")
        assert old.run("node.sh", POSTGRES_PRIMARY="postgres-b").stdout.startswith("started: ")
        refused = old.run("node.sh", POSTGRES_PRIMARY="postgres-a")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "Empty its volume" in refused.stderr
    finally:
        place.close()
