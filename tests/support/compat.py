"""A published management API on a real server, as a program that was written against its document speaks to it."""

from typing import Any

from support.process import Answer
from support.tenant import TestTenant


class Api:
    """The API at `base`, for one tenant, with a new key of that tenant that has this label."""

    def __init__(self, tenant: TestTenant, base: str, label: str = "") -> None:
        self.tenant = tenant
        self.base = base
        self.key = tenant.key(label=label)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        return self.tenant.server.ask(method, self.base + path, body, **{"key": self.key, **more})

    def must(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """One request that is answered with this status; the JSON of the answer, if it has any."""
        answer = self.ask(method, path, body, **more)
        assert answer.status == status, (method, path, answer.status, answer.body)
        if not answer.body:
            return None
        assert answer.headers["content-type"] == "application/json"
        return answer.json
