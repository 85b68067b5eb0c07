"""The other side of a handshake: for any that a profile can say, what is answered is what is judged to be right."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringback.wire.contract import Contract
from ringback.wire.handshake import Handshake, Refused, Verified, challenge_of, judge, request_of
from ringback.wire.handshake_answer import HandshakeAnswer, answer_to
from ringback.wire.message import Message
from ringback.wire.profile import check_profile, load_profile, profile_text
from support.handshakes import GET_IN_QUERY, POST_IN_BODY

DRAWN = bytes(range(16))
HEADER_NAMES = st.sampled_from(["X-Challenge", "x-HOOK.token", "WebHook-Request-Origin"])
ANY_NAME = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)


def own(table: str) -> Contract:
    return check_profile(profile_text("standard").replace('name = "standard"', 'name = "own"') + table, "own")


def handshake_of(contract: Contract) -> Handshake:
    assert contract.handshake is not None
    return contract.handshake


def asked(contract: Contract, challenge: str, path: str = "/hook", **more: Any) -> HandshakeAnswer | None:
    """What is answered when the engine asks."""
    request = request_of(handshake_of(contract), challenge, **more)
    target = path + ("&" if "?" in path else "?") * bool(request.query) + request.query
    return answer_to(contract, request.method, target, request.headers, request.body)


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A `[handshake]` of any words that go together."""
    method = draw(st.sampled_from(["HEAD", "GET", "OPTIONS", "POST"]))
    challenge_in = draw(st.sampled_from(["header", "query", *(["body"] if method == "POST" else [])]))
    answer_in = draw(st.sampled_from(["header", *(["body"] if method != "HEAD" else [])]))
    lines = {
        "method": method,
        "challenge": draw(st.sampled_from(["random", "origin"])),
        "challenge_in": challenge_in,
        "challenge_name": draw(HEADER_NAMES if challenge_in == "header" else ANY_NAME),
        "answer_in": answer_in,
        "answer_case": draw(st.sampled_from(["any", "exact"])),
        "answer_status": draw(st.sampled_from(["any", "2xx"])),
    }
    answer_name = draw(HEADER_NAMES if answer_in == "header" else st.none() | ANY_NAME)
    lines |= {} if answer_name is None else {"answer_name": answer_name}
    for rate in draw(st.lists(st.sampled_from(["rate_asked_in", "rate_allowed_in"]), unique=True)):
        lines[rate] = "X-Rate" if rate == "rate_asked_in" else "X-Rate-Allowed"
    written = "".join(f"{key} = '''{value}'''\n" for key, value in lines.items() if "'" not in value)
    errors = POST_IN_BODY.partition("deadline_s = 5")[2]
    return f"[handshake]\n{written}retry_for_s = 0\ndeadline_s = 5\n{errors}"


@settings(deadline=None, max_examples=60)
@given(tables().filter(lambda text: "challenge_name" in text), st.none() | st.integers(1, 9_999), st.booleans())
def test_what_is_answered_is_what_is_asked_for(table: str, per_minute: int | None, more: bool) -> None:
    contract = own(table)
    handshake = handshake_of(contract)
    challenge = challenge_of(handshake, DRAWN, "hooks.example")
    answer = asked(contract, challenge, "/hook?of-its-own=1&and-more" if more else "/hook", per_minute=per_minute)
    assert answer is not None
    rated = handshake.rate_asked_in and handshake.rate_allowed_in
    assert judge(handshake, challenge, 200, answer.headers, answer.body) == Verified(per_minute if rated else None)
    other = judge(handshake, f"{challenge}0", 200, answer.headers, answer.body)
    assert isinstance(other, Refused)


def test_as_the_documents_show_it() -> None:
    code = "00112233445566778899aabbccddeeff"
    name = "X-InsideViewAPI-ValidationCode"
    assert asked(load_profile("insideview"), code) == ([(name, code)], b"")
    for profile in ("cloudevents", "cloudevents-binary"):
        origin = ("WebHook-Allowed-Origin", "hooks.example")
        answer = asked(load_profile(profile), "hooks.example", per_minute=120)
        assert answer == ([origin, ("Allow", "POST"), ("WebHook-Allowed-Rate", "120")], b"")
        unasked = asked(load_profile(profile), "hooks.example")
        assert unasked == ([origin, ("Allow", "POST"), ("WebHook-Allowed-Rate", "*")], b"")
    assert asked(own(POST_IN_BODY), code) == (
        [("Content-Type", "application/json")],
        b'{"challenge":"%s"}' % code.encode(),
    )
    assert asked(own(GET_IN_QUERY), code) == ([("Content-Type", "text/plain")], code.encode())


NAME = "X-InsideViewAPI-ValidationCode"
GETS, POSTS = own(GET_IN_QUERY), own(POST_IN_BODY)
TARGETS = [
    *("/", "/?", "/?hub.challenge=", "/?hub.challenge=a%0d%0ab:c", "/?hub.challenge=a&hub.challenge=a"),
    *("/?Hub.challenge=a", "/?hub.challenge=%ff", "/#?hub.other=a", "//[?hub.challenge"),
]
BODIES = [
    *(b"", b"{}", b'{"challenge": 5}', b'{"challenge": "a", "b": 1}', b'["challenge"]', b'{"challenge": "\xff"}'),
    *(b"[" * 10_000, b'{"challenge": "a\\r\\nb"}'),
]
NOT_ASKED: list[tuple[Contract, str, str, list[tuple[str, str]], bytes]] = [
    (load_profile("standard"), "HEAD", "/", [(NAME, "x")], b""),
    (load_profile("insideview"), "POST", "/", [(NAME, "x")], b"{}"),
    (load_profile("insideview"), "HEAD", "/", [], b""),
    (load_profile("insideview"), "HEAD", "/", [(NAME, "x"), (NAME.lower(), "x")], b""),
    (load_profile("insideview"), "HEAD", "/", [(NAME, "")], b""),
    (load_profile("insideview"), "HEAD", "/", [(NAME, "x" * 257)], b""),
    (load_profile("insideview"), "HEAD", "/", [(NAME, "caf\xe9")], b""),
    *((GETS, "GET", target, [], b"") for target in TARGETS),
    *((POSTS, "POST", "/", [], body) for body in BODIES),
]


@pytest.mark.parametrize(("contract", "method", "target", "headers", "body"), NOT_ASKED)
def test_what_does_not_ask_gets_no_answer(
    contract: Contract, method: str, target: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    assert answer_to(contract, method, target, headers, body) is None


def test_a_signed_delivery_is_none_whatever_its_body_looks_like() -> None:
    contract = own(POST_IN_BODY)
    rendered = contract.render(Message("evt_1", "a.b", b"1", 0, 0), ["whsec_" + "A" * 43 + "="], "v1")
    body = b'{"challenge":"abc"}'
    assert answer_to(contract, "POST", "/", [], body) is not None
    assert answer_to(contract, "POST", "/", rendered.headers, body) is None
