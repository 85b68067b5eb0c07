"""The other side of a handshake: what a receiver answers to whoever asks, by the words that ask and judge.

Where the challenge is looked for and where it goes back is the profile's `[handshake]`, read the other way round. Pure,
and gives back nothing that could end a header: a challenge that isn't a line of visible ASCII is none. Never raises;
what doesn't ask is None, so that a receiver can hand in every request.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qsl

from ringback.wire.contract import Contract
from ringback.wire.handshake import ANSWER_CHARS_MAX, BODY, HEADER, JSON_TYPE, Handshake
from ringback.wire.vocabulary import SIGNATURE

ANY_RATE = "*"
"""The HTTP webhook specification, section 4.2.2: as many requests as the sender likes."""


class HandshakeAnswer(NamedTuple):
    """What goes back, with a status of 200."""

    headers: list[tuple[str, str]]
    body: bytes


def answer_to(
    contract: Contract, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
) -> HandshakeAnswer | None:
    """What a receiver that wants these requests answers, if this one asks whether it does; None: it doesn't ask.

    `target` is the path with its query, `headers` pairs as they came. Who asks for an origin gets its own; who asks for
    a rate gets that, else any. A request that carries a signature is a delivery, whatever its body looks like.
    """
    handshake = contract.handshake
    if handshake is None or method != handshake.method or _values(headers, contract.header_of(SIGNATURE)):
        return None
    challenges = _challenges(handshake, target, headers, body)
    if len(challenges) != 1 or not _is_plain(challenges[0]):
        return None
    answer = _answer(handshake, challenges[0])
    if method == "OPTIONS":
        answer.headers.append(("Allow", contract.method))  # RFC 9110, section 9.3.7
    if handshake.rate_allowed_in is not None:
        asked = _values(headers, handshake.rate_asked_in)
        rate = asked[0] if len(asked) == 1 and _is_plain(asked[0]) else ANY_RATE
        answer.headers.append((handshake.rate_allowed_in, rate))
    return answer


def _challenges(handshake: Handshake, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Sequence[object]:
    """What stands where the challenge is to be."""
    name = handshake.challenge_name
    if handshake.challenge_in == HEADER:
        return _values(headers, name)
    if handshake.challenge_in == BODY:
        return _only_member(body, name)
    query = target.partition("?")[2].partition("#")[0]
    return [value for key, value in parse_qsl(query, keep_blank_values=True) if key == name]


def _only_member(body: bytes, name: str) -> list[object]:
    """The value of a JSON object's only member, if it has this name: a delivery may have it beside others."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return []
    return [found[name]] if isinstance(found, dict) and list(found) == [name] else []


def _values(headers: Sequence[tuple[str, str]], name: str | None) -> list[str]:
    return [value for known, value in headers if name is not None and known.lower() == name.lower()]


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= ANSWER_CHARS_MAX and value.isascii() and value.isprintable()


def _answer(handshake: Handshake, challenge: object) -> HandshakeAnswer:
    """The challenge, back where it must be."""
    name = handshake.answer_name
    if handshake.answer_in == HEADER:
        return HandshakeAnswer([(name, str(challenge))], b"")
    if not name:
        return HandshakeAnswer([("Content-Type", "text/plain")], str(challenge).encode())
    return HandshakeAnswer([JSON_TYPE], json.dumps({name: challenge}, separators=(",", ":")).encode())
