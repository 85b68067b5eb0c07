"""What one request of a handshake came to, and what it makes of the endpoint that was asked. Pure.

Whatever an endpoint answers, it counts only while the endpoint waits for the answer to that very question: asked again,
switched off, or gone, it is another's business.
"""

from dataclasses import replace
from typing import NamedTuple

from ringback.model.attempt import Attempt
from ringback.model.endpoint import Endpoint, EndpointMove, EndpointStatus, move


class HandshakeEnd(NamedTuple):
    """`asked_at` is the endpoint's `unverified_since` when it was asked. `by` is `verified`, `refused` with its reason,
    or None: it is asked again. `per_second` is what a verified endpoint grants. `attempt` None: no request was made.
    """

    tenant_id: str
    endpoint_id: str
    asked_at: int
    attempt: Attempt | None
    by: EndpointMove | None
    code: str | None = None
    message: str | None = None
    per_second: float | None = None

    def awaited_by(self, endpoint: Endpoint | None) -> bool:
        """Whether the endpoint, as it is stored now (None: it is gone), still waits for this."""
        return (
            endpoint is not None
            and endpoint.status is EndpointStatus.VERIFICATION_PENDING
            and endpoint.unverified_since == self.asked_at
        )

    def applied_to(self, endpoint: Endpoint, now: int) -> Endpoint:
        """The endpoint's next revision, if there is a decision."""
        if self.by is None:
            return endpoint
        verified = self.by is EndpointMove.VERIFIED
        status = move(endpoint.status, self.by)
        return replace(
            endpoint,
            status=status,
            disable_code=self.code,
            disable_message=self.message,
            disabled_at=now if status is EndpointStatus.DISABLED else None,
            unverified_since=None if verified else endpoint.unverified_since,
            granted_per_second=self.per_second,
            updated_at=now,
            revision=endpoint.revision + 1,
        )
