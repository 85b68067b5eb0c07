"""What the engine's threads tell one another. Plain values; who sends what to whom is in docs/architecture.md.

To the dispatcher: Claimed, Kept, FetchDone, Rang, Settled, HandshakeRecorded, BroughtForward, HandedOver, Woken,
Spread, Reconfigured, Redacted, LeaseLost, Stop.
To the fetcher: Claim, Listen, Fetch, Release, RingBells, GiveUp, HealthTurned, Audit. To the settler: lists of
Settling, HandshakeEnded, and SetBack.
"""

import threading
from typing import NamedTuple

from ringback.model.event import DueDelivery
from ringback.model.handshake import HandshakeEnd
from ringback.model.lane import LaneRow
from ringback.model.notice import Notice
from ringback.store.port import Fetched, FetchRequest, Ring, Settlement


class Claimed(NamedTuple):
    """Lanes that this node owns now. `asked` is the limit of the claim (as many rows: there may be more)."""

    node_id: str
    rows: list[LaneRow]
    asked: int


class Kept(NamedTuple):
    """A lane that could not be released because its bell rang: it is still the node's own."""

    node_id: str
    row: LaneRow


class Left(NamedTuple):
    """A lane that was released, or that may have been: it is not the node's own any more."""

    node_id: str
    endpoint_id: str


class FetchDone(NamedTuple):
    """What a Fetch found; `generations` are those of the command. `results` is empty when the store failed."""

    node_id: str
    generations: dict[str, int]
    results: list[Fetched]


class Rang(NamedTuple):
    """Own lanes whose bell rings."""

    node_id: str
    endpoint_ids: list[str]


class Settling(NamedTuple):
    """A settlement on its way, with the generation of the lane that sent it, and what only telemetry asks for
    (`observe.attempts.EndedAttempt`)."""

    generation: int
    settlement: Settlement
    due_at: int
    held_by: str
    trace: str | None
    payload_bytes: int


class HandshakeEnded(NamedTuple):
    """A request of a handshake has ended; `token` comes back in `HandshakeRecorded`. `notice` is to be written down
    with what was decided."""

    token: int
    end: HandshakeEnd
    notice: Notice | None = None


class HandshakeRecorded(NamedTuple):
    """What a handshake came to is durable, and what was decided is in the directory (or soon: the store failed)."""

    token: int
    endpoint_id: str


class SetBack(NamedTuple):
    """The wall clock was set back by so much. What was settled before this message was put off by the old clock."""

    by_ms: int


class BroughtForward(NamedTuple):
    """What a clock had put off that was set back since is due by the present one: what is known of it is not true."""


class Settled(NamedTuple):
    """Deliveries whose attempt is recorded: (endpoint_id, generation, seq, retry_at or None)."""

    done: list[tuple[str, int, int, int | None]]


class HandedOver(NamedTuple):
    """Rows just committed by this process's ingest. `mark` as in `ingest.submission.HandOver`."""

    mark: int
    rows: list[DueDelivery]


class Woken(NamedTuple):
    """Bells were rung: look for work now."""


class Spread(NamedTuple):
    """How many lanes each of the other nodes owned a moment ago that are alive, as far as is known."""

    others: tuple[int, ...]


class Reconfigured(NamedTuple):
    """The directory changed. `seen` is set when no request by the old configuration can start any more."""

    endpoint_ids: list[str]
    seen: threading.Event | None


class Redacted(NamedTuple):
    """These (tenant, event) may not be sent any more: their payloads were removed and their deliveries are gone. None:
    there may be any number of them."""

    events: frozenset[tuple[str, str]] | None


class LeaseLost(NamedTuple):
    """This node was taken for dead: its lanes belong to others. `node_id` is the fresh one."""

    node_id: str


class Stop(NamedTuple):
    """Take no new work, let requests end, release everything."""


class BreakOff(NamedTuple):
    """End the requests under way now; they are recorded as aborted and due again."""


class Claim(NamedTuple):
    """Claim lanes whose bells have rung for so many seconds."""

    node_id: str
    limit: int
    waiting_s: float = 0.0


class Listen(NamedTuple):
    """Ask which own lanes' bells ring."""

    node_id: str


class Fetch(NamedTuple):
    """`generations[endpoint_id]` is the lane's, so that a late answer finds out that its lane is another."""

    node_id: str
    requests: list[FetchRequest]
    generations: dict[str, int]


class Release(NamedTuple):
    """Give a lane up: it holds nothing, and nothing of it is unsettled."""

    node_id: str
    row: LaneRow
    ordered: bool


class Releases(NamedTuple):
    """Releases of one node that waited at the same time: they share a commit."""

    node_id: str
    lanes: list[Release]


class RingBells(NamedTuple):
    rings: list[Ring]


class GiveUp(NamedTuple):
    """Disable an endpoint; `notice` is to be written down with that."""

    tenant_id: str
    endpoint_id: str
    code: str
    message: str
    notice: Notice | None = None


class HealthTurned(NamedTuple):
    """Of a lane's health somebody is told (`notice`): it is stored with that, so that it is told once."""

    node_id: str
    endpoint_id: str
    health: bytes
    notice: Notice


class Audit(NamedTuple):
    """Compare the rows that name this node with what the fetcher knows; free the rest."""

    node_id: str


ToDispatcher = (
    Claimed
    | Kept
    | Left
    | FetchDone
    | Rang
    | Settled
    | HandshakeRecorded
    | BroughtForward
    | HandedOver
    | Woken
    | Spread
    | Reconfigured
    | Redacted
    | LeaseLost
    | Stop
    | BreakOff
)
ToSettler = list[Settling] | HandshakeEnded | SetBack
ToFetcher = Claim | Listen | Fetch | Release | Releases | RingBells | GiveUp | HealthTurned | Audit
