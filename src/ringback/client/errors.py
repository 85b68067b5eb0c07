"""What can go wrong for a caller of the API, seen from the caller.

ClientError
├── ApiError      the API answered, with an error; `code` says which
└── Unreachable   no whole answer: the request may or may not have been carried out
"""

from collections.abc import Sequence
from typing import NamedTuple


class WrongField(NamedTuple):
    """One field that the API refused: its path (`data.name`, `events[3].type`) and why."""

    field: str
    message: str


class ClientError(Exception):
    """Anything that keeps a call from being answered as asked."""


class ApiError(ClientError):
    """The API refused or failed. `status` is the HTTP status, `code` the stable name of the error.

    `errors` name wrong fields (422); `retry_after_s` is set where waiting may help (429, 503).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Sequence[WrongField] = (),
        *,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s


class Unreachable(ClientError):
    """There was no whole answer: refused, timed out, or broken off. With an `id` or an `idempotency_key` the same call
    can safely be made again."""


def not_ringback(status: int) -> ApiError:
    """The error for an answer that can't be Ringback's."""
    return ApiError(
        status,
        "not_ringback",
        f"The server answered {status}, but not as Ringback does. Is this Ringback's address?",
    )
