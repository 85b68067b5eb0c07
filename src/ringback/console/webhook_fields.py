"""The form of a webhook: what is in its fields at first, and what somebody made of them.

Fields are called as those of the API, so that what is wrong with one stands where it was typed. Only what can't be read
at all is refused here (a number that is none); what values mean is `control`'s to check. Credentials are never put back
into a field.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from ringback.console.trigger_details import Detail, joined, taken_apart
from ringback.control.endpoint_fields import EndpointFields
from ringback.model.endpoint import AuthType, Endpoint, EndpointStatus
from ringback.model.errors import FieldError
from ringback.policy.filter import FilterRefused, compile_filter

KEEP: Final = "keep"
_ON: Final = (EndpointStatus.ACTIVE, EndpointStatus.VERIFICATION_PENDING)
_LIST: Final = re.compile(r"[\s,]+")
_INDEX: Final = re.compile(r"\[(\d+)\]$")
_EXPONENTIAL: Final = ("base_s", "factor", "max_delay_s", "max_attempts")
SHOWN: Final = frozenset(
    {
        *(
            "label",
            "active",
            "channels",
            "event_types",
            "more_types",
            "filter",
            "tracked_set",
            "url",
            "query",
            "profile",
        ),
        *("signature", "auth.type", "auth.username", "auth.password", "auth.value", "auth.headers", "headers"),
        *("ordering", "rate_per_second", "max_in_flight", "timeout_s", "retry", "retry.delays_s"),
        *(f"retry.{name}" for name in _EXPONENTIAL),
    }
)
"""Fields that have a place of their own for what is wrong with them."""
# Fields of the API that have parts of their own, which the form has in one field.
_WHOLE: Final = ("auth.headers", "headers")


class Posted(NamedTuple):
    """A form as it came: the last value of each field, and all values."""

    form: Mapping[str, str]
    forms: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        return self.form.get(name, "").strip()

    def lines(self, name: str) -> list[str]:
        return [line.strip() for line in self.form.get(name, "").splitlines() if line.strip()]


class Read(NamedTuple):
    """What `control` is given, and what could not be read."""

    fields: EndpointFields
    errors: Sequence[FieldError]


def first_values(profile: str, *, all_events: bool) -> dict[str, Any]:
    """A new webhook's form."""
    types = ["*"] if all_events else []
    return {"active": True, "event_types": types, "profile": profile, "auth.type": "none", "retry": "usual"}


def values_of(endpoint: Endpoint, details: Sequence[Detail]) -> dict[str, Any]:
    """The form of a webhook that is there. Of its credentials only the kind."""
    found, own = taken_apart(details, endpoint.filter or "")
    return {
        **found,
        **_retry_values(endpoint),
        "label": endpoint.label,
        "active": endpoint.status in _ON,
        "url": endpoint.url,
        "query": endpoint.query,
        "event_types": list(endpoint.event_types),
        "channels": "\n".join(endpoint.channels or ()),
        "filter": own,
        "tracked_set": endpoint.tracked_set or "",
        "profile": endpoint.profile,
        "signature": endpoint.signature,
        "auth.type": "none" if endpoint.auth.type is AuthType.NONE else KEEP,
        "headers": "\n".join(f"{name}: {value}" for name, value in endpoint.headers),
        "ordering": endpoint.ordering,
        "rate_per_second": _shown(endpoint.rate_per_second),
        "max_in_flight": _shown(endpoint.max_in_flight),
        "timeout_s": _shown(endpoint.timeout_s),
    }


def values_posted(posted: Posted) -> dict[str, Any]:
    """The form as it was sent, but for credentials."""
    kept = {name: text for name, text in posted.form.items() if name not in _SECRET_FIELDS}
    return {**kept, "active": "active" in posted.form, "event_types": list(posted.forms.get("event_types", ()))}


_SECRET_FIELDS: Final = ("auth.password", "auth.value", "auth.headers", "csrf")


def read_form(posted: Posted, details: Sequence[Detail], signatures: Sequence[str], before: Endpoint | None) -> Read:
    """What the form says; `signatures` are those that its profile offers, `before` is the webhook that is changed."""
    errors: list[FieldError] = []
    types = _types(posted, before)
    channels = posted.lines("channels")
    signature = posted.text("signature")
    fields: dict[str, Any] = {
        "label": posted.text("label"),
        "url": posted.text("url"),
        "query": posted.text("query"),
        "event_types": types,
        "channels": channels or None,
        "filter": _filter(posted, details, errors),
        "tracked_set": posted.text("tracked_set") or None,
        "profile": posted.text("profile") or None,
        "signature": signature if signature in signatures else None,
        "headers": _headers(posted, "headers", errors),
        "ordering": posted.text("ordering") or "none",
        "rate_per_second": _number(posted, "rate_per_second", errors),
        "max_in_flight": _number(posted, "max_in_flight", errors, whole=True),
        "retry": _retry(posted, errors),
        "timeout_s": _number(posted, "timeout_s", errors),
    }
    if posted.text("auth.type") != KEEP:
        fields["auth"] = _auth(posted, errors)
    # One that Ringback gave up isn't switched off by leaving the box empty, which it is.
    was_on = before is not None and before.status in _ON
    if before is None or ("active" in posted.form) is not was_on:
        fields["active"] = "active" in posted.form
    return Read(cast(EndpointFields, fields), errors)


def at_fields(errors: Sequence[FieldError]) -> list[FieldError]:
    """Each error at the field of the form that it is about, in words that say which part of it."""
    return [_placed(*error) for error in errors]


def _placed(field: str, message: str) -> FieldError:
    for whole in _WHOLE:
        if field.startswith(f"{whole}."):
            return FieldError(whole, f"{field.removeprefix(f'{whole}.')} {message}.")
    index = _INDEX.search(field)
    name = field if index is None else field[: index.start()]
    text = message if index is None else f"entry {int(index[1]) + 1} {message}"
    return FieldError(name, f"{text[:1].upper()}{text[1:]}.")


def _types(posted: Posted, before: Endpoint | None) -> list[str]:
    """What is chosen and what is typed; in the order that they had, where they are the same."""
    given = [*posted.forms.get("event_types", ()), *_LIST.split(posted.text("more_types"))]
    types = [one for one in dict.fromkeys(given) if one]
    if before is not None and set(types) == set(before.event_types):
        return list(before.event_types)
    return types


def _filter(posted: Posted, details: Sequence[Detail], errors: list[FieldError]) -> str | None:
    own = posted.form.get("filter", "").strip()
    values = {one.name: posted.text(one.name) for one in details}
    if own and any(values.values()):
        # By itself, or it could end the brackets that it is put into.
        try:
            compile_filter(own)
        except FilterRefused as refused:
            errors.append(FieldError("filter", f"is refused: {refused.detail.rstrip('.')}"))
            own = ""
    return joined(details, values, own)


def _headers(posted: Posted, name: str, errors: list[FieldError]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(posted.lines(name), 1):
        header, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not header:
            errors.append(FieldError(name, f"line {number} must be a name, a colon and a value"))
        elif header in found:
            errors.append(FieldError(name, f"line {number} has a name that stands there already"))
        else:
            found[header] = value
    return found


def _auth(posted: Posted, errors: list[FieldError]) -> dict[str, Any]:
    kind = posted.text("auth.type")
    if kind == AuthType.BASIC:
        return {
            "type": kind,
            "username": posted.text("auth.username"),
            "password": posted.form.get("auth.password", ""),
        }
    if kind == AuthType.RAW:
        return {"type": kind, "value": posted.text("auth.value")}
    if kind == AuthType.HEADER:
        return {"type": kind, "headers": _headers(posted, "auth.headers", errors)}
    if kind not in ("", AuthType.NONE):
        errors.append(FieldError("auth.type", "must be one of those offered"))
    return {"type": AuthType.NONE}


def _retry(posted: Posted, errors: list[FieldError]) -> dict[str, Any] | None:
    kind = posted.text("retry")
    if kind == "delays":
        texts = [text for text in _LIST.split(posted.text("retry.delays_s")) if text]
        numbers = [_parsed(text) for text in texts]
        wrong = [text for text, number in zip(texts, numbers, strict=True) if number is None]
        if wrong:
            errors.append(FieldError("retry.delays_s", "must be numbers of seconds with commas between them"))
        return {"delays_s": [number for number in numbers if number is not None]}
    if kind == "exponential":
        found: dict[str, Any] = {}
        for name in _EXPONENTIAL:
            number = _number(posted, f"retry.{name}", errors, whole=name == "max_attempts")
            if number is not None:
                found[name] = number
        return found
    return None


def _retry_values(endpoint: Endpoint) -> dict[str, str]:
    rule = endpoint.retry
    if rule is None:
        return {"retry": "usual"}
    if rule.delays_s is not None:
        return {"retry": "delays", "retry.delays_s": ", ".join(map(_shown, rule.delays_s))}
    return {"retry": "exponential", **{f"retry.{name}": _shown(getattr(rule, name)) for name in _EXPONENTIAL}}


def _number(posted: Posted, name: str, errors: list[FieldError], *, whole: bool = False) -> float | None:
    text = posted.text(name)
    if not text:
        return None
    number = _parsed(text)
    if number is None or (whole and not number.is_integer()):
        errors.append(FieldError(name, "must be a whole number" if whole else "must be a number"))
        return None
    return int(number) if whole else number


def _parsed(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if text.isascii() and abs(number) < float("inf") else None


def _shown(number: float | None) -> str:
    return "" if number is None else repr(number).removesuffix(".0")
