"""What the local receiver makes of a request: the check, the answers in turn, the line it prints."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from ringback.cli.inbox import Inbox, Seen, SignatureCheck
from ringback.cli.receiver import Answer, Request
from ringback.clock import SystemClock
from ringback.model.errors import BadSetting
from support.profiles import profile_text

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW_S = 1_795_305_600


class StoppedClock(SystemClock):
    def now_ms(self) -> int:
        return NOW_S * 1000 + 42


def signed(body: bytes = b'{"a":1}', secret: str = SECRET, path: str = "/") -> Request:
    """Signed by the reference implementation, not by ours."""
    signature = Webhook(secret).sign("evt_1", datetime.fromtimestamp(NOW_S, UTC), body.decode())
    headers = [("webhook-id", "evt_1"), ("webhook-timestamp", str(NOW_S)), ("webhook-signature", signature)]
    return Request("POST", path, headers, body)


def seen_by(check: SignatureCheck, request: Request) -> Seen:
    shown: list[Seen] = []
    Inbox([Answer()], check, shown.append, StoppedClock())(request)
    return shown[0]


def test_a_good_signature_is_verified() -> None:
    assert seen_by(SignatureCheck("standard", [OTHER_SECRET, SECRET]), signed()).verified is True


def test_a_wrong_signature_is_not_and_says_why() -> None:
    seen = seen_by(SignatureCheck("standard", [OTHER_SECRET]), signed())
    assert seen.verified is False
    assert "signature ✗ no signature fits" in seen.as_text()


def test_without_a_secret_it_can_not_be_told() -> None:
    assert seen_by(SignatureCheck("standard", []), signed()).verified is None


def test_requests_may_follow_a_profile_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(profile_text())
    request = signed()
    renamed = [(name.replace("webhook-", "x-own-"), value) for name, value in request.headers]
    check = SignatureCheck(str(file), [SECRET])
    assert check(request._replace(headers=renamed), NOW_S) == (True, None)
    assert check(request, NOW_S)[0] is False


@pytest.mark.parametrize(("profile", "secrets"), [("nonsense", []), ("standard", ["whsec_***"])])
def test_a_check_that_can_not_work_is_refused_at_once(profile: str, secrets: list[str]) -> None:
    with pytest.raises(BadSetting):
        SignatureCheck(profile, secrets)


def test_answers_are_given_in_turn_and_the_last_one_stays() -> None:
    inbox = Inbox(
        [Answer(500), Answer(429), Answer(200)], SignatureCheck("standard", []), lambda _: None, StoppedClock()
    )
    assert [inbox(signed()).status for _ in range(5)] == [500, 429, 200, 200, 200]


def test_the_limit_is_told_once() -> None:
    told: list[int] = []
    inbox = Inbox(
        [Answer()],
        SignatureCheck("standard", []),
        lambda _: None,
        StoppedClock(),
        requests_max=2,
        on_full=lambda: told.append(inbox.count),
    )
    for _ in range(4):
        inbox(signed())
    assert told == [2]


def test_the_json_line_has_exactly_these_fields() -> None:
    line = seen_by(SignatureCheck("standard", [SECRET]), signed(path="/hook?a=1")).as_json()
    assert "\n" not in line
    assert json.loads(line) == {
        "at": "2026-11-22T00:00:00.042Z",
        "method": "POST",
        "path": "/hook?a=1",
        "headers": [list(pair) for pair in signed().headers],
        "body": '{"a":1}',
        "verified": True,
    }


def test_the_text_obeys_no_sender() -> None:
    seen = seen_by(SignatureCheck("standard", []), Request("POST", "/\x1b[2J", [], b"\x1b]0;title\x07\xff\nnext"))
    text = seen.as_text()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert text.count("\n") == 1


def test_a_long_body_is_shortened_and_its_length_given() -> None:
    text = seen_by(SignatureCheck("standard", []), Request("POST", "/", [], b"x" * 10_000)).as_text()
    assert len(text) < 1_000
    assert "(10000 bytes)" in text


ASKING = Request("HEAD", "/hook", [("X-InsideViewAPI-ValidationCode", "c0de")], b"")


def test_a_handshake_is_answered_beside_the_answers_in_turn() -> None:
    shown: list[Seen] = []
    answers = [Answer(500, b"no", (("X-Own", "1"),), 2.0), Answer(200)]
    inbox = Inbox(answers, SignatureCheck("insideview", ["a text"]), shown.append, StoppedClock(), requests_max=2)
    expected = Answer(200, b"", (("X-InsideViewAPI-ValidationCode", "c0de"), ("X-Own", "1")), 2.0)
    assert inbox(ASKING) == expected
    assert inbox(ASKING._replace(method="POST")) == answers[0]
    assert inbox(ASKING) == Answer(200, b"", (("X-InsideViewAPI-ValidationCode", "c0de"),), 0.0)
    assert [(one.verified, one.handshake, one.status) for one in shown[:2]] == [(None, True, 200), (False, False, 500)]
    assert "  HEAD /hook  handshake  → 200" in shown[0].as_text()
    assert set(json.loads(shown[0].as_json())) == set(json.loads(shown[1].as_json()))
    assert inbox.count == 3


def test_without_a_handshake_in_the_profile_none_is_answered() -> None:
    seen = seen_by(SignatureCheck("standard", [SECRET]), ASKING)
    assert (seen.handshake, seen.verified) == (False, False)


def test_what_is_not_signed_can_be_received_but_not_checked() -> None:
    assert seen_by(SignatureCheck("vainu", []), Request("POST", "/", [], b"{}")).verified is None
    with pytest.raises(BadSetting, match="vainu are not signed, so there is nothing to check"):
        SignatureCheck("vainu", ["a text"])
