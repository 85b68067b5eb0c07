"""Progress bars for what takes a while, on standard error, where a person looks; nothing is shown otherwise."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

Report = Callable[[int, int], None]
"""How much is done, of how much."""
ReportOf = Callable[[str, int, int], None]
"""The same of one of several things that go one after the other."""


@contextmanager
def bar(what: str, *, in_bytes: bool, shown: bool = True) -> Iterator[Report]:
    """A bar for the block. It is drawn only on a terminal, and only if `shown`."""
    with _drawn(in_bytes=in_bytes, shown=shown) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def bars(*, shown: bool = True) -> Iterator[ReportOf]:
    """A bar for each thing that is reported within the block, one below the other."""
    with _drawn(in_bytes=False, shown=shown) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield report


def _drawn(*, in_bytes: bool, shown: bool) -> Progress:
    console = Console(stderr=True)
    amount = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not (shown and console.is_terminal))
