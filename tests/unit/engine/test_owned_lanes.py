"""Lanes in memory and the rows that ingest hands over: none is queued that was sent and recorded already."""

from types import SimpleNamespace
from typing import Any

from ringback.engine.owned import Moment, OwnedLanes
from ringback.model.event import Delivery, DueDelivery, Event
from ringback.model.lane import LaneRow
from ringback.store.port import Fetched

NOW = Moment(1_700_000_000_000, 100.0)


def due(seq: int) -> DueDelivery:
    event = Event("t", f"evt_{seq}", "a.b", b"{}", None, None, None, None, None, None, None, None, 0, 0, 1)
    return DueDelivery(Delivery("t", "ep", event.id, None, NOW.wall_ms, seq, 0, 0), event)


def owned() -> OwnedLanes:
    directory: Any = SimpleNamespace(get=lambda endpoint_id: None)
    lanes = OwnedLanes(100, directory, lambda row, ordered: None)
    lanes.begin_turn(NOW)
    lanes.open(LaneRow("t", "ep", None, 0, "node", b""))
    return lanes


def fetched(lanes: OwnedLanes, *rows: DueDelivery) -> None:
    lane = lanes.get("ep")
    assert lane is not None
    lane.begin_fetch(10)
    highest = max(row.delivery.seq for row in rows)
    lanes.take_fetched(lane, Fetched("ep", list(rows), highest, True, None))


def test_a_row_above_the_watermark_is_queued() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    fetched(lanes, due(1))
    lanes.hand_over(lane, due(2), lanes.epoch)
    assert [row.delivery.seq for row in lane.queue] == [1, 2]


def test_a_late_hand_over_of_what_was_sent_before_a_pause_is_refused() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    mark = lanes.epoch
    fetched(lanes, due(1), due(2))
    lane.pop()
    lane.pop()
    lanes._forget_queue(lane)  # a pause: what is queued stands in the store
    lanes.settled(lane, 2, None)
    fetched(lanes, due(1))  # the pause is over, and 1 is still in flight
    lanes.hand_over(lane, due(2), mark)
    assert not lane.queue
