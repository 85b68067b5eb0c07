"""Errors as answers: RFC 9457 `application/problem+json`.

Every error of /v1 looks the same, those of unknown routes and of defects included: `type`, `title`, `status`,
`detail`, a stable `code`, `errors` with field and message where something in particular is wrong, and `obstacles` where
the process is not ready. Other APIs tell the same `Fault` in a manner of their own. Never shows a stack trace or the
text of an unexpected exception. Assumes that the `detail` of a `RingbackError` is safe to show to anyone.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from ringback.control.readiness import NotReady
from ringback.model.errors import FieldError, OverQuota, Refused, RingbackError, SecretUnreadable, Unavailable

CONTENT_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:ringback:error:"

_TITLES: Final = {
    400: "The request is malformed",
    401: "A valid key is needed",
    403: "The key's scope is too small",
    404: "Not found",
    405: "The method is not allowed here",
    409: "In conflict with what is there",
    412: "It is not as the request has it",
    413: "Too large",
    415: "The content type is not supported",
    422: "The request is invalid",
    429: "Over a quota",
    431: "The request's head is too large",
    500: "Something is wrong on our side",
    503: "Not available for a moment",
}
_TITLES_OF_CODES: Final = {
    "webhooks_disabled": "Webhooks are switched off for the tenant",
}
_CODES: Final = {
    400: "malformed",
    401: "no_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "over_quota",
    503: "unavailable",
}
_DETAILS: Final = {
    404: "There is nothing at this address.",
    405: "This address doesn't answer that method.",
    500: "Something went wrong on our side. It has been logged.",
}


class UnsupportedMediaType(Refused):
    """The body is of a content type that the route doesn't read."""

    status = 415
    code = "unsupported_media_type"


class Problem(NamedTuple):
    """An answer, ready to be sent. `headers` have the content type, without the length."""

    status: int
    headers: dict[str, str]
    body: bytes


class Fault(NamedTuple):
    """An error as any API of ours may tell it. `errors` name fields; `headers` belong to the status."""

    status: int
    code: str
    detail: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = MappingProxyType({})
    obstacles: Sequence[str] = ()


class _Document(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] = []
    obstacles: list[str] = []


_ENCODER: Final = msgspec.json.Encoder()


def problem(error: BaseException) -> Problem:
    """The answer to an error. Any that is not made to be shown is ours and says nothing: 500, code `internal`."""
    return problem_of(fault_of(error))


def status_problem(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> Problem:
    """The answer to a status that a web framework chose (404 and 405 of unknown routes); its headers are kept."""
    return problem_of(fault_of_status(status, detail, headers))


def fault_of(error: BaseException) -> Fault:
    """What there is to say of an error. Of one that is not made to be shown: that it is ours."""
    if not isinstance(error, Refused | Unavailable | SecretUnreadable):
        return Fault(500, error.code if isinstance(error, RingbackError) else "internal", _DETAILS[500])
    errors = error.errors if isinstance(error, Refused) else ()
    obstacles = error.obstacles if isinstance(error, NotReady) else ()
    return Fault(error.status, error.code, error.detail, errors, _headers(error), obstacles)


def fault_of_status(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> Fault:
    """What there is to say of a status that a web framework chose."""
    code = _CODES.get(status, "internal" if status >= 500 else "refused")
    return Fault(status, code, detail or _DETAILS.get(status) or f"{_title(status)}.", headers=headers or {})


def problem_of(fault: Fault) -> Problem:
    """A fault in the manner of /v1."""
    errors = [entry._asdict() for entry in fault.errors]
    document = _Document(
        f"{TYPE_PREFIX}{fault.code}",
        _TITLES_OF_CODES.get(fault.code) or _title(fault.status),
        fault.status,
        fault.detail,
        fault.code,
        errors,
        list(fault.obstacles),
    )
    return Problem(fault.status, {"Content-Type": CONTENT_TYPE, **fault.headers}, _ENCODER.encode(document))


def _headers(error: Refused | Unavailable | SecretUnreadable) -> dict[str, str]:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if isinstance(error, OverQuota | Unavailable):
        headers["Retry-After"] = str(error.retry_after_s)
    return headers


def _title(status: int) -> str:
    try:
        return _TITLES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
