"""`ringback migrate`: bring a database up to date."""

import json as json_format
from typing import TYPE_CHECKING

import typer

from ringback.cli import serve
from ringback.cli.backup import OneJson, Store
from ringback.cli.progress import bar

if TYPE_CHECKING:
    from ringback.offline import Migrated, Plan


def migrate(
    *, data: serve.Data = None, store: Store = None, config: serve.Config = None, json: OneJson = False
) -> None:
    """Bring the database of a stopped server up to date: its schema, sealed secrets, and a file that can shrink.

    It can't be undone: make a backup first (`ringback backup FILE --data DIR`). A current database is left alone.
    """
    from ringback import offline  # noqa: PLC0415 - the commands that need no store don't load one

    settings = serve.settings_of({"data": data, "store": store}, config)
    plan = offline.plan_migration(settings)
    if not json:
        _announce(plan)
    with bar("Sealing secrets", in_bytes=False, shown=not json) as report:
        done = offline.migrate(settings, plan, lambda sealed: report(sealed, sealed))
    if json:
        fields = {
            "store": str(settings.store_path),
            "from": plan.facts.schema,
            "to": plan.facts.schema + len(plan.facts.missing),
            "ran": plan.facts.missing,
            **done._asdict(),
        }
        typer.echo(json_format.dumps(fields))
    else:
        _conclude(plan, done)


def _announce(plan: "Plan") -> None:
    for name in plan.facts.missing:
        typer.echo(f"Running migration {name}")
    if plan.facts.missing or not plan.facts.gives_space_back:
        typer.echo(f"Writing the file anew takes {plan.needed_bytes:,} bytes; {plan.free_bytes:,} are free.")


def _conclude(plan: "Plan", done: "Migrated") -> None:
    if done.sealed:
        typer.echo(f"{done.sealed:,} rows were sealed with the master key.")
    if done.compacted:
        typer.echo("The file was written anew: what was removed from it is gone, and it can shrink from now on.")
    elif done.compacted is False:
        typer.echo("There was no room to write the file anew. Make some and run this again.")
    if not plan.facts.missing and not done.sealed and done.compacted is None:
        typer.echo("The database is up to date.")
