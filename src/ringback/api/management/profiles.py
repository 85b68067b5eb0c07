"""Routes of profiles, the wire contracts. Thin: parse, ask `control`, answer."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import ProfileBody
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, listing
from ringback.control.profiles import ProfileUseCases
from ringback.model.tenant import Scope
from ringback.profiles import Known
from ringback.times import rfc3339

_PREFIX = "/v1/profiles"


class ProfileView(BaseModel):
    name: str
    origin: str = Field(description="`built_in`, `file` (in the server's data directory) or `api`.")
    title: str
    description: str
    version: str = Field(description="Another for every other text. Attempts name the one they were made by.")
    signatures: list[str] = Field(description="What an endpoint's `signature` can be.")
    default_signature: str | None
    error: str | None = Field(description="Why nothing can be sent by it: an upgrade refused its text. Else null.")
    created_at: str | None = Field(description="null for those that come with Ringback or from a file.")
    updated_at: str | None

    @classmethod
    def of(cls, profile: Known) -> "ProfileView":
        return cls(**_fields(profile))


class WholeProfileView(ProfileView):
    toml: str = Field(description="The profile's text, as it was written.")

    @classmethod
    def of(cls, profile: Known) -> "WholeProfileView":
        text = profile.stored.text if profile.stored else profile.contract.text if profile.contract else ""
        return cls(**_fields(profile), toml=text)


def profile_routers(profiles: ProfileUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for admin keys, and those a tenant's own key may use."""
    return [_reading(profiles, keys), _writing(profiles, keys)]


def _reading(profiles: ProfileUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["profiles"], route_class=guarded(Scope.TENANT, keys))

    @router.get("", summary="List profiles, by name")
    def list_profiles(page: PageParameters) -> Listing[ProfileView]:
        return listing(profiles.list(page), ProfileView.of)

    @router.get("/{name}", summary="Show a profile with its text")
    def get_profile(name: str) -> WholeProfileView:
        return WholeProfileView.of(profiles.get(name))

    return router


def _writing(profiles: ProfileUseCases, keys: Authenticator) -> APIRouter:
    router = APIRouter(prefix=_PREFIX, tags=["profiles"], route_class=guarded(Scope.ADMIN, keys))

    @router.put(
        "/{name}",
        summary="Write a profile, whole; one in use only if its endpoints can live with it",
        responses={201: {"model": WholeProfileView, "description": "It is new"}},
    )
    def put_profile(name: str, body: ProfileBody, response: Response) -> WholeProfileView:
        written = profiles.put(name, body.toml)
        response.status_code = 201 if written.created else 200
        return WholeProfileView.of(written.profile)

    @router.delete("/{name}", status_code=204, summary="Delete a profile that nobody uses")
    def delete_profile(name: str) -> Response:
        profiles.delete(name)
        return Response(status_code=204)

    return router


def _fields(profile: Known) -> dict[str, Any]:
    contract, stored = profile.contract, profile.stored
    return {
        "name": profile.name,
        "origin": profile.origin,
        "title": contract.profile.title if contract else "",
        "description": contract.profile.description if contract else "",
        "version": contract.version if contract else stored.version if stored else "",
        "signatures": contract.signatures if contract else (),
        "default_signature": contract.default_signature if contract else None,
        "error": profile.error,
        "created_at": rfc3339(stored.created_at) if stored else None,
        "updated_at": rfc3339(stored.updated_at) if stored else None,
    }
