"""What a bin may be told to answer, and what its signatures are checked with: the checks.

What a bin answers comes from the address at which the console is, and a proxy in front may obey an answer's headers.
So it can say nothing that a browser would run or keep, or that a proxy acts on: few headers, and content that is only
data. Findings name fields, never what was in them.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from ringback.control.contracts import offered_contract
from ringback.control.findings import Findings
from ringback.model.console import Bin
from ringback.model.limits import (
    BIN_ANSWER_BYTES_MAX,
    BIN_DELAY_S_MAX,
    HEADER_VALUE_BYTES_MAX,
    HEADERS_PER_ENDPOINT_MAX,
)
from ringback.profiles import Registry
from ringback.wire.signature import BadSecret

SECRET_CHARS_MAX: Final = 4_096
_NAME: Final = re.compile(
    r"(cache-control|content-type|retry-after|(ratelimit|webhook|x)-[a-z0-9-]{1,100})", re.IGNORECASE
)
# By these a proxy sends files of its own, or a browser changes what it does with our pages.
_REFUSED: Final = re.compile(
    r"x-(accel-.*|sendfile.*|lighttpd-.*|reproxy-.*|content-type-options|frame-options|xss-protection|"
    r"permitted-cross-domain-policies|dns-prefetch-control|robots-tag|content-security-policy|webkit-csp)",
    re.IGNORECASE,
)
_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_DATA: Final = re.compile(
    r"(text/plain|application/([a-z0-9.-]+\+)?json|application/octet-stream|application/x-www-form-urlencoded)"
    r"( *; *charset=[a-z0-9-]+)?",
    re.IGNORECASE,
)


class BinFields(NamedTuple):
    """What people say of a bin. `secret`: None leaves it as it is, "" takes it away."""

    label: str = ""
    status: int = 200
    headers: Mapping[str, str] = {}
    body: str = ""
    delay_s: float = 0.0
    profile: str | None = None
    secret: str | None = None


def checked_fields(fields: BinFields, before: Bin | None, profiles: Registry) -> Bin:
    """The bin with these fields; what is no field of it as it was `before`. Raises Invalid."""
    findings = Findings()
    body = fields.body.encode("utf-8", "replace")
    if len(body) > BIN_ANSWER_BYTES_MAX:
        findings.add("body", f"must be at most {BIN_ANSWER_BYTES_MAX:,} bytes long")
    findings.number("status", fields.status, 200, 599, "")
    delay_s = findings.number("delay_s", fields.delay_s, 0, BIN_DELAY_S_MAX, "seconds")
    findings.text("label", fields.label, empty=True)
    _check_headers(findings, fields.headers)
    secret = _secret(fields, before)
    unreadable = before is not None and before.unreadable and fields.secret is None
    _check_profile(findings, fields.profile, secret, profiles)
    findings.raise_if_any()
    known = before or Bin("", None, "", 200, "{}", b"", 0, None, None, 0, 0)
    return known._replace(
        label=fields.label,
        status=fields.status,
        headers=msgspec.json.encode(dict(fields.headers)).decode(),
        body=body,
        delay_ms=round(delay_s * 1_000),
        profile=fields.profile,
        secret=secret,
        unreadable=unreadable,
    )


def _secret(fields: BinFields, before: Bin | None) -> str | None:
    if fields.secret is None:
        return None if before is None else before.secret
    return fields.secret or None


def _check_headers(findings: Findings, headers: Mapping[str, str]) -> None:
    if len(headers) > HEADERS_PER_ENDPOINT_MAX:
        findings.add("headers", f"must be at most {HEADERS_PER_ENDPOINT_MAX}")
        return
    if len({name.lower() for name in headers}) < len(headers):
        findings.add("headers", "has a name twice; upper and lower case make no difference")
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None or _REFUSED.fullmatch(name) is not None:
            findings.add(
                "headers",
                "may only be Cache-Control, Content-Type, Retry-After, and names that begin with RateLimit-, Webhook- "
                "or X- and that no browser or proxy acts on",
            )
        elif len(value) > HEADER_VALUE_BYTES_MAX or _VALUE.fullmatch(value) is None:
            findings.add("headers", f"must be visible ASCII of at most {HEADER_VALUE_BYTES_MAX:,} characters")
        elif name.lower() == "content-type" and _DATA.fullmatch(value) is None:
            findings.add("headers", "may have a Content-Type of plain text, JSON, a form or application/octet-stream")


def _check_profile(findings: Findings, profile: str | None, secret: str | None, profiles: Registry) -> None:
    """Whether signatures can be checked with this."""
    if secret is not None and len(secret) > SECRET_CHARS_MAX:
        findings.add("secret", f"must be at most {SECRET_CHARS_MAX:,} characters long")
        return
    if profile is None:
        if secret is not None:
            findings.add("profile", "is needed to check signatures with a secret")
        return
    contract = offered_contract(findings, "profile", profiles, profile)
    if contract is None or secret is None:
        return
    try:
        contract.check_verifying_secret(secret)
    except BadSecret as refused:
        findings.add("secret", f"can't be used: {refused}")
