"""How an endpoint is spoken to: checks of its headers, credentials and retry schedule.

What gets past here is written into requests as it stands, so the rules are strict: header names are tokens, values
visible ASCII, and nothing that frames or signs a request can be set (RFC 9110, sections 5.1 and 5.5). Findings name
fields, never what was in them.
"""

import re
from collections.abc import Mapping
from typing import Final, TypedDict

from ringback.control.findings import Findings
from ringback.model.endpoint import Auth, AuthType, RetryRule
from ringback.model.limits import (
    HEADER_VALUE_BYTES_MAX,
    HEADERS_PER_ENDPOINT_MAX,
    INDEXED_TEXT_BYTES_MAX,
    RETRY_DELAY_S_MAX,
    RETRY_DELAYS_MAX,
)
from ringback.model.text import CONTROL_CHARACTER

REDACTED: Final = "***"
RETRY_FACTOR_MAX: Final = 100.0
RETRY_ATTEMPTS_MAX: Final = RETRY_DELAYS_MAX + 1

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_RESERVED: Final = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_RESERVED_PREFIXES: Final = ("proxy-", "ringback-", "webhook-")


class AuthFields(TypedDict, total=False):
    """Credentials as a caller gives them; `type` is always there, the others as it asks for."""

    type: str
    username: str
    password: str
    value: str
    headers: Mapping[str, str]


class RetryFields(TypedDict, total=False):
    """Either `delays_s` alone or the other four together."""

    delays_s: list[float]
    base_s: float
    factor: float
    max_delay_s: float
    max_attempts: int


_FIELDS_OF: Final = {
    AuthType.NONE: (),
    AuthType.BASIC: ("username", "password"),
    AuthType.RAW: ("value",),
    AuthType.HEADER: ("headers",),
}
_EXPONENTIAL: Final = ("base_s", "factor", "max_delay_s", "max_attempts")


def check_headers(findings: Findings, field: str, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Header names and values as (name, value), in the order given."""
    if len(headers) > HEADERS_PER_ENDPOINT_MAX:
        findings.add(field, f"must have at most {HEADERS_PER_ENDPOINT_MAX} headers")
        return ()
    seen: set[str] = set()
    for name, value in headers.items():
        path = f"{field}.{name[:INDEXED_TEXT_BYTES_MAX]}"
        if _TOKEN.fullmatch(name) is None:
            findings.add(path, "is not a header name: up to 256 letters, digits and !#$%&'*+.^_`|~-")
        elif is_reserved(name):
            findings.add(path, "is reserved: Ringback writes this header itself")
        elif name.lower() in seen:
            findings.add(path, "stands there twice; upper and lower case make no difference")
        seen.add(name.lower())
        _check_value(findings, path, value)
    return tuple(headers.items())


def is_reserved(name: str) -> bool:
    """Whether a header frames or signs the request, so that no endpoint can set it."""
    lower = name.lower()
    return lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES)


def check_auth(findings: Findings, field: str, given: AuthFields) -> Auth:
    """Credentials. What a read shows in their place is refused, so that it can't be stored by mistake."""
    kind = AuthType(given["type"])
    allowed = ("type", *_FIELDS_OF[kind])
    missing = [name for name in allowed if name not in given]
    for name in missing:
        findings.add(f"{field}.{name}", "is required")
    for name in given:
        if name not in allowed:
            findings.add(f"{field}.{name}", f"is not a field of the type {kind}")
    if missing:
        return Auth()
    if kind is AuthType.BASIC:
        return _basic(findings, field, given["username"], given["password"])
    if kind is AuthType.RAW:
        _check_value(findings, f"{field}.value", given["value"])
        _refuse_redacted(findings, f"{field}.value", given["value"])
        return Auth(AuthType.RAW, value=given["value"])
    if kind is AuthType.HEADER:
        return _header(findings, f"{field}.headers", given["headers"])
    return Auth()


def check_retry(findings: Findings, field: str, given: RetryFields) -> RetryRule:
    """A schedule in either form."""
    if "delays_s" in given:
        for name in _EXPONENTIAL:
            if name in given:
                findings.add(f"{field}.{name}", "does not go together with delays_s")
        return RetryRule(delays_s=_delays(findings, f"{field}.delays_s", given["delays_s"]))
    missing = [name for name in _EXPONENTIAL if name not in given]
    for name in missing:
        findings.add(f"{field}.{name}", "is required, unless delays_s is given")
    if missing:
        return RetryRule()
    return RetryRule(
        base_s=findings.number(f"{field}.base_s", given["base_s"], 0, RETRY_DELAY_S_MAX, "seconds"),
        factor=findings.number(f"{field}.factor", given["factor"], 0, RETRY_FACTOR_MAX, "times"),
        max_delay_s=findings.number(f"{field}.max_delay_s", given["max_delay_s"], 0, RETRY_DELAY_S_MAX, "seconds"),
        max_attempts=int(
            findings.number(f"{field}.max_attempts", given["max_attempts"], 1, RETRY_ATTEMPTS_MAX, "attempts")
        ),
    )


def _delays(findings: Findings, field: str, delays_s: list[float]) -> tuple[float, ...]:
    if len(delays_s) > RETRY_DELAYS_MAX:
        findings.add(field, f"must have at most {RETRY_DELAYS_MAX} delays")
        return ()
    return tuple(
        float(findings.number(f"{field}[{place}]", delay, 0, RETRY_DELAY_S_MAX, "seconds"))
        for place, delay in enumerate(delays_s)
    )


def _basic(findings: Findings, field: str, username: str, password: str) -> Auth:
    if ":" in username:
        findings.add(f"{field}.username", "must not contain a colon (RFC 7617, section 2)")
    for name, text in (("username", username), ("password", password)):
        if len(text.encode("utf-8", "surrogatepass")) > HEADER_VALUE_BYTES_MAX // 4:
            findings.add(f"{field}.{name}", f"must be at most {HEADER_VALUE_BYTES_MAX // 4} bytes long")
        if CONTROL_CHARACTER.search(text):
            findings.add(f"{field}.{name}", "must not contain control characters")
    _refuse_redacted(findings, f"{field}.password", password)
    return Auth(AuthType.BASIC, username=username, password=password)


def _header(findings: Findings, field: str, headers: Mapping[str, str]) -> Auth:
    if not headers:
        findings.add(field, "must have at least one header")
    for name, value in headers.items():
        _refuse_redacted(findings, f"{field}.{name[:INDEXED_TEXT_BYTES_MAX]}", value)
    return Auth(AuthType.HEADER, headers=check_headers(findings, field, headers))


def _check_value(findings: Findings, field: str, value: str) -> None:
    if len(value) > HEADER_VALUE_BYTES_MAX:
        findings.add(field, f"must be at most {HEADER_VALUE_BYTES_MAX} bytes long")
    elif _VALUE.fullmatch(value) is None:
        findings.add(field, "must be visible ASCII, not empty, without spaces at its ends")


def _refuse_redacted(findings: Findings, field: str, value: str) -> None:
    if value == REDACTED:
        findings.add(field, f"is {REDACTED}, which reads show in place of it; send the credential, or leave auth out")
