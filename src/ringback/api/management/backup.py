"""Routes of backups: make one and take it along, and see how far it is. For admins. Thin: ask `control`, answer."""

from collections.abc import Iterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from ringback.api.auth import Authenticator
from ringback.api.gate import actor_of
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Nothing
from ringback.control.backup import BackupCopy, BackupUseCases
from ringback.model.tenant import Scope

OCTETS: Final = "application/octet-stream"
CHUNK_BYTES: Final = 1024 * 1024


class BackupView(BaseModel):
    running: bool = Field(description="Whether a copy is being made now.")
    copied_bytes: int
    total_bytes: int


def backup_routers(backups: BackupUseCases, authenticator: Authenticator) -> list[APIRouter]:
    """`/v1/backup`."""
    router = APIRouter(prefix="/v1/backup", tags=["server"], route_class=guarded(Scope.ADMIN, authenticator))

    @router.get("", summary="How far the copy is that is being made")
    def get_backup() -> BackupView:
        return BackupView(**backups.progress()._asdict())

    @router.post(
        "",
        summary="Copy the database while serving; answers with the copy when it is whole",
        response_class=StreamingResponse,
        responses={200: {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    def make_backup(request: Request, body: Nothing | None = None) -> StreamingResponse:
        copy = backups.make(actor_of(request))
        return StreamingResponse(_chunks(copy), media_type=OCTETS, headers={"Content-Length": str(copy.size)})

    return [router]


def _chunks(copy: BackupCopy) -> Iterator[bytes]:
    # A caller who goes away leaves this where it is; then it ends, and the file with it, when nobody refers to it.
    with copy.file:
        while chunk := copy.file.read(CHUNK_BYTES):
            yield chunk
