"""When an endpoint has to prove itself: what a change or a switch means for its status. Pure.

Where the profile has a handshake, an endpoint is asked when it is made, when its URL, query or profile changes, when
somebody wants it, and when it is switched on and has not passed yet. Who asks is the engine, as soon as it sees the
status `verification_pending`. Nothing here asks anybody.
"""

from dataclasses import replace

from ringback.model.endpoint import Endpoint, EndpointMove, EndpointStatus, move
from ringback.model.errors import Conflict


def begun(endpoint: Endpoint, now: int) -> Endpoint:
    """A new endpoint under a profile with a handshake."""
    return _to_be_asked(endpoint, now)


def asked(endpoint: Endpoint, now: int) -> Endpoint:
    """Have it prove itself (again), whatever its status."""
    unproven = _to_be_asked(endpoint, now)
    return replace(unproven, status=move(endpoint.status, EndpointMove.ASK))


def changed(before: Endpoint, after: Endpoint, now: int, *, has_handshake: bool) -> Endpoint:
    """`after` with what the change means: another address has to prove itself, unless the profile asks for nothing.

    One that is switched off is asked when it is switched on.
    """
    if not has_handshake:
        return _spared(after)
    if (before.url, before.query, before.profile) == (after.url, after.query, after.profile):
        return after
    return _to_be_asked(after, now)


def switched_on(endpoint: Endpoint, now: int, *, has_handshake: bool) -> Endpoint:
    """Send again, once it has proved itself. Raises Conflict while that is pending."""
    if has_handshake and endpoint.unverified_since is not None:
        if endpoint.status is EndpointStatus.VERIFICATION_PENDING:
            raise _pending()
        return asked(endpoint, now)
    return _moved(replace(endpoint, unverified_since=None), EndpointMove.ACTIVATE)


def switched_off(endpoint: Endpoint) -> Endpoint:
    """Send nothing; a handshake that is under way counts for nothing."""
    return _moved(endpoint, EndpointMove.DEACTIVATE)


def _to_be_asked(endpoint: Endpoint, now: int) -> Endpoint:
    """It has to prove itself: at once, unless it is switched off. No two askings have the same time."""
    inactive = endpoint.status is EndpointStatus.INACTIVE
    return replace(
        endpoint,
        status=endpoint.status if inactive else move(endpoint.status, EndpointMove.ASK),
        disable_code=None,
        disable_message=None,
        disabled_at=None,
        unverified_since=max(now, (endpoint.unverified_since or 0) + 1),
        granted_per_second=None,
    )


def _spared(endpoint: Endpoint) -> Endpoint:
    """Nothing is asked of it (any more)."""
    if endpoint.unverified_since is None:
        return endpoint if endpoint.granted_per_second is None else replace(endpoint, granted_per_second=None)
    pending = endpoint.status is EndpointStatus.VERIFICATION_PENDING
    status = move(endpoint.status, EndpointMove.VERIFIED) if pending else endpoint.status
    return replace(endpoint, status=status, unverified_since=None, granted_per_second=None)


def _moved(endpoint: Endpoint, by: EndpointMove) -> Endpoint:
    """The endpoint after a person's switch; a reason for being disabled goes with the state it explained."""
    try:
        status = move(endpoint.status, by)
    except ValueError:
        raise _pending() from None
    if status is endpoint.status:
        return endpoint
    return replace(endpoint, status=status, disable_code=None, disable_message=None, disabled_at=None)


def _pending() -> Conflict:
    return Conflict(
        "The endpoint waits for its verification. Repeat the handshake, or deactivate it.", code="wrong_state"
    )
