"""Handshakes as data: the requests that are made of a profile's words, and how answers are judged.

The messages and codes of InsideView are copied from its document, "Unsuccessful webhook validation".
"""

import re
import tomllib
from typing import Any

import pytest

from ringback.wire.handshake import Handshake, Refused, Verified, challenge_of, judge, read_handshake, request_of
from ringback.wire.profile import load_profile
from ringback.wire.vocabulary import ProfileError, Table
from support.handshakes import GET_IN_QUERY, POST_IN_BODY

NAME = "X-InsideViewAPI-ValidationCode"
CODE = "00112233445566778899aabbccddeeff"
DRAWN = bytes.fromhex(CODE)
MESSAGES = {
    "400-2101": f"Please echo {NAME} request header value as response header with name {NAME}",
    "400-2102": f"Invalid {NAME} response header value",
    "400-2103": f"Invalid {NAME} response header value",
    "400-2104": f"Incorrect {NAME} response header value",
}
Pairs = list[tuple[str, str]]


def of(profile: str) -> Handshake:
    handshake = load_profile(profile).handshake
    assert handshake is not None
    return handshake


def read(text: str) -> Handshake:
    handshake = read_handshake(Table("test", "handshake", tomllib.loads(text)["handshake"]))
    assert handshake is not None
    return handshake


INSIDEVIEW = of("insideview")
CLOUDEVENTS = of("cloudevents")
POST, GET = read(POST_IN_BODY), read(GET_IN_QUERY)


# ── what is asked ──────────────────────────────────────────────────────────────────────────────────────────────


def test_insideview_asks_by_head_with_a_random_code() -> None:
    challenge = challenge_of(INSIDEVIEW, DRAWN, "hooks.example")
    assert challenge == CODE
    assert request_of(INSIDEVIEW, challenge) == ("HEAD", "", [(NAME, CODE)], b"")
    assert (INSIDEVIEW.retry_for_s, INSIDEVIEW.errors["unreachable"]) == (180.0, ("400-2100", "Webhook unreachable"))


@pytest.mark.parametrize("profile", ["cloudevents", "cloudevents-binary"])
def test_cloudevents_asks_by_options_whether_this_origin_may(profile: str) -> None:
    challenge = challenge_of(of(profile), DRAWN, "hooks.example")
    origin = ("WebHook-Request-Origin", "hooks.example")
    assert request_of(of(profile), challenge) == ("OPTIONS", "", [origin], b"")
    assert request_of(of(profile), challenge, 120).headers == [origin, ("WebHook-Request-Rate", "120")]


def test_a_challenge_in_the_body_is_json() -> None:
    assert request_of(POST, CODE) == (
        "POST",
        "",
        [("Content-Type", "application/json")],
        f'{{"challenge":"{CODE}"}}'.encode(),
    )


def test_a_challenge_in_the_query_is_escaped() -> None:
    assert request_of(GET, CODE) == ("GET", f"hub.challenge={CODE}", [], b"")
    odd = GET._replace(challenge_name="a&b")
    assert request_of(odd, "x=y z").query == "a%26b=x%3Dy%20z"


# ── how an answer is judged ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [200, 204, 301, 404, 500])
def test_insideview_minds_the_header_alone(status: int) -> None:
    assert judge(INSIDEVIEW, CODE, status, [("Date", "x"), (NAME, CODE)], b"") == Verified()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "400-2101"),
        ([("Date", "x")], "400-2101"),
        ([(NAME.lower(), CODE)], "400-2101"),
        ([("X-InsideViewApi-ValidationCode", CODE)], "400-2101"),
        ([(NAME + " ", CODE)], "400-2101"),
        ([(NAME.lower(), CODE), (NAME.upper(), CODE)], "400-2101"),
        ([(NAME, "")], "400-2102"),
        ([(NAME, CODE), (NAME, CODE)], "400-2103"),
        ([(NAME, CODE), (NAME.lower(), CODE)], "400-2103"),
        ([(NAME, ""), (NAME, CODE)], "400-2103"),
        ([(NAME, "x" * 257)], "400-2103"),
        ([(NAME, CODE + "\x00")], "400-2103"),
        ([(NAME, CODE + "\t.")], "400-2103"),
        ([(NAME, "caf\xe9")], "400-2103"),
        ([(NAME, "x" * 256)], "400-2104"),
        ([(NAME, CODE.upper())], "400-2104"),
        ([(NAME, f'"{CODE}"')], "400-2104"),
        ([(NAME, f"{CODE}, {CODE}")], "400-2104"),
        ([(NAME, CODE[:-1])], "400-2104"),
        ([(NAME, "*")], "400-2104"),
    ],
)  # fmt: skip
def test_insideview_says_what_is_wrong(headers: Pairs, code: str) -> None:
    assert judge(INSIDEVIEW, CODE, 200, headers, b"") == Refused(code, MESSAGES[code])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("WebHook-Allowed-Origin", "hooks.example")], Verified()),
        ([("webhook-allowed-origin", "*")], Verified()),
        ([("WebHook-Allowed-Origin", "*"), ("WebHook-Allowed-Rate", "*")], Verified()),
        ([("WebHook-Allowed-Origin", "*"), ("webhook-allowed-rate", "120")], Verified(120)),
        ([("WebHook-Allowed-Origin", "*"), ("WebHook-Allowed-Rate", "0")], "handshake_malformed"),
        ([("WebHook-Allowed-Origin", "*"), ("WebHook-Allowed-Rate", "-5")], "handshake_malformed"),
        ([("WebHook-Allowed-Origin", "*"), ("WebHook-Allowed-Rate", "1.5")], "handshake_malformed"),
        ([("WebHook-Allowed-Origin", "*"), *[("WebHook-Allowed-Rate", "5")] * 2], "handshake_malformed"),
        ([("WebHook-Allowed-Origin", "*")] * 2, "handshake_malformed"),
        ([("WebHook-Allowed-Rate", "120")], "handshake_missing"),
        ([("WebHook-Allowed-Origin", "")], "handshake_empty"),
        ([("WebHook-Allowed-Origin", "other.example")], "handshake_different"),
        ([("WebHook-Allowed-Origin", "Hooks.Example")], "handshake_different"),
    ],
)
def test_cloudevents_asks_for_the_origin_and_heeds_the_rate(headers: Pairs, expected: Verified | str) -> None:
    verdict = judge(CLOUDEVENTS, "hooks.example", 204, headers, b"")
    assert (verdict.code if isinstance(verdict, Refused) else verdict) == expected


JSON_BODIES: list[tuple[bytes, str | None]] = [
    (b'{"challenge": "%s", "more": [1]}', None),
    (b"", "missing"),
    (b"{}", "missing"),
    (b'{"Challenge": "%s"}', "missing"),
    (b'{"challenge": ""}', "empty"),
    (b'{"challenge": null}', "malformed"),
    (b'{"challenge": "a", "challenge": "%s"}', "malformed"),
    (b'"%s"', "malformed"),
    (b'["challenge", "%s"]', "malformed"),
    (b"%s", "malformed"),
    (b'{"challenge": "\xff"}', "malformed"),
    (b"[" * 100_000, "malformed"),
    (b'{"challenge": "other"}', "different"),
]


@pytest.mark.parametrize(("body", "reason"), JSON_BODIES)
def test_an_answer_under_a_key_of_the_body(body: bytes, reason: str | None) -> None:
    verdict = judge(POST, CODE, 200, [], body.replace(b"%s", CODE.encode()))
    assert verdict == (Verified() if reason is None else Refused(*POST.errors[reason]))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (CODE.encode(), None),
        (f" {CODE}\r\n".encode(), None),
        (b"", "missing"),
        (b" \n", "empty"),
        (b"two\nlines", "malformed"),
        (b"\xff", "malformed"),
        (b"x" * 300, "malformed"),
        (f'"{CODE}"'.encode(), "different"),
    ],
)
def test_an_answer_that_is_the_whole_body(body: bytes, reason: str | None) -> None:
    verdict = judge(GET, CODE, 200, [], body)
    assert verdict == (Verified() if reason is None else Refused(*GET.errors[reason]))


@pytest.mark.parametrize(("status", "good"), [(200, True), (299, True), (199, False), (302, False), (500, False)])
def test_where_the_status_counts_another_one_answers_nothing(status: int, good: bool) -> None:
    verdict = judge(GET, CODE, status, [], CODE.encode())
    assert verdict == (Verified() if good else Refused(*GET.errors["missing"]))


# ── what a profile can say ─────────────────────────────────────────────────────────────────────────────────────


def refused(text: str) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        read(text)
    return caught.value


def test_no_handshake_can_be_said_too() -> None:
    values: dict[str, Any] = {"method": "none"}
    assert read_handshake(Table("test", "handshake", values)) is None
    with pytest.raises(ProfileError, match=r"handshake.retry_for_s: is not known here; allowed: method"):
        read_handshake(Table("test", "handshake", values | {"retry_for_s": 5}))


@pytest.mark.parametrize(
    ("pattern", "instead", "key", "message"),
    [
        (r'method = "GET"', 'method = "PUT"', "method", "'PUT' is not known; allowed: none, HEAD, GET, OPTIONS, POST"),
        (r'method = "GET"', 'method = "HEAD"', "answer_in", "an answer to HEAD has no body"),
        (r'challenge_in = "query"', 'challenge_in = "body"', "challenge_in", "a GET request has no body"),
        (r'challenge_in = "query"', 'challenge_in = "path"', "challenge_in", "allowed: header, body, query"),
        (r'answer_in = "body"', 'answer_in = "header"', "answer_name", "is missing: the header's name"),
        (r'answer_status = "2xx"', 'answer_status = "200"', "answer_status", "allowed: any, 2xx"),
        (r'answer_case = "any"', "", "answer_case", "is missing"),
        (r"retry_for_s = \d+", "retry_for_s = -1", "retry_for_s", "must be a number from 0 to 3600"),
        (r"deadline_s = \d+", "deadline_s = 21", "deadline_s", "must be a number from 0.1 to 20"),
        (r"deadline_s = \d+", "deadline_s = true", "deadline_s", "must be a number"),
        (r"deadline_s = \d+", 'deadline_s = "5"', "deadline_s", "must be a number"),
        (r"deadline_s = (\d+)", 'deadline_s = \\1\nany_answer = "*"', "any_answer", "random challenge pointless"),
        (r"deadline_s = (\d+)", 'deadline_s = \\1\nrate_allowed_in = "Host"', "rate_allowed_in", "'Host' is not"),
        (r"deadline_s = (\d+)", 'deadline_s = \\1\nrate_asked_in = "a b"', "rate_asked_in", "'a b' is not a header"),
        (r'challenge_in = "query"', 'challenge_in = "header"\nstrange = 1', "strange", "is not known here"),
        (r"\[handshake.errors.empty\]\n.*\n.*\n", "", "errors.empty", "is missing"),
        (r"\[handshake.errors.empty\]\n.*\n", "[handshake.errors.empty]\n", "errors.empty.code", "is missing"),
    ],
)
def test_what_is_wrong_is_named(pattern: str, instead: str, key: str, message: str) -> None:
    text = re.sub(pattern, instead, GET_IN_QUERY, count=1)
    assert text != GET_IN_QUERY
    error = refused(text)
    assert error.key == f"handshake.{key}"
    assert message in error.message


def test_who_was_given_up_has_to_prove_itself_again_where_the_contract_says_so() -> None:
    assert INSIDEVIEW.again_after_giving_up
    assert not CLOUDEVENTS.again_after_giving_up
    said = {
        word: read(GET_IN_QUERY.replace("deadline_s", f'after_giving_up = "{word}"\ndeadline_s'))
        for word in ("keep", "again")
    }
    assert {word: one.again_after_giving_up for word, one in said.items()} == {"keep": False, "again": True}
    with pytest.raises(ProfileError, match="after_giving_up"):
        read(GET_IN_QUERY.replace("deadline_s", 'after_giving_up = "never"\ndeadline_s'))
