"""Lanes and nodes: an endpoint's queue at run time, and the engine processes that drain it.

A lane's row holds the doorbell (`due_at`), the pause (`not_before`), the owner and the health that is carried
across restarts. `due_at` None means silent: nobody has to look. See docs/architecture.md, "The doorbell".
"""

from typing import NamedTuple


class LaneRow(NamedTuple):
    """One endpoint's lane as stored. `health` is an opaque JSON document of `policy.health`, b"" at first.

    `freed_at` is when the lane was last taken from an owner that did not release it; 0 once nothing is left in it that
    was due by then.
    """

    tenant_id: str
    endpoint_id: str
    due_at: int | None
    not_before: int
    owner: str | None
    health: bytes
    freed_at: int = 0


class NodeRow(NamedTuple):
    """One engine process. Its id is fresh at each start; `beat` only ever grows."""

    id: str
    beat: int


class Change(NamedTuple):
    """One line of the log of configuration changes, which every process follows.

    `kind` is `tenant`, `endpoint`, `key`, `event_type`, `profile`, `record_type`, `trigger` or `event`; `id` is the
    thing's id. A reader loads the thing
    anew; if it is not there any more, it was deleted. An event is here when its payload was removed while it still had
    deliveries: they are gone, and what of it is in memory must not be sent.
    """

    version: int
    kind: str
    tenant_id: str
    id: str
