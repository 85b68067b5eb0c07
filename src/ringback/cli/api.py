"""How the commands that talk to a server find it: its URL, a key, a tenant."""

from pathlib import Path
from typing import Annotated

import typer

from ringback.client.client import Client
from ringback.model.errors import BadSetting

DEFAULT_URL = "http://127.0.0.1:8080"

Url = Annotated[str, typer.Option(envvar="RINGBACK_URL", help="Where the server is.")]
Key = Annotated[
    str, typer.Option(envvar="RINGBACK_KEY", show_envvar=True, help="A key, or @FILE to read it from a file.")
]
Tenant = Annotated[str, typer.Option(envvar="RINGBACK_TENANT", help="The tenant's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one line an item.")]
JsonDocument = Annotated[bool, typer.Option("--json", help="Print the API's answer as it is.")]


def connect(url: str, key: str, tenant: str | None) -> Client:
    """A client; raises BadSetting when the URL or the key can't be one."""
    try:
        return Client(url, _read_key(key), tenant)
    except ValueError as error:
        raise BadSetting(f"{error}".capitalize() + ".") from None


def _read_key(key: str) -> str:
    if not key.startswith("@"):
        return key
    try:
        return Path(key[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadSetting(f"key: {key[1:]} can't be read.") from None
