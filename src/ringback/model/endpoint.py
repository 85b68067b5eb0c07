"""Endpoints: what a tenant registered, how it is spoken to, and the states it can be in.

    inactive ⇄ active ⇄ disabled,  verification_pending → active | disabled

The table `ENDPOINT_MOVES` is the whole state machine; `move` raises on an illegal move. Nothing here does I/O.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from ringback.model.limits import TOTAL_DEADLINE_S_MAX


class EndpointStatus(StrEnum):
    """What the API shows. Only `active` endpoints are sent to; `Endpoint.matches` says which match new events."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    VERIFICATION_PENDING = "verification_pending"
    DISABLED = "disabled"


class EndpointMove(StrEnum):
    """What can happen to an endpoint's status."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    GIVE_UP = "give_up"
    ASK = "ask"
    VERIFIED = "verified"
    REFUSED = "refused"


_S, _M = EndpointStatus, EndpointMove

ENDPOINT_MOVES: Final[Mapping[tuple[EndpointStatus, EndpointMove], EndpointStatus]] = {
    (_S.ACTIVE, _M.ACTIVATE): _S.ACTIVE,
    (_S.ACTIVE, _M.DEACTIVATE): _S.INACTIVE,
    (_S.ACTIVE, _M.GIVE_UP): _S.DISABLED,
    (_S.ACTIVE, _M.ASK): _S.VERIFICATION_PENDING,
    (_S.INACTIVE, _M.ACTIVATE): _S.ACTIVE,
    (_S.INACTIVE, _M.DEACTIVATE): _S.INACTIVE,
    (_S.INACTIVE, _M.GIVE_UP): _S.INACTIVE,
    (_S.INACTIVE, _M.ASK): _S.VERIFICATION_PENDING,
    (_S.DISABLED, _M.ACTIVATE): _S.ACTIVE,
    (_S.DISABLED, _M.DEACTIVATE): _S.INACTIVE,
    (_S.DISABLED, _M.GIVE_UP): _S.DISABLED,
    (_S.DISABLED, _M.ASK): _S.VERIFICATION_PENDING,
    (_S.VERIFICATION_PENDING, _M.DEACTIVATE): _S.INACTIVE,
    (_S.VERIFICATION_PENDING, _M.GIVE_UP): _S.DISABLED,
    (_S.VERIFICATION_PENDING, _M.ASK): _S.VERIFICATION_PENDING,
    (_S.VERIFICATION_PENDING, _M.VERIFIED): _S.ACTIVE,
    (_S.VERIFICATION_PENDING, _M.REFUSED): _S.DISABLED,
}


def move(status: EndpointStatus, by: EndpointMove) -> EndpointStatus:
    """The status after `by`. Raises ValueError when the table has no such move."""
    try:
        return ENDPOINT_MOVES[status, by]
    except KeyError:
        raise ValueError(f"an endpoint that is {status} can't {by}") from None


class Ordering(StrEnum):
    """`none`: as fast as may be; `strict`: one at a time; `subject`: one at a time for each ordering key."""

    NONE = "none"
    STRICT = "strict"
    SUBJECT = "subject"


ONE_KEY: Final = ""


def delivery_key(ordering: Ordering, event_key: str | None) -> str | None:
    """The key by which a delivery is ordered: None without an order, else the event's own or the one that all share."""
    if ordering is Ordering.NONE:
        return None
    return (event_key or ONE_KEY) if ordering is Ordering.SUBJECT else ONE_KEY


class AuthType(StrEnum):
    NONE = "none"
    BASIC = "basic"
    RAW = "raw"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Auth:
    """Credentials an endpoint is spoken to with. Which fields are set depends on `type`; see API.md.

    `unreadable`: they are stored, but what is stored doesn't open; then all that is secret is empty here.
    """

    type: AuthType = AuthType.NONE
    username: str = ""
    password: str = ""
    value: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class RetryRule:
    """When a failed delivery is tried again.

    Either `delays_s`, the waits before each retry (n delays are n + 1 attempts), or, when `delays_s` is None,
    exponential: base_s * factor**k up to max_delay_s, `max_attempts` counting the first.
    """

    delays_s: tuple[float, ...] | None = None
    base_s: float = 0.0
    factor: float = 2.0
    max_delay_s: float = 0.0
    max_attempts: int = 1


DEFAULT_RETRY: Final = RetryRule(
    delays_s=(5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
)


NO_URL: Final = ""
"""The URL of an endpoint that has none: events are kept for whoever fetches them, and none is sent."""

USUAL_PROFILE: Final = "standard"
"""Which most endpoints have."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A receiver. `retry` None means the default schedule; `filter` is CEL; times are milliseconds since 1970.

    `url` may be NO_URL: then it is inactive. `revision` grows by one with each stored change; an update that was made
    from an older one is refused. `disabled_at`: since when it is disabled (None too where that was not kept yet).
    `unverified_since`: since when it has to prove itself (None: it has, or need not); asked again, it is another time,
    so that it tells one handshake from the next. `granted_per_second` is the rate that the endpoint allowed when it
    proved itself. `created_by` is the label of the key that made it. `tracked_set` names the set of its tenant whose
    members it is told of (None: of everything); the set need not be there.
    """

    id: str
    tenant_id: str
    label: str
    url: str
    query: str = ""
    event_types: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] | None = None
    filter: str | None = None
    profile: str = USUAL_PROFILE
    signature: str = "v1"
    status: EndpointStatus = EndpointStatus.ACTIVE
    disable_code: str | None = None
    disable_message: str | None = None
    disabled_at: int | None = None
    auth: Auth = field(default_factory=Auth)
    headers: tuple[tuple[str, str], ...] = ()
    rate_per_second: float | None = None
    max_in_flight: int | None = None
    ordering: Ordering = Ordering.NONE
    retry: RetryRule | None = None
    timeout_s: float = TOTAL_DEADLINE_S_MAX
    created_at: int = 0
    updated_at: int = 0
    revision: int = 1
    unverified_since: int | None = None
    granted_per_second: float | None = None
    created_by: str = ""
    tracked_set: str | None = None

    def given_up(self, code: str, message: str, now: int, *, unproven: bool) -> "Endpoint":
        """The next revision of an active one that is disabled; `unproven`: it has to prove itself again."""
        return replace(
            self,
            status=move(self.status, EndpointMove.GIVE_UP),
            disable_code=code,
            disable_message=message,
            disabled_at=now,
            unverified_since=now if unproven else self.unverified_since,
            updated_at=now,
            revision=self.revision + 1,
        )

    @property
    def disabled_since(self) -> int | None:
        """None: it is not disabled."""
        if self.status is not EndpointStatus.DISABLED:
            return None
        return self.updated_at if self.disabled_at is None else self.disabled_at

    @property
    def matches(self) -> bool:
        """Whether new events are queued for it: not while it is switched off, nor after it failed to prove itself."""
        if self.status is EndpointStatus.DISABLED:
            return self.unverified_since is None
        return self.status is not EndpointStatus.INACTIVE

    @property
    def per_second_max(self) -> float | None:
        """Requests a second that it may get: the lower one of what was set and what it granted; None: any number."""
        rates = [rate for rate in (self.rate_per_second, self.granted_per_second) if rate is not None]
        return min(rates, default=None)


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret, of an endpoint or (endpoint_id None) of the tenant. Signs until `expires_at` (None: on).

    `unreadable`: what is stored doesn't open; then `value` is empty.
    """

    id: str
    tenant_id: str
    endpoint_id: str | None
    value: str
    created_at: int
    expires_at: int | None
    unreadable: bool = False

    def is_value(self, value: str) -> bool:
        """Whether it is this one; how long that takes tells nothing."""
        same = hmac.compare_digest(self.value.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass"))
        return same and not self.unreadable
