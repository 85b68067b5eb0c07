"""The database: whether a server has it open, whether this program can use it, how large it is, whether it is whole."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ringback.doctor.finding import Finding, ok, problem, size, warning
from ringback.model.errors import StartError, StoreCorrupt, StoreNewer, StoreOlder
from ringback.store.sqlite.examination import DatabaseFacts, examine

LOCKS: Final = Path("/proc/locks")
WAL_BYTES_MAX: Final = 512 * 1024 * 1024

_ADVICE: Final[dict[type[StartError], str]] = {
    StoreCorrupt: "Keep the file, and put a backup in its place.",
    StoreNewer: "Start the newer version again, or restore a backup from before the upgrade.",
    StoreOlder: "Back it up, then run `ringback migrate`.",
}


def examine_database(path: Path, now_ms: int, *, deep: bool) -> tuple[list[Finding], DatabaseFacts | None]:
    """What is to be said about the database at `path`, and its facts if it could be read."""
    name = "database"
    if not path.exists():
        return [ok(name, f"{path} is not there yet; the first start makes it")], None
    try:
        facts = examine(path, now_ms, deep=deep)
    except StartError as error:
        advice = _ADVICE.get(type(error), "Run this as the user who runs the server.")
        return [problem(name, error.detail.split(". ")[0].rstrip("."), advice)], None
    return [*_of_facts(path, facts, deep=deep)], facts


def _of_facts(path: Path, facts: DatabaseFacts, *, deep: bool) -> Iterator[Finding]:
    holder = holder_of(path)
    opened = f", open in process {holder}" if holder is not None else ""
    checked = ", every page is well" if deep and not facts.complaints else ""
    detail = f"{path}, schema {facts.schema}, {size(facts.bytes)}{opened}{checked}"
    if facts.complaints:
        yield problem("database", f"{path} is damaged: {'; '.join(facts.complaints)}", _ADVICE[StoreCorrupt])
    else:
        yield ok("database", detail)
    if facts.wal_bytes > WAL_BYTES_MAX:
        yield warning(
            "write-ahead log",
            f"{size(facts.wal_bytes)}: it is not written back, so something reads from the database all the time",
            "End other programs that have the database open; a restart of the server writes it back.",
        )


def holder_of(path: Path, locks: Path = LOCKS) -> int | None:
    """The process that has the database open, by the kernel's table of locks; None: nobody, or it can't be told."""
    lock = Path(f"{path}.lock")
    try:
        facts = lock.stat()
        device = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
        pattern = rf"FLOCK +\S+ +WRITE +(\d+) +{device} "
        found = re.search(pattern, locks.read_text("ascii", "replace"))
    except OSError:
        return None
    return int(found[1]) if found else None
