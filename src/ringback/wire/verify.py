"""Verifying a request that was received, with the same contract that signs.

Standard library only, so that a receiver needs nothing of the sender. Everything that is wrong with a request or a
secret raises the one `VerificationFailed`, which never shows a secret or the signed content; signatures are compared in
constant time. What it can't know is whether a request was seen before: keep the ids for that.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from ringback.wire.contract import Contract
from ringback.wire.json_text import plain, value_at
from ringback.wire.profile import load_profile
from ringback.wire.signature import BadSecret
from ringback.wire.signing import Signing
from ringback.wire.time_sent import SentAt, read_time, signed_time
from ringback.wire.vocabulary import SIGNATURE

TOLERANCE_S: Final = 300.0
SECRETS_MAX: Final = 16
SIGNATURES_MAX: Final = 32
_ID_CHARS_MAX: Final = 256
_EVENT_IDS: Final = ("event_id", "event_number")


@runtime_checkable
class HeaderItems(Protocol):
    """Headers as most frameworks have them, mappings or not: `items()` gives pairs."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


Headers = HeaderItems | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]


class VerificationFailed(Exception):
    """The request must not be believed. `code` is stable, `detail` is for a log and shows neither secret nor body.

    Codes: `bad_argument`, `bad_profile`, `bad_secret`, `missing_header`, `bad_header`, `bad_body`, `too_old`,
    `too_new`, `wrong_signature`, and `not_signed` for a profile without signatures.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Verified(NamedTuple):
    """A request that is genuine. `id` is the event's, or its number where a contract names it so, the same in every
    attempt: use it to notice repetitions; None where it isn't signed.

    `sent_at_s` is the attempt's time, whole seconds since 1970, None where it isn't signed; `signature` the variant
    that fitted (`v1`, `v1a`).
    """

    id: str | None
    sent_at_s: int | None
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

    `headers`: a mapping, anything with `items()`, or pairs; names in any case, text or bytes as ASGI has them. `body`:
    the bytes exactly as they came. `now_s`: seconds since 1970; the attempt may be `tolerance_s` older or newer, where
    its time is signed. `contract`: default `standard`.
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
    signing, carrier = wire.signing, wire.header_of(SIGNATURE)
    content = _body_bytes(body)
    if signing is None or carrier is None:
        raise VerificationFailed("not_signed", f"requests of {wire.name} are not signed")
    keys = _secret_list(secrets)
    found = _wanted(headers, dict.fromkeys((*signing.headers, carrier)))
    time = signed_time(wire)
    sent_at_s = None
    if time is not None and time.header is not None:
        sent_at_s = _sent_at(found[time.header], time, window)
    event_id = _event_id(wire, found, content)
    fitted = _matching(signing, found, content, found[carrier], keys)
    if time is not None and time.header is None:
        # What the body says is only looked at when it is known who says it.
        sent_at_s = _sent_at(plain(value_at(content, time.path) or b""), time, window)
    return Verified(event_id, sent_at_s, fitted)


def _matching(signing: Signing, carried: Mapping[str, str], body: bytes, header: str, secrets: Sequence[str]) -> str:
    """The variant of the first signature that fits. Signatures of other variants and broken ones are passed over."""
    signatures = [header] if signing.separator is None else header.split(signing.separator)
    if len(signatures) > SIGNATURES_MAX:
        raise VerificationFailed("bad_header", f"there are more than {SIGNATURES_MAX} signatures")
    for secret in secrets:
        variant = signing.fitting(carried, body, secret, signatures)
        if variant is not None:
            return variant
    raise VerificationFailed("wrong_signature", "no signature fits: another secret, or the request was changed")


def _body_bytes(body: bytes | str) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    raise VerificationFailed("bad_argument", "the body must be bytes, exactly as they came")


def _secret_list(secrets: str | Sequence[str]) -> list[str]:
    listed = [secrets] if isinstance(secrets, str) else list(secrets)
    if not 1 <= len(listed) <= SECRETS_MAX or not all(isinstance(secret, str) and secret for secret in listed):
        raise VerificationFailed("bad_secret", f"give 1 to {SECRETS_MAX} secrets, each a text")
    return listed


def _wanted(headers: Headers, names: Mapping[str, object]) -> dict[str, str]:
    """The values of the named headers; each must be there once, in visible ASCII."""
    found: dict[str, str] = {}
    # Not every class of headers is a Mapping: those of http.server and of Werkzeug aren't.
    pairs: Iterable[tuple[Any, Any]] = headers.items() if isinstance(headers, HeaderItems) else headers
    for raw_name, raw_value in pairs:
        name = _text(raw_name).lower()
        if name not in names:
            continue
        if name in found:
            raise VerificationFailed("bad_header", f"{name} is there twice")
        value = _text(raw_value)
        if not (value.isascii() and value.isprintable()):
            raise VerificationFailed("bad_header", f"{name} is not visible ASCII")
        found[name] = value
    for name in names:
        if not found.get(name):
            raise VerificationFailed("missing_header", f"{name} is missing or empty")
    return found


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _event_id(wire: Contract, carried: Mapping[str, str], body: bytes) -> str | None:
    """The event's id where it is signed: in a header, or in the body."""
    for slot in _EVENT_IDS:
        name = wire.header_of(slot)
        if name is not None and name in carried:
            return _checked_id(carried[name])
    for _, shape in wire.profile.shapes:
        if shape.event_id_path:
            found = value_at(body, shape.event_id_path)
            if found is not None:
                return plain(found)
    return None


def _checked_id(text: str) -> str:
    # A full stop in the id would let one signature be read in two ways: the signed parts are delimited by it.
    if len(text) > _ID_CHARS_MAX or "." in text:
        raise VerificationFailed("bad_header", f"the id is longer than {_ID_CHARS_MAX} characters or has a full stop")
    return text


def _sent_at(text: str, time: SentAt, window: _Window) -> int:
    """The seconds since 1970 that a request says, if they are within the window."""
    sent_ms = read_time(time.form, text)
    if sent_ms is None:
        if time.header is None:
            raise VerificationFailed("bad_body", f"the time at {'.'.join(time.path)} of the body is no {time.form}")
        raise VerificationFailed("bad_header", f"{time.header} is no time of the form {time.form}")
    age_s, tolerance_s = window.now_s - sent_ms / 1000, window.tolerance_s
    # Written so that a NaN is refused.
    if not age_s <= tolerance_s:
        raise VerificationFailed("too_old", f"the request is older than {tolerance_s:g} s")
    if not -age_s <= tolerance_s:
        raise VerificationFailed("too_new", f"the request is more than {tolerance_s:g} s ahead of this clock")
    return sent_ms // 1000
