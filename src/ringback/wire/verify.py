"""Checking a request that came in: is it from the sender, unchanged, and fresh?

For receivers, and for `ringback listen`. Never parses the body, never reads the clock. Whatever is wrong with what it
is given, and of whatever type that is, it raises `VerificationFailed`; it returns only for a good request. Signatures
are compared in constant time. What it can't know is whether a request was seen before: keep the ids for that.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from ringback.wire.contract import Contract
from ringback.wire.profile import load_profile
from ringback.wire.signature import BadSecret, algorithm_of, verifier_for
from ringback.wire.vocabulary import EVENT_ID, SENT_AT_S, SIGNATURE

TOLERANCE_S: Final = 300.0
SECRETS_MAX: Final = 16
SIGNATURES_MAX: Final = 32
_ID_CHARS_MAX: Final = 256
_SENT_AT_DIGITS_MAX: Final = 12

Headers = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]


class VerificationFailed(Exception):
    """The request must not be believed. `code` is stable, `detail` is for a log and shows neither secret nor body.

    Codes: `bad_argument`, `bad_secret`, `missing_header`, `bad_header`, `too_old`, `too_new`, `wrong_signature`.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Verified(NamedTuple):
    """A request that is genuine. `id` is the event's, the same in every attempt: use it to notice repetitions.

    `sent_at_s` is the attempt's time, seconds since 1970; `signature` the variant that fitted (`v1`, `v1a`).
    """

    id: str
    sent_at_s: int
    signature: str


def verify(
    headers: Headers,
    body: bytes | str,
    secrets: str | Sequence[str],
    now_s: float,
    tolerance_s: float = TOLERANCE_S,
    *,
    contract: Contract | None = None,
) -> Verified:
    """Check a request against one secret or several (any may fit). Raises VerificationFailed, and nothing else.

    `headers`: a mapping or pairs, names in any case, text or bytes as ASGI has them. `body`: the bytes exactly as they
    came. `now_s`: seconds since 1970; the attempt may be `tolerance_s` older or newer. `contract`: default `standard`.
    """
    try:
        return _verify(headers, body, secrets, _Window(now_s, tolerance_s), contract or load_profile("standard"))
    except VerificationFailed:
        raise
    except BadSecret as error:
        raise VerificationFailed("bad_secret", str(error)) from None
    except ImportError as error:
        raise VerificationFailed("bad_secret", f"ed25519 needs the package cryptography: {error}") from None
    except Exception as error:
        # A receiver answers 401 to this one exception; another one would be a 500, and a way to find out things.
        raise VerificationFailed("bad_argument", f"this can't be verified: {type(error).__name__}") from None


class _Window(NamedTuple):
    """When a request may have been sent: `tolerance_s` around `now_s`."""

    now_s: float
    tolerance_s: float


def _verify(
    headers: Headers, body: bytes | str, secrets: str | Sequence[str], window: _Window, wire: Contract
) -> Verified:
    content = _body_bytes(body)
    keys = _secret_list(secrets)
    found = _wanted(headers, {wire.header_of(value): value for value in (EVENT_ID, SENT_AT_S, SIGNATURE)})
    event_id = _event_id(found[EVENT_ID])
    sent_at_s = _sent_at(found[SENT_AT_S], window)
    signed = wire.signed_content(event_id.encode(), found[SENT_AT_S].encode(), content)
    return Verified(event_id, sent_at_s, _matching(signed, found[SIGNATURE], keys, wire))


def _matching(signed: bytes, header: str, secrets: Sequence[str], wire: Contract) -> str:
    """The variant of the first signature that fits. Signatures of other variants and broken ones are passed over."""
    signatures = header.split(wire.profile.signatures_separator)
    if len(signatures) > SIGNATURES_MAX:
        raise VerificationFailed("bad_header", f"there are more than {SIGNATURES_MAX} signatures")
    for secret in secrets:
        fits, algorithm = verifier_for(secret), algorithm_of(secret)
        for variant in wire.profile.variants.values():
            if variant.algorithm != algorithm:
                continue
            for signature in signatures:
                if signature.startswith(variant.prefix) and fits(signed, signature[len(variant.prefix) :]):
                    return variant.name
    raise VerificationFailed("wrong_signature", "no signature fits: another secret, or the request was changed")


def _body_bytes(body: bytes | str) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise VerificationFailed("bad_argument", "the body must be bytes, exactly as they came")


def _secret_list(secrets: str | Sequence[str]) -> list[str]:
    listed = [secrets] if isinstance(secrets, str) else list(secrets)
    if not 1 <= len(listed) <= SECRETS_MAX or not all(isinstance(secret, str) for secret in listed):
        raise VerificationFailed("bad_secret", f"give 1 to {SECRETS_MAX} secrets, each a text")
    return listed


def _wanted(headers: Headers, names: Mapping[str, str]) -> dict[str, str]:
    """The values of the named headers by what they carry; each must be there once, in visible ASCII."""
    found: dict[str, str] = {}
    pairs: Iterable[tuple[str | bytes, str | bytes]] = headers.items() if isinstance(headers, Mapping) else headers
    for raw_name, raw_value in pairs:
        name = _text(raw_name).lower()
        if name not in names:
            continue
        if names[name] in found:
            raise VerificationFailed("bad_header", f"{name} is there twice")
        value = _text(raw_value)
        if not (value.isascii() and value.isprintable()):
            raise VerificationFailed("bad_header", f"{name} is not visible ASCII")
        found[names[name]] = value
    for name, value in names.items():
        if not found.get(value):
            raise VerificationFailed("missing_header", f"{name} is missing or empty")
    return found


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _event_id(text: str) -> str:
    # A full stop in the id would let one signature be read in two ways: the signed parts are delimited by it.
    if len(text) > _ID_CHARS_MAX or "." in text:
        raise VerificationFailed("bad_header", f"the id is longer than {_ID_CHARS_MAX} characters or has a full stop")
    return text


def _sent_at(text: str, window: _Window) -> int:
    if len(text) > _SENT_AT_DIGITS_MAX or not text.isdigit():
        raise VerificationFailed("bad_header", "the timestamp is not whole seconds since 1970")
    age_s, tolerance_s = window.now_s - int(text), window.tolerance_s
    # Written so that a NaN is refused.
    if not age_s <= tolerance_s:
        raise VerificationFailed("too_old", f"the request is older than {tolerance_s:g} s")
    if not -age_s <= tolerance_s:
        raise VerificationFailed("too_new", f"the request is more than {tolerance_s:g} s ahead of this clock")
    return int(text)
