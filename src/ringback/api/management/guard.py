"""The gate of /v1: a key of a scope, for the tenant in the address, and only parameters that the route knows.

A route class knows the scope it needs, so no route can be without one. The rest is `api.gate`'s.
"""

from collections.abc import Collection
from typing import ClassVar

from fastapi import Request

from ringback.api.auth import Authenticator, Principal, authorize
from ringback.api.gate import KeyedRoute, principal_of
from ringback.api.query import check_query
from ringback.model.tenant import Scope


class GuardedRoute(KeyedRoute):
    """A route under /v1 that needs a key. `guarded` makes the classes that routers use."""

    need: ClassVar[Scope]

    def let_in(self, principal: Principal, request: Request) -> None:
        authorize(principal, request.path_params.get("tenant_id"), self.need)

    def check_query(self, query: bytes, known: Collection[str]) -> None:
        check_query(query, known)


def guarded(scope: Scope, keys: Authenticator) -> type[GuardedRoute]:
    """The class of routes that a key of `scope`, or a broader one, may use."""

    class Guarded(GuardedRoute):
        need = scope
        authenticator = keys

    return Guarded


def is_operator(request: Request) -> bool:
    """Whether an admin key called."""
    return principal_of(request).scope is Scope.ADMIN
