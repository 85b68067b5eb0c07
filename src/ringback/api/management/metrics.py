"""`/metrics` for Prometheus: no key needed, nothing told about anyone (no label names a tenant or an endpoint)."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

Exposition = Callable[[str], tuple[bytes, str]]
"""The Accept header → (body, content type)."""


def metrics_routers(exposition: Exposition) -> list[APIRouter]:
    """`/metrics`."""
    router = APIRouter(tags=["health"])

    @router.get("/metrics", summary="Metrics in the format of Prometheus", response_class=Response)
    def metrics(request: Request) -> Response:
        body, content_type = exposition(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    return [router]
