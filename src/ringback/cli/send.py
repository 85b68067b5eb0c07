"""`ringback send`: post one event."""

import json as json_format
from typing import Annotated

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, Key, Tenant, Url, connect
from ringback.cli.given import read_json, subject_of


def send(
    *,
    key: Key,
    tenant: Tenant,
    type: Annotated[str, typer.Option(help="Event type, such as contact.created.")],  # noqa: A002
    data: Annotated[str, typer.Option(help="The event's data: JSON text, @FILE, or - for standard input.")] = "{}",
    url: Url = DEFAULT_URL,
    id: Annotated[str | None, typer.Option(help="An id of your own.")] = None,  # noqa: A002
    channel: Annotated[str | None, typer.Option(help="The event's channel.")] = None,
    subject: Annotated[str | None, typer.Option(help="What it is about: TYPE/ID, such as company/c_1.")] = None,
    ordering_key: Annotated[str | None, typer.Option(help="Events of one key go out in order where asked.")] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Sent again with the same key within 24 h, it is accepted once.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Post one event and print its id.

    It is stored, with its deliveries, when the id is printed.
    """
    with connect(url, key, tenant) as client:
        accepted = client.send(
            type,
            read_json(data, "data"),
            id=id,
            channel=channel,
            subject=None if subject is None else subject_of(subject),
            ordering_key=ordering_key,
            idempotency_key=idempotency_key,
        )
    typer.echo(json_format.dumps(accepted._asdict()) if json else accepted.id)
