"""`ringback records`: the latest state of a tenant's objects, through the API. A change of one makes events."""

import json as json_format
from typing import Annotated, Any, Final

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, JsonDocument, Key, Tenant, Url, connect
from ringback.cli.confirm import Yes, confirm
from ringback.cli.given import read_json
from ringback.cli.lists import LIMIT_DEFAULT, Everything, JsonPage, Limit, Which, show_list, tenant_path
from ringback.cli.records_file import OUTCOMES, import_records
from ringback.cli.reread import rereadable
from ringback.cli.shown import (
    Column,
    counted,
    indented,
    moment,
    print_block,
    print_facts,
    print_json,
    terminal,
)
from ringback.client.calls import json_bytes
from ringback.model.errors import BadSetting
from ringback.model.text import harmless

COLUMNS: Final = (
    Column("record", lambda item: str(item["id"])),
    Column("revision", lambda item: str(item["revision"]), right=True),
    Column("changed (UTC)", lambda item: moment(item.get("changed_at"))),
    Column("version", lambda item: "" if item.get("version") is None else str(item["version"]), extra=True),
    Column("data", lambda item: json_bytes(item.get("data")).decode(), flexible=True),
)

records = typer.Typer(help="A tenant's records: the latest state of its objects.", rich_markup_mode=None)

Type = Annotated[str, typer.Argument(metavar="TYPE", help="The record's type, such as company.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="ID", help="The object's id.", show_default=False)]
Data = Annotated[str, typer.Option(help="The state: a JSON object, @FILE, or - for standard input.")]
Patch = Annotated[str, typer.Option(help="The merge patch: a JSON object, @FILE, or - for standard input.")]
Version = Annotated[int | None, typer.Option(help="What the source counts: an older one changes nothing.")]
UpdatedAt = Annotated[str | None, typer.Option(help="When the source changed it, RFC 3339: an older one is too late.")]
IfMatch = Annotated[str | None, typer.Option(help="Only if this revision is stored; * for any.")]
IfNew = Annotated[bool, typer.Option("--if-new", help="Only if it isn't there.")]
Channel = Annotated[str | None, typer.Option(help="The channel of the events that it makes.")]


@records.command()
def put(
    type: Type,  # noqa: A002 - the argument's name
    id: Id,  # noqa: A002
    *,
    key: Key,
    tenant: Tenant,
    data: Data,
    url: Url = DEFAULT_URL,
    version: Version = None,
    updated_at: UpdatedAt = None,
    if_match: IfMatch = None,
    if_new: IfNew = False,
    channel: Channel = None,
    json: AsJson = False,
) -> None:
    """Store the whole state of an object. A change makes an event; the same state again makes none."""
    state = read_json(data, "data")
    terms = _terms(version, updated_at, if_match, channel) | ({"if_none_match": "*"} if if_new else {})
    with connect(url, key, tenant) as client:
        _print(client.put_record(type, id, state, **terms), json=json)


@records.command()
def patch(
    type: Type,  # noqa: A002
    id: Id,  # noqa: A002
    *,
    key: Key,
    tenant: Tenant,
    data: Patch,
    url: Url = DEFAULT_URL,
    version: Version = None,
    updated_at: UpdatedAt = None,
    if_match: IfMatch = None,
    channel: Channel = None,
    json: AsJson = False,
) -> None:
    """Merge a patch (RFC 7396) into the state of an object; null removes a member."""
    changes = read_json(data, "data")
    with connect(url, key, tenant) as client:
        _print(client.patch_record(type, id, changes, **_terms(version, updated_at, if_match, channel)), json=json)


@records.command()
def get(
    type: Type,  # noqa: A002
    id: Id,  # noqa: A002
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    json: JsonDocument = False,
) -> None:
    """Show the latest state of an object."""
    with connect(url, key, tenant) as client:
        answer = client.exchange("GET", tenant_path(tenant, "records", type, id), expect=("revision", "data"))
    if json:
        print_json(answer.content)
        return
    record = answer.json
    version = record.get("version")
    source = record.get("updated_at")
    console = terminal()
    print_facts(
        console,
        [
            ("record", f"{record['type']}/{record['id']}"),
            ("revision", str(record["revision"])),
            ("version", None if version is None else str(version)),
            ("at the source", None if source is None else f"{moment(source)} UTC"),
            ("created", f"{moment(record.get('created_at'))} UTC"),
            ("changed", f"{moment(record.get('changed_at'))} UTC"),
        ],
    )
    console.print()
    state = json_bytes(record["data"])
    print_block(console, indented(state) or state.decode())


@records.command()
def delete(
    type: Type,  # noqa: A002
    id: Id,  # noqa: A002
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    version: Version = None,
    updated_at: UpdatedAt = None,
    if_match: IfMatch = None,
    channel: Channel = None,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    """Delete an object. That makes an event with the last state it had."""
    confirm(f"The record {type}/{id} will be deleted, and whoever asked for it will be told.", yes)
    with connect(url, key, tenant) as client:
        _print(client.delete_record(type, id, **_terms(version, updated_at, if_match, channel)), json=json)


@records.command(name="list")
def list_records(
    type: Type,  # noqa: A002
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List the records of a type, by id."""
    with connect(url, key, tenant) as client:
        which = Which(tenant_path(tenant, "records", type), {}, limit, everything)
        show_list(client, which, COLUMNS, json=json, empty="There are no records of this type.")


@records.command(name="import")
def import_file(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Changes as NDJSON; - for standard input.", show_default=False)
    ],
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Send the changes of a file: a line each, {"type","id","data"} and, if wanted, "op" (put, patch or delete),
    "version", "updated_at", "if_revision" and "channel".

    All lines are looked at first; one that is broken is named, and nothing is sent.
    """
    with rereadable(file) as opened, connect(url, key, tenant) as client:
        found = import_records(client, opened, shown=not json)
    if json:
        typer.echo(json_format.dumps({"changes": found.total(), **{name: found[name] for name in OUTCOMES}}))
        return
    said = ", ".join(f"{found[name]:,} {name}" for name in OUTCOMES if found[name])
    typer.echo(f"{counted(found.total(), 'change')}: {said}.")


def _terms(version: int | None, updated_at: str | None, if_match: str | None, channel: str | None) -> dict[str, Any]:
    if if_match is None or if_match == "*":
        revision: int | str | None = if_match
    elif if_match.isascii() and if_match.isdecimal():
        revision = int(if_match)
    else:
        raise BadSetting("if-match: must be a revision, such as 5, or *.")
    return {"version": version, "updated_at": updated_at, "if_match": revision, "channel": channel}


def _print(written: dict[str, Any], *, json: bool) -> None:
    if json:
        typer.echo(json_format.dumps(written))
        return
    made = f", event {written['event_id']}" if written.get("event_id") else ", no event"
    changed = ", ".join(written.get("changed") or [])
    said = f"{written['type']}/{written['id']} {written['result']}, revision {written['revision']}{made}"
    typer.echo(harmless(f"{said}. Changed: {changed}" if changed else said))
