"""`ringback replay`: send a span of events to an endpoint again, and watch until they are queued.

The job is the server's: it goes on when this program is interrupted, or was told not to wait. How far it is is asked
for a few times a second. Done means that everything is queued; what becomes of it is in the log (`ringback tail`).
"""

import json as json_format
import re
import time
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ringback.cli.api import DEFAULT_URL, AsJson, Key, Tenant, Url, connect
from ringback.client.client import Client
from ringback.clock import SystemClock
from ringback.model.errors import BadSetting
from ringback.model.job import JobState, Which
from ringback.times import parse_rfc3339, rfc3339

POLL_EVERY_S: Final = 0.25
_AGO: Final = re.compile(r"([0-9]{1,6})(s|m|h|d)")
_UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

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
    since_ms, until_ms = _moment("since", since, now_ms), None if until is None else _moment("until", until, now_ms)
    with connect(url, key, tenant) as client:
        started = client.replay(
            endpoint, rfc3339(since_ms), None if until_ms is None else rfc3339(until_ms), which.value
        )
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
    """The job when it has ended. The bar goes to standard error, and shows where that is a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    # Elsewhere than on a terminal it would leave an empty line.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Replaying", total=started["matched"])
        while True:
            job = client.get_job(started["id"])
            progress.update(bar, completed=job["done"], total=job["matched"])
            if job["state"] != JobState.RUNNING:
                return job
            time.sleep(POLL_EVERY_S)


def _tell_how_to_look(url: str, tenant: str, job_id: str) -> None:
    path = f"{url.rstrip('/')}/v1/tenants/{tenant}/jobs/{job_id}"
    typer.echo(f"ringback: the job goes on. GET {path} shows how far it is, DELETE cancels it.", err=True)


def _moment(name: str, text: str, now_ms: int) -> int:
    """Milliseconds since 1970 of a time, or of so long ago."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return max(0, now_ms - int(ago[1]) * _UNIT_MS[ago[2]])
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        raise BadSetting(
            f"{name}: {text!r} is neither a time such as 2026-11-21T12:00:00Z nor ago (24h, 7d)."
        ) from None
