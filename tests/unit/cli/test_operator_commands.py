"""operators and console-link against a small stand-in for the API: what they ask for and what they print."""

import io
import json
from collections.abc import Iterator

import pytest

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from support.stand_in import KEY, StandIn

MOMENT = "2026-11-21T12:00:00.000Z"
ADA = {"id": "op_1", "name": "ada", "created_at": MOMENT, "password_changed_at": MOMENT}


@pytest.fixture
def api() -> Iterator[StandIn]:
    stand_in = StandIn()
    stand_in.answers = {
        "POST /v1/operators": lambda _: (201, ADA),
        "GET /v1/operators": lambda _: (200, {"items": [ADA], "next_cursor": None}),
        "PUT /v1/operators/op_1/password": lambda _: (204, None),
        "DELETE /v1/operators/op_1": lambda _: (204, None),
        "POST /v1/tenants/acme/console-links": lambda _: (
            201,
            {"url": "https://hooks.example/console/enter/x", "expires_at": MOMENT},
        ),
    }
    yield stand_in
    stand_in.stop()


def asked(api: StandIn, *arguments: str) -> int:
    return main([*arguments, "--url", api.url, "--key", KEY])


@pytest.mark.parametrize("line", ["correct horse battery\n", "correct horse battery\r\n", "correct horse battery"])
def test_a_password_comes_from_standard_input(
    api: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert asked(api, "operators", "add", "ada", "--password-stdin") == ExitCode.OK
    assert json.loads(api.requests[0].body) == {"name": "ada", "password": "correct horse battery"}
    assert capsys.readouterr().out == "ada is added and can sign in.\n"


def test_without_a_terminal_none_is_asked_for(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (("operators", "add", "ada"), ("operators", "password", "ada")):
        assert asked(api, *arguments) == ExitCode.BAD_SETTING
        assert "--password-stdin" in capsys.readouterr().err
    assert {request.method for request in api.requests} == {"GET"}


def test_one_is_named_by_the_name(
    api: StandIn, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("another password\n"))
    assert asked(api, "operators", "password", "ada", "--password-stdin") == ExitCode.OK
    assert json.loads(api.requests[-1].body) == {"password": "another password"}
    assert asked(api, "operators", "remove", "ada", "--yes") == ExitCode.OK
    assert api.requests[-1].method == "DELETE"
    capsys.readouterr()
    assert asked(api, "operators", "remove", "eve\x1b", "--yes") == ExitCode.BAD_SETTING
    assert "there is no operator eve\\x1b." in capsys.readouterr().err


def test_whoever_is_not_there_to_be_asked_removes_nobody(api: StandIn) -> None:
    assert asked(api, "operators", "remove", "ada") == ExitCode.NOT_CONFIRMED
    assert {request.method for request in api.requests} == {"GET"}


def test_the_list(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(api, "operators", "list") == ExitCode.OK
    assert capsys.readouterr().out.splitlines()[1].split() == ["op_1", "ada", *["2026-11-21", "12:00:00"] * 2]
    assert asked(api, "operators", "list", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == ADA


def test_a_link_is_printed_alone(api: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(api, "console-link", "acme", "--role", "viewer", "--expires-in-s", "60") == ExitCode.OK
    assert json.loads(api.requests[0].body) == {"role": "viewer", "expires_in_s": 60}
    assert capsys.readouterr().out == "https://hooks.example/console/enter/x\n"
    assert asked(api, "console-link", "acme", "--json") == ExitCode.OK
    assert json.loads(api.requests[1].body) == {"role": "administrator", "expires_in_s": 900}
    assert json.loads(capsys.readouterr().out)["expires_at"] == MOMENT
    for wrong in (("--role", "operator"), ("--expires-in-s", "59")):
        assert asked(api, "console-link", "acme", *wrong) == ExitCode.BAD_SETTING
