"""send, tail and keys against a small stand-in for the API: what they ask for and what they print."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ringback.cli import tail as tail_module
from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.cli.receiver import Request
from ringback.cli.tail import Follower
from ringback.client.client import Client
from support.stand_in import KEY, StandIn


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn()
    monkeypatch.setenv("RINGBACK_URL", stand_in.url)
    monkeypatch.setenv("RINGBACK_KEY", KEY)
    monkeypatch.delenv("RINGBACK_TENANT", raising=False)
    yield stand_in
    stand_in.stop()


ACCEPTED = {"id": "evt_1", "type": "a.b", "accepted_at": "2026-11-21T12:00:00.000Z", "deliveries": 2}


def test_send_posts_the_data_as_it_is_and_prints_the_id(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers["POST /v1/tenants/acme/events"] = lambda _: (202, ACCEPTED)
    data = '{"price": 1.10, "name": "\\u00e4"}'
    assert main(["send", "--tenant", "acme", "--type", "a.b", "--data", data, "--idempotency-key", "k1"]) == 0
    assert capsys.readouterr().out == "evt_1\n"
    (request,) = api.requests
    headers = {name.lower(): value for name, value in request.headers}
    assert data.encode() in request.body
    assert json.loads(request.body)["type"] == "a.b"
    assert (headers["authorization"], headers["idempotency-key"]) == (f"Bearer {KEY}", "k1")


def test_send_reads_key_and_data_from_files(api: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers["POST /v1/tenants/acme/events"] = lambda _: (200, ACCEPTED)
    (tmp_path / "key").write_text("another-key-of-twenty-chars\n")
    (tmp_path / "data").write_text('{"a": 1}\n')
    files = ["--key", f"@{tmp_path / 'key'}", "--data", f"@{tmp_path / 'data'}"]
    assert main(["send", "--tenant", "acme", "--type", "a.b", "--json", *files]) == 0
    assert json.loads(capsys.readouterr().out) == {**ACCEPTED, "duplicate": True}
    assert ("authorization", "Bearer another-key-of-twenty-chars") in [
        (name.lower(), value) for name, value in api.requests[0].headers
    ]


def test_send_says_what_it_is_about(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers["POST /v1/tenants/acme/events"] = lambda _: (202, ACCEPTED)
    assert main(["send", "--tenant", "acme", "--type", "a.b", "--subject", "company/a/b"]) == 0
    assert json.loads(api.requests[0].body)["subject"] == {"type": "company", "id": "a/b"}
    for wrong in ("company", "company/", "/c_1"):
        assert main(["send", "--tenant", "acme", "--type", "a.b", "--subject", wrong]) == ExitCode.BAD_SETTING
    assert "TYPE/ID" in capsys.readouterr().err


@pytest.mark.parametrize("data", ["{not json", "@/nowhere/at/all"])
def test_send_refuses_what_is_no_json_before_asking(
    api: StandIn, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["send", "--tenant", "acme", "--type", "a.b", "--data", data]) == ExitCode.BAD_SETTING
    assert capsys.readouterr().err.startswith("ringback: data: ")
    assert api.requests == []


def test_what_the_api_refuses_is_shown_with_its_fields(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    problem = {
        "code": "invalid",
        "detail": "The event is invalid.",
        "errors": [{"field": "type", "message": "must not be empty"}],
    }
    api.answers["POST /v1/tenants/acme/events"] = lambda _: (422, problem)
    assert main(["send", "--tenant", "acme", "--type", "x"]) == ExitCode.API_REFUSED
    assert capsys.readouterr().err == (
        "ringback: The event is invalid. [invalid, HTTP 422]\n  type: must not be empty\n"
    )


def test_what_the_detail_tells_is_not_told_again(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"field": "type", "message": "must not be empty"}, {"field": "id", "message": "is too long"}]
    problem = {"code": "invalid", "detail": "type must not be empty. 1 more.", "errors": errors}
    api.answers["POST /v1/tenants/acme/events"] = lambda _: (422, problem)
    assert main(["send", "--tenant", "acme", "--type", "x"]) == ExitCode.API_REFUSED
    assert capsys.readouterr().err == (
        "ringback: type must not be empty. 1 more. [invalid, HTTP 422]\n  id: is too long\n"
    )


@pytest.mark.parametrize("body", [None, [], {}, {"items": 1, "next_cursor": None}, {"items": [1], "next_cursor": None}])
@pytest.mark.parametrize(
    "arguments",
    [
        ["send", "--tenant", "acme", "--type", "a.b"],
        ["tail", "--tenant", "acme", "--once"],
        ["keys", "create", "--scope", "admin"],
        ["keys", "list"],
        ["keys", "revoke", "key_1"],
    ],
)
def test_a_server_that_is_not_ringback_is_one_line(
    api: StandIn, arguments: list[str], body: object, capsys: pytest.CaptureFixture[str]
) -> None:
    for call in ("POST /v1/tenants/acme/events", "GET /v1/tenants/acme/attempts", "POST /v1/keys", "GET /v1/keys"):
        api.answers[call] = lambda _: (200, body)
    api.answers["DELETE /v1/keys/key_1"] = lambda _: (200, body)
    assert main(arguments) == ExitCode.API_REFUSED
    assert capsys.readouterr().err == (
        "ringback: The server answered 200, but not as Ringback does. Is this Ringback's address? "
        "[not_ringback, HTTP 200]\n"
    )


def test_a_proxy_that_answers_is_told_in_a_sentence(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    api.answers["POST /v1/tenants/acme/events"] = lambda _: (502, "<html>")
    assert main(["send", "--tenant", "acme", "--type", "a.b"]) == ExitCode.API_REFUSED
    assert capsys.readouterr().err == (
        "ringback: The server answered 502 and not as Ringback does. [http_502, HTTP 502]\n"
    )


def test_keys_are_made_listed_and_revoked(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    item = {"id": "key_1", "scope": "ingest", "label": "shop", "created_at": "2026-11-21T12:00:00.000Z"}
    pages = {None: ([item], "next"), "next": ([{**item, "id": "key_2"}], None)}

    def page(request: Request) -> tuple[int, Any]:
        cursor = parse_qs(urlsplit(request.path).query).get("cursor", [None])[0]
        items, following = pages[cursor]
        return 200, {"items": items, "next_cursor": following}

    api.answers["POST /v1/tenants/acme/keys"] = lambda _: (201, {**item, "key": "the-key"})
    api.answers["GET /v1/tenants/acme/keys"] = page
    api.answers["DELETE /v1/tenants/acme/keys/key_1"] = lambda _: (204, None)
    assert main(["keys", "create", "--tenant", "acme", "--scope", "ingest", "--label", "shop"]) == 0
    assert capsys.readouterr().out == "the-key\n"
    assert json.loads(api.requests[0].body) == {"scope": "ingest", "label": "shop"}
    assert main(["keys", "list", "--tenant", "acme", "--json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["key_1", "key_2"]
    assert main(["keys", "list", "--tenant", "acme"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "id     scope   created (UTC)        label"
    assert [line.split()[0] for line in lines[1:]] == ["key_1", "key_2"]
    assert all(line == line.rstrip() for line in lines)
    assert " 2026-" in lines[1]
    assert ".000Z" not in lines[1]
    assert main(["keys", "revoke", "--tenant", "acme", "key_1"]) == 0


@pytest.mark.parametrize("arguments", [["--scope", "admin", "--tenant", "acme"], ["--scope", "ingest"]])
def test_a_key_belongs_to_a_tenant_unless_it_is_an_admin_key(api: StandIn, arguments: list[str]) -> None:
    assert main(["keys", "create", *arguments]) == ExitCode.BAD_SETTING
    assert api.requests == []


class Recorded:
    """The attempts of a tenant, paged by the stand-in as the API does: newest first, since a time."""

    def __init__(self, api: StandIn) -> None:
        self.attempts: list[dict[str, Any]] = []
        self.queries: list[dict[str, list[str]]] = []
        api.answers["GET /v1/tenants/acme/attempts"] = self._page

    def add(self, name: str, at: str) -> None:
        self.attempts.append(
            {
                "id": name,
                "at": at,
                "endpoint_id": "ep_1",
                "event_id": "evt_1",
                "event_type": "a.b",
                "number": 1,
                "outcome": "failed",
                "final": True,
                "status_code": None,
                "error": {"code": "timeout", "message": "…"},
                "duration_ms": 12.4,
            }
        )

    def _page(self, request: Request) -> tuple[int, Any]:
        query = parse_qs(urlsplit(request.path).query)
        self.queries.append(query)
        since, offset = query.get("since", [""])[0], int(query.get("cursor", ["0"])[0])
        limit = int(query["limit"][0])
        found = sorted((a for a in self.attempts if a["at"] >= since), key=lambda a: str(a["at"]), reverse=True)
        following = str(offset + limit) if offset + limit < len(found) else None
        return 200, {"items": found[offset : offset + limit], "next_cursor": following}


def test_tail_prints_what_is_there_oldest_first(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = Recorded(api)
    recorded.add("att_2", "2026-11-21T12:00:02.000Z")
    recorded.add("att_1", "2026-11-21T12:00:01.000Z")
    assert main(["tail", "--tenant", "acme", "--once", "--failed", "--json"]) == 0
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == ["att_1", "att_2"]
    assert recorded.queries[0]["outcome"] == ["failed"]
    assert main(["tail", "--tenant", "acme", "--once", "--since", "2026-11-21T12:00:02Z"]) == 0
    assert capsys.readouterr().out == ("12:00:02.000  ep_1 a.b evt_1 attempt 1: failed timeout in 12 ms, last\n")


def test_tail_refuses_a_time_without_a_zone(api: StandIn) -> None:
    assert main(["tail", "--tenant", "acme", "--since", "2026-11-21T12:00:00"]) == ExitCode.BAD_SETTING
    assert api.requests == []


def test_a_follower_gives_each_attempt_once_also_one_that_comes_late(
    api: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail_module, "PAGE_ITEMS", 2)
    recorded = Recorded(api)
    for second in range(5):
        recorded.add(f"att_{second}", f"2026-11-21T12:00:1{second}.000Z")
    with Client(api.url, KEY, "acme") as client:
        follower = Follower(client, {}, None)
        assert [attempt["id"] for attempt in follower.new()] == [f"att_{second}" for second in range(5)]
        assert follower.new() == []
        recorded.add("att_slow", "2026-11-21T12:00:11.500Z")
        recorded.add("att_next", "2026-11-21T12:00:15.000Z")
        assert [attempt["id"] for attempt in follower.new()] == ["att_slow", "att_next"]


def test_a_follower_remembers_no_more_than_the_overlap(api: StandIn) -> None:
    recorded = Recorded(api)
    recorded.add("att_old", "2026-11-21T12:00:00.000Z")
    with Client(api.url, KEY, "acme") as client:
        follower = Follower(client, {}, None)
        follower.new()
        recorded.add("att_new", "2026-11-21T13:00:00.000Z")
        assert [attempt["id"] for attempt in follower.new()] == ["att_new"]
        assert follower.new() == []
    assert recorded.queries[-1]["since"] == ["2026-11-21T12:59:30.000Z"]
