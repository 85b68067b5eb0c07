"""What `ringback up` sets up through the API, so that there is something to see: a tenant with one endpoint.

The endpoint is the receiver that `up` runs. Set up once, when the server has no tenant at all; afterwards only the
endpoint's URL is kept true, since the receiver's port may differ from start to start. Whoever deletes the tenant or
the endpoint has said what they want: neither is made again.
"""

from typing import Any, NamedTuple

from ringback.client.client import Client

TENANT = "demo"
LABEL = "The receiver of `ringback up`"


class Demo(NamedTuple):
    """The endpoint and the secret its requests are signed with."""

    endpoint_id: str
    secret: str


def set_up(base_url: str, admin_key: str, receiver_url: str) -> Demo | None:
    """Make the tenant and the endpoint, or find them and point the endpoint here. None: they were deleted.

    May raise ApiError and Unreachable.
    """
    with Client(base_url, admin_key, TENANT) as client:
        if not client.call_page("/v1/tenants?limit=1").items:
            client.call("POST", "/v1/tenants", {"id": TENANT, "name": "Demo"})
            client.create_endpoint(receiver_url, label=LABEL)
        endpoint = _find_endpoint(client)
        if endpoint is None:
            return None
        if endpoint["url"] != receiver_url:
            client.update_endpoint(endpoint["id"], url=receiver_url)
        revealed = client.call("GET", f"/v1/tenants/{TENANT}/endpoints/{endpoint['id']}/secret")
    return Demo(endpoint["id"], revealed["secret"])


def _find_endpoint(client: Client) -> dict[str, Any] | None:
    tenants = client.call_page("/v1/tenants?limit=250").items
    if not any(tenant["id"] == TENANT for tenant in tenants):
        return None
    return next((found for found in client.list_endpoints(limit=250).items if found["label"] == LABEL), None)
