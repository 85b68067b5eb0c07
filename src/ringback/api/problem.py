"""Errors as answers: RFC 9457 `application/problem+json`.

Every error of the API looks the same, those of unknown routes and of defects included: `type`, `title`, `status`,
`detail`, a stable `code`, `errors` with field and message where something in particular is wrong, and `obstacles` where
the process is not ready. Never shows a stack trace
or the text of an unexpected exception. Assumes that the `detail` of a `RingbackError` is safe to show to anyone.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from ringback.control.readiness import NotReady
from ringback.model.errors import OverQuota, Refused, RingbackError, SecretUnreadable, Unavailable

CONTENT_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:ringback:error:"

_TITLES: Final = {
    400: "The request is malformed",
    401: "A valid key is needed",
    403: "The key's scope is too small",
    404: "Not found",
    405: "The method is not allowed here",
    409: "In conflict with what is there",
    413: "Too large",
    415: "The content type is not supported",
    422: "The request is invalid",
    429: "Over a quota",
    431: "The request's head is too large",
    500: "Something is wrong on our side",
    503: "Not available for a moment",
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
    if not isinstance(error, Refused | Unavailable | SecretUnreadable):
        code = error.code if isinstance(error, RingbackError) else "internal"
        return _answer(500, code, _DETAILS[500])
    errors = [entry._asdict() for entry in error.errors] if isinstance(error, Refused) else []
    obstacles = error.obstacles if isinstance(error, NotReady) else []
    return _answer(error.status, error.code, error.detail, errors, _headers(error), obstacles=obstacles)


def status_problem(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> Problem:
    """The answer to a status that a web framework chose (404 and 405 of unknown routes); its headers are kept."""
    code = _CODES.get(status, "internal" if status >= 500 else "refused")
    return _answer(status, code, detail or _DETAILS.get(status) or f"{_title(status)}.", headers=headers)


def _headers(error: Refused | Unavailable | SecretUnreadable) -> dict[str, str]:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if isinstance(error, OverQuota | Unavailable):
        headers["Retry-After"] = str(error.retry_after_s)
    return headers


def _answer(
    status: int,
    code: str,
    detail: str,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    obstacles: list[str] | None = None,
) -> Problem:
    document = _Document(f"{TYPE_PREFIX}{code}", _title(status), status, detail, code, errors or [], obstacles or [])
    return Problem(status, {"Content-Type": CONTENT_TYPE, **(headers or {})}, _ENCODER.encode(document))


def _title(status: int) -> str:
    try:
        return _TITLES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
