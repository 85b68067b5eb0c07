"""Operational events: what Ringback tells of its own work, as data. Their names, what each means, a sample, the data.

Built of what is known without asking anybody: who, when, and codes. Never a secret, a credential, a path or a query of
a URL, nor anything that a receiver answered but its status code: whoever may see an endpoint's events may see these.
The samples are made by the same functions as the real thing, so that neither can have what the other lacks. Pure.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ringback.model.endpoint import Endpoint
from ringback.policy.match import naming
from ringback.times import rfc3339

ENDPOINT_VERIFIED: Final = "endpoint.verified"
ENDPOINT_FAILING: Final = "endpoint.failing"
ENDPOINT_DISABLED: Final = "endpoint.disabled"
ENDPOINT_RECOVERED: Final = "endpoint.recovered"
DELIVERY_FAILED: Final = "delivery.failed"
SECRET_ROTATED: Final = "secret.rotated"  # noqa: S105 - the name of an event

SUBJECT: Final = "endpoint"
"""The type of the subject, whose id is the endpoint's."""


class Last(NamedTuple):
    """What the last request came to: the status of its answer, or the code of what went wrong without one."""

    status_code: int | None
    error_code: str | None


class FailedDelivery(NamedTuple):
    """A delivery that ended without success after so many requests."""

    event_id: str
    event_type: str
    attempts: int
    last: Last


@lru_cache(maxsize=64)
def asked_for_by(event_type: str) -> frozenset[str]:
    """The patterns that an operational event of this type matches: its name and its prefix, never a bare `*`."""
    return frozenset(naming(event_type))


def verified(endpoint: Endpoint, at: int) -> bytes:
    """It passed the handshake of its profile, and is sent to from now on."""
    return _json(_about(endpoint, at))


def failing(endpoint: Endpoint, at: int, since: int, last: Last) -> bytes:
    """Only single requests go out to it until one succeeds. `since`: the first failure of the run."""
    return _json({**_about(endpoint, at), "since": rfc3339(since), **_of_last(last)})


def recovered(endpoint: Endpoint, at: int, since: int | None) -> bytes:
    """It was failing, and is no more. `since`: since when it was."""
    return _json({**_about(endpoint, at), "since": None if since is None else rfc3339(since)})


def disabled(endpoint: Endpoint, at: int, code: str, message: str) -> bytes:
    """It is sent nothing any more; the reason is the one that the endpoint shows."""
    return _json({**_about(endpoint, at), "reason": {"code": code, "message": message}})


def failed(endpoint: Endpoint, at: int, delivery: FailedDelivery) -> bytes:
    """A delivery to it ended without success."""
    event_id, event_type, attempts, last = delivery
    told = {"event_id": event_id, "event_type": event_type, "attempts": attempts}
    return _json({**_about(endpoint, at), **told, **_of_last(last)})


def rotated(tenant_id: str, endpoint_id: str | None, at: int, old_end_at: int) -> bytes:
    """A new secret signs (endpoint_id None: the tenant's own); the older ones sign beside it until `old_end_at`."""
    whose = {"tenant_id": tenant_id, "at": rfc3339(at), "endpoint_id": endpoint_id}
    return _json({**whose, "old_secrets_end_at": rfc3339(old_end_at)})


def _about(endpoint: Endpoint, at: int) -> dict[str, object]:
    """Of the URL the origin alone: paths and queries of webhooks are often secrets."""
    parts = urlsplit(endpoint.url)
    return {
        "tenant_id": endpoint.tenant_id,
        "at": rfc3339(at),
        "endpoint_id": endpoint.id,
        "label": endpoint.label,
        "origin": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else None,
    }


def _of_last(last: Last) -> dict[str, object]:
    return {"last_status_code": last.status_code, "last_error": last.error_code}


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


class Kind(NamedTuple):
    """One type of operational event. `sample` is data as it could be."""

    type: str
    description: str
    sample: bytes


_AT: Final = 1_795_303_886_000
_SAMPLE: Final = Endpoint(
    "ep_01KAKX5QEGZ8W3N5V7T2M9C4RB", "acme", "Warehouse", "https://hooks.warehouse.example/in?token=never-told"
)
_REFUSED: Final = Last(503, "bad_status")

KINDS: Final[Mapping[str, Kind]] = {
    kind.type: kind
    for kind in (
        Kind(
            ENDPOINT_VERIFIED,
            "An endpoint passed the handshake of its profile, and is sent to from now on.",
            verified(_SAMPLE, _AT),
        ),
        Kind(
            ENDPOINT_FAILING,
            "An endpoint fails so often that only single requests go out to it, until one succeeds.",
            failing(_SAMPLE, _AT, _AT - 90_000, _REFUSED),
        ),
        Kind(
            ENDPOINT_DISABLED,
            "An endpoint is sent nothing any more: it failed for five days, answered 410, did not pass its handshake, "
            "or can't be sent to as it is set up. Its queue is kept.",
            disabled(_SAMPLE, _AT, "gone", "The receiver answered 410 Gone."),
        ),
        Kind(
            ENDPOINT_RECOVERED,
            "An endpoint of which `endpoint.failing` was told takes requests again.",
            recovered(_SAMPLE, _AT, _AT - 90_000),
        ),
        Kind(
            DELIVERY_FAILED,
            "A delivery ended without success: its retries are used up. It can be resent or replayed.",
            failed(_SAMPLE, _AT, FailedDelivery("evt_01KAKX5QEG3R6H8J2K4M5N7P9Q", "contact.created", 10, _REFUSED)),
        ),
        Kind(
            SECRET_ROTATED,
            "A new secret signs an endpoint's requests, or (`endpoint_id` null) those that the tenant's own signs.",
            rotated("acme", _SAMPLE.id, _AT, _AT + 86_400_000),
        ),
    )
}
"""By type, in the order of the documentation."""

PATTERNS: Final = frozenset().union(*(asked_for_by(event_type) for event_type in KINDS))
"""Every pattern by which an endpoint asks for operational events."""
