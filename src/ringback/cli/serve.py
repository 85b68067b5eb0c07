"""`ringback serve`: run the server with the settings of flags, variables and file."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from ringback.settings import Settings, load

if TYPE_CHECKING:
    from ringback.compose import ServerFacts

Host = Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port to listen on (8080); 0 takes a free one.")]
# A text, since an empty Path is the current directory.
Data = Annotated[str | None, typer.Option(help="Data directory (./data).")]
Store = Annotated[
    str | None,
    typer.Option(
        help="sqlite:///PATH, relative to the working directory; four slashes for an absolute path "
        "(ringback.db in the data directory). Or postgresql://USER@HOST/DATABASE."
    ),
]
PublicUrl = Annotated[str | None, typer.Option(help="URL under which others reach this server.")]
CompatHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--compat-hosts",
        "--compat-host",
        help="HOST=NAME: the published contract NAME stands at the root of HOST; may be given again.",
    ),
]
OperatorTenant = Annotated[
    str | None, typer.Option(help="The tenant that is told of Ringback's own work for all tenants.", metavar="ID")
]
Config = Annotated[Path | None, typer.Option(help="Configuration file (ringback.toml, if it is there).")]
AllowPrivate = Annotated[
    bool | None, typer.Option("--allow-private", help="Endpoints may be http, on any port, on private addresses.")
]
AllowHttp = Annotated[bool | None, typer.Option("--allow-http", help="Endpoints may be http, on public addresses.")]
Allow = Annotated[
    list[str] | None, typer.Option(help="CIDR:PORT that endpoints may have although private; may be given again.")
]
NameServers = Annotated[
    list[str] | None,
    typer.Option(help="ADDRESS or ADDRESS:PORT of a name server to ask instead of the system's; may be given again."),
]
CaFile = Annotated[
    str | None, typer.Option(help="PEM file with the authorities to trust instead of the system's.", metavar="FILE")
]
Bins = Annotated[bool | None, typer.Option("--bins", help="Offer the console's inspector, at /bins.")]
Migrate = Annotated[bool | None, typer.Option("--migrate", help="Bring an older database up to date.")]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error (info).")]
LogFormat = Annotated[str | None, typer.Option(help="text or json (text).")]
LogAttempts = Annotated[
    bool | None, typer.Option("--log-attempts", help="Log every request that is sent; needs --log-format json.")
]


def serve(
    *,
    host: Host = None,
    port: Port = None,
    data: Data = None,
    store: Store = None,
    role: Annotated[str | None, typer.Option(help="all, api (only accept) or engine (only send).")] = None,
    public_url: PublicUrl = None,
    compat_hosts: CompatHosts = None,
    operator_tenant: OperatorTenant = None,
    allow_private: AllowPrivate = None,
    allow: Allow = None,
    allow_http: AllowHttp = None,
    bins: Bins = None,
    name_servers: NameServers = None,
    ca_file: CaFile = None,
    migrate: Migrate = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
    log_attempts: LogAttempts = None,
    config: Config = None,
    json: Annotated[bool, typer.Option("--json", help="Print the line that says it is ready as JSON.")] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Flags go before RINGBACK_… variables, those before ringback.toml; docs/settings.md lists all settings.
    """
    flags = {
        "host": host,
        "port": port,
        "data": data,
        "store": store,
        "role": role,
        "public_url": public_url,
        "compat_hosts": compat_hosts or None,
        "operator_tenant": operator_tenant,
        "allow_private": allow_private,
        "allow": allow or None,
        "allow_http": allow_http,
        "bins": bins,
        "name_servers": name_servers or None,
        "ca_file": ca_file,
        "migrate": migrate,
        "log_level": log_level,
        "log_format": log_format,
        "log_attempts": log_attempts,
    }
    settings = settings_of(flags, config)
    serve_until_stopped(settings, lambda facts: _say_ready(settings, facts, json))


def settings_of(flags: Mapping[str, object], config: Path | None) -> Settings:
    """The settings that a server with these flags would have. Raises BadSetting."""
    return load(flags, os.environ, config)


def serve_until_stopped(
    settings: Settings, on_ready: Callable[["ServerFacts"], None], *, at_home: bool = False
) -> None:
    """Run the server here. Loaded late, since the other commands need none of it. `at_home`: `compose.serve`."""
    if threading.current_thread() is threading.main_thread():
        # The server has a handler of its own once it is up. Until then the default would do, but not for process 1 of
        # a container: the kernel spares it whatever it has no handler for, and a start may wait for the database.
        signal.signal(signal.SIGTERM, _end_at_once)
    from ringback import compose  # noqa: PLC0415

    compose.serve(settings, on_ready, at_home=at_home)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    """Told to stop before anything was up: there is nothing to wait for."""
    sys.exit(0)


def _say_ready(settings: Settings, facts: "ServerFacts", json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode({"event": "ready", "base_url": facts.base_url}).decode())
        return
    if facts.admin_key_created is not None:
        typer.echo(f"An admin key was made; it is in {settings.data / 'admin.key'}.")
    typer.echo(f"Ringback is ready at {facts.base_url}")
