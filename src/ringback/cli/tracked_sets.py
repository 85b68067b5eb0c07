"""`ringback tracked-sets`: named lists of object ids that endpoints follow, through the API."""

import json as json_format
from typing import Annotated, Final

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, JsonDocument, Key, Tenant, Url, connect
from ringback.cli.confirm import Yes, confirm
from ringback.cli.id_file import column_of
from ringback.cli.lists import LIMIT_DEFAULT, Everything, JsonPage, Limit, Which, show_list, tenant_path
from ringback.cli.reread import rereadable
from ringback.cli.shown import Column, counted, moment, print_facts, print_json, terminal
from ringback.cli.upload import Uploaded, Way, upload_ids
from ringback.model.errors import BadSetting
from ringback.model.text import harmless

COLUMNS: Final = (
    Column("set", lambda item: str(item["name"])),
    Column("members", lambda item: f"{item['members']:,}", right=True),
    Column("created (UTC)", lambda item: moment(item.get("created_at")), extra=True),
    Column("changed (UTC)", lambda item: moment(item.get("updated_at")), extra=True),
)
MEMBER_COLUMNS: Final = (Column("id", lambda item: str(item["id"])),)

tracked_sets = typer.Typer(
    help="A tenant's tracked sets: the ids of the objects that endpoints follow.", rich_markup_mode=None
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The set's name.", show_default=False)]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of objects.", show_default=False)]


@tracked_sets.command(name="list")
def list_sets(
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List sets, by name."""
    with connect(url, key, tenant) as client:
        which = Which(tenant_path(tenant, "tracked-sets"), {}, limit, everything)
        show_list(client, which, COLUMNS, json=json, empty="There are no tracked sets.")


@tracked_sets.command()
def create(name: Name, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, json: JsonDocument = False) -> None:
    """Make an empty set. One that is there stays as it is."""
    with connect(url, key, tenant) as client:
        answer = client.exchange("PUT", tenant_path(tenant, "tracked-sets", name), expect=("name", "members"))
    if json:
        print_json(answer.content)
    elif answer.status == 201:
        typer.echo(f"{name} is made. It has no members yet.")
    else:
        typer.echo(f"{name} is there already, with {counted(answer.json['members'], 'member')}.")


@tracked_sets.command()
def show(name: Name, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, json: JsonDocument = False) -> None:
    """Show a set."""
    with connect(url, key, tenant) as client:
        answer = client.exchange("GET", tenant_path(tenant, "tracked-sets", name), expect=("name", "members"))
    if json:
        print_json(answer.content)
        return
    print_facts(
        terminal(),
        [
            ("set", answer.json["name"]),
            ("members", f"{answer.json['members']:,}"),
            ("created", f"{moment(answer.json.get('created_at'))} UTC"),
            ("changed", f"{moment(answer.json.get('updated_at'))} UTC"),
        ],
    )


@tracked_sets.command()
def delete(name: Name, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Delete a set with its members. Endpoints that name it are told of nothing from then on."""
    with connect(url, key, tenant) as client:
        members = counted(client.get_tracked_set(name)["members"], "member")
        confirm(f"{name} ({members}) will be deleted; endpoints that name it will be told of nothing.", yes)
        client.delete_tracked_set(name)
    typer.echo(f"{harmless(name)} is deleted.")


@tracked_sets.command()
def add(name: Name, ids: Ids, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, json: AsJson = False) -> None:
    """Put ids into a set. `upload` takes them from a file."""
    with connect(url, key, tenant) as client:
        answer = client.add_members(name, ids)
    if json:
        typer.echo(json_format.dumps(answer))
    else:
        typer.echo(f"{answer['added']:,} added; {name} has {counted(answer['members'], 'member')}.")


@tracked_sets.command()
def remove(name: Name, ids: Ids, *, key: Key, tenant: Tenant, url: Url = DEFAULT_URL, json: AsJson = False) -> None:
    """Take ids out of a set."""
    with connect(url, key, tenant) as client:
        answer = client.remove_members(name, ids)
    if json:
        typer.echo(json_format.dumps(answer))
    else:
        typer.echo(f"{answer['removed']:,} removed; {name} has {counted(answer['members'], 'member')}.")


@tracked_sets.command()
def members(
    name: Name,
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List the ids in a set, in the order of their bytes."""
    with connect(url, key, tenant) as client:
        which = Which(tenant_path(tenant, "tracked-sets", name, "members"), {}, limit, everything)
        show_list(client, which, MEMBER_COLUMNS, json=json, empty=f"{harmless(name)} has no members.")


@tracked_sets.command()
def upload(
    name: Name,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV, or one id a line; - for standard input.", show_default=False)
    ],
    *,
    key: Key,
    tenant: Tenant,
    url: Url = DEFAULT_URL,
    column: Annotated[
        str | None,
        typer.Option(help="Where the ids are: a name that the first line has, or a number from 1 (the first)."),
    ] = None,
    delimiter: Annotated[str, typer.Option(help="What stands between columns.")] = ",",
    take_out: Annotated[bool, typer.Option("--remove", help="Take the ids out of the set.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove what isn't in the file.")] = False,
    json: AsJson = False,
) -> None:
    """Put the ids of a file into a set, which is made if it isn't there.

    The whole file is checked first: a line that is broken is named, and nothing is sent. With the name of a column the
    first line is the columns' names; else every line has an id.
    """
    if take_out and replace:
        raise BadSetting("remove: --remove and --replace don't go together.")
    way = Way.REMOVE if take_out else Way.REPLACE if replace else Way.ADD
    where = column_of(column, delimiter)
    with rereadable(file) as opened, connect(url, key, tenant) as client:
        uploaded = upload_ids(client, name, opened, where, way, shown=not json)
    typer.echo(json_format.dumps(uploaded._asdict()) if json else as_text(uploaded))


def as_text(uploaded: Uploaded) -> str:
    """`customer-data: 25,000 ids read, 120 added, 3 removed; it has 24,997 members.`"""
    said = [f"{counted(uploaded.ids, 'id')} read", f"{uploaded.added:,} added", f"{uploaded.removed:,} removed"]
    return f"{uploaded.name}: {', '.join(said)}; it has {counted(uploaded.members, 'member')}."
