"""`ringback up`: the server with a receiver beside it and something to try, for the first five minutes.

The same server as `serve`, on the same settings, plus: the data directory in sight, the admin key printed when it is
made, a local receiver that prints and checks what arrives, a tenant `demo` with that receiver as its endpoint, and the
console's inspector. Only that receiver's address, and the server's own for the inspector's bins, are allowed although
they are private.
"""

import os
import shlex
import threading
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ringback.cli import serve
from ringback.cli.demo import TENANT, set_up
from ringback.cli.inbox import Inbox, Seen, SignatureCheck
from ringback.cli.listen import DEFAULT_PORT
from ringback.cli.receiver import Answer, Receiver
from ringback.client.errors import ClientError
from ringback.clock import SystemClock
from ringback.policy.address import Allowed
from ringback.settings import Settings, load

if TYPE_CHECKING:
    from ringback.compose import ServerFacts

LOOPBACK: Final = "127.0.0.1"


def up(
    *,
    host: serve.Host = None,
    port: serve.Port = None,
    data: serve.Data = None,
    allow_private: serve.AllowPrivate = None,
    allow: serve.Allow = None,
    allow_http: serve.AllowHttp = None,
    name_servers: serve.NameServers = None,
    ca_file: serve.CaFile = None,
    migrate: serve.Migrate = None,
    log_level: serve.LogLevel = None,
    log_format: serve.LogFormat = None,
    config: serve.Config = None,
    bins: Annotated[bool, typer.Option("--bins/--no-bins", help="Offer the console's inspector, at /bins.")] = True,
    listen: Annotated[bool, typer.Option("--listen/--no-listen", help="Run a receiver to see what arrives.")] = True,
    listen_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of that receiver; 0 takes a free one.")
    ] = DEFAULT_PORT,
) -> None:
    """Run everything here: the server, its data in ./data, and a receiver that shows what arrives."""
    flags = {
        "host": host,
        "port": port,
        "data": data,
        "allow_private": allow_private,
        "allow": allow or None,
        "allow_http": allow_http,
        "bins": bins,
        "name_servers": name_servers or None,
        "ca_file": ca_file,
        "migrate": migrate,
        "log_level": log_level,
        "log_format": log_format,
    }
    settings = load(flags, os.environ, config)
    if listen:
        _run_with_receiver(settings, listen_port)
    else:
        serve.serve_until_stopped(settings, lambda facts: typer.echo(_greeting(settings, facts, None)), at_home=True)


def _run_with_receiver(settings: Settings, listen_port: int) -> None:
    inbox = Inbox([Answer()], SignatureCheck("standard", []), _show, SystemClock())
    receiver = Receiver(LOOPBACK, listen_port, inbox, port_flag="--listen-port")
    receiver.start()
    receiver_url = f"http://{LOOPBACK}:{receiver.port}/"
    allowed = Allowed(ip_network(f"{LOOPBACK}/32"), receiver.port)

    def welcome(facts: "ServerFacts") -> None:
        # Not on the server's own thread: it has to answer what is asked of it here.
        threading.Thread(
            target=_welcome, args=(settings, facts, receiver_url, inbox), name="welcome", daemon=True
        ).start()

    try:
        settings_here = replace(settings, allow=(*settings.allow, allowed))
        serve.serve_until_stopped(settings_here, welcome, at_home=True)
    finally:
        receiver.stop()


def _welcome(settings: Settings, facts: "ServerFacts", receiver_url: str, inbox: Inbox) -> None:
    try:
        demo = set_up(facts.base_url, _admin_key(settings, facts), receiver_url)
    except (ClientError, OSError) as error:
        typer.echo(f"The tenant {TENANT} could not be set up: {error}", err=True)
        demo = None
    if demo is not None:
        inbox.check = SignatureCheck("standard", [demo.secret])
    typer.echo(_greeting(settings, facts, receiver_url, connected=demo is not None))


def _greeting(settings: Settings, facts: "ServerFacts", receiver_url: str | None, connected: bool = False) -> str:
    key_file = settings.admin_key_path.absolute()
    lines = [
        f"Ringback is up at {facts.base_url}",
        f"  console   {facts.base_url}/console",
        f"  data      {settings.data.absolute()}",
    ]
    if facts.admin_key_created is not None:
        lines.append(f"  admin key {facts.admin_key_created} (made now, kept in {key_file})")
    if receiver_url is not None:
        lines.append(f"  receiver  {receiver_url} (what arrives there is shown below)")
    if connected:
        bearer = "$RINGBACK_ADMIN_KEY" if settings.admin_key else f"$(cat {shlex.quote(str(key_file))})"
        lines += ["", "Try it, in another terminal:", "", _example(facts.base_url, bearer)]
    return "\n".join([*lines, "", "Ctrl-C stops.", ""])


def _example(base_url: str, bearer: str) -> str:
    url = f"{base_url}/v1/tenants/{TENANT}/events"
    event = '{"type":"contact.created","data":{"name":"Ada"}}'
    return f"""  curl {url} -H "Authorization: Bearer {bearer}" -H "Content-Type: application/json" -d '{event}'"""


def _admin_key(settings: Settings, facts: "ServerFacts") -> str:
    """A key that holds now: the one that was set, the one just made, or the one a former start made and kept."""
    known = settings.admin_key or facts.admin_key_created
    return known or settings.admin_key_path.read_text(encoding="utf-8").strip()


def _show(seen: Seen) -> None:
    typer.echo(seen.as_text())
