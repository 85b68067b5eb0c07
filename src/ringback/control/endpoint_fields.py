"""What a caller may set of an endpoint, checked and brought into the form in which it is stored.

Types are right already when values come here (the caller's JSON was checked against them); this is about meaning. A
field that is absent is not touched, so the same table serves creating and changing. Pure but for compiling a filter.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypedDict

from ringback.control.findings import Findings
from ringback.control.request_fields import AuthFields, RetryFields, check_auth, check_headers, check_retry
from ringback.model.endpoint import NO_URL, Auth, AuthType, Endpoint, Ordering
from ringback.model.errors import FieldError, Invalid
from ringback.model.limits import (
    CHANNELS_PER_ENDPOINT_MAX,
    EVENT_TYPES_PER_ENDPOINT_MAX,
    MAX_IN_FLIGHT_PER_ENDPOINT_MAX,
    TOTAL_DEADLINE_S_MAX,
    URL_CHARS_MAX,
)
from ringback.model.tracked_set import NAME, NAME_RULE
from ringback.policy.filter import FilterRefused, compile_filter
from ringback.policy.match import valid_pattern
from ringback.policy.url import UrlRefused, UrlRules, accept_url, append_query

RATE_PER_SECOND_MIN: Final = 0.0001
RATE_PER_SECOND_MAX: Final = 10_000.0
TIMEOUT_S_MIN: Final = 0.001

_QUERY: Final = re.compile(r"[\x21\x22\x24-\x7e]*")


class EndpointFields(TypedDict, total=False):
    """The fields of API.md that can be written. None stands for the default, where the type has it; for `url`, which
    only published APIs can leave out, for none: then nothing is sent until there is one."""

    label: str
    url: str | None
    query: str | None
    event_types: list[str]
    channels: list[str] | None
    filter: str | None
    tracked_set: str | None
    profile: str | None
    signature: str | None
    active: bool
    auth: AuthFields | None
    headers: Mapping[str, str] | None
    rate_per_second: float | None
    max_in_flight: int | None
    ordering: str
    retry: RetryFields | None
    timeout_s: float | None


def check_fields(fields: EndpointFields, rules: UrlRules, findings: Findings) -> dict[str, Any]:
    """The stored form of each field that is there: arguments for `dataclasses.replace` of an Endpoint.

    `active`, `profile` and `signature` are the caller's business, for they depend on more than their own value.
    """
    checked: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "url":
            checked["url"] = NO_URL if value is None else _url(findings, str(value), rules)
        elif name in _NAMES:
            checked[name] = value
        elif name in _CHECKS:
            checked[name] = _DEFAULTS.get(name) if value is None else _CHECKS[name](findings, value)
    return checked


def check_matching(findings: Findings, fields: EndpointFields) -> dict[str, Any]:
    """The stored form of those of `fields` that say which events an endpoint wants."""
    return {
        name: None if value is None else _CHECKS[name](findings, value)
        for name, value in fields.items()
        if name in _MATCHING and (value is not None or name != "event_types")
    }


def origin_of(url: str, rules: UrlRules) -> str | None:
    """Scheme, host and port of a stored URL; None when it would not be accepted any more."""
    try:
        return accept_url(url, rules).origin
    except UrlRefused:
        return None


def check_address(endpoint: Endpoint, rules: UrlRules) -> None:
    """Whether URL and query make a URL together, if there is one. Raises Invalid."""
    if endpoint.url == NO_URL:
        return
    try:
        accept_url(append_query(endpoint.url, endpoint.query), rules)
    except UrlRefused as refused:
        raise Invalid(f"query {_refusal(refused)}.", [FieldError("query", _refusal(refused))]) from None


def check_headers_together(endpoint: Endpoint) -> None:
    """Whether a header stands both in `headers` and in `auth`. Raises Invalid."""
    credentials = {name.lower() for name, _ in endpoint.auth.headers}
    if endpoint.auth.type in (AuthType.BASIC, AuthType.RAW):
        credentials.add("authorization")
    for name, _ in endpoint.headers:
        if name.lower() in credentials:
            message = "stands in auth as well; a header is sent once"
            raise Invalid(f"headers.{name} {message}.", [FieldError(f"headers.{name}", message)])


def _url(findings: Findings, text: str, rules: UrlRules) -> str:
    try:
        return accept_url(text, rules).url
    except UrlRefused as refused:
        findings.add("url", _refusal(refused))
        return ""


def _refusal(refused: UrlRefused) -> str:
    """The end of a sentence that begins with the field, without its full stop."""
    return f"is refused: {refused.message} {refused.remedy}".rstrip(" .")


def _label(findings: Findings, value: str) -> str:
    return findings.text("label", value, empty=True)


def _query(findings: Findings, value: str) -> str:
    if len(value) > URL_CHARS_MAX:
        findings.add("query", f"must be at most {URL_CHARS_MAX} characters long")
    elif _QUERY.fullmatch(value) is None:
        findings.add("query", "must be visible ASCII without spaces and #; percent-encode the rest")
    return value


def _event_types(findings: Findings, value: list[str]) -> tuple[str, ...]:
    if not 1 <= len(value) <= EVENT_TYPES_PER_ENDPOINT_MAX:
        findings.add("event_types", f"must have from 1 to {EVENT_TYPES_PER_ENDPOINT_MAX} entries")
        return ()
    for place, pattern in enumerate(value):
        if not valid_pattern(pattern):
            findings.add(f"event_types[{place}]", 'must be an event type, "prefix.*" or "*"')
    return tuple(dict.fromkeys(value))


def _channels(findings: Findings, value: list[str]) -> tuple[str, ...]:
    if not 1 <= len(value) <= CHANNELS_PER_ENDPOINT_MAX:
        findings.add("channels", f"must have from 1 to {CHANNELS_PER_ENDPOINT_MAX} entries, or be null for all")
        return ()
    for place, channel in enumerate(value):
        findings.text(f"channels[{place}]", channel, empty=False)
    return tuple(dict.fromkeys(value))


def _filter(findings: Findings, value: str) -> str:
    try:
        compile_filter(value)
    except FilterRefused as refused:
        findings.add("filter", f"is refused: {refused.detail.rstrip('.')}")
    return value


def _tracked_set(findings: Findings, value: str) -> str:
    if NAME.fullmatch(value) is None:
        findings.add("tracked_set", NAME_RULE)
    return value


def _auth(findings: Findings, value: AuthFields) -> Auth:
    return check_auth(findings, "auth", value)


def _headers(findings: Findings, value: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    for name in value:
        if name.lower() == "authorization":
            findings.add(f"headers.{name}", 'belongs into auth, as {"type":"raw","value":…}')
    return check_headers(findings, "headers", value)


def _rate(findings: Findings, value: float) -> float:
    return findings.number("rate_per_second", value, RATE_PER_SECOND_MIN, RATE_PER_SECOND_MAX, "requests a second")


def _in_flight(findings: Findings, value: int) -> int:
    return int(findings.number("max_in_flight", value, 1, MAX_IN_FLIGHT_PER_ENDPOINT_MAX, "requests"))


def _ordering(findings: Findings, value: str) -> Ordering:
    if value in Ordering.__members__.values():
        return Ordering(value)
    findings.add("ordering", f"must be one of: {', '.join(Ordering)}")
    return Ordering.NONE


def _retry(findings: Findings, value: RetryFields) -> object:
    return check_retry(findings, "retry", value)


def _timeout(findings: Findings, value: float) -> float:
    return float(findings.number("timeout_s", value, TIMEOUT_S_MIN, TOTAL_DEADLINE_S_MAX, "seconds"))


_CHECKS: Final[Mapping[str, Callable[[Findings, Any], object]]] = {
    "label": _label,
    "query": _query,
    "event_types": _event_types,
    "channels": _channels,
    "filter": _filter,
    "tracked_set": _tracked_set,
    "auth": _auth,
    "headers": _headers,
    "rate_per_second": _rate,
    "max_in_flight": _in_flight,
    "ordering": _ordering,
    "retry": _retry,
    "timeout_s": _timeout,
}

_MATCHING: Final = ("event_types", "channels", "filter", "tracked_set")

# They name what is to be found elsewhere.
_NAMES: Final = ("profile", "signature")

# What null stands for where that isn't None itself.
_DEFAULTS: Final[Mapping[str, object]] = {
    "query": "",
    "auth": Auth(),
    "headers": (),
    "timeout_s": TOTAL_DEADLINE_S_MAX,
}
