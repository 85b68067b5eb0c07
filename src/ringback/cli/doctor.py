"""`ringback doctor`: look at the place where a server runs, or would run, and say what is wrong with it."""

import json as json_format
import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from ringback.cli import serve
from ringback.cli.exits import ExitCode
from ringback.cli.shown import counted, harmless_json, print_prose, terminal, wrapped
from ringback.clock import SystemClock
from ringback.doctor.finding import Finding, Status
from ringback.model.errors import BadSetting
from ringback.settings import Settings, load

_STYLES: Final = {Status.OK: "green", Status.WARNING: "yellow", Status.PROBLEM: "red"}
_NAME_WIDTH: Final = 15
_STATUS_WIDTH: Final = 9
_LEFT: Final = _STATUS_WIDTH + _NAME_WIDTH + 2


def doctor(
    *,
    host: serve.Host = None,
    port: serve.Port = None,
    data: serve.Data = None,
    store: serve.Store = None,
    public_url: serve.PublicUrl = None,
    allow_private: serve.AllowPrivate = None,
    allow: serve.Allow = None,
    allow_http: serve.AllowHttp = None,
    name_servers: serve.NameServers = None,
    ca_file: serve.CaFile = None,
    config: serve.Config = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Check every page of the database; beside a busy server, its WAL grows then.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody outside: no names, no TLS.")] = False,
    dns_name: Annotated[str, typer.Option(help="A name to look up.")] = "example.com",
    tls_host: Annotated[str, typer.Option(help="HOST or HOST:PORT to try TLS with.")] = "example.com",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check the place where a server runs, or would run.

    Looks at its data, the machine and the network. Takes flags, variables and file as `serve` does, changes nothing,
    and may run beside a server. Ends with 0 when there is no problem (there may be warnings), with 1 when there is one.
    """
    from ringback.doctor.examination import Questions, examine  # noqa: PLC0415 - loads libcurl and SQLite

    flags = {
        "host": host,
        "port": port,
        "data": data,
        "store": store,
        "public_url": public_url,
        "allow_private": allow_private,
        "allow": allow or None,
        "allow_http": allow_http,
        "name_servers": name_servers or None,
        "ca_file": ca_file,
    }
    questions = Questions(deep, offline, dns_name, tls_host)
    found: list[Finding] = []
    console = terminal()
    for finding in examine(_settings(flags, os.environ, config), os.environ, questions, SystemClock()):
        found.append(finding)
        if not json:
            _show(console, finding)
    problems, warnings = _count(found, Status.PROBLEM), _count(found, Status.WARNING)
    if json:
        typer.echo(harmless_json(json_format.dumps(_fields(found, problems, warnings))))
    else:
        console.print(Text(f"\n{counted(problems, 'problem')}, {counted(warnings, 'warning')}.", "bold"))
    return ExitCode.UNEXPECTED if problems else ExitCode.OK


def _settings(flags: Mapping[str, object], environment: Mapping[str, str], config: Any) -> Settings | BadSetting:
    try:
        return load(flags, environment, config)
    except BadSetting as error:
        return error


def _show(console: Console, finding: Finding) -> None:
    """The status, what it is about, the detail; beneath it what to do."""
    first, *rest = wrapped(console, f"{finding.detail}.", _LEFT)
    status = (f"{finding.status.value:{_STATUS_WIDTH}}", _STYLES[finding.status])
    head = Text.assemble(status, f"{finding.name:{_NAME_WIDTH}}  ")
    console.print(head.append(first), soft_wrap=True)
    for line in rest:
        console.print(Text(" " * _LEFT + line), soft_wrap=True)
    if finding.advice:
        print_prose(console, finding.advice, "bold", indent=_LEFT)


def _count(found: Sequence[Finding], status: Status) -> int:
    return sum(finding.status is status for finding in found)


def _fields(found: Sequence[Finding], problems: int, warnings: int) -> dict[str, Any]:
    checks = [{**finding._asdict(), "advice": finding.advice or None} for finding in found]
    return {"problems": problems, "warnings": warnings, "checks": checks}
