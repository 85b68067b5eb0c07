"""`ringback endpoints`: a tenant's endpoints, through the API: list, show, make, change, switch, and their figures."""

from typing import Annotated, Any, Final

import typer

from ringback.cli import endpoint_fields as fields
from ringback.cli.api import DEFAULT_URL, JsonDocument, Key, Tenant, Url, connect
from ringback.cli.confirm import Yes, confirm
from ringback.cli.endpoint_page import COLUMNS, show_endpoint, show_stats
from ringback.cli.given import read_secret, span_s
from ringback.cli.lists import LIMIT_DEFAULT, Everything, JsonPage, Limit, Which, show_list, tenant_path
from ringback.cli.shown import print_json
from ringback.client.client import Client
from ringback.model.text import harmless

STATS_DAYS_DEFAULT: Final = 14
STATS_DAYS_MAX: Final = 90

endpoints = typer.Typer(help="A tenant's endpoints: list, make, change, switch.", rich_markup_mode=None)

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id.", show_default=False)]


@endpoints.command(name="list")
def list_endpoints(
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List endpoints, oldest first."""
    with connect(url, key, tenant) as client:
        which = Which(tenant_path(tenant, "endpoints"), {}, limit, everything)
        show_list(client, which, COLUMNS, json=json, empty="There are no endpoints.")


@endpoints.command()
def show(
    endpoint_id: EndpointId, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, json: JsonDocument = False
) -> None:
    """Show an endpoint and how it is spoken to."""
    with connect(url, key, tenant) as client:
        _exchange(client, "GET", tenant_path(tenant, "endpoints", endpoint_id), None, json)


@endpoints.command()
def create(
    endpoint_url: Annotated[
        str, typer.Argument(metavar="ENDPOINT_URL", help="Where requests are to go.", show_default=False)
    ],
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    label: fields.Label = None,
    event_type: fields.EventTypes = None,
    channel: fields.Channels = None,
    filter: fields.Filter = None,  # noqa: A002 - the flag's name
    tracked_set: fields.TrackedSet = None,
    ordering: fields.Order = None,
    profile: fields.Profile = None,
    signature: fields.SignedWith = None,
    header: fields.Headers = None,
    rate_per_second: fields.Rate = None,
    max_in_flight: fields.InFlight = None,
    timeout: fields.Timeout = None,
    more: fields.More = None,
    json: JsonDocument = False,
) -> None:
    """Register an endpoint. It is printed with its secret: this is the only time that is shown unasked."""
    body = fields.body_of(
        more,
        url=endpoint_url,
        label=label,
        event_types=event_type,
        channels=channel,
        filter=filter,
        tracked_set=tracked_set,
        ordering=ordering,
        profile=profile,
        signature=signature,
        headers=fields.headers_of(header),
        rate_per_second=rate_per_second,
        max_in_flight=max_in_flight,
        timeout_s=timeout,
    )
    with connect(url, key, tenant) as client:
        _exchange(client, "POST", tenant_path(tenant, "endpoints"), body, json)


@endpoints.command()
def update(
    endpoint_id: EndpointId,
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    endpoint_url: Annotated[str | None, typer.Option(help="Where requests are to go.")] = None,
    label: fields.Label = None,
    event_type: fields.EventTypes = None,
    channel: fields.Channels = None,
    filter: fields.Filter = None,  # noqa: A002 - the flag's name
    tracked_set: fields.TrackedSet = None,
    ordering: fields.Order = None,
    profile: fields.Profile = None,
    signature: fields.SignedWith = None,
    header: fields.Headers = None,
    rate_per_second: fields.Rate = None,
    max_in_flight: fields.InFlight = None,
    timeout: fields.Timeout = None,
    more: fields.More = None,
    json: JsonDocument = False,
) -> None:
    """Change what is given of an endpoint; the rest stays. Another host or port clears its credentials."""
    body = fields.change_of(
        more,
        url=endpoint_url,
        label=label,
        event_types=event_type,
        channels=channel,
        filter=filter,
        tracked_set=tracked_set,
        ordering=ordering,
        profile=profile,
        signature=signature,
        headers=fields.headers_of(header),
        rate_per_second=rate_per_second,
        max_in_flight=max_in_flight,
        timeout_s=timeout,
    )
    with connect(url, key, tenant) as client:
        _exchange(client, "PATCH", tenant_path(tenant, "endpoints", endpoint_id), body, json)


@endpoints.command()
def delete(endpoint_id: EndpointId, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Delete an endpoint. What is queued for it is cancelled."""
    with connect(url, key, tenant) as client:
        confirm(f"{_named(client, endpoint_id)} will be deleted, and what is queued for it cancelled.", yes)
        client.delete_endpoint(endpoint_id)
    typer.echo(f"{harmless(endpoint_id)} is deleted.")


@endpoints.command()
def activate(
    endpoint_id: EndpointId, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, json: JsonDocument = False
) -> None:
    """Send to an endpoint again, what is queued for it included."""
    _switch(connect(url, key, tenant), tenant, endpoint_id, "activate", json)


@endpoints.command()
def deactivate(
    endpoint_id: EndpointId, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, json: JsonDocument = False
) -> None:
    """Send nothing to an endpoint. New events don't match; what is queued is kept until it is active again."""
    _switch(connect(url, key, tenant), tenant, endpoint_id, "deactivate", json)


@endpoints.command(name="rotate-secret")
def rotate_secret(
    endpoint_id: EndpointId,
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    grace: Annotated[str, typer.Option(help="How long the old secret signs as well: 90s, 15m, 24h, 7d; or 0.")] = "24h",
    secret_file: Annotated[
        str | None, typer.Option(help="File with a secret of your own, - for standard input; else one is made.")
    ] = None,
    json: JsonDocument = False,
    yes: Yes = False,
) -> None:
    """Give an endpoint a new secret and print it. Without grace the old one ends at once: asks first."""
    grace_s = span_s(grace, "grace")
    body: dict[str, Any] = {"grace_seconds": grace_s}
    if secret_file is not None:
        body["secret"] = read_secret(secret_file)
    with connect(url, key, tenant) as client:
        if grace_s == 0:
            confirm(f"The secret of {_named(client, endpoint_id)} will stop signing at once.", yes)
        path = tenant_path(tenant, "endpoints", endpoint_id, "secret", "rotate")
        answer = client.exchange("POST", path, body, expect=("secret",))
    if json:
        print_json(answer.content)
        return
    typer.echo(harmless(answer.json["secret"]))
    if answer.json.get("public_key"):
        typer.echo(f"The receiver checks with {harmless(answer.json['public_key'])}", err=True)
    ending = f"The old secret signs as well for {grace}." if grace_s else "The old secret signs no more."
    typer.echo(ending, err=True)


@endpoints.command()
def stats(
    endpoint_id: EndpointId,
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    days: Annotated[
        int, typer.Option(min=1, max=STATS_DAYS_MAX, help="How many days, today among them.")
    ] = STATS_DAYS_DEFAULT,
    json: JsonDocument = False,
) -> None:
    """Show how many attempts succeeded and failed by day (UTC)."""
    with connect(url, key, tenant) as client:
        path = f"{tenant_path(tenant, 'endpoints', endpoint_id, 'stats')}?days={days}"
        answer = client.exchange("GET", path, expect=("succeeded", "failed", "days"))
    if json:
        print_json(answer.content)
    else:
        show_stats(answer.json)


def _exchange(client: Client, method: str, path: str, body: Any, json: bool) -> None:
    """Ask for an endpoint, or change it, and print it."""
    answer = client.exchange(method, path, body, expect=("id", "url", "status"))
    if json:
        print_json(answer.content)
    else:
        show_endpoint(answer.json)


def _switch(client: Client, tenant: str, endpoint_id: str, to: str, json: bool) -> None:
    with client:
        answer = client.exchange("POST", tenant_path(tenant, "endpoints", endpoint_id, to), expect=("id", "status"))
    if json:
        print_json(answer.content)
    else:
        typer.echo(harmless(f"{answer.json['id']} is {answer.json['status']}."))


def _named(client: Client, endpoint_id: str) -> str:
    """An endpoint as one knows it, so that nobody says yes to another."""
    endpoint = client.get_endpoint(endpoint_id)
    label = f"{endpoint.get('label')}, " if endpoint.get("label") else ""
    return f"{endpoint_id} ({label}{endpoint.get('url')})"
