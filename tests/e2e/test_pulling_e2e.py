"""Pulling events from a real server while others post, with a long poll; and what thin requests say in their place."""

import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from ringback import Client
from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from support.inbox import Inbox
from support.process import ADMIN_KEY, Server
from support.tenant import TestTenant

THIN = Path(__file__).parents[2] / "src/ringback/wire/profiles/standard-thin.toml"
POSTERS = 4
POSTS = 40
LONG_S = 30


def client_of(tenant: TestTenant) -> Client:
    return Client(tenant.server.url, ADMIN_KEY, tenant.id, timeout_s=60)


@pytest.mark.parametrize("by_endpoint", [False, True])
def test_a_puller_sees_each_event_once_and_in_order_while_four_threads_post(
    server: Server, tenant: TestTenant, inbox: Inbox, by_endpoint: bool
) -> None:
    made = tenant.endpoint(inbox.url(), event_types=["wanted.*"])["id"]
    seen: list[str] = []

    def post(number: int) -> None:
        with client_of(tenant) as client:
            for place in range(POSTS):
                client.send("wanted.one", {"n": place}, id=f"e_{number}_{place:03d}")
                client.send("other.one", 1)

    with ThreadPoolExecutor(POSTERS) as pool, client_of(tenant) as client:
        posting = [pool.submit(post, number) for number in range(POSTERS)]
        which = {"endpoint_id": made} if by_endpoint else {"type": "wanted.one"}
        for page in client.feed(wait_s=5, limit=9, **which):
            seen += [event["id"] for event in page.items]
            if len(seen) >= POSTERS * POSTS:
                break
        for one in posting:
            one.result()
        rest = [event["id"] for page in client.feed(page.next_cursor, wait_s=0, **which) for event in page.items]
    assert rest == []
    assert len(seen) == len(set(seen)) == POSTERS * POSTS
    for number in range(POSTERS):
        own = [name for name in seen if name.startswith(f"e_{number}_")]
        assert own == sorted(own)


def test_whoever_waits_is_answered_when_an_event_is_stored(tenant: TestTenant) -> None:
    answers: list[Any] = []

    def wait(index: int) -> None:
        with client_of(tenant) as client:
            answers.append(next(iter(client.feed(wait_s=LONG_S, limit=1))).items)

    waiting = [threading.Thread(target=wait, args=(index,)) for index in range(5)]
    for one in waiting:
        one.start()
    # So the last of them is likely to wait already; whether it does is all the same to what has to come out.
    tenant.server.get(f"{tenant.path}/events?order=asc&wait_s=1")
    event_id = tenant.send()
    for one in waiting:
        one.join(20)
    assert [[event["id"] for event in items] for items in answers] == [[event_id]] * 5


def test_an_empty_feed_is_answered_after_the_time(server: Server, tenant: TestTenant) -> None:
    assert server.get(f"{tenant.path}/events?order=asc&wait_s=1") == {"items": [], "next_cursor": None}


def test_the_address_is_by_the_public_url_and_a_stop_waits_for_nobody_who_pulls(tmp_path: Path, inbox: Inbox) -> None:
    text = THIN.read_text("utf-8").replace('"standard-thin"', '"thin-records"')
    own = text.replace('"url": "{event_url}"', '"url": "{record_url}", "changed": "{changed}"')
    with Server(tmp_path / "data", "--allow-private", "--public-url", "https://hooks.example.com/base/") as server:
        assert server.ask("PUT", "/v1/profiles/thin-records", {"toml": own}).status == 201
        tenant = TestTenant(server, "acme")
        tenant.endpoint(inbox.url(), profile="thin-records")
        opened = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(3)]
        key = f"Authorization: Bearer {ADMIN_KEY}"
        head = f"GET {tenant.path}/events?order=asc&wait_s=30 HTTP/1.1\r\nHost: x\r\n{key}\r\n\r\n"
        for one in opened:
            one.sendall(head.encode())
        opened.pop().close()  # who has left holds nobody up either
        tenant.send("contact.updated", 1, subject={"type": "contact", "id": "a/b ü"})
        (received,) = inbox.wait_for(1)
        first = opened[0].recv(65_536)
        assert first.startswith(b"HTTP/1.1 200")
        opened[0].sendall(head.replace("order=asc&", "order=asc&type=none&").encode())
        assert server.stop(25) == 0
        assert b'"items":[]' in opened[0].recv(65_536)
        for one in opened:
            one.close()
    data = json.loads(received.body)["data"]
    assert data["url"] == "https://hooks.example.com/base/v1/tenants/acme/records/contact/a%2Fb%20%C3%BC"
    assert data["changed"] is None


def test_a_thin_request_has_the_address_and_whoever_has_a_key_gets_the_data(
    server: Server, tenant: TestTenant, inbox: Inbox
) -> None:
    large = {"text": "x" * 250_000, "name": "Núñez"}
    made = tenant.endpoint(inbox.url(), profile="standard-thin")
    event_id = tenant.send("contact.created", large)
    (received,) = inbox.wait_for(1)
    tenant.wait_state(event_id, "delivered")

    said = Webhook(made["secret"]).verify(received.body, dict(received.headers))
    assert said["data"] == {"id": event_id, "url": f"{server.url}{tenant.path}/events/{event_id}"}
    assert len(received.body) < 500
    fetched = server.ask("GET", said["data"]["url"].removeprefix(server.url), key=tenant.key())
    assert fetched.json["data"] == large
    assert server.ask("GET", said["data"]["url"].removeprefix(server.url), key=None).status == 401
    (attempt,) = tenant.attempts(made["id"])
    assert tenant.attempt(attempt["id"])["request"]["body"].encode() == received.body
    shown = server.get(f"{tenant.path}/endpoints/{made['id']}/preview?event_type=contact.created")
    address = json.loads(shown["body"])["data"]["url"]
    assert address.startswith(f"{server.url}{tenant.path}/events/evt_")


Run = Callable[..., str]


@pytest.fixture
def run(server: Server, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command in this process; what it printed, or what it said of an error."""
    variables = {"RINGBACK_URL": server.url, "RINGBACK_KEY": ADMIN_KEY, "RINGBACK_TENANT": tenant.id}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str, code: int = ExitCode.OK) -> str:
        capsys.readouterr()
        ended = main(list(arguments))
        printed = capsys.readouterr()
        assert ended == code, printed.err
        return printed.out if code == ExitCode.OK else printed.err

    return run


class TestEventsPull:
    def test_a_file_keeps_where_to_go_on(self, tenant: TestTenant, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "place"
        pull = ("events", "pull", "--cursor-file", str(file))
        assert run(*pull) == ""
        first = [tenant.send("a.b", {"n": number}) for number in range(3)]
        assert [json.loads(line)["id"] for line in run(*pull).splitlines()] == first
        assert run(*pull) == ""
        later = tenant.send("a.c", 1.50)
        assert [json.loads(line)["id"] for line in run(*pull).splitlines()] == [later]
        assert run("events", "pull", "--cursor", file.read_text().strip()) == ""
        assert len(run("events", "pull", "--type", "a.b").splitlines()) == 3

    def test_what_is_no_cursor_is_said(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "place"
        file.write_bytes(b"\xff")
        assert "cursor-file" in run("events", "pull", "--cursor-file", str(file), code=ExitCode.BAD_SETTING)
        both = ("--cursor-file", str(file), "--cursor", "x")
        assert "not both" in run("events", "pull", *both, code=ExitCode.BAD_SETTING)
        assert "cursor" in run("events", "pull", "--cursor", "x", code=ExitCode.API_REFUSED)
        nowhere = tmp_path / "none" / "place"
        run("events", "pull", "--cursor-file", str(nowhere))  # nothing came, so nothing is to be kept

    def test_a_place_that_cannot_be_kept_is_said(self, tenant: TestTenant, run: Run, tmp_path: Path) -> None:
        tenant.send()
        nowhere = tmp_path / "none" / "place"
        said = run("events", "pull", "--cursor-file", str(nowhere), code=ExitCode.BAD_SETTING)
        assert "can't be written" in said


class TestTypes:
    def test_a_type_is_made_of_samples_and_grows(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "samples.ndjson"
        file.write_text('{"id": "c_1", "at": "2026-11-21T23:11:26Z"}\n\n{"id": "c_2", "n": 1}\n')
        schema = json.loads(run("types", "infer", str(file)))
        assert schema["required"] == ["id"]
        assert schema["properties"]["at"] == {"type": "string", "format": "date-time"}
        said = run("types", "infer", str(file), "--put", "--name", "cli.made")
        assert "Made of 2 samples." in said
        assert "version 1" in said
        run("types", "put", "cli.made", "--description", "One\nis made.", "--sample", '{"id": "c_9"}')
        shown = run("types", "show", "cli.made")
        assert "is made." in shown
        assert '"c_9"' in shown
        assert json.loads(run("types", "show", "cli.made", "--json"))["schema"] == schema

        array = tmp_path / "samples.json"
        array.write_text('[{"id": 5}, {"id": 6, "at": null}]')
        mismatch = run("types", "infer", str(array), "--put", "--name", "cli.made", code=ExitCode.API_REFUSED)
        assert "sample.id is not of type" in mismatch
        run("types", "put", "cli.made", "--sample", "null")
        refused = run("types", "infer", str(array), "--put", "--name", "cli.made", code=14)
        assert "data.id may be integer now; it was string" in refused
        assert "data.n is removed" in refused
        forced = run("types", "infer", str(array), "--put", "--name", "cli.made", "--yes")
        assert "version 2" in forced
        assert json.loads(run("types", "show", "cli.made", "--json"))["description"] == "One\nis made."
        versions = run("types", "versions", "cli.made").splitlines()
        assert [line.split()[0] for line in versions] == ["version", "2", "1"]
        assert json.loads(run("types", "versions", "cli.made", "--version", "1")) == schema

        assert "cli.made" in run("types", "list", "--all")
        assert "say --yes" in run("types", "delete", "cli.made", code=14)
        assert run("types", "delete", "cli.made", "--yes") == "Deleted.\n"
        assert "not_found" in run("types", "show", "cli.made", code=ExitCode.API_REFUSED)

    def test_a_schema_is_made_of_a_tenants_latest_events(self, tenant: TestTenant, run: Run) -> None:
        for number in range(5):
            tenant.send("cli.events", {"n": number, "first": True} if number == 0 else {"n": number})
        latest = ("types", "infer", "--from-events", "--name", "cli.events")
        assert "first" in json.loads(run(*latest))["properties"]
        assert "first" not in json.loads(run(*latest, "--last", "4"))["properties"]
        none = run("types", "infer", "--from-events", "--name", "cli.none", code=ExitCode.BAD_SETTING)
        assert "no event of the type" in none

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((), "give a FILE"),
            (("x.json", "--from-events"), "give a FILE"),
            (("/nowhere.json",), "can't be read"),
            (("--from-events",), "needs --name"),
            (("BAD",), "line 2 is no JSON"),
            (("EMPTY",), "no sample"),
            (("GOOD", "--put"), "needs --name"),
        ],
    )
    def test_what_is_wrong_is_said(self, run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
        for name, content in (("BAD", '{"a": 1}\n{"a": \n'), ("EMPTY", "\n"), ("GOOD", "1")):
            (tmp_path / name).write_text(content)
        given = [str(tmp_path / one) if one.isupper() else one for one in arguments]
        assert said in run("types", "infer", *given, code=ExitCode.BAD_SETTING)

    def test_one_document_is_one_sample_unless_it_is_an_array(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "one.json"
        file.write_text(json.dumps({"a": 1}, indent=2))
        assert json.loads(run("types", "infer", str(file)))["properties"] == {"a": {"type": "integer"}}
        file = tmp_path / "arrays.ndjson"
        file.write_text("[1]\n[2.5]\n")
        assert json.loads(run("types", "infer", str(file)))["items"] == {"type": "number"}


def test_a_feed_goes_on_from_a_kept_cursor(tenant: TestTenant) -> None:
    ids = [tenant.send() for _ in range(5)]
    with client_of(tenant) as client:
        first = next(client.feed(wait_s=0, limit=2))
        assert [event["id"] for event in first.items] == ids[:2]
        rest = [event["id"] for page in client.feed(first.next_cursor, wait_s=0) for event in page.items]
        assert rest == ids[2:]
        assert list(islice(client.feed(wait_s=0, type="none"), 5))[-1].items == []
        with pytest.raises(ValueError, match="timeout_s"):
            next(client.feed(wait_s=60))
