"""The endpoints of one profile, for an API that knows no others: a published contract's.

What is made here has the profile, whatever the tenant's own is; endpoints of other profiles are not found. Decides
nothing else: `control.endpoints` does.
"""

from contextlib import suppress

from ringback.control.endpoint_fields import EndpointFields
from ringback.control.endpoints import Changed, EndpointUseCases
from ringback.control.paging import PageRequest
from ringback.control.secrets import GivenSecret, SecretUseCases
from ringback.model.endpoint import Endpoint, EndpointStatus
from ringback.model.errors import NotFound
from ringback.model.limits import PAGE_ITEMS_MAX


class ProfileEndpoints:
    """A tenant's endpoints of `profile`."""

    def __init__(self, endpoints: EndpointUseCases, secrets: SecretUseCases, profile: str) -> None:
        self._endpoints = endpoints
        self._secrets = secrets
        self._profile = profile

    def create(self, tenant_id: str, fields: EndpointFields, created_by: str, secret: str | None = None) -> Changed:
        """Register one, remembering the label of the key that did. Raises Invalid, NotFound, OverQuota."""
        with_profile: EndpointFields = {**fields, "profile": self._profile}
        return self._endpoints.create(tenant_id, with_profile, secret, created_by=created_by)

    def get(self, tenant_id: str, endpoint_id: str) -> Endpoint:
        """Raises NotFound."""
        with suppress(NotFound):
            endpoint = self._endpoints.get(tenant_id, endpoint_id)
            if endpoint.profile == self._profile:
                return endpoint
        raise NotFound("There is no such webhook.")

    def all(self, tenant_id: str) -> list[Endpoint]:
        """Oldest first; as many as the tenant's quota allows. Raises NotFound for an unknown tenant."""
        found: list[Endpoint] = []
        cursor = None
        while True:
            page = self._endpoints.list(tenant_id, PageRequest(PAGE_ITEMS_MAX, cursor))
            found += [endpoint for endpoint in page.items if endpoint.profile == self._profile]
            cursor = page.next_cursor
            if cursor is None:
                return found

    def update(
        self,
        tenant_id: str,
        endpoint_id: str,
        fields: EndpointFields,
        actor: str,
        *,
        revive: bool = False,
        given: GivenSecret | None = None,
    ) -> Endpoint:
        """Change what `fields` holds, and what signs if a secret is `given`. Raises Invalid, NotFound, Conflict.

        With `revive` one that the engine gave up is sent to again, what is queued included: for an API that has no
        other call for that. One that a person switched off stays off.
        """
        before = self.get(tenant_id, endpoint_id)
        if revive and before.status is EndpointStatus.DISABLED:
            fields = {**fields, "active": True}
        return self._endpoints.update(tenant_id, endpoint_id, fields, self._secrets, actor, given=given).endpoint

    def verify(self, tenant_id: str, endpoint_id: str) -> Endpoint:
        """Have it prove itself again. Raises NotFound, Conflict."""
        self.get(tenant_id, endpoint_id)
        return self._endpoints.verify(tenant_id, endpoint_id)

    def delete(self, tenant_id: str, endpoint_id: str) -> None:
        """Gone at once; what is queued ends as cancelled. Raises NotFound."""
        self.get(tenant_id, endpoint_id)
        self._endpoints.delete(tenant_id, endpoint_id)
