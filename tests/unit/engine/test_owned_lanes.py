"""Lanes in memory and the rows that ingest hands over: none is queued that was sent and recorded already."""

from types import SimpleNamespace
from typing import Any

from ringback.engine.owned import Moment, OwnedLanes
from ringback.model.event import Delivery, DueDelivery, Event
from ringback.model.lane import LaneRow
from ringback.policy.health import FRESH, Pace
from ringback.store.port import Fetched

NOW = Moment(1_700_000_000_000, 100.0)


def due(seq: int) -> DueDelivery:
    event = Event("t", f"evt_{seq}", "a.b", b"{}", None, None, None, None, None, None, None, None, 0, 0, 1)
    return DueDelivery(Delivery("t", "ep", event.id, None, NOW.wall_ms, seq, 0, 0), event)


def owned() -> OwnedLanes:
    directory: Any = SimpleNamespace(get=lambda endpoint_id: None)
    handshakes: Any = SimpleNamespace(drop=lambda lane: None)
    lanes = OwnedLanes(100, directory, lambda row, ordered: None, handshakes)
    lanes.begin_turn(NOW)
    lanes.open(LaneRow("t", "ep", None, 0, "node", b""))
    return lanes


def fetched(lanes: OwnedLanes, *rows: DueDelivery) -> None:
    lane = lanes.get("ep")
    assert lane is not None
    lanes.feeding.count(lane, 10)
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


def test_the_oldest_that_waits_is_of_a_lane_that_wants_a_turn() -> None:
    lanes = owned()
    lanes.open(LaneRow("t", "other", None, 0, "node", b""))
    fetched(lanes, due(1))
    assert lanes.oldest_waiting(NOW.wall_ms + 500, NOW.wall_ms + 500) is None
    lanes.turns.offer("ep", "t", 0.01, Pace.QUICK)
    lanes.turns.offer("other", "t", 0.01, Pace.QUICK)  # nothing of it is here
    assert lanes.oldest_waiting(NOW.wall_ms + 500, NOW.wall_ms + 500) == NOW.wall_ms
    lanes.turns.withdraw("ep")
    assert lanes.oldest_waiting(NOW.wall_ms + 500, NOW.wall_ms + 500) is None


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


def redact(lanes: OwnedLanes, *event_ids: str) -> None:
    lanes.redact(frozenset(("t", event_id) for event_id in event_ids))


def test_what_is_redacted_leaves_the_queue_and_what_was_beside_it_is_fetched_again() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    fetched(lanes, due(1), due(2), due(3))
    lane.pop()  # 1 is in flight
    redact(lanes, "evt_2")
    assert not lane.queue
    assert (lanes.budget.rows, lane.stale) == (1, True)
    fetched(lanes, due(1), due(3))
    assert [row.delivery.seq for row in lane.queue] == [3]


def test_a_fetch_that_was_on_its_way_at_a_redaction_is_not_believed() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    lane.begin_fetch(10)
    redact(lanes, "evt_1")
    lanes.take_fetched(lane, Fetched("ep", [due(1)], 1, True, None))
    assert not lane.queue
    assert (lane.stale, lane.fetching) == (True, False)
    fetched(lanes, due(2))
    assert [row.delivery.seq for row in lane.queue] == [2]


def test_a_hand_over_of_before_a_redaction_is_fetched_instead() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    fetched(lanes, due(1))
    mark = lanes.epoch
    redact(lanes, "evt_2")
    fetched(lanes, due(1))
    lanes.hand_over(lane, due(2), mark)
    assert [row.delivery.seq for row in lane.queue] == [1]
    assert lane.stale
    fetched(lanes, due(1))
    lanes.hand_over(lane, due(3), lanes.epoch)
    assert [row.delivery.seq for row in lane.queue] == [1, 3]


def test_offered_rows_are_let_go_with_the_queue() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    lane.begin_fetch(10)
    lanes.hand_over(lane, due(5), lanes.epoch)
    assert lane.offered
    redact(lanes, "evt_5")
    lanes.take_fetched(lane, Fetched("ep", [], 0, True, None))
    assert not lane.queue
    assert not lane.offered


def test_another_tenants_lanes_are_left_alone_unless_it_is_not_known_whose_it_was() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    fetched(lanes, due(1))
    lanes.redact(frozenset({("other", "evt_1")}))
    assert len(lane.queue) == 1
    lanes.redact(None)
    assert not lane.queue


def set_clock(lanes: OwnedLanes, by_ms: int) -> int:
    return lanes.begin_turn(Moment(NOW.wall_ms + 1_000 + by_ms, NOW.boot_s + 1.0))


def test_set_back_what_is_due_and_a_pause_come_when_they_would_have_come() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    lane.note_due(NOW.wall_ms + 5_000)
    lane.health = FRESH._replace(not_before=NOW.wall_ms + 9_000, failing_since=NOW.wall_ms - 7_000)
    assert set_clock(lanes, -3_600_000) == -3_600_000
    assert lane.next_due == NOW.wall_ms + 5_000 - 3_600_000
    assert lane.health.not_before == NOW.wall_ms + 9_000 - 3_600_000
    assert lane.health.failing_since == NOW.wall_ms - 7_000 - 3_600_000


def test_set_ahead_a_pause_may_end_early_and_nothing_has_failed_for_longer() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    lane.note_due(NOW.wall_ms + 5_000)
    lane.health = FRESH._replace(not_before=NOW.wall_ms + 9_000, failing_since=NOW.wall_ms - 7_000)
    assert set_clock(lanes, 3_600_000) == 3_600_000
    assert lane.next_due == NOW.wall_ms + 5_000
    assert lane.health.not_before == NOW.wall_ms + 9_000
    assert lane.health.failing_since == NOW.wall_ms - 7_000 + 3_600_000


def test_time_that_passes_moves_nothing() -> None:
    lanes = owned()
    lane = lanes.get("ep")
    assert lane is not None
    lane.note_due(NOW.wall_ms + 5_000)
    assert set_clock(lanes, 0) == 0
    assert lane.next_due == NOW.wall_ms + 5_000
