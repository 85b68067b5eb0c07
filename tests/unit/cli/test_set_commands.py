"""tracked-sets and records against a small stand-in for the API: what they ask for and what they print."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.cli.receiver import Request
from support.stand_in import KEY, StandIn

SETS = "/v1/tenants/acme/tracked-sets"
MOMENT = "2026-11-21T12:00:00.000Z"


class Sets:
    """A stand-in that keeps one set, `a`."""

    def __init__(self, api: StandIn) -> None:
        self.members: set[str] = set()
        self.chunks: list[int] = []
        self.made = False
        self.refuse_from = 1_000
        api.answers |= {
            f"PUT {SETS}/a": self._put,
            f"GET {SETS}/a": lambda _: (200, self._shown()),
            f"POST {SETS}/a/members": self._add,
            f"POST {SETS}/a/members/remove": self._remove,
            f"GET {SETS}/a/members": self._list,
            f"DELETE {SETS}/a": lambda _: (204, None),
        }

    def _shown(self) -> dict[str, Any]:
        return {"name": "a", "members": len(self.members), "created_at": MOMENT, "updated_at": MOMENT}

    def _put(self, _: Request) -> tuple[int, Any]:
        was, self.made = self.made, True
        return (200 if was else 201), self._shown()

    def _ids(self, request: Request) -> set[str]:
        ids = json.loads(request.body)["ids"]
        self.chunks.append(len(ids))
        return set(ids)

    def _add(self, request: Request) -> tuple[int, Any]:
        if len(self.chunks) >= self.refuse_from:
            return 503, {"code": "store_unavailable", "detail": "Not now."}
        added = self._ids(request) - self.members
        self.members |= added
        return 200, {"added": len(added), "members": len(self.members)}

    def _remove(self, request: Request) -> tuple[int, Any]:
        removed = self._ids(request) & self.members
        self.members -= removed
        return 200, {"removed": len(removed), "members": len(self.members)}

    def _list(self, request: Request) -> tuple[int, Any]:
        query = parse_qs(urlsplit(request.path).query)
        after, limit = query.get("cursor", [""])[0], int(query["limit"][0])
        rest = sorted(member for member in self.members if member > after)
        more = rest[limit - 1] if len(rest) > limit else None
        return 200, {"items": [{"id": member} for member in rest[:limit]], "next_cursor": more}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    stand_in = StandIn()
    monkeypatch.setenv("RINGBACK_URL", stand_in.url)
    monkeypatch.setenv("RINGBACK_KEY", KEY)
    monkeypatch.setenv("RINGBACK_TENANT", "acme")
    yield stand_in
    stand_in.stop()


@pytest.fixture
def sets(api: StandIn) -> Sets:
    return Sets(api)


def run(*arguments: str, code: int = ExitCode.OK) -> None:
    assert main(list(arguments)) == code


def test_sets_are_made_filled_and_deleted(sets: Sets, capsys: pytest.CaptureFixture[str]) -> None:
    run("tracked-sets", "create", "a")
    run("tracked-sets", "add", "a", "c_1", "c_2")
    run("tracked-sets", "create", "a")
    run("tracked-sets", "remove", "a", "c_1", "nobody")
    run("tracked-sets", "members", "a")
    run("tracked-sets", "delete", "a", "--yes")
    assert capsys.readouterr().out.splitlines() == [
        "a is made. It has no members yet.",
        "2 added; a has 2 members.",
        "a is there already, with 2 members.",
        "1 removed; a has 1 member.",
        "id",
        "c_2",
        "a is deleted.",
    ]
    run("tracked-sets", "show", "a")
    assert "members  1" in capsys.readouterr().out
    run("tracked-sets", "add", "a", "c_2", "c_3", "--json")
    assert json.loads(capsys.readouterr().out) == {"added": 1, "members": 2}


def test_whoever_is_not_there_to_be_asked_deletes_nothing(
    sets: Sets, api: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    sets.members = {"c_1"}
    run("tracked-sets", "delete", "a", code=ExitCode.NOT_CONFIRMED)
    assert "a (1 member) will be deleted" in capsys.readouterr().err
    assert {request.method for request in api.requests} == {"GET"}


def test_a_file_goes_in_requests_of_ten_thousand(
    sets: Sets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "companies.csv"
    file.write_text("name,id\n" + "".join(f"Company {n},c_{n}\n" for n in range(20_005)))
    sets.members = {"c_7", "old"}
    run("tracked-sets", "upload", "a", str(file), "--column", "id")
    assert capsys.readouterr().out == "a: 20,005 ids read, 20,004 added, 0 removed; it has 20,006 members.\n"
    assert (sets.made, sets.chunks) == (True, [10_000, 10_000, 5])
    run("tracked-sets", "upload", "a", str(file), "--column", "2", "--remove", "--json")
    told = {"name": "a", "ids": 20_006, "added": 0, "removed": 20_005, "members": 1}
    assert json.loads(capsys.readouterr().out) == told
    assert sets.members == {"old"}


def test_replacing_leaves_what_is_in_the_file_and_never_less(sets: Sets, tmp_path: Path) -> None:
    sets.members = {f"old_{n}" for n in range(600)} | {"c_1"}
    file = tmp_path / "ids.csv"
    file.write_text("c_1\nc_2\nc_1\n")
    run("tracked-sets", "upload", "a", str(file), "--replace")
    assert sets.members == {"c_1", "c_2"}
    assert sets.chunks == [2, 600], "first they are added, then the others go"


def test_standard_input_is_read_too(sets: Sets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "ids.csv"
    file.write_text("c_1\nc_2\n")
    with file.open() as given:
        monkeypatch.setattr("sys.stdin", given)
        run("tracked-sets", "upload", "a", "-")
    assert sets.members == {"c_1", "c_2"}


@pytest.mark.parametrize("more", [[], ["--remove"], ["--replace"]])
def test_with_a_broken_line_nothing_is_sent(
    sets: Sets, api: StandIn, tmp_path: Path, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ids.csv"
    file.write_text("c_0\n" * 16 + '""\n' + "c_1\n")
    run("tracked-sets", "upload", "a", str(file), *more, code=ExitCode.BAD_SETTING)
    assert capsys.readouterr().err == ("ringback: line 17: the id must not be empty. Nothing was sent. [broken_line]\n")
    assert api.requests == []


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        ("", [], "there is no id in it"),
        ("id\n", ["--column", "id", "--replace"], "there is no id in it"),
        ("a\n", ["--remove", "--replace"], "don't go together"),
        ("a\n", ["--column", "0"], "counted from 1"),
        (None, [], "can't be read"),
    ],
)
def test_what_else_is_refused_before_anything_is_sent(
    api: StandIn,
    tmp_path: Path,
    content: str | None,
    more: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "ids.csv"
    if content is not None:
        file.write_text(content)
    run("tracked-sets", "upload", "a", str(file), *more, code=ExitCode.BAD_SETTING)
    assert said in capsys.readouterr().err
    assert api.requests == []


def test_what_was_done_is_told_when_the_server_fails_on_the_way(
    sets: Sets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ids.csv"
    file.write_text("".join(f"c_{n}\n" for n in range(20_001)))
    sets.refuse_from = 1
    run("tracked-sets", "upload", "a", str(file), code=ExitCode.API_REFUSED)
    assert capsys.readouterr().err.splitlines() == [
        "ringback: 10,000 of 20,001 ids are done. The same command again does the rest.",
        "ringback: Not now. [store_unavailable, HTTP 503]",
    ]
    sets.refuse_from = 1_000
    run("tracked-sets", "upload", "a", str(file))
    assert len(sets.members) == 20_001


def test_endpoints_follow_a_set(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    made = {
        "id": "ep_1", "url": "https://a.example/", "status": "active", "timeout_s": 20.0, "tracked_set": "a",
        "tracked_members": 3, "created_at": MOMENT, "updated_at": MOMENT, "retry": None,
    }  # fmt: skip
    api.answers["POST /v1/tenants/acme/endpoints"] = lambda _: (201, made)
    run("endpoints", "create", "https://a.example/", "--tracked-set", "a")
    assert json.loads(api.requests[0].body) == {"url": "https://a.example/", "tracked_set": "a"}
    assert "tracked set  a, 3 members" in capsys.readouterr().out


# ── records ───────────────────────────────────────────────────────────────────────────────────────────────────────

WRITTEN = {
    "type": "company", "id": "a/b", "revision": 3, "result": "updated", "changed": ["/score"], "event_id": "evt_1",
    "events": [],
}  # fmt: skip


def test_a_record_is_written_with_what_the_source_says(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    path = "/v1/tenants/acme/records/company/a%2Fb"
    for method in ("PUT", "PATCH", "DELETE"):
        api.answers[f"{method} {path}"] = lambda _: (200, WRITTEN)
    terms = ["--version", "7", "--updated-at", "2026-11-21T12:00:00Z", "--if-match", "2", "--channel", "eü"]
    run("records", "put", "company", "a/b", "--data", '{"score": 1.0}', *terms)
    run("records", "put", "company", "a/b", "--data", "{}", "--if-new", "--json")
    run("records", "patch", "company", "a/b", "--data", '{"score": null}')
    run("records", "delete", "company", "a/b", "--if-match", "*", "--yes")
    put, new, patch, delete = api.requests
    assert (put.body, patch.body, delete.body) == (b'{"score": 1.0}', b'{"score": null}', b"")
    headers = {name.lower(): value for name, value in put.headers}
    assert (headers["ringback-version"], headers["if-match"]) == ("7", '"2"')
    assert headers["ringback-updated-at"] == "2026-11-21T12:00:00Z"
    assert headers["ringback-channel"].encode("latin-1").decode() == "eü"
    assert {name.lower(): value for name, value in new.headers}["if-none-match"] == "*"
    assert {name.lower(): value for name, value in delete.headers}["if-match"] == "*"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "company/a/b updated, revision 3, event evt_1. Changed: /score"
    assert json.loads(lines[1]) == WRITTEN


def test_a_record_is_shown_and_records_are_listed(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    record = {
        "type": "company", "id": "c_1", "revision": 3, "version": 7, "updated_at": MOMENT, "created_at": MOMENT,
        "changed_at": MOMENT, "data": {"name": "Núñez"},
    }  # fmt: skip
    api.answers["GET /v1/tenants/acme/records/company/c_1"] = lambda _: (200, record)
    api.answers["GET /v1/tenants/acme/records/company"] = lambda _: (200, {"items": [record], "next_cursor": None})
    run("records", "get", "company", "c_1")
    assert '"name": "Núñez"' in capsys.readouterr().out
    run("records", "get", "company", "c_1", "--json")
    assert json.loads(capsys.readouterr().out) == record
    run("records", "list", "company")
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "c_1"


def lines_of(request: Request) -> list[Any]:
    return [json.loads(line) for line in request.body.split(b"\n")]


def test_a_file_of_changes_goes_a_thousand_at_a_time(
    api: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(request: Request) -> tuple[int, Any]:
        return 200, {
            "records": [{**one, "revision": 1, "result": "created", "event_id": None} for one in lines_of(request)]
        }

    api.answers["POST /v1/tenants/acme/records/batch"] = write
    file = tmp_path / "changes.ndjson"
    changes = [{"type": "company", "id": f"c_{n}", "data": {"n": n}} for n in range(2_001)]
    file.write_text("\n\n".join(map(json.dumps, changes)))
    run("records", "import", str(file))
    assert capsys.readouterr().out == "2,001 changes: 2,001 created.\n"
    assert [len(lines_of(request)) for request in api.requests] == [1_000, 1_000, 1]
    assert [one for request in api.requests for one in lines_of(request)] == changes
    assert dict(api.requests[0].headers)["content-type"] == "application/x-ndjson"
    run("records", "import", str(file), "--json")
    assert json.loads(capsys.readouterr().out)["created"] == 2_001


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"type": "a", "id": 5}', "must be a JSON object with a type and an id, both text"),
        ("[]", "must be a JSON object with a type and an id, both text"),
        ('{"type": "a"', "is not JSON: Input data was truncated"),
        ('{"type": "\\udc00"}', "is not JSON"),
    ],
)
def test_a_line_that_is_no_change_is_named_and_nothing_is_sent(
    api: StandIn, tmp_path: Path, line: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "changes.ndjson"
    file.write_text('{"type":"a","id":"1","data":{}}\n\n' + line)
    run("records", "import", str(file), code=ExitCode.BAD_SETTING)
    assert f"line 3: {said}" in capsys.readouterr().err
    assert api.requests == []


def test_what_the_server_refuses_is_told_by_the_files_line(
    api: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(request: Request) -> tuple[int, Any]:
        if len(api.requests) == 1:
            made = {"revision": 1, "result": "created", "event_id": None}
            return 200, {"records": [{**one, **made} for one in lines_of(request)]}
        fields = [("records[1].data", "must be a JSON object"), ("records[3]", "is not valid")]
        errors = [{"field": field, "message": message} for field, message in fields]
        detail = "records[1].data must be a JSON object. And 1 more: see errors."
        return 422, {"code": "record_not_object", "detail": detail, "errors": errors}

    api.answers["POST /v1/tenants/acme/records/batch"] = write
    file = tmp_path / "changes.ndjson"
    file.write_text("\n".join(json.dumps({"type": "a", "id": str(n), "data": 1}) for n in range(1_005)))
    run("records", "import", str(file), code=ExitCode.API_REFUSED)
    assert capsys.readouterr().err.splitlines() == [
        (
            "ringback: The 1,000 changes before line 1001 are stored. What is stored already makes no event when it is "
            "sent again."
        ),
        "ringback: line 1002: data must be a JSON object. And 1 more: see errors. [record_not_object, HTTP 422]",
        "  line 1004: is not valid",
    ]
