"""Who gets into the console, on a real server: operators by the command line, links, and what the audit log says."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import Ended, ringback, ringback_on_terminal
from support.process import ADMIN_KEY, Server

PASSWORD = "correct horse battery"
PUBLIC = "https://hooks.example/below"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("people"), "--public-url", PUBLIC) as running:
        yield running


def asked(server: Server, *arguments: str, given: str = "") -> Ended:
    variables = {"RINGBACK_URL": server.url, "RINGBACK_KEY": ADMIN_KEY}
    return ringback(*arguments, variables=variables, given=given.encode())


def test_operators_are_added_listed_changed_and_removed(server: Server) -> None:
    variables = {"RINGBACK_URL": server.url, "RINGBACK_KEY": ADMIN_KEY}
    line = f"{PASSWORD}\n".encode()
    answers = [(b"Password: ", line), (b"Repeat for confirmation: ", line)]
    added = ringback_on_terminal("operators", "add", "ada", variables=variables, answers=answers)
    assert added.code == 0, added
    assert "ada is added" in added.out
    assert PASSWORD not in added.out
    assert asked(server, "operators", "add", "bob", "--password-stdin", given=f"{PASSWORD}\n").code == 0
    assert [line.split()[1] for line in asked(server, "operators", "list").out.splitlines()[1:]] == ["ada", "bob"]

    hashes = dict(stored(server, "SELECT name, password_hash FROM operator"))
    assert hashes.keys() == {"ada", "bob"}
    assert all(hashed.startswith("$argon2id$") for hashed in hashes.values())
    assert hashes["ada"] != hashes["bob"]

    changed = asked(server, "operators", "password", "bob", "--password-stdin", given="another password\n")
    assert changed.code == 0, changed
    assert dict(stored(server, "SELECT name, password_hash FROM operator"))["bob"] != hashes["bob"]
    refused = asked(server, "operators", "add", "bob", "--password-stdin", given=f"{PASSWORD}\n")
    assert "[conflict, HTTP 409]" in refused.err
    assert asked(server, "operators", "remove", "bob", "--yes").code == 0
    assert len(stored(server, "SELECT 1 FROM operator")) == 1

    done = server.get("/v1/audit")["items"]
    assert [(one["action"], one["actor"]) for one in done] == [
        (action, "operator")
        for action in ("delete_operator", "change_operator_password", "create_operator", "create_operator")
    ]
    assert PASSWORD not in server.log.read_text()


def test_a_link_is_at_the_public_address_and_its_token_nowhere(server: Server) -> None:
    server.make("/v1/tenants", {"id": "acme", "name": "Acme"})
    made = asked(server, "console-link", "acme", "--role", "viewer")
    before, token = made.out.strip().rsplit("/", 1)
    assert before == f"{PUBLIC}/console/enter"
    assert len(token) == 43
    assert stored(server, "SELECT tenant_id, role, made_by FROM console_link") == [("acme", "viewer", "operator")]
    (entry,) = server.get("/v1/tenants/acme/audit")["items"]
    assert (entry["action"], entry["tenant_id"]) == ("create_console_link", "acme")
    files = [path.read_bytes() for path in Path(server.data).rglob("*") if path.is_file()]
    assert files
    assert not any(token.encode() in content for content in files)
    assert token not in server.log.read_text()


def stored(server: Server, query: str) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(f"file:{Path(server.data) / 'ringback.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
