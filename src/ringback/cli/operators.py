"""`ringback operators` and `ringback console-link`: who gets into the console, through the API.

A password is typed twice on a terminal, where it isn't shown, or read from standard input: never an argument, which
others on the machine could read.
"""

import json as json_format
import sys
from enum import StrEnum
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, Key, Url, connect
from ringback.cli.confirm import Yes, confirm
from ringback.cli.lists import all_items, tenant_path
from ringback.cli.shown import Column, moment, print_table, terminal
from ringback.client.client import Client
from ringback.model.console import LINK_S_DEFAULT, LINK_S_MAX
from ringback.model.errors import BadSetting
from ringback.model.limits import PASSWORD_CHARS_MAX
from ringback.model.text import harmless

COLUMNS: Final = (
    Column("id", lambda item: str(item["id"])),
    Column("name", lambda item: str(item["name"]), flexible=True),
    Column("added (UTC)", lambda item: moment(item["created_at"])),
    Column("password of (UTC)", lambda item: moment(item["password_changed_at"])),
)
_PATH: Final = "/v1/operators"
_LINK_S_MIN: Final = 60


class LinkRole(StrEnum):
    """What a link lets somebody do."""

    ADMINISTRATOR = "administrator"
    VIEWER = "viewer"


operators = typer.Typer(help="Who runs this Ringback and signs in at its console.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What they sign in with.", show_default=False)]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input, a line.")]


@operators.command()
def add(
    name: Name, *, key: Key, url: Url = DEFAULT_URL, password_stdin: FromInput = False, json: AsJson = False
) -> None:
    """Add an operator. The password is asked for."""
    with connect(url, key, None) as client:
        body = {"name": name, "password": _password(given=password_stdin)}
        made = client.call("POST", _PATH, body, expect=("id",))
    typer.echo(json_format.dumps(made) if json else f"{harmless(name)} is added and can sign in.")


@operators.command(name="list")
def list_operators(key: Key, url: Url = DEFAULT_URL, json: AsJson = False) -> None:
    """List operators, by name."""
    with connect(url, key, None) as client:
        found = list(all_items(client, _PATH, {}))
    if not json:
        print_table(terminal(), COLUMNS, found, head=True)
        return
    for item in found:
        typer.echo(json_format.dumps(item))


@operators.command()
def remove(name: Name, *, key: Key, url: Url = DEFAULT_URL, yes: Yes = False) -> None:
    """Remove an operator, who is signed out at once."""
    with connect(url, key, None) as client:
        path = _path_of(client, name)
        confirm(f"{name} will be removed and signed out.", yes)
        client.call("DELETE", path)
    typer.echo(f"{harmless(name)} is removed.")


@operators.command()
def password(name: Name, *, key: Key, url: Url = DEFAULT_URL, password_stdin: FromInput = False) -> None:
    """Give an operator another password, which signs them out. It is asked for."""
    with connect(url, key, None) as client:
        path = _path_of(client, name)
        client.call("PUT", f"{path}/password", {"password": _password(given=password_stdin)})
    typer.echo(f"{harmless(name)} has another password.")


def console_link(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose webhooks.", show_default=False)],
    *,
    key: Key,
    url: Url = DEFAULT_URL,
    role: Annotated[
        LinkRole, typer.Option(help="administrator: changes what is the tenant's; viewer: looks, and sees no secret.")
    ] = LinkRole.ADMINISTRATOR,
    expires_in_s: Annotated[
        int, typer.Option(min=_LINK_S_MIN, max=LINK_S_MAX, help="How long it can be opened.")
    ] = LINK_S_DEFAULT,
    json: AsJson = False,
) -> None:
    """Make a link into the console for one of a tenant's people: whoever opens it first is in, for up to 12 hours.

    The server has to know its own address (--public-url).
    """
    body = {"role": role.value, "expires_in_s": expires_in_s}
    with connect(url, key, tenant) as client:
        made = client.call("POST", tenant_path(tenant, "console-links"), body, expect=("url", "expires_at"))
    typer.echo(json_format.dumps(made) if json else made["url"])


def _path_of(client: Client, name: str) -> str:
    """The address of the operator of this name. Raises BadSetting."""
    found: list[dict[str, Any]] = [one for one in all_items(client, _PATH, {}) if one["name"] == name]
    if not found:
        raise BadSetting(f"name: there is no operator {harmless(name)}. `ringback operators list` shows them.")
    return f"{_PATH}/{quote(str(found[0]['id']), safe='')}"


def _password(*, given: bool) -> str:
    if given:
        return sys.stdin.readline(PASSWORD_CHARS_MAX + 2).removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise BadSetting("password: there is no terminal to ask on. Say --password-stdin and write it there.")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
