"""`ringback events`: what was accepted, what became of it, and sending it again, through the API."""

from pathlib import Path
from typing import Annotated

import typer

from ringback.cli.api import DEFAULT_URL, JsonDocument, Key, Tenant, Url, connect
from ringback.cli.event_page import COLUMNS, DELIVERY_COLUMNS, ask, show_event
from ringback.cli.given import instant
from ringback.cli.lists import LIMIT_DEFAULT, Everything, JsonPage, Limit, Since, Until, Which, show_list, tenant_path
from ringback.cli.pulling import pages, read_cursor, write_cursor
from ringback.cli.shown import counted, print_json
from ringback.clock import SystemClock
from ringback.model.errors import BadSetting

events = typer.Typer(help="A tenant's events, and what became of them.", rich_markup_mode=None)

EventId = Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.", show_default=False)]


@events.command(name="list")
def list_events(
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    type: Annotated[str | None, typer.Option(help="Only of this type.")] = None,  # noqa: A002 - the flag's name
    channel: Annotated[str | None, typer.Option(help="Only of this channel.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only those meant for this endpoint.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List events, newest first."""
    now_ms = SystemClock().now_ms()
    query = {
        "type": type,
        "channel": channel,
        "endpoint_id": endpoint,
        "since": instant(since, now_ms, "since"),
        "until": instant(until, now_ms, "until"),
    }
    with connect(url, key, tenant) as client:
        which = Which(tenant_path(tenant, "events"), query, limit, everything)
        show_list(client, which, COLUMNS, json=json, empty="There are no such events.")


@events.command()
def pull(
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    cursor: Annotated[str | None, typer.Option(help="Go on from this cursor (default: from the first event).")] = None,
    cursor_file: Annotated[
        Path | None, typer.Option(help="Keep the cursor in this file: go on from it, and write it after each page.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Don't end: wait for events to come. Ctrl-C ends it.")
    ] = False,
    type: Annotated[str | None, typer.Option(help="Only of this type.")] = None,  # noqa: A002 - the flag's name
    channel: Annotated[str | None, typer.Option(help="Only of this channel.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Only those meant for this endpoint.")] = None,
) -> None:
    """Print events as they come, oldest first, one JSON line an event; and the cursor to go on from."""
    if cursor is not None and cursor_file is not None:
        raise BadSetting("cursor: give --cursor or --cursor-file, not both.")
    place = read_cursor(cursor_file) if cursor_file is not None else cursor
    query = {"type": type, "channel": channel, "endpoint_id": endpoint}
    with connect(url, key, tenant) as client:
        for content, next_cursor in pages(client, tenant, query, place, follow=follow):
            for line in content:
                print_json(line)
            place = next_cursor
            if cursor_file is not None:
                write_cursor(cursor_file, next_cursor)
    if place is not None:
        typer.echo(f"cursor: {place}", err=True)


@events.command()
def show(
    event_id: EventId,
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    everything: Annotated[bool, typer.Option("--all", help="Show every endpoint, however many.")] = False,
    json: JsonDocument = False,
) -> None:
    """Show an event and what became of it: a sentence for each endpoint.

    With --json the event alone is printed; `events deliveries` prints where it stands.
    """
    with connect(url, key, tenant) as client:
        if json:
            print_json(client.exchange("GET", tenant_path(tenant, "events", event_id), expect=("id",)).content)
        else:
            asked = ask(client, tenant, event_id, everything=everything)
            show_event(asked, SystemClock().now_ms(), everything=everything)


@events.command()
def deliveries(
    event_id: EventId,
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List where an event stands at each endpoint it was meant for."""
    with connect(url, key, tenant) as client:
        which = Which(tenant_path(tenant, "events", event_id, "deliveries"), {}, limit, everything)
        show_list(client, which, DELIVERY_COLUMNS, json=json, empty="It was meant for no endpoint.")


@events.command()
def resend(
    event_id: EventId,
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    endpoint: Annotated[
        str | None, typer.Option(help="To this endpoint (default: to all it was meant for that still exist).")
    ] = None,
    json: JsonDocument = False,
) -> None:
    """Send an event again, under its own id."""
    body = {} if endpoint is None else {"endpoint_id": endpoint}
    with connect(url, key, tenant) as client:
        answer = client.exchange(
            "POST", tenant_path(tenant, "events", event_id, "resend"), body, expect=("deliveries",)
        )
    if json:
        print_json(answer.content)
    else:
        typer.echo(f"Queued for {counted(answer.json['deliveries'], 'endpoint')}.")
