"""`ringback doctor`: look at the place where a server runs, or would run, and say what is wrong with it."""

import json as json_format
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from ringback.cli import serve
from ringback.cli.audit import audit as compare
from ringback.cli.audit import question_of
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
    audit: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Only compare a list of events' ids with the store: those that got a 202; - is stdin."
        ),
    ] = None,
    received: Annotated[bool, typer.Option("--received", help="The list is of what a receiver got.")] = False,
    tenant: Annotated[str | None, typer.Option(envvar="RINGBACK_TENANT", help="Whose events the list has.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="The receiver's endpoint.")] = None,
    since: Annotated[str | None, typer.Option(help="The list begins here: a time, or 15m, 24h, 7d ago.")] = None,
    until: Annotated[str | None, typer.Option(help="The list ends here.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document; with --audit one line a finding, then the counts.")
    ] = False,
) -> int:
    """Check the place where a server runs, or would run.

    Looks at its data, the machine and the network. Takes flags, variables and file as `serve` does, changes nothing,
    and may run beside a server. Ends with 0 when there is no problem (there may be warnings), with 1 when there is one.
    """
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
    if audit is None:
        return _examine(flags, config, (deep, offline, dns_name, tls_host), json=json)
    question = question_of(tenant, received=received, endpoint=endpoint, since=since, until=until)
    return compare(load(flags, os.environ, config), audit, question, json=json)


def _examine(
    flags: Mapping[str, object], config: Path | None, asked: tuple[bool, bool, str, str], *, json: bool
) -> int:
    """Print what is found, as soon as it is; the exit code."""
    from ringback.doctor.examination import Questions, examine  # noqa: PLC0415 - loads libcurl and SQLite

    found: list[Finding] = []
    console = terminal()
    for finding in examine(_settings(flags, os.environ, config), os.environ, Questions(*asked), SystemClock()):
        found.append(finding)
        if not json:
            _show(console, finding)
    problems, warnings = _count(found, Status.PROBLEM), _count(found, Status.WARNING)
    if json:
        typer.echo(harmless_json(json_format.dumps(_fields(found, problems, warnings))))
    else:
        console.print(Text(f"\n{counted(problems, 'problem')}, {counted(warnings, 'warning')}.", "bold"))
    return ExitCode.UNEXPECTED if problems else ExitCode.OK


def _settings(
    flags: Mapping[str, object], environment: Mapping[str, str], config: Path | None
) -> Settings | BadSetting:
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
