"""The commands of the pages in docs/ that have some, run for real and in their order.

README.md, docs/cli.md and others have tests of their own beside this one; no page with commands is without.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.inbox import Inbox, Reply
from support.old_store import make_old_store
from support.pages import ROOT, Page, shell_blocks
from support.process import ADMIN_KEY, Server, wait_until

HERE = "http://127.0.0.1:8080"
HOOK = "https://example.com/hooks"


def server_in(directory: Path) -> Server:
    """A server on `directory`/data whose admin key is in the file, as the first start would have made it."""
    (directory / "data").mkdir(mode=0o700)
    key = directory / "data" / "admin.key"
    key.touch(mode=0o600)
    key.write_text(ADMIN_KEY)
    return Server(directory / "data", "--allow-private", environment={"RINGBACK_ADMIN_KEY": ""})


def test_each_page_with_commands_has_a_test_that_runs_them() -> None:
    with_commands = {
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
        if shell_blocks(path) and path.parent.name != "profiles"  # those are test_profile_pages' business
    }
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert set(re.findall(r'\bPage\("([^"]+)"', tests)) == with_commands
    assert len(with_commands) >= 5


def test_console(tmp_path: Path) -> None:
    server = server_in(tmp_path)
    page = Page("docs/console.md", tmp_path, {HERE: server.url})
    public = Server(tmp_path / "data", "--public-url", "https://hooks.example", environment={"RINGBACK_ADMIN_KEY": ""})
    public.port = server.port
    with public:
        printed = page.run()
        assert "ada is added and can sign in." in printed
        public.make("/v1/tenants", {"id": "acme", "name": "Acme"})
        page.said["$TENANT_KEY"] = public.make("/v1/tenants/acme/keys", {"scope": "tenant"})["key"]
        assert json.loads(page.run())["url"].startswith("https://hooks.example/console/enter/")
    page.end()


def test_operations(tmp_path: Path, inbox: Inbox) -> None:
    server = server_in(tmp_path)
    page = Page("docs/operations.md", tmp_path, {HERE: server.url, HOOK: inbox.url()})

    page.left_out("pip takes long; tests/e2e/test_install.py installs the package and starts a server from it")
    assert "problem" in page.run(codes=(0, 1)), "what it finds is this machine's"
    with server:
        assert json.loads(page.run()) == {"status": "ready", "cautions": []}
        printed = page.run()
        assert "rb_ingest_" in printed
        (received,) = inbox.wait_for(1)
        assert received.event_id in printed

        new_key = page.run('echo "$RINGBACK_MASTER_KEY"', kept=False)
        assert len(base64.b64decode(new_key.strip(), validate=True)) == 32
        assert "Everything is sealed with the master key" in page.run()
        assert (tmp_path / "backups" / "master.key.until-today").read_bytes() != (
            tmp_path / "data" / "master.key"
        ).read_bytes()

        (key,) = server.get("/v1/tenants/acme/keys")["items"]
        page.said["KEY_ID"] = key["id"]
        assert key["id"] in page.run()
        assert server.get("/v1/tenants/acme/keys")["items"] == []

        assert "every page checked" in page.run()
        server.stop()
        assert "every page checked" in page.run()
        assert "is restored as" in page.run()
        assert {path.name for path in (tmp_path / "restored").iterdir()} >= {"ringback.db", "master.key"}

        server.start()
        assert json.loads(page.run())["retention_days"] == 14
        assert json.loads(page.run()) == {"redacted": 0, "record": None}, "the event of above has no subject"
        page.said["ENDPOINT"] = server.get("/v1/tenants/acme/endpoints")["items"][0]["id"]
        assert "done: 0 of 0 events queued" in page.run()
        assert "\nringback_disk_free_bytes " in page.run()
        page.left_out("takes minutes, and nginx and h2load")
    page.end()


def test_upgrade(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    make_old_store(tmp_path / "data" / "ringback.db")
    page = Page("docs/upgrade.md", tmp_path, {})
    printed = page.run(codes=(0, 1))  # by what the doctor finds of this machine
    assert re.search(r"before-upgrade.db: [0-9,]+ bytes, schema 1, every page checked", printed)
    assert "Running migration 0002" in printed
    assert "rows were sealed" in printed
    assert re.search(r"ok +database .*schema [2-9]", printed)
    printed = page.run()
    assert "is restored as" in printed
    assert "It was made by an older Ringback" in printed
    page.end()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


def documents(printed: str) -> list[dict[str, object]]:
    """The JSON documents that curl printed one behind the other."""
    found, at, decoder = [], 0, json.JSONDecoder()
    while at < len(printed):
        document, at = decoder.raw_decode(printed, at)
        found.append(document)
    return found


def test_api(tmp_path: Path, inbox: Inbox) -> None:
    with server_in(tmp_path) as server:
        page = Page("docs/api.md", tmp_path, {HERE: server.url, HOOK: inbox.url()})
        page.run()
        assert "key" in documents(page.run())[0]
        tenant, ingest, endpoint = documents(page.run())
        assert (tenant["id"], ingest["scope"]) == ("acme", "ingest")
        page.said["ENDPOINT"] = str(endpoint["id"])

        preview, sent, stats = documents(page.run())
        assert preview["url"] == inbox.url()
        assert inbox.wait_for(1)[0].event_id == sent["event_id"]
        assert len(stats["days"]) == 7
        assert documents(page.run())[0]["events_per_second"] == 50
        assert [one["webhooks_enabled"] for one in documents(page.run())] == [False, True]
        put, patched = documents(page.run())
        assert (put["name"], put["origin"], patched["profile"]) == ("shop", "api", "shop")
        asked, plain = documents(page.run())
        assert (asked["status"], plain["status"]) == ("verification_pending", "active")
        assert server.ask("DELETE", f"/v1/tenants/acme/endpoints/{asked['id']}").status == 204
        assert documents(page.run())[0]["name"] == "contact.created"
        assert documents(page.run())[0]["schema"]["properties"]["name"]["type"] == ["string", "null"]
        versions, first = documents(page.run())
        assert [one["version"] for one in versions["items"]] == [2, 1]
        assert first == versions["items"][1]
        assert documents(page.run())[0]["schema"]["required"] == ["id"]

        inbox.reply = lambda received: Reply(503)
        (event,) = documents(page.run())
        page.said["EVENT"] = str(event["id"])
        (batch,) = documents(page.run())
        assert len(batch["accepted"]) == 2
        assert documents(page.run())[0]["type"] == "connection.status_changed"
        failed = f"/v1/tenants/acme/endpoints/{endpoint['id']}/attempts?outcome=failed"
        attempts = wait_until(lambda: server.get(failed)["items"], 15, "an attempt failed")
        page.said |= {"ATTEMPT": attempts[0]["id"], "2026-11-21T00:00:00Z": "2020-01-01T00:00:00Z"}
        deliveries, reach, listed, attempt, resent = documents(page.run())
        assert deliveries["items"][0]["endpoint_id"] == endpoint["id"]
        assert endpoint["id"] in {one["endpoint_id"] for one in reach["items"] if one["state"]}
        assert listed["items"]
        assert attempt["id"] == attempts[0]["id"]
        assert resent["id"] == event["id"]

        inbox.reply = lambda received: Reply()
        job, jobs = documents(page.run())
        assert [one["id"] for one in jobs["items"]] == [job["id"]]
        assert documents(page.run()) == [{"redacted": 1, "record": None}]
        assert len(documents(page.run())[0]["items"]) == 5
        master_key, ready = documents(page.run())
        assert (master_key["left"], ready) == (0, {"status": "ready", "cautions": []})
        assert (tmp_path / "copy.db").read_bytes().startswith(b"SQLite format 3")
    page.end()


def test_records(tmp_path: Path, inbox: Inbox) -> None:
    with server_in(tmp_path) as server:
        page = Page("docs/records.md", tmp_path, {HERE: server.url, HOOK: inbox.url()})
        page.run()
        created, patched = documents(page.run())
        assert (created["result"], patched["changed"]) == ("created", ["/address/zip", "/score"])
        assert documents(page.run())[0]["deleted_kept_days"] == 30
        assert [one["result"] for one in documents(page.run())] == ["updated", "stale"]
        shown, patched, listed = documents(page.run())
        assert (shown["data"], patched["revision"]) == ({"name": "Globex", "score": 90}, 4)
        assert [one["id"] for one in listed["items"]] == ["42"]
        (batch,) = documents(page.run())
        assert [one["result"] for one in batch["records"]] == ["created", "updated", "deleted"]
        deleted, redacted = documents(page.run())
        assert deleted["result"] == "deleted"
        assert redacted == {"redacted": 6, "record": "deleted"}
    page.end()


def test_pulling(tmp_path: Path) -> None:
    with server_in(tmp_path) as server:
        page = Page("docs/pulling.md", tmp_path, {HERE: server.url})
        *_, listed = documents(page.run())
        assert [one["data"] for one in listed["items"]] == [{"id": "c_1"}]
        page.said |= {"ZXZlbnRzOjE3": str(listed["next_cursor"]), "wait_s=20": "wait_s=1"}
        assert documents(page.run()) == [{"items": [], "next_cursor": None}]
        page.left_out("it follows until Ctrl-C; tests/e2e/test_pulling_e2e.py runs it without --follow")
    page.end()


def test_operational_events(tmp_path: Path, inbox: Inbox) -> None:
    with server_in(tmp_path) as server:
        server.make("/v1/tenants", {"id": "acme", "name": "Acme"})
        said = {HERE: server.url, "https://alerts.example.com/hook": inbox.url()}
        page = Page("docs/operational-events.md", tmp_path, said)
        page.run()
        (made,) = server.get("/v1/tenants/acme/endpoints")["items"]
        assert made["event_types"] == ["endpoint.*", "delivery.failed"]
    page.end()
