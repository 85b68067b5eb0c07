"""`ringback attempts`: the log of requests that were sent, through the API."""

from enum import StrEnum
from typing import Annotated

import typer

from ringback.cli.api import DEFAULT_URL, JsonDocument, Key, Tenant, Url, connect
from ringback.cli.attempt_page import COLUMNS, show_attempt
from ringback.cli.curl import sent_request
from ringback.cli.given import instant
from ringback.cli.lists import LIMIT_DEFAULT, Everything, JsonPage, Limit, Since, Until, Which, show_list, tenant_path
from ringback.cli.shown import print_json
from ringback.clock import SystemClock
from ringback.curl import curl_command, curl_remarks
from ringback.model.errors import BadSetting

attempts = typer.Typer(help="A tenant's attempts: list them, show one whole.", rich_markup_mode=None)


class ShownOutcome(StrEnum):
    """What the list can be narrowed to."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"


@attempts.command(name="list")
def list_attempts(
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    endpoint: Annotated[str | None, typer.Option(help="Only of this endpoint.")] = None,
    outcome: Annotated[ShownOutcome | None, typer.Option(help="Only with this outcome.")] = None,
    type: Annotated[str | None, typer.Option(help="Only of this event type.")] = None,  # noqa: A002 - the flag's name
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List attempts, newest first."""
    now_ms = SystemClock().now_ms()
    query = {
        "endpoint_id": endpoint,
        "outcome": outcome.value if outcome else None,
        "event_type": type,
        "since": instant(since, now_ms, "since"),
        "until": instant(until, now_ms, "until"),
    }
    with connect(url, key, tenant) as client:
        which = Which(tenant_path(tenant, "attempts"), query, limit, everything)
        show_list(client, which, COLUMNS, json=json, empty="There are no such attempts.")


@attempts.command()
def show(
    attempt_id: Annotated[str, typer.Argument(metavar="ATTEMPT", help="The attempt's id.", show_default=False)],
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    curl: Annotated[bool, typer.Option("--curl", help="Print the request as a curl command instead.")] = False,
    json: JsonDocument = False,
) -> None:
    """Show an attempt whole: what was sent, what came back, and where the time went."""
    if curl and json:
        raise BadSetting("curl: give --curl or --json, not both.")
    with connect(url, key, tenant) as client:
        answer = client.exchange("GET", tenant_path(tenant, "attempts", attempt_id), expect=("id", "request"))
    if json:
        print_json(answer.content)
    elif curl:
        sent = sent_request(answer.json)
        typer.echo(curl_command(sent))
        for remark in curl_remarks(sent):
            typer.echo(remark, err=True)
    else:
        show_attempt(answer.json)
