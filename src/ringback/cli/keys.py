"""`ringback keys`: make, list and revoke keys, through the API."""

import json as json_format
from typing import Annotated, Final
from urllib.parse import quote

import typer

from ringback.cli.api import DEFAULT_URL, AsJson, Key, Url, connect
from ringback.cli.lists import all_items, tenant_path
from ringback.cli.master_key import rotate_master
from ringback.cli.shown import Column, moment, print_table, terminal
from ringback.model.errors import BadSetting
from ringback.model.tenant import Scope

COLUMNS: Final = (
    Column("id", lambda item: str(item["id"])),
    Column("scope", lambda item: str(item["scope"])),
    Column("created (UTC)", lambda item: moment(item["created_at"])),
    Column("label", lambda item: item.get("label") or "", flexible=True),
)

keys = typer.Typer(help="Make, list and revoke keys; change the master key.", rich_markup_mode=None)

OfTenant = Annotated[
    str | None, typer.Option("--tenant", envvar="RINGBACK_TENANT", help="The tenant's keys (default: admin keys).")
]


@keys.command()
def create(
    *,
    key: Key,
    scope: Annotated[Scope, typer.Option(help="What the key may do.")],
    tenant: OfTenant = None,
    label: Annotated[str | None, typer.Option(help="A name to know it by.")] = None,
    url: Url = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Make a key and print it: this is the only time it can be seen."""
    if (tenant is None) != (scope is Scope.ADMIN):
        raise BadSetting("scope: tenant and ingest keys belong to a tenant (--tenant), admin keys to none.")
    body = {"label": label} if label else {}
    if scope is not Scope.ADMIN:
        body["scope"] = scope.value
    with connect(url, key, None) as client:
        made = client.call("POST", _path(tenant), body, expect=("key",))
    typer.echo(json_format.dumps(made) if json else made["key"])


@keys.command(name="list")
def list_keys(key: Key, tenant: OfTenant = None, url: Url = DEFAULT_URL, json: AsJson = False) -> None:
    """List keys, without the keys themselves."""
    with connect(url, key, None) as client:
        found = list(all_items(client, _path(tenant), {}))
    if not json:
        print_table(terminal(), COLUMNS, found, head=True)
        return
    for item in found:
        typer.echo(json_format.dumps(item))


@keys.command()
def revoke(
    key: Key,
    key_id: Annotated[str, typer.Argument(help="The id of the key to revoke.")],
    tenant: OfTenant = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Revoke a key: it is refused from now on."""
    with connect(url, key, None) as client:
        client.call("DELETE", f"{_path(tenant)}/{quote(key_id, safe='')}")


keys.command()(rotate_master)


def _path(tenant: str | None) -> str:
    return "/v1/keys" if tenant is None else tenant_path(tenant, "keys")
