"""Jobs: work of many steps that outlives the process which began it. A replay is the only kind so far.

    running → done | cancelled

What is to be done is written down before it begins, so that `matched` stays true; each step's work and `done` are
written together, so that a crash neither loses nor repeats a step. Times are milliseconds since 1970.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class Which(StrEnum):
    """What a replay takes: `failed`, what ended without success at the endpoint; `all`, what it would want now."""

    FAILED = "failed"
    ALL = "all"


REPLAY: Final = "replay"


class Job(NamedTuple):
    """A replay of the events accepted in [since, until) at one endpoint; the order of the fields is the columns'.

    `matched` counts what it has to do, `done` what of it is behind it: queued, or passed over because the event was
    redacted, removed or queued by somebody else meanwhile.
    """

    tenant_id: str
    id: str
    endpoint_id: str
    kind: str
    which: str
    state: str
    since: int
    until: int
    matched: int
    done: int
    created_at: int
    finished_at: int | None
