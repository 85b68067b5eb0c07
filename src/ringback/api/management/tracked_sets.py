"""Routes of tracked sets and their members. Thin: parse, ask `control`, answer."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Nothing, TrackedIds
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, listing
from ringback.control.tracked_sets import TrackedSetUseCases
from ringback.model.tenant import Scope
from ringback.model.tracked_set import TrackedSet
from ringback.times import rfc3339

_PREFIX = "/v1/tenants/{tenant_id}/tracked-sets"
Name = Annotated[str, Path(description="1 to 64 letters, digits, `_` or `-`.")]


class TrackedSetView(BaseModel):
    name: str
    members: int = Field(description="How many ids are in it.")
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, tracked_set: TrackedSet) -> "TrackedSetView":
        return cls(
            name=tracked_set.name,
            members=tracked_set.members,
            created_at=rfc3339(tracked_set.created_at),
            updated_at=rfc3339(tracked_set.updated_at),
        )


class AddedView(BaseModel):
    added: int = Field(description="How many of the ids were not in it before.")
    members: int = Field(description="How many ids are in it now.")


class RemovedView(BaseModel):
    removed: int = Field(description="How many of the ids were in it.")
    members: int = Field(description="How many ids are in it now.")


class MemberView(BaseModel):
    id: str


def tracked_set_routers(tracked_sets: TrackedSetUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    return [_set_router(tracked_sets, keys), _member_router(tracked_sets, keys)]


def _set_router(tracked_sets: TrackedSetUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["tracked sets"], route_class=guarded(Scope.TENANT, keys))

    @router.get("", summary="List tracked sets, by name")
    def list_tracked_sets(tenant_id: str, page: PageParameters) -> Listing[TrackedSetView]:
        return listing(tracked_sets.list(tenant_id, page), TrackedSetView.of)

    @router.put(
        "/{name}",
        summary="Make an empty tracked set; one that is there stays as it is",
        responses={201: {"model": TrackedSetView, "description": "It is new"}},
    )
    def put_tracked_set(tenant_id: str, name: Name, response: Response, body: Nothing | None = None) -> TrackedSetView:
        put = tracked_sets.put(tenant_id, name)
        response.status_code = 201 if put.created else 200
        return TrackedSetView.of(put.tracked_set)

    @router.get("/{name}", summary="Show a tracked set")
    def get_tracked_set(tenant_id: str, name: Name) -> TrackedSetView:
        return TrackedSetView.of(tracked_sets.get(tenant_id, name))

    @router.delete(
        "/{name}", status_code=204, summary="Delete a tracked set; who names it is told of nothing from then on"
    )
    def delete_tracked_set(tenant_id: str, name: Name) -> Response:
        tracked_sets.delete(tenant_id, name)
        return Response(status_code=204)

    return router


def _member_router(tracked_sets: TrackedSetUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(
        prefix=_PREFIX + "/{name}/members", tags=["tracked sets"], route_class=guarded(Scope.TENANT, keys)
    )

    @router.get("", summary="List the members of a tracked set, by id")
    def list_tracked_members(tenant_id: str, name: Name, page: PageParameters) -> Listing[MemberView]:
        return listing(tracked_sets.members(tenant_id, name, page), lambda member: MemberView(id=member))

    @router.post("", summary="Put ids into a tracked set, all or none")
    def add_tracked_members(tenant_id: str, name: Name, body: TrackedIds) -> AddedView:
        counted = tracked_sets.add(tenant_id, name, body.ids)
        return AddedView(added=counted.changed, members=counted.members)

    @router.post("/remove", summary="Take ids out of a tracked set")
    def remove_tracked_members(tenant_id: str, name: Name, body: TrackedIds) -> RemovedView:
        counted = tracked_sets.remove(tenant_id, name, body.ids)
        return RemovedView(removed=counted.changed, members=counted.members)

    return router
