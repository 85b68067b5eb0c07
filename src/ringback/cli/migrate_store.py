"""`ringback migrate-store`: everything of a SQLite store into an empty PostgreSQL database."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringback.cli import serve
from ringback.cli.backup import OneJson
from ringback.cli.progress import bars
from ringback.cli.shown import counted
from ringback.model.store_url import shown_url

if TYPE_CHECKING:
    from ringback.moving import Moved


def migrate_store(
    *,
    source: Annotated[
        str, typer.Option("--from", help="sqlite:///PATH of the database of a stopped server.", metavar="URL")
    ],
    target: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="RINGBACK_STORE",
            show_envvar=True,
            help="postgresql://USER@HOST/DATABASE of an empty database.",
            metavar="URL",
        ),
    ],
    data: Annotated[
        str | None, typer.Option(help="Data directory, if master.key is not beside the SQLite database.")
    ] = None,
    config: serve.Config = None,
    json: OneJson = False,
) -> None:
    """Move everything of a stopped server's SQLite database into an empty PostgreSQL database, and compare.

    The SQLite database is left as it is. What is interrupted goes on where it was when the same command is run again;
    until the move has ended no server starts on the PostgreSQL database.
    """
    from ringback import moving  # noqa: PLC0415 - the commands that need no store don't load one

    path = moving.path_of(source)
    settings = serve.settings_of({"data": data}, config)
    try:
        with bars(shown=not json) as report:
            moved = moving.move_store(
                path,
                target,
                settings,
                lambda part, done, total: report(f"Moving {part}", done, total),
                lambda part, done, total: report(f"Comparing {part}", done, total),
            )
    except KeyboardInterrupt:
        typer.echo("Interrupted. Run the same command again: it goes on where it was.", err=True)
        raise
    if json:
        typer.echo(json_format.dumps({"from": str(path), "to": shown_url(target), **_fields(moved)}))
    else:
        _conclude(path, shown_url(target), moved)


def _fields(moved: "Moved") -> dict[str, object]:
    return {
        "parts": {name: tally._asdict() for name, tally in moved.tallies.items()},
        "master_keys": moved.sealed_with,
        "pending": moved.pending,
        "resumed": moved.resumed,
    }


def _conclude(path: Path, shown: str, moved: "Moved") -> None:
    for name, tally in moved.tallies.items():
        typer.echo(f"  {name:14} {tally.rows:>14,} rows  {tally.checksum}")
    rows = sum(tally.rows for tally in moved.tallies.values())
    typer.echo(f"{path} is in {shown} now: {rows:,} rows, counted and compared on both sides.")
    if moved.keys_in is not None:
        typer.echo(
            f"Its secrets are sealed with the master key {', '.join(moved.sealed_with)}. Every server needs that in "
            f'its environment: export RINGBACK_MASTER_KEY="$(paste -sd, {moved.keys_in})"'
        )
    typer.echo("Then start them with `ringback serve --store postgresql://…`.")
    waiting = f" what waits there ({counted(moved.pending, 'delivery', 'deliveries')}) would be sent a second time"
    typer.echo(f"Never start a server on {path} again:{waiting}. Keep the file until you are sure, then remove it.")
