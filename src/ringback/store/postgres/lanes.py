"""The PostgreSQL store's lanes and nodes: who drains what, and who is alive.

Any number of processes claim at once: each takes rows that nobody else has locked. Whoever claims has its own node's
row locked against deletion, so that a node that was declared dead owns nothing afterwards. Rows are otherwise locked
in the order of their keys.
"""

from collections.abc import Sequence
from typing import Final

from ringback.model.lane import LaneRow, NodeRow
from ringback.model.limits import FOREVER_MS
from ringback.model.notice import Notice
from ringback.store.port import BadRow, Leaving, NotOwner
from ringback.store.postgres.connection import PostgresPart
from ringback.store.postgres.fetch import PostgresFetch
from ringback.store.postgres.rules import insert_notices
from ringback.store.postgres.session import Session
from ringback.store.queries import load

_SQL: Final = load("postgres")


class PostgresLanes(PostgresFetch):
    """The writing half of `Lanes`."""

    def claim(self, node_id: str, now: int, limit: int) -> list[LaneRow]:
        with self._db.reading(hot=True) as session:
            place = self._db.looks.claims.begin(now)
            asked = {"node_id": node_id, "now": now, **place._asdict()}
            alive, any_rings = session.first(_SQL["anything_to_claim"], asked)
        if not alive:
            raise _taken_over(node_id)
        if not any_rings:
            self._db.looks.claims.end(now, [], all_taken=True)
        if not any_rings or limit <= 0:
            return []
        with self._db.writing(hot=True) as session:
            if not self._db.of_this_node(session) or session.first(_SQL["keep_node"], {"node_id": node_id}) is None:
                raise _taken_over(node_id)
            found = session.rows(_SQL["claim_lanes"], {**asked, "limit": limit})
        rows = [LaneRow(*row) for row in found]
        rows.sort(key=_by_due)
        self._db.looks.claims.end(now, rows, all_taken=len(rows) < limit)
        return rows

    def ringing(self, node_id: str, now: int) -> list[str]:
        place = self._db.looks.hearing.begin(now)
        with self._db.reading(hot=True) as session:
            found = session.rows(_SQL["ringing_lanes"], {"node_id": node_id, "now": now, "from_due": place.from_due})
        self._db.looks.hearing.end(now, [], all_taken=True)
        return [endpoint_id for (endpoint_id,) in found]

    def silence(self, node_id: str, endpoint_ids: Sequence[str]) -> None:
        asked = {"node_id": node_id, "endpoint_ids": list(endpoint_ids)}
        with self._db.reading(hot=True) as session:
            # Mostly all are silent already. A bell that rings after this look stays ringing, and is heard.
            ringing = [endpoint_id for (endpoint_id,) in session.rows(_SQL["not_silent_lanes"], asked)]
        if ringing:
            with self._db.writing(hot=True) as session:
                session.change(_SQL["silence_lanes"], {**asked, "endpoint_ids": sorted(ringing)})

    def release(self, node_id: str, lanes: Sequence[Leaving]) -> list[bool]:
        if not lanes:
            return []
        asked = {
            "node_id": node_id,
            "forever": FOREVER_MS,
            "endpoint_ids": [lane.endpoint_id for lane in lanes],
            "next_dues": [lane.next_due for lane in lanes],
            "not_befores": [lane.not_before for lane in lanes],
            "healths": [lane.health for lane in lanes],
        }
        with self._db.writing(hot=True) as session:
            self._db.refuse_another(session)
            gone = {endpoint_id for (endpoint_id,) in session.rows(_SQL["release_lanes"], asked)}
        self.forget_lanes(gone)
        self._tell_of_old_bells([lane.next_due for lane in lanes if lane.next_due is not None])
        return [lane.endpoint_id in gone for lane in lanes]

    def _tell_of_old_bells(self, due_ats: Sequence[int]) -> None:
        """Work that has waited for long was given up with its lane: claims begin after its time."""
        if due_ats and self._db.looks.claims.passes_over(min(due_ats)):
            self._db.looks.lower(min(due_ats))
            self._db.notifier.rang(long_ago=True)

    def keep_health(self, node_id: str, endpoint_id: str, health: bytes, notices: Sequence[Notice]) -> bool:
        kept = {"node_id": node_id, "endpoint_id": endpoint_id, "health": health}
        with self._db.writing(hot=True) as session:
            self._db.refuse_another(session)
            if not session.change(_SQL["keep_health"], kept):
                return False
            insert_notices(session, notices)
        return True

    def owned(self, node_id: str) -> list[str]:
        with self._db.reading(hot=True) as session:
            return [endpoint_id for (endpoint_id,) in session.rows(_SQL["owned_lanes"], {"node_id": node_id})]

    def disown(self, node_id: str, endpoint_ids: Sequence[str], now: int) -> None:
        asked = {"node_id": node_id, "endpoint_ids": sorted(endpoint_ids), "now": now}
        with self._db.writing(hot=True) as session:
            session.change(_SQL["free_lanes"], asked)
        self._db.looks.forget()


class PostgresNodes(PostgresPart):
    """`Nodes`."""

    # The id of a node that was left behind on another timeline.
    _left_behind: str | None = None

    def register(self, node_id: str, now: int) -> None:
        with self._db.writing(hot=True) as session:
            if self._left_behind is not None:
                _bury(session, self._left_behind, now)
            if not session.change(_SQL["insert_node"], {"node_id": node_id}):
                raise BadRow(f"There is a node {node_id} already.")
        self._left_behind, self._db.node_timeline = None, session.timeline

    def beat(self, node_id: str) -> bool:
        """See `Nodes`. A server that took over from another may not have all that this process saw, and give its
        numbers out again: what is in memory counts no more, as if the lease had been lost."""
        with self._db.writing(hot=True) as session:
            if self._db.of_this_node(session):
                return session.change(_SQL["beat_node"], {"node_id": node_id}) == 1
            self._left_behind = self._left_behind or node_id
            return False

    def nodes(self) -> list[NodeRow]:
        with self._db.reading(hot=True) as session:
            return [NodeRow(*row) for row in session.rows(_SQL["list_nodes"])]

    def spread(self) -> list[tuple[str, int]]:
        with self._db.reading(hot=True) as session:
            return session.rows(_SQL["spread_of_lanes"])

    def take_over(self, node_id: str, beat: int, now: int) -> bool:
        with self._db.writing(hot=True) as session:
            if not session.change(_SQL["delete_silent_node"], {"node_id": node_id, "beat": beat}):
                return False
            session.change(_SQL["free_lanes_of_node"], {"node_id": node_id, "now": now})
        self._db.looks.forget()
        self._db.notifier.rang(long_ago=True)
        return True

    def leave(self, node_id: str, now: int) -> None:
        with self._db.writing(hot=True) as session:
            _bury(session, node_id, now)
        self._db.looks.forget()
        self._db.notifier.rang(long_ago=True)


def _bury(session: Session, node_id: str, now: int) -> None:
    session.change(_SQL["delete_node"], {"node_id": node_id})
    session.change(_SQL["free_lanes_of_node"], {"node_id": node_id, "now": now})


def _taken_over(node_id: str) -> NotOwner:
    return NotOwner(f"The node {node_id} has been taken over.")


def _by_due(row: LaneRow) -> tuple[int, str, str]:
    return row.due_at or 0, row.tenant_id, row.endpoint_id
