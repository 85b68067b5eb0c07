"""What the bench of records writes, and what it makes of the rates."""

import json
from typing import Any

import pytest

import records
import writes
from ringback.policy.trigger import compile_trigger

WORK = writes.Work("record", 1, 6, ids=4, one_in=1)


def bodies(**changes: Any) -> list[bytes]:
    return [sent.partition(b"\r\n\r\n")[2] for sent in writes.requests(WORK._replace(**changes), "/v1", "A: b\r\n")]


def test_each_write_is_a_change_of_the_object_whose_turn_it_is() -> None:
    assert list(writes.counts(WORK)) == [(0, 1), (1, 1), (2, 1), (3, 1), (0, 2), (1, 2)]


def test_one_in_a_hundred_is_a_change_and_the_others_bring_what_is_stored() -> None:
    work = WORK._replace(writes=20_000, ids=10_000, one_in=100)
    stored = dict.fromkeys(range(work.ids), 0)
    changed = 0
    for number, count in writes.counts(work):
        changed += stored[number] != count
        stored[number] = count
    assert changed == 200 == records.deliveries_of(records.CASES["1 % real change"], work.writes)


def test_events_and_records_carry_the_same() -> None:
    put, post = bodies()[5], json.loads(bodies(form="event")[5])
    assert post["data"] == json.loads(put) == json.loads(writes.state_of(1, 2))
    lines = bodies(per_request=3)[1].splitlines()
    array = json.loads(bodies(form="event", per_request=3)[1])["events"]
    assert [json.loads(line)["data"] for line in lines] == [event["data"] for event in array]
    assert [event["subject"]["id"] for event in array] == ["c_000003", "c_000000", "c_000001"]
    assert len(put) == pytest.approx(950, abs=10)


@pytest.mark.parametrize(("form", "per_request", "begins"), [
    ("record", 1, b"PUT /v1/records/contact/c_000000 HTTP/1.1\r\nA: b\r\nContent-Type: application/json\r\n"),
    ("record", 2, b"POST /v1/records/batch HTTP/1.1\r\nA: b\r\nContent-Type: application/x-ndjson\r\n"),
    ("event", 1, b"POST /v1/events HTTP/1.1\r\nA: b\r\nContent-Type: application/json\r\n"),
    ("event", 2, b"POST /v1/events/batch HTTP/1.1\r\nA: b\r\nContent-Type: application/json\r\n"),
])  # fmt: skip
def test_requests(form: str, per_request: int, begins: bytes) -> None:
    first, *others = writes.requests(WORK._replace(form=form, per_request=per_request), "/v1", "A: b\r\n")
    head, _, body = first.partition(b"\r\n\r\n")
    assert head.startswith(begins)
    assert head.endswith(b"Content-Length: %d" % len(body))
    assert len(others) == 6 // per_request - 1


def test_the_rules_are_rules() -> None:
    for when in (records.FIRES, *records.RULES):
        compile_trigger(when, None)


def rates(updates: float) -> dict[str, float]:
    return dict.fromkeys(records.CASES, 500.0) | {"events": 1_000.0, "updates": updates}


def test_a_case_is_compared_with_the_one_beside_it_round_by_round() -> None:
    figures = records.figures_of([rates(400.0), rates(800.0), rates(1_000.0)])
    assert figures["updates"]["ratio"] == {"median": 0.8, "least": 0.4, "greatest": 1.0}
    assert figures["100 triggers"]["ratio"] == {"median": 0.625, "least": 0.5, "greatest": 1.25}
    assert figures["1 % real change"]["ratio"]["median"] == 0.5
    lines = records.lines_of("single", figures)
    assert lines[0] == "single: events               1,000/s"
    assert lines[1].endswith("800/s, 0.80 of events (least 0.40, greatest 1.00); the goal is 0.50")
    assert lines[3].endswith("500/s, 0.62 of updates (least 0.50, greatest 1.25)")


def test_updates_under_half_of_plain_events_are_missed() -> None:
    modes = {"single": records.figures_of([rates(500.0)]), "batches": records.figures_of([rates(490.0)])}
    assert records.missed({"modes": modes}) == ["batches: updates are 0.49 of plain events, the goal is 0.50"]
