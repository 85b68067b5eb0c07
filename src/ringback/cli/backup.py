"""`ringback backup` and `ringback restore`: a copy of the database, of a running server too, and back again."""

import json as json_format
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ringback.cli import serve
from ringback.cli.api import DEFAULT_URL, connect
from ringback.cli.confirm import Yes, confirm
from ringback.cli.progress import Report, bar
from ringback.client.client import Client
from ringback.client.errors import ClientError
from ringback.files import beside_of, written_whole
from ringback.model.errors import BadSetting, StoreExists

if TYPE_CHECKING:
    from ringback.store.sqlite.offline import FileFacts

LOOK_EVERY_S: Final = 0.2
OneJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Store = Annotated[str | None, typer.Option(help="sqlite:///PATH, if the database is elsewhere.")]


def backup(
    *,
    file: Annotated[Path, typer.Argument(help="The file to write.", dir_okay=False)],
    url: Annotated[str | None, typer.Option(envvar="RINGBACK_URL", help=f"The running server ({DEFAULT_URL}).")] = None,
    key: Annotated[
        str | None,
        typer.Option(envvar="RINGBACK_KEY", show_envvar=True, help="An admin key, or @FILE to read it from a file."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Data directory of a server that is stopped.")] = None,
    store: Store = None,
    config: serve.Config = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    json: OneJson = False,
) -> None:
    """Copy the database into a file, while the server goes on; with --data, of a stopped one.

    The master key is not in it: keep that, apart from the copy, for as long as the copy.
    """
    if file.exists() and not force:
        raise StoreExists(f"There is a file {file} already. Give another name, or --force to replace it.")
    try:
        if data is None and store is None:
            facts = _of_running(file, url or DEFAULT_URL, key, shown=not json)
        else:
            facts = _of_stopped(file, {"data": data, "store": store}, config, shown=not json)
    except OSError as error:
        raise BadSetting(f"file: {file} can't be written: {error.strerror}.") from None
    if json:
        typer.echo(json_format.dumps({"file": str(file), **_fields(facts)}))
        return
    typer.echo(f"{file}: {facts.size:,} bytes, schema {facts.schema}, every page checked.")
    typer.echo(_about_keys(facts))


def _of_running(file: Path, url: str, key: str | None, *, shown: bool) -> "FileFacts":
    from ringback import offline  # noqa: PLC0415 - the commands that need no store don't load one

    if key is None:
        raise BadSetting("key: a running server is asked with an admin key (--key). For a stopped one give --data.")
    with connect(url, key, None) as client, written_whole(file) as written:
        with bar("Copying", in_bytes=True, shown=shown) as report, _watched(client, report):
            client.backup(written.write)
        written.flush()
        return offline.examine(beside_of(file))


def _of_stopped(file: Path, flags: dict[str, str | None], config: Path | None, *, shown: bool) -> "FileFacts":
    from ringback import offline  # noqa: PLC0415 - as above

    with bar("Copying", in_bytes=True, shown=shown) as report:
        return offline.back_up(serve.settings_of(flags, config), file, report)


@contextmanager
def _watched(client: Client, report: Report) -> Iterator[None]:
    """Ask the server now and then how far its copy is."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_EVERY_S):
            with suppress(ClientError):
                state = client.call("GET", "/v1/backup", expect=("copied_bytes", "total_bytes"))
                if state["total_bytes"]:
                    report(state["copied_bytes"], state["total_bytes"])

    watching = threading.Thread(target=look, name="progress", daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


def restore(
    *,
    file: Annotated[Path, typer.Argument(help="A file that `ringback backup` wrote.", exists=True, dir_okay=False)],
    data: serve.Data = None,
    store: Store = None,
    master_key_file: Annotated[
        Path | None, typer.Option(help="A master.key that opens it, to be kept in the data directory.", dir_okay=False)
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the database that is there.")] = False,
    yes: Yes = False,
    config: serve.Config = None,
    json: OneJson = False,
) -> None:
    """Put a copy of the database in its place. The server must not be running.

    What was still to be delivered when the copy was made will be sent, again if it was sent since.
    """
    from ringback import offline  # noqa: PLC0415 - as above

    settings = serve.settings_of({"data": data, "store": store}, config)
    if replace and offline.store_exists(settings):
        confirm(f"All that is in {settings.store_path} will be lost.", yes)
    with bar("Restoring", in_bytes=True, shown=not json) as report:
        restored = offline.restore(file, settings, master_key_file, replace=replace, on_progress=report)
    facts = restored.facts
    if json:
        typer.echo(json_format.dumps({"store": str(restored.store), **_fields(facts)}))
        return
    typer.echo(f"{file} is restored as {restored.store} ({facts.size:,} bytes).")
    if restored.key_file is not None:
        typer.echo(f"Its master key is in {restored.key_file}.")
    if facts.missing:
        typer.echo("It was made by an older Ringback: run `ringback migrate` before the server.")
    if facts.pending:
        typer.echo(
            f"{facts.pending:,} deliveries were pending when it was made: they will be sent, again if they were sent "
            "since, each under its old event id."
        )


def _about_keys(facts: "FileFacts") -> str:
    if not facts.sealed_with:
        return "Nothing in it is sealed: keep it where only you can read it."
    return (
        f"Its secrets are sealed with the master key {', '.join(facts.sealed_with)}, which is not in it. Keep that as "
        "well, apart from this file: it is in master.key in the data directory, or in RINGBACK_MASTER_KEY."
    )


def _fields(facts: "FileFacts") -> dict[str, Any]:
    return {
        "bytes": facts.size,
        "schema": facts.schema,
        "current": not facts.missing,
        "master_keys": facts.sealed_with,
        "pending": facts.pending,
    }
