"""Calls that race for the same rows of a PostgreSQL database: run, not hoped for.

A session of the test holds what all of them have to wait for, until each is seen to wait.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import psycopg

from support.process import wait_until

WITHIN_S: Final = 10.0
WAITING: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
    "AND application_name = 'ringback'"
)
THE_TENANT: Final = "SELECT 1 FROM tenant FOR UPDATE"

Call = Callable[[], Any]


def race(url: str, holding: str, *calls: Call, undone: bool = False) -> list[Any]:
    """What the calls answer that all wait, one after the other, for what a statement of ours has locked."""
    with psycopg.connect(url) as holder, psycopg.connect(url, autocommit=True) as looking, ThreadPoolExecutor() as pool:

        def wait_for(count: int) -> None:
            wait_until(lambda: looking.execute(WAITING).fetchone() == (count,), WITHIN_S, f"{count} wait")

        holder.execute(holding)
        running: list[Future[Any]] = []
        try:
            for call in calls:
                running.append(pool.submit(call))
                wait_for(len(running))
        finally:
            holder.rollback() if undone else holder.commit()
        return [future.result(WITHIN_S) for future in running]
