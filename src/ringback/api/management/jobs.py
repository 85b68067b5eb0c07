"""Routes of replays and of the jobs that carry them out. Thin: parse, ask `control`, answer."""

from fastapi import APIRouter, Response

from ringback.api.auth import Authenticator
from ringback.api.management.guard import guarded
from ringback.api.management.inputs import Replay
from ringback.api.management.log_views import JobView, ReplayView
from ringback.api.management.parameters import PageParameters
from ringback.api.management.views import Listing, listing
from ringback.control.replays import ReplayUseCases
from ringback.model.tenant import Scope


def job_routers(replays: ReplayUseCases, keys: Authenticator) -> list[APIRouter]:
    """Routes for a tenant's own keys and broader ones."""
    router = APIRouter(prefix="/v1/tenants/{tenant_id}", tags=["jobs"], route_class=guarded(Scope.TENANT, keys))

    @router.post("/endpoints/{endpoint_id}/replay", status_code=202, summary="Send a span of events again, as a job")
    def replay_endpoint(tenant_id: str, endpoint_id: str, body: Replay) -> ReplayView:
        job = replays.start(tenant_id, endpoint_id, body.request())
        return ReplayView(id=job.id, matched=job.matched)

    @router.get("/jobs", summary="List jobs, newest first")
    def list_jobs(tenant_id: str, page: PageParameters) -> Listing[JobView]:
        return listing(replays.list(tenant_id, page), JobView.of)

    @router.get("/jobs/{job_id}", summary="Show a job and how far it is")
    def get_job(tenant_id: str, job_id: str) -> JobView:
        return JobView.of(replays.get(tenant_id, job_id))

    @router.delete("/jobs/{job_id}", status_code=204, summary="Cancel a job; what it has queued is sent")
    def cancel_job(tenant_id: str, job_id: str) -> Response:
        replays.cancel(tenant_id, job_id)
        return Response(status_code=204)

    return [router]
