"""An endpoint prepared for sending: everything that is the same for each of its requests, worked out once.

The engine sends with it, and previews are made with it, so that both say the same. Made anew whenever the endpoint or
one of its secrets changes. Headers that carry credentials are kept twice: as they are sent, and as the log shows them.
Never renders an event (that is `engine.departure`).
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ringback.model.attempt import PROFILE_VERSION_MARK
from ringback.model.endpoint import Auth, AuthType, Endpoint, EndpointStatus, Ordering, RetryRule, Secret
from ringback.model.limits import TOTAL_DEADLINE_S_MAX, WINDOW_MAX
from ringback.model.trace import TRACEPARENT
from ringback.policy.url import append_query
from ringback.wire.contract import Contract

REDACTED: Final = "***"
HOPS_HEADER: Final = "Ringback-Hops"
HOST_HEADER: Final = "Host"
LENGTH_HEADER: Final = "Content-Length"
FIXED_HEADERS: Final = (("User-Agent", "Ringback/0.1"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))


class Target(NamedTuple):
    """`contract` is None where the endpoint's profile is not there, or has not the endpoint's signature: then nothing
    may be sent. `profile` is what the log calls it, NAME@VERSION. `host` is what libcurl writes into the Host header.
    `sent_headers` are complete "Name: value" lines; `shown_headers` the same as pairs, credentials replaced.
    `has_own_trace`: the endpoint sets a `traceparent` of its own, which wins. `unreadable`: the newest secret or the
    credentials are stored but don't open, so nothing may be sent. `sendable`: its status lets it be sent to, and its
    tenant's webhooks are on. `per_second` is the rate to keep to; `pending`: it has to prove itself first, and may be
    asked. `retry` None: the usual schedule. `base_url`: where Ringback's own API is; only who renders needs it."""

    endpoint: Endpoint
    contract: Contract | None
    profile: str
    secrets: tuple[Secret, ...]
    url: str
    host: str
    sent_headers: list[str]
    shown_headers: list[tuple[str, str]]
    deadline_s: float
    retry: RetryRule | None
    cap: int
    ordered: bool
    sendable: bool
    has_own_trace: bool
    unreadable: bool
    per_second: float | None = None
    pending: bool = False
    base_url: str = ""

    def shown(
        self, rendered: Sequence[tuple[str, str]], own: Sequence[tuple[str, str]], body_bytes: int
    ) -> list[tuple[str, str]]:
        """All headers of a request as they go out, credentials replaced. libcurl writes the first and the last itself.

        `rendered` are the profile's, `own` what Ringback adds.
        """
        return [(HOST_HEADER, self.host), *rendered, *self.shown_headers, *own, (LENGTH_HEADER, str(body_bytes))]

    def signing_secrets(self, now_ms: int) -> list[str]:
        """The texts of the secrets that sign now, newest first."""
        return [secret.value for secret in self.secrets if secret.expires_at is None or secret.expires_at > now_ms]


def prepare(
    endpoint: Endpoint,
    secrets: Iterable[Secret],
    contract: Contract | None,
    *,
    enabled: bool = True,
    base_url: str = "",
) -> Target:
    """Everything about `endpoint` that does not change from one request to the next; `contract` is its profile's,
    `enabled` whether its tenant's webhooks are on."""
    if contract is not None and not contract.offers(endpoint.signature):
        contract = None
    # An older secret that doesn't open signs no more; the newest is the one that receivers surely have.
    usable = tuple(secret for place, secret in enumerate(secrets) if place == 0 or not secret.unreadable)
    own = {name.lower() for name, _ in endpoint.headers}
    sent = [*(pair for pair in FIXED_HEADERS if pair[0].lower() not in own), *endpoint.headers]
    shown = list(sent)
    for name, value in credentials(endpoint.auth):
        sent.append((name, value))
        shown.append((name, REDACTED))
    return Target(
        endpoint=endpoint,
        contract=contract,
        profile=endpoint.profile if contract is None else f"{contract.name}{PROFILE_VERSION_MARK}{contract.version}",
        secrets=usable,
        url=append_query(endpoint.url, endpoint.query),
        host=urlsplit(endpoint.url).netloc,
        sent_headers=[f"{name}: {value}" for name, value in sent],
        shown_headers=shown,
        deadline_s=min(endpoint.timeout_s, TOTAL_DEADLINE_S_MAX),
        retry=endpoint.retry if contract is None or endpoint.retry is not None else _retry_of(contract),
        cap=endpoint.max_in_flight or WINDOW_MAX,
        ordered=endpoint.ordering is not Ordering.NONE,
        sendable=enabled and endpoint.status is EndpointStatus.ACTIVE,
        has_own_trace=any(name.lower() == TRACEPARENT for name, _ in shown),
        unreadable=endpoint.auth.unreadable or any(secret.unreadable for secret in usable),
        per_second=endpoint.per_second_max,
        pending=enabled and endpoint.status is EndpointStatus.VERIFICATION_PENDING,
        base_url=base_url,
    )


def _retry_of(contract: Contract) -> RetryRule | None:
    """What the profile says of retries; None: the usual schedule."""
    delays_s = contract.profile.retry.delays_s
    return None if delays_s is None else RetryRule(delays_s=delays_s)


def credentials(auth: Auth) -> list[tuple[str, str]]:
    """The headers that carry an endpoint's credentials, unredacted: (name, value)."""
    if auth.type is AuthType.BASIC:
        pair = f"{auth.username}:{auth.password}".encode()
        return [("Authorization", f"Basic {base64.b64encode(pair).decode('ascii')}")]
    if auth.type is AuthType.RAW:
        return [("Authorization", auth.value)]
    if auth.type is AuthType.HEADER:
        return list(auth.headers)
    return []
