"""Handshakes: how an endpoint proves that it wants what its profile sends, before anything is sent.

A challenge goes out in one request and has to come back in its answer. What goes where is the profile's to say, in its
table `[handshake]`; here are its words, the request that is made of them, and the judge of the answer. Pure: chance
comes in by argument, and who asks, when, and how often is the engine's business. That an endpoint could not be reached
is for the caller to say (`Handshake.errors`); any complete answer is judged here and never raises.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from ringback.wire.vocabulary import Table

METHODS: Final = {
    "none": "no handshake: as if there were no such table",
    "HEAD": "a request and an answer without bodies",
    "GET": "a request without a body",
    "OPTIONS": "a request without a body",
    "POST": "a request with a body",
}

RANDOM: Final = "random"
ORIGIN: Final = "origin"
CHALLENGES: Final = {
    RANDOM: "32 hexadecimal digits, others in each request",
    ORIGIN: "who sends: the host of the setting public_url, else `ringback`",
}

HEADER: Final = "header"
BODY: Final = "body"
QUERY: Final = "query"
CHALLENGE_PLACES: Final = {
    HEADER: "in the header of that name, in this case",
    BODY: "in a JSON object, under that key; POST only",
    QUERY: "in the URL, as a parameter of that name",
}
ANSWER_PLACES: Final = {
    HEADER: "in the header of that name",
    BODY: "in a JSON object, under that key; without answer_name the body is the text",
}

CASES: Final = {"exact": "the answer's header must be written as in the profile", "any": "case doesn't matter"}
ANSWER_STATUSES: Final = {"any": "the status doesn't matter", "2xx": "with any other status nothing was answered"}

AGAIN: Final = "again"
AFTER_GIVING_UP: Final = {
    "keep": "an endpoint that was given up, after days of failure or by its 410, stays proven: what comes is queued",
    AGAIN: "it has to prove itself again when it is switched on, and until then nothing is queued for it",
}

UNREACHABLE: Final = "unreachable"
MISSING: Final = "missing"
EMPTY: Final = "empty"
MALFORMED: Final = "malformed"
DIFFERENT: Final = "different"
REASONS: Final = {
    UNREACHABLE: "no complete answer came, as often as it was tried",
    MISSING: "the answer has it not where it must be",
    EMPTY: "it is there and empty",
    MALFORMED: "it is there several times, is over 256 characters, or is not a line of visible ASCII",
    DIFFERENT: "it is another text than the challenge",
}

DEFAULT_ORIGIN: Final = "ringback"
CHALLENGE_BYTES: Final = 16
ANSWER_CHARS_MAX: Final = 256
RETRY_FOR_S_MAX: Final = 3_600.0
DEADLINE_S_MIN: Final = 0.1
DEADLINE_S_MAX: Final = 20.0

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
# What the transport writes itself, or what would change where a request ends.
_FORBIDDEN: Final = re.compile(
    r"(?i:host|content-length|transfer-encoding|connection|upgrade|expect|te|trailer|keep-alive|proxy-.*)"
)
_PER_MINUTE: Final = re.compile(r"[1-9][0-9]{0,9}")
JSON_TYPE: Final = ("Content-Type", "application/json")


class Reason(NamedTuple):
    """Why an endpoint was refused, in its contract's words."""

    code: str
    message: str


class Handshake(NamedTuple):
    """What a profile's `[handshake]` says.

    `challenge` is `random` or `origin`. `answer_name` "" is the whole body. `any_answer` is a text that is as good as
    the challenge. An endpoint that can't be reached is asked again for `retry_for_s` (0: it is asked once); a request
    ends after `deadline_s`. `rate_asked_in` and `rate_allowed_in` name the headers in which requests a minute are asked
    for and granted. `errors` has each of `REASONS`. `again_after_giving_up`: an endpoint that was given up has
    to prove itself again.
    """

    method: str
    challenge: str
    challenge_in: str
    challenge_name: str
    answer_in: str
    answer_name: str
    answer_case_sensitive: bool
    status_must_be_2xx: bool
    any_answer: str | None
    rate_asked_in: str | None
    rate_allowed_in: str | None
    retry_for_s: float
    deadline_s: float
    errors: Mapping[str, Reason]
    again_after_giving_up: bool = False


class HandshakeRequest(NamedTuple):
    """The part of a request that is the handshake's. `query` is to be appended to the URL ("": nothing is)."""

    method: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes


class Verified(NamedTuple):
    """The endpoint proved itself. `per_minute`: it takes so many requests a minute (None: it didn't say)."""

    per_minute: int | None = None


class Refused(NamedTuple):
    """It did not, and why."""

    code: str
    message: str


# ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────


def challenge_of(handshake: Handshake, drawn: bytes, origin: str = DEFAULT_ORIGIN) -> str:
    """The text to send: made of `drawn` (`CHALLENGE_BYTES` of chance), or the `origin`."""
    return drawn.hex() if handshake.challenge == RANDOM else origin


def request_of(handshake: Handshake, challenge: str, per_minute: int | None = None) -> HandshakeRequest:
    """What is sent to ask. `per_minute`: how many requests a minute are wanted, if that is limited."""
    name = handshake.challenge_name
    query, headers, body = "", [], b""
    if handshake.challenge_in == HEADER:
        headers.append((name, challenge))
    elif handshake.challenge_in == QUERY:
        query = f"{quote(name, safe='')}={quote(challenge, safe='')}"
    else:
        headers.append(JSON_TYPE)
        body = json.dumps({name: challenge}, separators=(",", ":")).encode()
    if handshake.rate_asked_in is not None and per_minute is not None:
        headers.append((handshake.rate_asked_in, str(per_minute)))
    return HandshakeRequest(handshake.method, query, headers, body)


# ── judging ──────────────────────────────────────────────────────────────────────────────────────────────────────


def judge(
    handshake: Handshake, challenge: str, status: int, headers: Sequence[tuple[str, str]], body: bytes
) -> Verified | Refused:
    """What the final answer says. `headers` as they came on the wire, case included, without blanks around values."""
    if handshake.status_must_be_2xx and not 200 <= status < 300:
        return _refused(handshake, MISSING)
    answers = _in_header(handshake, headers) if handshake.answer_in == HEADER else _in_body(handshake, body)
    reason = _reason(answers, [challenge] if handshake.any_answer is None else [challenge, handshake.any_answer])
    return _refused(handshake, reason) if reason is not None else _granted(handshake, headers)


def _refused(handshake: Handshake, reason: str) -> Refused:
    return Refused(*handshake.errors[reason])


def _reason(answers: list[object], good: Sequence[str]) -> str | None:
    """What is wrong with the answers that were found; None: nothing."""
    if not answers:
        return MISSING
    answer = answers[0]
    if len(answers) > 1 or not isinstance(answer, str):
        return MALFORMED
    if not answer:
        return EMPTY
    if len(answer) > ANSWER_CHARS_MAX or not (answer.isascii() and answer.isprintable()):
        return MALFORMED
    return None if answer in good else DIFFERENT


def _in_header(handshake: Handshake, headers: Sequence[tuple[str, str]]) -> list[object]:
    """The values of the header. Where its case counts, others of the same name only spoil one that is right."""
    name = handshake.answer_name
    same: list[object] = [value for known, value in headers if known.lower() == name.lower()]
    if handshake.answer_case_sensitive and all(known != name for known, _ in headers):
        return []
    return same


def _in_body(handshake: Handshake, body: bytes) -> list[object]:
    """The text of the body, or of its key; [None] for what can't be read."""
    if not body:
        return []
    try:
        text = body.decode()
        if not handshake.answer_name:
            return [text.strip(" \t\r\n")]
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return [None]
    return [value for key, value in pairs if key == handshake.answer_name] if isinstance(pairs, _Pairs) else [None]


class _Pairs(list[tuple[str, object]]):
    """A JSON object whose repeated keys are all there."""


def _granted(handshake: Handshake, headers: Sequence[tuple[str, str]]) -> Verified | Refused:
    """It agrees; how many requests a minute it takes."""
    name = handshake.rate_allowed_in
    rates = [value for known, value in headers if name is not None and known.lower() == name.lower()]
    if not rates or rates == ["*"]:
        return Verified()
    if len(rates) > 1 or not _PER_MINUTE.fullmatch(rates[0]):
        return _refused(handshake, MALFORMED)
    return Verified(int(rates[0]))


# ── reading a profile ────────────────────────────────────────────────────────────────────────────────────────────


def read_handshake(table: Table) -> Handshake | None:
    """The table `[handshake]` of a profile; None where its method is `none`. Raises ProfileError."""
    method = table.word("method", METHODS)
    if method == "none":
        table.only("method")
        return None
    table.only(
        "method", "challenge", "challenge_in", "challenge_name", "answer_in", "answer_name", "answer_case",
        "answer_status", "any_answer", "rate_asked_in", "rate_allowed_in", "retry_for_s", "deadline_s", "errors",
        "after_giving_up",
    )  # fmt: skip
    handshake = Handshake(
        method=method,
        challenge=table.word("challenge", CHALLENGES),
        challenge_in=table.word("challenge_in", CHALLENGE_PLACES),
        challenge_name=table.ascii("challenge_name"),
        answer_in=table.word("answer_in", ANSWER_PLACES),
        answer_name=_optional(table, "answer_name") or "",
        answer_case_sensitive=table.word("answer_case", CASES) == "exact",
        status_must_be_2xx=table.word("answer_status", ANSWER_STATUSES) == "2xx",
        any_answer=_optional(table, "any_answer"),
        rate_asked_in=_optional(table, "rate_asked_in"),
        rate_allowed_in=_optional(table, "rate_allowed_in"),
        retry_for_s=table.number("retry_for_s", 0.0, RETRY_FOR_S_MAX),
        deadline_s=table.number("deadline_s", DEADLINE_S_MIN, DEADLINE_S_MAX),
        errors=_errors(table.table("errors")),
        again_after_giving_up="after_giving_up" in table and table.word("after_giving_up", AFTER_GIVING_UP) == AGAIN,
    )
    _check(table, handshake)
    return handshake


def _optional(table: Table, key: str) -> str | None:
    return table.ascii(key) if key in table.names() else None


def _errors(table: Table) -> dict[str, Reason]:
    table.only(*REASONS)
    return {reason: _error(table.table(reason)) for reason in REASONS}


def _error(table: Table) -> Reason:
    table.only("code", "message")
    return Reason(table.ascii("code"), table.text("message").strip())


def _check(table: Table, handshake: Handshake) -> None:
    """What doesn't go together."""
    if handshake.challenge_in == BODY and handshake.method != "POST":
        raise table.refuse("challenge_in", f"a {handshake.method} request has no body; allowed: header, query")
    if handshake.answer_in == BODY and handshake.method == "HEAD":
        raise table.refuse("answer_in", "an answer to HEAD has no body; allowed: header")
    if handshake.answer_in == HEADER and not handshake.answer_name:
        raise table.refuse("answer_name", "is missing: the header's name")
    if handshake.any_answer is not None and handshake.challenge == RANDOM:
        raise table.refuse("any_answer", "would make a random challenge pointless; only with challenge origin")
    named = [("rate_asked_in", handshake.rate_asked_in), ("rate_allowed_in", handshake.rate_allowed_in)]
    if handshake.challenge_in == HEADER:
        named.append(("challenge_name", handshake.challenge_name))
    if handshake.answer_in == HEADER:
        named.append(("answer_name", handshake.answer_name))
    for key, name in named:
        if name is not None and (not _HEADER_NAME.fullmatch(name) or _FORBIDDEN.fullmatch(name)):
            raise table.refuse(key, f"{name!r} is not a header name, or belongs to the transport")
