"""`ringback migrate`: bring a database up to date."""

import json as json_format
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from ringback.cli import serve
from ringback.cli.backup import OneJson
from ringback.cli.progress import bar
from ringback.settings import Settings

if TYPE_CHECKING:
    from ringback.offline import Migrated, Plan


def migrate(
    *, data: serve.Data = None, store: serve.Store = None, config: serve.Config = None, json: OneJson = False
) -> None:
    """Bring a database up to date: its schema, sealed secrets, and for SQLite a file that can shrink.

    A server on SQLite must be stopped; with PostgreSQL older servers go on meanwhile, and newer ones that wait for it
    start. It can't be undone: make a backup first (`ringback backup FILE --data DIR`). A current database is left
    alone.
    """
    settings = serve.settings_of({"data": data, "store": store}, config)
    if settings.postgresql_url is None:
        _migrate_file(settings, json)
    else:
        _migrate_shared(settings, settings.postgresql_url, json)


def _migrate_file(settings: Settings, json: bool) -> None:
    from ringback import offline  # noqa: PLC0415 - the commands that need no store don't load one

    plan = offline.plan_migration(settings)
    if not json:
        _announce(plan)
    with bar("Sealing secrets", in_bytes=False, shown=not json) as report:
        done = offline.migrate(settings, plan, lambda sealed: report(sealed, sealed))
    if json:
        _print_json(settings, plan.facts.schema, plan.facts.missing, done._asdict())
    else:
        _conclude(plan, done)


def _migrate_shared(settings: Settings, url: str, json: bool) -> None:
    from ringback import offline  # noqa: PLC0415 - as above

    plan = offline.plan_shared_migration(url)
    if not json:
        _tell_missing(plan.missing)
    with bar("Sealing secrets", in_bytes=False, shown=not json) as report:
        sealed = offline.migrate_shared(settings, url, lambda sealed: report(sealed, sealed))
    if json:
        _print_json(settings, plan.schema, plan.missing, {"sealed": sealed})
    else:
        _tell_sealed(sealed)
        typer.echo("The database is up to date." if not plan.missing else f"{settings.store_shown} is up to date now.")


def _print_json(settings: Settings, schema: int, ran: Sequence[str], done: Mapping[str, object]) -> None:
    fields = {"store": settings.store_shown, "from": schema, "to": schema + len(ran), "ran": list(ran), **done}
    typer.echo(json_format.dumps(fields))


def _tell_missing(missing: Sequence[str]) -> None:
    for name in missing:
        typer.echo(f"Running migration {name}")


def _tell_sealed(sealed: int) -> None:
    if sealed:
        typer.echo(f"{sealed:,} rows were sealed with the master key.")


def _announce(plan: "Plan") -> None:
    _tell_missing(plan.facts.missing)
    if plan.facts.missing or not plan.facts.gives_space_back:
        typer.echo(f"Writing the file anew takes {plan.needed_bytes:,} bytes; {plan.free_bytes:,} are free.")


def _conclude(plan: "Plan", done: "Migrated") -> None:
    _tell_sealed(done.sealed)
    if done.compacted:
        typer.echo("The file was written anew: what was removed from it is gone, and it can shrink from now on.")
    elif done.compacted is False:
        typer.echo("There was no room to write the file anew. Make some and run this again.")
    if not plan.facts.missing and not done.sealed and done.compacted is None:
        typer.echo("The database is up to date.")
