"""Routes of the master key: which one seals, and changing it. For admins. Thin: ask `control`, answer."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.gate import actor_of
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Nothing
from ringback.control.master_key import MasterKeyState, MasterKeyUseCases
from ringback.model.tenant import Scope


class MasterKeyView(BaseModel):
    key_id: str = Field(
        description="The key that seals: eight characters made from it, no secret.", examples=["9f2c01ab"]
    )
    source: str = Field(description="`file` (the server's own) or `variable` (RINGBACK_MASTER_KEY).")
    others: list[str] = Field(description="Other keys that are kept, or that something is still sealed with.")
    left: int = Field(description="How many values are still to be sealed with `key_id`.")

    @classmethod
    def of(cls, state: MasterKeyState) -> "MasterKeyView":
        return cls(**state._asdict())


def master_key_routers(master_key: MasterKeyUseCases, authenticator: Authenticator) -> list[APIRouter]:
    """`/v1/master-key`."""
    router = APIRouter(prefix="/v1/master-key", tags=["server"], route_class=guarded(Scope.ADMIN, authenticator))

    @router.get("", summary="Which master key seals, and what is still sealed with another")
    def get_master_key() -> MasterKeyView:
        return MasterKeyView.of(master_key.state())

    @router.post("/rotate", summary="Seal everything with a new master key, while serving")
    def rotate_master_key(request: Request, body: Nothing | None = None) -> MasterKeyView:
        return MasterKeyView.of(master_key.rotate(actor_of(request)))

    return [router]
