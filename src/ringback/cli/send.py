"""`ringback send`: post one event."""

import json as json_format
import sys
from pathlib import Path
from typing import Annotated

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, Key, Tenant, Url, connect
from ringback.model.errors import BadSetting


def send(
    *,
    key: Key,
    tenant: Tenant,
    type: Annotated[str, typer.Option(help="Event type, such as contact.created.")],  # noqa: A002
    data: Annotated[str, typer.Option(help="The event's data: JSON text, @FILE, or - for standard input.")] = "{}",
    url: Url = DEFAULT_URL,
    id: Annotated[str | None, typer.Option(help="An id of your own.")] = None,  # noqa: A002
    channel: Annotated[str | None, typer.Option(help="The event's channel.")] = None,
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
            _read_data(data),
            id=id,
            channel=channel,
            ordering_key=ordering_key,
            idempotency_key=idempotency_key,
        )
    typer.echo(json_format.dumps(accepted._asdict()) if json else accepted.id)


def _read_data(source: str) -> bytes:
    """The bytes of the data, as they are: they go out as they came in. Raises BadSetting unless they are JSON."""
    try:
        if source == "-":
            data = sys.stdin.buffer.read()
        elif source.startswith("@"):
            data = Path(source[1:]).read_bytes()
        else:
            data = source.encode()
        json_format.loads(data)
    except OSError as error:
        raise BadSetting(f"data: {source[1:]} can't be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadSetting(f"data: not JSON: {error}.") from None
    return data.strip()
