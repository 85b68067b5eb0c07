"""`ringback tracked-sets upload`: the ids of a CSV file into a tracked set, or out of it.

The whole file is checked before anything is sent. Then it goes in requests of at most 10,000 ids. Should one of them
fail, those before it are done: ids that are in a set already, or out of it, do no harm, so the same command again does
the rest.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from enum import StrEnum
from typing import BinaryIO, Final, NamedTuple

import typer

from ringback.cli.id_file import Column, chunks_of, ids_in
from ringback.cli.progress import Report, bar
from ringback.client.calls import Json
from ringback.client.client import Client
from ringback.client.errors import ClientError
from ringback.model.errors import BadSetting

REPORT_EVERY: Final = 10_000


class Way(StrEnum):
    """What becomes of the ids. `replace`: they are added, and what isn't among them is removed then."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"


class Uploaded(NamedTuple):
    """How many ids were read, how many were added and taken out, and how many the set has then."""

    name: str
    ids: int
    added: int
    removed: int
    members: int


def upload_ids(client: Client, name: str, file: BinaryIO, column: Column, way: Way, *, shown: bool) -> Uploaded:
    """Do it, with bars where they are `shown`. Raises BrokenLine, BadSetting, ApiError, Unreachable."""
    read = _checked(file, column, shown=shown)
    if read == 0:
        raise BadSetting("file: there is no id in it. Nothing was sent.")
    ids: Iterable[str] = ids_in(file, column)
    # For comparing them all have to be here; else they only pass through.
    kept = dict.fromkeys(ids) if way is Way.REPLACE else {}
    if way is Way.REMOVE:
        with bar("Removing", in_bytes=False, shown=shown) as report:
            removed = _sent(lambda chunk: client.remove_members(name, chunk), ids, read, report)
        return Uploaded(name, read, 0, removed, client.get_tracked_set(name)["members"])
    client.put_tracked_set(name)
    with bar("Adding", in_bytes=False, shown=shown) as report:
        added = _sent(lambda chunk: client.add_members(name, chunk), kept or ids, len(kept) or read, report)
    removed = _remove_others(client, name, kept, shown=shown) if way is Way.REPLACE else 0
    return Uploaded(name, read, added, removed, client.get_tracked_set(name)["members"])


def _checked(file: BinaryIO, column: Column, *, shown: bool) -> int:
    """How many ids there are, all of them good."""
    size = file.seek(0, 2)
    count = 0
    with bar("Checking", in_bytes=True, shown=shown) as report:
        for count, _ in enumerate(ids_in(file, column), 1):
            if count % REPORT_EVERY == 0:
                report(file.tell(), size)
        report(size, size)
    return count


def _sent(ask: Callable[[Sequence[str]], Json], ids: Iterable[str], total: int, report: Report) -> int:
    """How many ids made a difference."""
    done = changed = 0
    report(0, total)
    try:
        for chunk in chunks_of(ids):
            answer = ask(chunk)
            changed += int(answer["added"] if "added" in answer else answer["removed"])
            done += len(chunk)
            report(done, total)
    except (ClientError, KeyboardInterrupt):
        typer.echo(f"ringback: {done:,} of {total:,} ids are done. The same command again does the rest.", err=True)
        raise
    return changed


def _remove_others(client: Client, name: str, kept: Container[str], *, shown: bool) -> int:
    """Take out of the set what isn't to be kept; how many those were."""
    before = int(client.get_tracked_set(name)["members"])
    others: list[str] = []
    with bar("Looking for others", in_bytes=False, shown=shown) as report:
        for place, member in enumerate(client.each_member(name), 1):
            if member not in kept:
                others.append(member)
            if place % REPORT_EVERY == 0:
                report(place, max(place, before))
        report(before, before)
    if not others:
        return 0
    with bar("Removing others", in_bytes=False, shown=shown) as report:
        return _sent(lambda chunk: client.remove_members(name, chunk), others, len(others), report)
