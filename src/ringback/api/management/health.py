"""Whether the process lives and whether it can accept events: no key needed, nothing told about anyone."""

from fastapi import APIRouter
from pydantic import BaseModel

from ringback.control.readiness import Readiness


class StatusView(BaseModel):
    status: str


def health_routers(readiness: Readiness) -> list[APIRouter]:
    """`/healthz` and `/readyz`."""
    router = APIRouter(tags=["health"])

    @router.head("/healthz", include_in_schema=False)  # what some load balancers ask
    @router.get("/healthz", summary="200 while the process answers")
    async def healthz() -> StatusView:
        return StatusView(status="ok")

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", summary="200 once events can be accepted, else 503")
    def readyz() -> StatusView:
        readiness.check()
        return StatusView(status="ready")

    return [router]
