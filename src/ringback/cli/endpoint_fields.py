"""The flags that set what an endpoint is, and the body they make. What values mean is checked by the API."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ringback.cli.given import header_pairs, read_json
from ringback.model.endpoint import Ordering
from ringback.model.errors import BadSetting
from ringback.model.limits import TOTAL_DEADLINE_S_MAX

Label = Annotated[str | None, typer.Option(help="What you know it by.")]
EventTypes = Annotated[
    list[str] | None, typer.Option("--type", help="Event type it wants, or contact.*; may be given again (all).")
]
Channels = Annotated[list[str] | None, typer.Option(help="Channel it wants; may be given again (all).")]
Filter = Annotated[str | None, typer.Option(help="CEL over event, data and previous (none).")]
TrackedSet = Annotated[str | None, typer.Option(help="Tracked set whose members it is told of (all objects).")]
Order = Annotated[Ordering | None, typer.Option(help="Whether events wait for each other (none).")]
Profile = Annotated[str | None, typer.Option(help="The wire contract (the tenant's).")]
SignedWith = Annotated[
    str | None, typer.Option(help="One of the profile's; of standard v1 (HMAC-SHA256) or v1a (ed25519).")
]
Headers = Annotated[
    list[str] | None, typer.Option("--header", help="Header to send, 'Name: value'; may be given again.")
]
Rate = Annotated[float | None, typer.Option(help="At most so many requests a second (no limit).")]
InFlight = Annotated[int | None, typer.Option(help="At most so many requests at once.")]
Timeout = Annotated[float | None, typer.Option(help=f"Seconds a request may take, at most {TOTAL_DEADLINE_S_MAX:g}.")]
More = Annotated[
    str | None,
    typer.Option("--fields", help="Any other fields of the API (retry, auth, …): a JSON object, @FILE, or -."),
]


def headers_of(lines: Sequence[str] | None) -> dict[str, str] | None:
    """The headers as the API has them. Raises BadSetting."""
    return dict(header_pairs(lines)) if lines else None


def body_of(more: str | None, **given: Any) -> dict[str, Any]:
    """The fields that were given, those of `--fields` below the flags. Raises BadSetting."""
    fields = json.loads(read_json(more, "fields")) if more is not None else {}
    if not isinstance(fields, dict):
        raise BadSetting("fields: not a JSON object.")
    return fields | {name: value for name, value in given.items() if value is not None and value != []}


def change_of(more: str | None, **given: Any) -> dict[str, Any]:
    """The same for a change, which must change something. Raises BadSetting."""
    body = body_of(more, **given)
    if not body:
        raise BadSetting("There is nothing to change: give at least one flag, such as --label.")
    return body
