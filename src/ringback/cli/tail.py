"""`ringback tail`: follow a tenant's attempts as they are recorded.

Asks the API once a second for the attempts of the last half minute and prints those it has not printed yet: an attempt
carries the time it began and is recorded when it ends, so a slow one turns up behind faster ones. What is printed is
what the log has; where more than `ATTEMPTS_PER_POLL_MAX` come within that time, older ones are passed over.
"""

import json as json_format
import time
from typing import Annotated, Any, Final

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, Key, Tenant, Url, connect
from ringback.cli.given import instant_ms
from ringback.client.client import Client
from ringback.clock import SystemClock
from ringback.model.text import harmless
from ringback.times import parse_rfc3339, rfc3339

POLL_EVERY_S: Final = 1.0
OVERLAP_MS: Final = 30_000
PAGE_ITEMS: Final = 250
ATTEMPTS_PER_POLL_MAX: Final = 2_000

Attempt = dict[str, Any]


def tail(
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    endpoint: Annotated[str | None, typer.Option(help="Only this endpoint's.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed attempts.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            help="From this time on (RFC 3339, or how long ago: 15m, 7d); default: now, with --once the latest 2000."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print what is there and end.")] = False,
    json: AsJson = False,
) -> None:
    """Follow attempts: one line for each request that was sent, as it is recorded. Ctrl-C ends it."""
    query = {"endpoint_id": endpoint, "outcome": "failed" if failed else None}
    with connect(url, key, tenant) as client:
        follower = Follower(client, query, instant_ms(since, SystemClock().now_ms(), "since") if since else None)
        if since is None and not once:
            follower.new()  # what is there already is not news
        while True:
            for attempt in follower.new():
                typer.echo(json_format.dumps(attempt) if json else as_text(attempt))
            if once:
                return
            time.sleep(POLL_EVERY_S)


class Follower:
    """Remembers which attempts it has given out. `since`: the earliest that counts, ms since 1970 (None: all)."""

    def __init__(self, client: Client, query: dict[str, str | None], since: int | None) -> None:
        self._client = client
        self._query = query
        self._since = since
        self._given: dict[str, int] = {}

    def new(self) -> list[Attempt]:
        """Attempts that are new, oldest first."""
        fresh = [attempt for attempt in self._recent() if attempt["id"] not in self._given]
        self._given.update((attempt["id"], parse_rfc3339(attempt["at"])) for attempt in fresh)
        if self._given:
            overlap = max(self._given.values()) - OVERLAP_MS
            self._since = overlap if self._since is None else max(overlap, self._since)
            self._given = {name: at for name, at in self._given.items() if at >= self._since}
        return sorted(fresh, key=lambda attempt: str(attempt["at"]))

    def _recent(self) -> list[Attempt]:
        """The attempts since `_since`, newest first, at most ATTEMPTS_PER_POLL_MAX."""
        since = None if self._since is None else rfc3339(self._since)
        found: list[Attempt] = []
        cursor: str | None = None
        while len(found) < ATTEMPTS_PER_POLL_MAX:
            page = self._client.list_attempts(limit=PAGE_ITEMS, since=since, cursor=cursor, **self._query)
            found.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        return found


def as_text(attempt: Attempt) -> str:
    """`12:00:01.123  ep_… contact.created evt_… attempt 1: succeeded 200 in 12 ms`"""
    error = attempt.get("error") or {}
    outcome = attempt.get("status_code") or error.get("code") or ""
    last = ", last" if attempt.get("final") and attempt["outcome"] == "failed" else ""
    return harmless(
        f"{attempt['at'][11:23]}  {attempt['endpoint_id']} {attempt.get('event_type') or '-'} "
        f"{attempt.get('event_id') or '-'} attempt {attempt['number']}: "
        f"{attempt['outcome']} {outcome} in {attempt['duration_ms']:.0f} ms{last}"
    )
