"""`ringback profile`: try a wire contract out without a server, and list, put and delete those of a server."""

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import typer

from ringback.cli.api import DEFAULT_URL, JsonDocument, Key, Url, connect
from ringback.cli.confirm import Yes, confirm
from ringback.cli.given import read_file
from ringback.cli.lists import LIMIT_DEFAULT, Everything, JsonPage, Limit, Which, show_list
from ringback.cli.profile_named import SUFFIX, profile_named
from ringback.cli.profile_request import Example, example_request
from ringback.cli.shown import Column, harmless_json, moment, print_json
from ringback.clock import SystemClock
from ringback.model.errors import BadSetting, ProfileFileUnusable
from ringback.model.text import harmless
from ringback.profile_files import read_profile

_PATH: Final = "/v1/profiles"
COLUMNS: Final = (
    Column("name", lambda profile: str(profile["name"])),
    Column("origin", lambda profile: str(profile["origin"])),
    Column("version", lambda profile: str(profile["version"])),
    Column("title", lambda profile: profile.get("error") or profile.get("title") or "", flexible=True),
    Column("signatures", lambda profile: ", ".join(profile.get("signatures") or []), extra=True),
    Column("changed (UTC)", lambda profile: moment(profile.get("updated_at")), extra=True),
)

profile = typer.Typer(
    help="Wire contracts: check and show them, list, put and delete those of a server.", rich_markup_mode=None
)

File = Annotated[Path, typer.Argument(metavar="FILE", help="The profile: NAME.toml.", show_default=False)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The profile's name.", show_default=False)]
OneJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@profile.command()
def check(file: File, json: OneJson = False) -> int:
    """Say whether a file is a profile, or what is wrong with it and where. Ends with 15 if it isn't one."""
    try:
        contract = read_profile(file)
    except ProfileFileUnusable as error:
        if not json:
            raise
        print_json(json_format.dumps({"valid": False, "key": error.key, "line": error.line, "detail": error.detail}))
        return error.exit_code
    if json:
        facts = {"name": contract.name, "version": contract.version, "signatures": list(contract.signatures)}
        print_json(json_format.dumps({"valid": True, **facts}))
    else:
        signatures = f"signatures: {', '.join(contract.signatures)}" if contract.signatures else "not signed"
        typer.echo(harmless(f"{file}: ok, version {contract.version}, {signatures}."))
    return 0


@profile.command()
def show(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A profile that comes with Ringback, or FILE.toml.", show_default=False),
    ],
    event: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="An event as the API takes it, - for standard input; else a sample."),
    ] = None,
    event_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="The profile's sample of this event type; else its first."),
    ] = None,
    signature: Annotated[str | None, typer.Option(help="One of the profile's signatures; else its default.")] = None,
    json: OneJson = False,
) -> None:
    """Print the exact request that a profile makes of an event, signed with an example secret."""
    if event is not None and event_type is not None:
        raise BadSetting("type: give --event or --type, not both.")
    content = None if event is None else read_file(event, "event")
    example = example_request(profile_named(name), signature, content, SystemClock(), event_type)
    if json:
        document = {**example._asdict(), "body": example.body.decode("utf-8", "replace")}
        typer.echo(harmless_json(json_format.dumps(document, ensure_ascii=False)))
        return
    _print_request(example)
    if example.secret is not None:
        typer.echo(f"Signed with an example secret, which everybody has: {example.secret}", err=True)


@profile.command(name="list")
def list_profiles(
    *,
    key: Key,
    url: Url = DEFAULT_URL,
    limit: Limit = LIMIT_DEFAULT,
    everything: Everything = False,
    json: JsonPage = False,
) -> None:
    """List the profiles that a server has, by name."""
    with connect(url, key, None) as client:
        show_list(client, Which(_PATH, {}, limit, everything), COLUMNS, json=json, empty="There are no profiles.")


@profile.command()
def get(name: Name, *, key: Key, url: Url = DEFAULT_URL, json: JsonDocument = False) -> None:
    """Print a profile's text as it was written."""
    with connect(url, key, None) as client:
        answer = client.exchange("GET", _path(name), expect=("toml",))
    if json:
        print_json(answer.content)
    elif sys.stdout.isatty():
        typer.echo(harmless(str(answer.json["toml"]), lines=True), nl=False)
    else:  # into a file: to the letter
        typer.echo(str(answer.json["toml"]).encode(), nl=False)


@profile.command()
def put(file: File, *, key: Key, url: Url = DEFAULT_URL, json: JsonDocument = False) -> None:
    """Write a profile, whole, under its file's name. One in use only if its endpoints can live with it."""
    if file.suffix != SUFFIX:
        raise BadSetting(f"file: {file} is not named NAME{SUFFIX}.")
    try:
        text = read_file(str(file), "file").decode("utf-8")
    except UnicodeDecodeError:
        raise BadSetting(f"file: {file} is not UTF-8.") from None
    with connect(url, key, None) as client:
        answer = client.exchange("PUT", _path(file.stem), {"toml": text}, expect=("name", "version"))
    if json:
        print_json(answer.content)
        return
    done = "is new" if answer.status == 201 else "is replaced"
    typer.echo(harmless(f"{answer.json['name']} {done}, version {answer.json['version']}."))


@profile.command()
def delete(name: Name, *, key: Key, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Delete a profile that no endpoint and no tenant uses."""
    with connect(url, key, None) as client:
        confirm(f"The profile {harmless(name)} will be deleted.", yes)
        client.call("DELETE", _path(name))
    typer.echo(f"{harmless(name)} is deleted.")


def _print_request(example: Example) -> None:
    """As it goes over the wire, but with plain line ends."""
    parts = urlsplit(example.url)
    typer.echo(f"{example.method} {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1")
    for name, value in example.headers:
        typer.echo(f"{name}: {value}")
    typer.echo()
    typer.echo(harmless(example.body.decode("utf-8", "replace"), lines=True))


def _path(name: str) -> str:
    return f"{_PATH}/{quote(name, safe='')}"
