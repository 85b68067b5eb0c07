"""`ringback verify`: what it makes of captured requests, signed by the reference implementation."""

import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook

from ringback.cli.exits import ExitCode
from ringback.cli.inbox import Seen
from ringback.cli.main import main
from ringback.cli.receiver import Request
from support.command import ringback

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PUBLIC = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
SENT = "2026-11-21T12:00:00Z"
SENT_S = 1_795_262_400
BODY = b'{"type":"a.b","timestamp":"2026-11-21T12:00:00Z","data":{"name":"\xc3\x84da","n":1.10}}'


def signed(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    signature = Webhook(secret).sign("evt_1", datetime.fromtimestamp(SENT_S, UTC), body.decode())
    return {"webhook-id": "evt_1", "webhook-timestamp": str(SENT_S), "webhook-signature": signature}


def raw(headers: dict[str, str], body: bytes = BODY, end: str = "\r\n") -> bytes:
    lines = ["POST /hook HTTP/1.1", "Host: example.com", *(f"{name}: {value}" for name, value in headers.items())]
    return end.join([*lines, "", ""]).encode() + body


class Checked:
    """One run of the command on a captured request."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.err = code, err
        self.said = " ".join(out.split())


Check = Callable[..., Checked]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Check:
    monkeypatch.setenv("RINGBACK_SECRET", SECRET)
    monkeypatch.setenv("NO_COLOR", "1")

    def check(content: bytes, *flags: str) -> Checked:
        (tmp_path / "captured").write_bytes(content)
        code = main(["verify", str(tmp_path / "captured"), *(flags or ("--at", SENT))])
        printed = capsys.readouterr()
        for part in (SECRET[6:], OTHER[6:]):
            assert part not in printed.out + printed.err, "a secret is never printed"
        return Checked(code, printed.out, printed.err)

    return check


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_genuine_request_is_valid(check: Check, end: str) -> None:
    done = check(raw(signed(), end=end))
    assert (done.code, done.said) == (
        ExitCode.OK,
        "✓ valid Event evt_1, sent 2026-11-21 12:00:00 UTC, signature v1.",
    )


def test_a_line_of_listen_is_read(check: Check) -> None:
    request = Request("POST", "/", list(signed().items()), BODY)
    line = Seen(SENT, request, None, None, 200).as_json().encode()
    assert check(line + b"\n").code == ExitCode.OK
    two = check(line + b"\n" + line)
    assert (two.code, two.err) == (
        ExitCode.BAD_SETTING,
        "ringback: request: there are 2 requests; give one line, such as `tail -n 1 FILE`. [bad_setting]\n",
    )


def test_one_of_several_signatures_is_enough(check: Check) -> None:
    headers = signed()
    headers["webhook-signature"] = (
        f"{signed(secret=OTHER)['webhook-signature']} {headers['webhook-signature']} v1a,AAAA"
    )
    done = check(raw(headers))
    assert done.code == ExitCode.OK
    assert "one of 3 signatures" in done.said


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (BODY + b"\n", "A newline was added at the end of the body."),
        (BODY.replace(b'":', b'": '), "The body was parsed and its JSON written anew"),
        (msgspec.json.format(BODY, indent=2), "its JSON written anew"),
        (b"  " + BODY, "White space was added around the body."),
        (b"\xef\xbb\xbf" + BODY, "A byte order mark was put before the body."),
        (json.dumps(BODY.decode()).encode(), "its JSON written anew"),
        (BODY.replace(b"Ada", b"Eve").replace(b"\xc3\x84da", b"Eve"), "It is the secret of another endpoint"),
    ],
)  # fmt: skip
def test_a_changed_body_is_named_with_its_likely_cause(check: Check, body: bytes, cause: str) -> None:
    done = check(raw(signed(), body))
    assert done.code == ExitCode.UNEXPECTED
    assert done.said.startswith("✗ not valid [wrong_signature]")
    assert cause in done.said


def test_line_ends_that_were_changed_are_recognised(check: Check) -> None:
    body = b'{\r\n"a": 1}'
    assert "(CRLF became LF)" in check(raw(signed(body), body.replace(b"\r\n", b"\n"))).said
    assert "The newline at the end of the body was lost" in check(raw(signed(BODY + b"\n"))).said


def test_a_body_of_another_length_than_was_sent_was_changed(check: Check) -> None:
    done = check(raw({**signed(), "Content-Length": "3"}, BODY[:-1] + b"!}"))
    assert f"it has {len(BODY) + 1} bytes, and Content-Length says 3" in done.said


def test_the_wrong_secret_is_the_likely_cause_when_nothing_else_fits(check: Check) -> None:
    done = check(raw(signed(secret=OTHER)))
    assert done.code == ExitCode.UNEXPECTED
    assert "It is the secret of another endpoint or a former one" in done.said


@pytest.mark.parametrize(("name", "value"), [("webhook-timestamp", "1795262401"), ("webhook-id", "evt_2")])
def test_a_timestamp_or_id_that_was_changed_is_named_as_a_cause(check: Check, name: str, value: str) -> None:
    headers = signed()
    assert headers[name] != value
    done = check(raw({**headers, name: value}), "--no-time-check")
    assert done.code == ExitCode.UNEXPECTED
    assert "or the body, webhook-id or webhook-timestamp was changed." in done.said


def test_a_key_of_the_other_kind_is_recognised(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_SECRET", PUBLIC)
    assert "of another kind (v1) than the secret" in check(raw(signed())).said


def test_a_cut_signature_is_recognised(check: Check) -> None:
    headers = signed()
    headers["webhook-signature"] = headers["webhook-signature"][:20]
    assert "too short: it was cut" in check(raw(headers)).said


@pytest.mark.parametrize(
    ("at", "code", "words"),
    [
        ("2026-11-21T14:05:10Z", "too_old", "2 h 5 min ago; 5 min is allowed. The signature fits."),
        ("2026-11-21T11:54:59Z", "too_new", "5 min 1 s ahead of this clock; 5 min is allowed. The signature fits."),
    ],
)
def test_the_wrong_time_says_by_how_much(check: Check, at: str, code: str, words: str) -> None:
    done = check(raw(signed()), "--at", at)
    assert done.code == ExitCode.UNEXPECTED
    assert done.said.startswith(f"✗ not valid [{code}]")
    assert words in done.said
    assert check(raw(signed()), "--at", at, "--no-time-check").code == ExitCode.OK


def test_missing_and_broken_headers_are_named(check: Check) -> None:
    headers = signed()
    del headers["webhook-signature"]
    done = check(raw(headers))
    assert done.said.startswith("✗ not valid [missing_header] Webhook-signature is missing or empty.")
    assert "The request has the headers Host, webhook-id, webhook-timestamp." in done.said
    broken = check(raw({**signed(), "webhook-timestamp": "noon"}))
    assert broken.said.startswith("✗ not valid [bad_header]")


def test_json_has_exactly_these_fields(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    printed = json.loads(check(raw(signed()), "--at", "2026-11-21T12:00:10Z", "--json").said)
    assert printed == {
        "valid": True, "code": "valid", "detail": "event evt_1, sent 2026-11-21 12:00:00 UTC, signature v1",
        "cause": None, "advice": None, "id": "evt_1", "sent_at": "2026-11-21T12:00:00.000Z", "age_s": 10.0,
        "signature": "v1",
    }  # fmt: skip
    wrong = json.loads(check(raw(signed(), b"{}"), "--json", "--at", SENT).said)
    assert (wrong["valid"], wrong["code"], wrong["id"]) == (False, "wrong_signature", None)


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("'" + SECRET + "'", "It stands in quotes."),
        ("sk_12345", "a secret begins with whsec_"),
        ("whsec_short", "must be base64"),
        ("", "secret: give one with --secret-file, RINGBACK_SECRET or --secret."),
    ],
)
def test_what_is_no_secret_is_told_without_showing_it(
    check: Check, secret: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGBACK_SECRET", secret)
    done = check(raw(signed()))
    assert done.code == ExitCode.BAD_SETTING
    assert words in done.err
    assert done.err.count("\n") == 1
    assert "12345" not in done.err


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"{}", b'{"headers": 1, "body": ""}', b"[1]\n\nx", b"webhook-id: x"]
)
def test_what_is_no_request_is_refused(check: Check, content: bytes) -> None:
    done = check(content)
    assert done.code == ExitCode.BAD_SETTING
    assert done.err.startswith("ringback: request: ")


def test_headers_and_body_can_be_given_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "body").write_bytes(BODY)
    (tmp_path / "secret").write_text(SECRET + "\n")
    headers = [text for name, value in signed().items() for text in ("--header", f"{name}: {value}")]
    flags = ["verify", "--secret-file", str(tmp_path / "secret"), "--at", SENT]
    assert main([*flags, "--body-file", str(tmp_path / "body"), *headers]) == ExitCode.OK
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BODY)))
    assert main([*flags, "--body-file", "-", *headers]) == ExitCode.OK
    assert main([*flags, *headers]) == ExitCode.BAD_SETTING
    assert main([*flags, "--body-file", str(tmp_path / "nowhere"), *headers]) == ExitCode.BAD_SETTING
    assert SECRET not in "".join(capsys.readouterr())


def test_the_command_itself_reads_standard_input_and_ends_with_the_documented_codes() -> None:
    variables = {"RINGBACK_SECRET": SECRET}
    good = ringback("verify", "-", "--at", SENT, variables=variables, given=raw(signed()))
    assert (good.code, good.err) == (0, "")
    assert good.out.startswith("✓ valid\n")
    plain = {**variables, "PYTHONIOENCODING": "ascii"}  # a terminal that knows no other characters
    bad = ringback("verify", "-", "--at", SENT, variables=plain, given=raw(signed(), b"{}\x1b[2J"))
    assert (bad.code, bad.err) == (1, "")
    assert bad.out.startswith("\\u2717 not valid [wrong_signature]\n")
    assert "\x1b" not in bad.out
