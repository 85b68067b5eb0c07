"""`ringback doctor --audit`: which events of a list does the store not know, and how it prints that.

Findings are printed as they are found, one a line, so that a list of any length needs no memory; the bar is on standard
error. With --json each line is an object, and the last one has the counts.
"""

import json as json_format
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import typer

from ringback.cli.exits import ExitCode
from ringback.cli.given import instant_ms
from ringback.cli.progress import Report, bar
from ringback.cli.shown import counted
from ringback.clock import SystemClock
from ringback.model.errors import BadSetting
from ringback.settings import Settings

if TYPE_CHECKING:
    from ringback.doctor.audit import Discrepancy, Question

STDIN: Final = "-"
_SAID: Final = {
    "unknown": "the store doesn't know it",
    "missing": "delivered, by the log, and not in the list",
    "unrecorded": "in the list, and not delivered by the log",
}


def question_of(
    tenant: str | None, *, received: bool, endpoint: str | None, since: str | None, until: str | None
) -> "Question":
    """What the flags ask. Raises BadSetting."""
    from ringback.doctor.audit import Question  # noqa: PLC0415 - loads SQLite

    if tenant is None:
        raise BadSetting("tenant: --audit needs --tenant, the id of the tenant whose events the list has.")
    if not received and (endpoint or since or until):
        raise BadSetting("endpoint, since and until go with --received, the list of a receiver.")
    now_ms = SystemClock().now_ms()
    asked = Question(tenant, received, endpoint)
    if since is not None:
        asked = asked._replace(since=instant_ms(since, now_ms, "since"))
    return asked if until is None else asked._replace(until=instant_ms(until, now_ms, "until"))


def audit(settings: Settings, file: str, question: "Question", *, json: bool) -> int:
    """Compare the list in `file` with the store; the exit code, 1 when something is unknown or missing."""
    from ringback.doctor.audit import Audit, opened_store  # noqa: PLC0415 - loads SQLite

    found: Counter[str] = Counter()
    with opened_store(settings) as store:
        comparing = Audit(store, question)
        with _opened(file) as (lines, total), bar("Reading the list", in_bytes=True, shown=not json) as report:
            _print(comparing.of_list(_reported(lines, total, report)), found, json=json)
        if question.received:
            with bar("Reading the log", in_bytes=False, shown=not json) as report:
                _print(comparing.of_log(lambda count: report(count, count)), found, json=json)
    if json:
        counts = {name: found[name] for name in _SAID}
        typer.echo(json_format.dumps({"event": "audited", "ids": comparing.ids, **counts}))
    else:
        typer.echo(_summary(comparing.ids, found, received=question.received))
    return ExitCode.UNEXPECTED if found["unknown"] or found["missing"] else ExitCode.OK


@contextmanager
def _opened(file: str) -> Iterator[tuple[TextIO, int]]:
    """The list, and how many bytes it has (0: not known). Raises BadSetting."""
    if file == STDIN:
        yield sys.stdin, 0
        return
    try:
        lines = Path(file).open(encoding="utf-8", errors="replace")  # noqa: SIM115 - below
    except OSError as error:
        raise BadSetting(f"audit: {file} can't be read ({error.strerror}).") from None
    with lines:
        yield lines, os.fstat(lines.fileno()).st_size


def _reported(lines: Iterable[str], total: int, report: Report) -> Iterator[str]:
    done = 0
    for line in lines:
        done += len(line)
        report(done, total or done)
        yield line


def _print(found: Iterable["Discrepancy"], counts: Counter[str], *, json: bool) -> None:
    for verdict, event_id, endpoint_id in found:
        counts[verdict] += 1
        if json:
            where = {} if endpoint_id is None else {"endpoint_id": endpoint_id}
            typer.echo(json_format.dumps({"event": verdict, "id": event_id, **where}))
        else:
            where_told = "" if endpoint_id is None else f" (to {endpoint_id})"
            typer.echo(f"{event_id}  {_SAID[verdict]}{where_told}")


def _summary(ids: int, found: Counter[str], *, received: bool) -> str:
    read = f"{counted(ids, 'id')} read: "
    if not found:
        return f"{read}the store knows all of them{', and none is missing' if received else ''}."
    told = [f"{found['unknown']:,} the store doesn't know"]
    if received:
        told += [f"{found['missing']:,} missing in the list", f"{found['unrecorded']:,} not recorded as delivered"]
    return f"{read}{', '.join(told)}."
