"""For receivers of webhooks: is this request genuine? One call, and one exception if it is not.

    from ringback import VerificationFailed, verify

    try:
        event = verify("standard", request.headers, request.body, secret)
    except VerificationFailed:
        return 401

Imports `wire` alone, which needs the standard library alone (ed25519 needs `cryptography`), so that an application
that only receives loads nothing of the sender. Reads the clock when it is not given the time.
"""

import time
from collections.abc import Sequence

from ringback.wire.profile import load_profile
from ringback.wire.verify import TOLERANCE_S, Headers, VerificationFailed, Verified
from ringback.wire.verify import verify as verify_at
from ringback.wire.vocabulary import ProfileError

__all__ = ["VerificationFailed", "Verified", "verify"]


def verify(
    profile: str,
    headers: Headers,
    body: bytes | str,
    secret: str | Sequence[str],
    *,
    tolerance_s: float = TOLERANCE_S,
    now_s: float | None = None,
) -> Verified:
    """Check a request that came in: the attempt's headers and the body's bytes exactly as they came.

    `profile` is one that comes with Ringback, such as `standard`; `headers` a mapping or pairs, names in any case;
    `secret` one or several (of `standard` `whsec_…`, or `whpk_…` for ed25519), any of which may fit; `now_s` seconds
    since 1970, by default the machine's time. Returns the event's id, which stays the same when an event is sent
    again, and the time of the attempt, as far as the contract has them.
    Raises VerificationFailed for whatever is wrong, its `code` says what.
    """
    try:
        contract = load_profile(profile)
    except (ProfileError, TypeError):
        raise VerificationFailed("bad_argument", "there is no such profile") from None
    return verify_at(headers, body, secret, time.time() if now_s is None else now_s, tolerance_s, contract=contract)
