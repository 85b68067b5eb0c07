"""A tenant on a real server, as the end-to-end tests speak of it."""

from typing import Any

from support.process import Answer, Server, wait_until


class TestTenant:
    """Made by its constructor. Paths are below `/v1/tenants/ID`."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(self, server: Server, tenant_id: str) -> None:
        self.server = server
        self.id = tenant_id
        self.path = f"/v1/tenants/{tenant_id}"
        server.make("/v1/tenants", {"id": tenant_id, "name": tenant_id})

    def endpoint(self, url: str, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.server.make(f"{self.path}/endpoints", {"url": url, **fields})
        return made

    def track(self, name: str, *ids: str) -> None:
        """Put ids into the tracked set of this name, which is made if it isn't there."""
        made = self.server.ask("PUT", f"{self.path}/tracked-sets/{name}")
        assert made.status in (200, 201), made.body
        self.server.make(f"{self.path}/tracked-sets/{name}/members", {"ids": list(ids)})

    def patch(self, endpoint_id: str, **fields: Any) -> Answer:
        return self.server.ask("PATCH", f"{self.path}/endpoints/{endpoint_id}", fields)

    def send(self, event_type: str = "thing.happened", data: Any = None, **fields: Any) -> str:
        """Post one event; its id."""
        accepted = self.server.make(f"{self.path}/events", {"type": event_type, "data": data, **fields})
        return str(accepted["id"])

    def key(self, scope: str = "tenant", label: str = "") -> str:
        """A new key of this tenant."""
        return str(self.server.make(f"{self.path}/keys", {"scope": scope, "label": label})["key"])

    def deliveries(self, event_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.server.get(f"{self.path}/events/{event_id}/deliveries")["items"]
        return items

    def state(self, event_id: str) -> str:
        """The state of an event that has exactly one delivery."""
        (delivery,) = self.deliveries(event_id)
        return str(delivery["state"])

    def wait_state(self, event_id: str, state: str, within_s: float = 15.0) -> None:
        wait_until(lambda: self.state(event_id) == state, within_s, f"{event_id} is {state}")

    def attempts(self, endpoint_id: str | None = None) -> list[dict[str, Any]]:
        """The newest attempts, oldest first."""
        where = f"/endpoints/{endpoint_id}" if endpoint_id else ""
        items: list[dict[str, Any]] = self.server.get(f"{self.path}{where}/attempts?limit=250")["items"]
        return items[::-1]

    def wait_until_attempts(self, count: int, within_s: float = 15.0) -> None:
        """Until so many are recorded."""
        wait_until(lambda: len(self.attempts()) >= count, within_s, f"{count} attempts")

    def attempt(self, attempt_id: str) -> dict[str, Any]:
        """One attempt, whole."""
        found: dict[str, Any] = self.server.get(f"{self.path}/attempts/{attempt_id}")
        return found
