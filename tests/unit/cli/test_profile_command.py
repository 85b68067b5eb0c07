"""`ringback profile check` and `show`: without a server, on what a person has written."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from ringback.cli.main import main
from support.profiles import profile_text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(profile_text(prefix="sig="))
    return path


def request_of(printed: str) -> tuple[str, dict[str, str], str]:
    """(request line, headers, body) of what `show` printed."""
    head, _, body = printed.partition("\n\n")
    line, *headers = head.split("\n")
    return line, dict(header.split(": ", 1) for header in headers), body.removesuffix("\n")


def test_a_profile_is_said_to_be_one(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "check", str(file)]) == 0
    assert f"{file}: ok, version " in capsys.readouterr().out
    assert main(["profile", "check", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["valid"], told["name"], told["signatures"]) == (True, "own", ["v1", "v1a"])


def test_what_is_wrong_is_said_with_its_key(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(profile_text().replace('"POST"', '"SHOUT"'))
    assert main(["profile", "check", str(file)]) == 15
    said = capsys.readouterr().err
    assert f"{file}, line 11: request.method 'SHOUT' is not known; allowed: " in said
    assert said.endswith("[profile_file_unusable]\n")
    assert main(["profile", "check", str(file), "--json"]) == 15
    told = json.loads(capsys.readouterr().out)
    assert (told["valid"], told["key"]) == (False, "request.method")


def test_the_built_in_request_is_one_that_a_receiver_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "show", "standard"]) == 0
    printed = capsys.readouterr()
    line, headers, body = request_of(printed.out)
    assert line == "POST /hook HTTP/1.1"
    assert headers["Host"] == "example.com"
    assert headers["Content-Length"] == str(len(body))
    assert "example secret, which everybody has" in printed.err
    assert Webhook(printed.err.split()[-1]).verify(body, headers) == json.loads(body)


def test_an_event_of_ones_own_goes_through_a_file_of_ones_own(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = tmp_path / "event.json"
    event.write_text(
        '{"type": "a.b", "data": {"n": 1.50, "ä": []}, "id": "e_1", "occurred_at": "2026-11-21T08:00:00Z"}'
    )
    assert main(["profile", "show", str(file), "--event", str(event), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["method"], shown["url"]) == ("POST", "https://example.com/hook")
    assert shown["body"] == '{"type":"a.b","timestamp":"2026-11-21T08:00:00.000Z","data":{"n": 1.50, "ä": []}}'
    headers = dict(shown["headers"])
    assert headers["x-own-id"] == "e_1"
    key = base64.b64decode(shown["secret"].removeprefix("whsec_"))
    content = f"e_1.{headers['x-own-timestamp']}.{shown['body']}".encode()
    made = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    assert headers["x-own-signature"] == f"sig={made}"


def test_each_signature_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "show", "standard", "--signature", "v1a", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert dict(shown["headers"])["webhook-signature"].startswith("v1a,")
    assert shown["secret"].startswith("whsk_")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "vesel"], "allowed: cloudevents, "),
        (["show", "nowhere.toml"], "nowhere.toml can't be read"),
        (["show", "standard", "--signature", "v9"], "'v9' is none of the profile's: v1, v1a"),
        (["show", "standard", "--event", "{folder}/none.json"], "none.json can't be read"),
        (["show", "standard", "--event", "{folder}/bad.json"], "event: not an event"),
        (["show", "standard", "--event", "{folder}/typeless.json"], "event: its type is no event type"),
        (["put", "{folder}/bad.json", "--key", "k" * 20], "is not named NAME.toml"),
        (["put", "{folder}/binary.toml", "--key", "k" * 20], "is not UTF-8"),
    ],
)
def test_what_can_not_be_shown_or_put_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "bad.json").write_text('{"type": "a.b"')
    (tmp_path / "typeless.json").write_text('{"type": "a b", "data": 1}')
    (tmp_path / "binary.toml").write_bytes(b"\xff")
    assert main(["profile", *(one.format(folder=tmp_path) for one in arguments)]) in (2, 15)
    assert said in capsys.readouterr().err
