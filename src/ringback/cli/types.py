"""`ringback types`: the catalogue of event types, through the API, and schemas made of samples.

`infer` works on files without any server; only where it takes events from one, or stores what it made, it asks it.
"""

import json as json_format
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer

from ringback.cli.api import DEFAULT_URL, JsonDocument, Key, Url, connect
from ringback.cli.confirm import Yes, confirm
from ringback.cli.given import read_json
from ringback.cli.lists import LIMIT_DEFAULT, Everything, JsonPage, Limit, Which, show_list
from ringback.cli.samples import SAMPLES_MAX, samples_of_events, samples_of_file
from ringback.cli.shown import counted, indented, print_block, print_facts, print_json, terminal
from ringback.cli.type_page import COLUMNS, VERSION_COLUMNS, show_type
from ringback.client.client import Client
from ringback.client.errors import ApiError
from ringback.model.errors import BadSetting
from ringback.policy.schema_inference import infer_schema

types = typer.Typer(help="The catalogue of event types, and schemas made of samples.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="TYPE", help="The event type, such as contact.created.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace the schema even if it takes away what receivers may count on.")
]
OptionalKey = Annotated[
    str | None,
    typer.Option(
        envvar="RINGBACK_KEY",
        show_envvar=True,
        help="A key, or @FILE to read it from a file; for --from-events and --put.",
    ),
]
OptionalTenant = Annotated[
    str | None, typer.Option(envvar="RINGBACK_TENANT", help="The tenant's id, for --from-events.")
]


@types.command(name="list")
def list_types(
    *,
    key: Key,
    url: Url = DEFAULT_URL,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List the event types of the catalogue, by name."""
    with connect(url, key, None) as client:
        which = Which("/v1/event-types", {}, limit, everything)
        show_list(client, which, COLUMNS, json=json, empty="The catalogue is empty.")


@types.command()
def show(name: Name, *, key: Key, url: Url = DEFAULT_URL, json: JsonDocument = False) -> None:
    """Show an event type: its schema and its sample."""
    with connect(url, key, None) as client:
        answer = client.exchange("GET", _path(name), expect=("name",))
    if json:
        print_json(answer.content)
    else:
        show_type(answer.json, answer.content)


@types.command()
def versions(
    name: Name,
    *,
    key: Key,
    url: Url = DEFAULT_URL,
    version: Annotated[int | None, typer.Option(min=1, help="Print the schema of this version.")] = None,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List the versions of an event type's schema, newest first; or print one."""
    with connect(url, key, None) as client:
        if version is None:
            which = Which(_path(name, "versions"), {}, limit, everything)
            show_list(client, which, VERSION_COLUMNS, json=json, empty="There are none.")
            return
        answer = client.exchange("GET", _path(name, "versions", str(version)), expect=("schema",))
    schema = bytes(msgspec.json.decode(answer.content, type=_Schema).schema)
    if json:
        print_json(answer.content)
    else:
        print_block(terminal(), indented(schema) or schema.decode("utf-8", "replace"), indent=0)


class _Schema(msgspec.Struct):
    schema: msgspec.Raw


@types.command()
def put(
    name: Name,
    *,
    key: Key,
    url: Url = DEFAULT_URL,
    description: Annotated[str | None, typer.Option(help="What has happened when there is such an event.")] = None,
    schema: Annotated[
        str | None, typer.Option(help="JSON Schema for its data: JSON, @FILE, or - for standard input.")
    ] = None,
    sample: Annotated[str | None, typer.Option(help="Such data: JSON, @FILE, or - for standard input.")] = None,
    deprecated: Annotated[
        bool | None, typer.Option("--deprecated/--not-deprecated", help="Whether it should not be asked for any more.")
    ] = None,
    force: Force = False,
    json: JsonDocument = False,
) -> None:
    """Write an event type. What isn't given stays as it is."""
    given = {
        "description": None if description is None else json_format.dumps(description).encode(),
        "schema": None if schema is None else read_json(schema, "schema"),
        "sample": None if sample is None else read_json(sample, "sample"),
        "deprecated": None if deprecated is None else json_format.dumps(deprecated).encode(),
    }
    with connect(url, key, None) as client:
        content = _write(client, name, {field: text for field, text in given.items() if text is not None}, force)
    _tell_written(content, json=json)


@types.command()
def delete(name: Name, *, key: Key, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Delete an event type with all versions of its schema. Events of the type go on, unchecked."""
    confirm(f"The event type {name} goes, with all versions of its schema; its events are not checked any more.", yes)
    with connect(url, key, None) as client:
        client.call("DELETE", _path(name))
    typer.echo("Deleted.")


@types.command()
def infer(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="Samples of data: one JSON document (of an array each item is a sample) or one sample a line "
            "(NDJSON); - for standard input.",
        ),
    ] = None,
    *,
    name: Annotated[str | None, typer.Option(help="The event type, for --from-events and --put.")] = None,
    from_events: Annotated[
        bool, typer.Option("--from-events", help="Take the data of a tenant's latest events of the type.")
    ] = False,
    tenant: OptionalTenant = None,
    last: Annotated[int, typer.Option(min=1, max=SAMPLES_MAX, help="How many events to take.")] = 100,
    enums: Annotated[
        bool, typer.Option("--enums", help="List texts that are one of a few, and come again, as enum.")
    ] = False,
    put: Annotated[bool, typer.Option("--put", help="Store it in the catalogue.")] = False,
    key: OptionalKey = None,
    url: Url = DEFAULT_URL,
    yes: Yes = False,
) -> None:
    """Make a JSON Schema of samples: what all of them have in common.

    It is printed; with --put it is stored as the schema of the type --name, which asks first if it takes away what the
    present one promises.
    """
    if (file is None) == (not from_events):
        raise BadSetting("file: give a FILE of samples, or --from-events.")
    samples = samples_of_file(file) if file is not None else _of_events(url, key, tenant, name, last)
    schema = json_format.dumps(infer_schema(samples, enums=enums), ensure_ascii=False, indent=2)
    if not put:
        print_block(terminal(), schema, indent=0)
        return
    wanted = _needed(name, "name", "--put")
    with connect(url, _needed(key, "key", "--put"), None) as client:
        fields = {"schema": schema.encode()}
        try:
            content = _write(client, wanted, fields, force=False)
        except ApiError as error:
            if error.code != "schema_not_additive":
                raise
            taken = "; ".join(f"{wrong.field} {wrong.message}" for wrong in error.errors)
            confirm(f"It takes away what receivers may count on: {taken}.", yes)
            content = _write(client, wanted, fields, force=True)
    typer.echo(f"Made of {counted(len(samples), 'sample')}.")
    _tell_written(content, json=False)


def _of_events(url: str, key: str | None, tenant: str | None, name: str | None, last: int) -> list[Any]:
    asked = "--from-events"
    wanted, named = _needed(name, "name", asked), _needed(tenant, "tenant", asked)
    with connect(url, _needed(key, "key", asked), named) as client:
        return samples_of_events(client, named, wanted, last)


def _needed(value: str | None, flag: str, by: str) -> str:
    if value is None:
        raise BadSetting(f"{flag}: {by} needs --{flag}.")
    return value


_FIELDS: Final[tuple[str, ...]] = ("description", "schema", "sample", "deprecated")


def _write(client: Client, name: str, fields: Mapping[str, bytes], force: bool) -> bytes:
    """Put the entry with these fields, the others as they are; the API's answer."""
    present: dict[str, msgspec.Raw] = {}
    try:
        content = client.exchange("GET", _path(name), expect=("name",)).content
        present = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except ApiError as error:
        if error.status != 404:
            raise
    body = {field: present[field] for field in _FIELDS if field in present}
    body |= {field: msgspec.Raw(text) for field, text in fields.items()}
    path = f"{_path(name)}?force=true" if force else _path(name)
    return client.exchange("PUT", path, msgspec.json.encode(body), expect=("name",)).content


def _tell_written(content: bytes, *, json: bool) -> None:
    if json:
        print_json(content)
        return
    entry = json_format.loads(content)
    print_facts(terminal(), [("type", entry["name"]), ("schema", f"version {entry['version']}")])


def _path(name: str, *parts: str) -> str:
    return "/".join(["/v1/event-types", *(quote(part, safe="") for part in (name, *parts))])
