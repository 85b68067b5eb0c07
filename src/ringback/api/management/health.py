"""Whether the process lives and whether it can accept events: no key needed, nothing told about anyone."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ringback.control.readiness import Readiness


class StatusView(BaseModel):
    status: str


class ReadyView(StatusView):
    cautions: list[str] = Field(
        description="What is not promised at present, in sentences; such as that the loss of the database's machine "
        "would lose events although they got a 202."
    )


def health_routers(readiness: Readiness) -> list[APIRouter]:
    """`/healthz` and `/readyz`."""
    router = APIRouter(tags=["health"])

    @router.head("/healthz", include_in_schema=False)  # what some load balancers ask
    @router.get("/healthz", summary="200 while the process answers")
    async def healthz() -> StatusView:
        return StatusView(status="ok")

    @router.head("/readyz", include_in_schema=False)
    @router.get("/readyz", summary="200 once events can be accepted, else 503")
    def readyz() -> ReadyView:
        return ReadyView(status="ready", cautions=list(readiness.check()))

    return [router]
