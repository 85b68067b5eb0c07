"""`ringback replay`: send a span of events to an endpoint again, and watch until they are queued.

The job is the server's: it goes on when this program is interrupted, or was told not to wait. How far it is is asked
for a few times a second. Done means that everything is queued; what becomes of it is in the log (`ringback tail`).
"""

import json as json_format
import time
from typing import Annotated, Any, Final

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, Key, Tenant, Url, connect
from ringback.cli.given import instant, instant_ms
from ringback.cli.lists import tenant_path
from ringback.cli.progress import bar
from ringback.client.client import Client
from ringback.clock import SystemClock
from ringback.model.job import JobState, Which
from ringback.times import rfc3339

POLL_EVERY_S: Final = 0.25

Job = dict[str, Any]


def replay(
    *,
    key: Key,
    tenant: Tenant,
    endpoint: Annotated[str, typer.Option(help="The endpoint's id.")],
    since: Annotated[str, typer.Option(help="Events accepted from then on: RFC 3339, or ago, such as 24h or 7d.")],
    until: Annotated[str | None, typer.Option(help="Events accepted before then; default: now.")] = None,
    which: Annotated[
        Which, typer.Option(help="failed: what ended without success there; all: what the endpoint wants now.")
    ] = Which.FAILED,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until everything is queued.")] = True,
    url: Url = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Send a span of events to an endpoint again, each under its own id.

    It is a job of the server's: Ctrl-C ends this command, not the job.
    """
    now_ms = SystemClock().now_ms()
    from_then, until_then = rfc3339(instant_ms(since, now_ms, "since")), instant(until, now_ms, "until")
    with connect(url, key, tenant) as client:
        started = client.replay(endpoint, from_then, until_then, which.value)
        try:
            job = _followed(client, started) if wait else started
        except KeyboardInterrupt:
            _tell_how_to_look(url, tenant, started["id"])
            raise
    if json:
        typer.echo(json_format.dumps(job))
    else:
        typer.echo(as_text(job))


def as_text(job: Job) -> str:
    """`job_… done: 12 of 12 events queued`, or `job_…: 12 events matched` of one that was only begun."""
    if "state" not in job:
        return f"{job['id']}: {job['matched']} events matched"
    return f"{job['id']} {job['state']}: {job['done']} of {job['matched']} events queued"


def _followed(client: Client, started: Job) -> Job:
    """The job when it has ended."""
    with bar("Replaying", in_bytes=False) as report:
        while True:
            job = client.get_job(started["id"])
            report(job["done"], job["matched"])
            if job["state"] != JobState.RUNNING:
                return job
            time.sleep(POLL_EVERY_S)


def _tell_how_to_look(url: str, tenant: str, job_id: str) -> None:
    address = f"{url.rstrip('/')}{tenant_path(tenant, 'jobs', job_id)}"
    typer.echo(f"ringback: the job goes on. GET {address} shows how far it is, DELETE cancels it.", err=True)
