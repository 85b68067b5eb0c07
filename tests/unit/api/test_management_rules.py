"""Rules tried out over HTTP: filters, endpoints and triggers, on events that are posted, stored, or the last ones."""

import json
from typing import Any

import pytest

from ringback.control import rules
from ringback.model.event import RECORD
from ringback.store.port import EventQuery
from support.api_world import ApiWorld, fields_of, problem_of
from support.rows import NOW, OTHER_TENANT, TENANT, event, tracked_set

PATH = f"/v1/tenants/{TENANT}/rules/try"
EVENT = {"type": "contact.created", "data": {"country": "DK", "score": 5}}
TRIGGER = {"name": "Hot", "record_type": "contact", "when": 'passed("score", 80)', "emits": "lead.hot"}


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def tried(world: ApiWorld, **body: Any) -> list[dict[str, Any]]:
    """The answers on one event."""
    (one,) = world.post("/rules/try", body)["tried"]
    answers: list[dict[str, Any]] = one["rules"]
    return answers


def reason(world: ApiWorld, **body: Any) -> str | None:
    (answer,) = tried(world, **body)
    assert answer["matches"] is (answer["reason"] is None)
    return answer["reason"] and answer["reason"]["code"]


# ── filters and endpoints ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "code", "failed"),
    [
        ({"filter": 'data.country == "DK"'}, None, False),
        ({"filter": 'data.country == "SE"'}, "filter", False),
        ({"filter": "data.age > 1"}, "filter", True),
        ({"filter": "data.score"}, "filter", True),
        ({"filter": None, "event_types": ["contact.*"]}, None, False),
        ({"filter": "true", "event_types": ["order.*"]}, "type", False),
        ({"filter": "true", "channels": ["eu"]}, "channel", False),
        ({"filter": "true", "channels": None, "tracked_set": None}, None, False),
        ({"tracked_set": "vip"}, "tracked_set", False),
    ],
)
def test_a_filter_on_an_event_as_posted(
    world: ApiWorld, fields: dict[str, Any], code: str | None, failed: bool
) -> None:
    (answer,) = tried(world, event=EVENT, **fields)
    assert (answer["matches"], answer["failed"], answer["rule_id"], answer["emits"]) == (
        code is None,
        failed,
        None,
        None,
    )
    assert (answer["reason"] or {"code": None})["code"] == code


def test_the_whole_event_is_seen(world: ApiWorld) -> None:
    sent = {
        "type": "contact.updated",
        "data": {"n": 10**30, "x": 1.50},
        "id": "own_1",
        "channel": "eu",
        "subject": {"type": "contact", "id": "c/1"},
        "change": "updated",
        "previous": None,
        "occurred_at": "2026-11-21T08:30:00Z",
    }
    text = """event.id == 'own_1' && event.channel == 'eu' && event.subject.id == 'c/1' && previous == null
        && event.ordering_key == 'contact/c/1' && event.occurred_at == '2026-11-21T08:30:00.000Z'
        && event.changed == null && data.n > 1e29 && data.x == 1.5"""
    answer = world.post("/rules/try", {"filter": text, "event": sent}, key="tenant")
    assert answer["complete"] is True
    (one,) = answer["tried"]
    assert one["event"]["subject"] == sent["subject"]
    assert one["rules"][0]["matches"], one
    assert reason(world, filter="event.ordering_key == 'k'", event={**EVENT, "ordering_key": "k"}) is None


def test_every_endpoint_says_what_it_gets(world: ApiWorld) -> None:
    wants = world.endpoint(label="All")
    others = world.endpoint(event_types=["order.*"])
    off = world.endpoint(active=False)
    filtered = world.endpoint(filter="data.age > 1")
    found = {one["rule_id"]: one for one in tried(world, event=EVENT)}
    assert {name: (one["reason"] or {}).get("code") for name, one in found.items()} == {
        wants["id"]: None,
        others["id"]: "type",
        off["id"]: "inactive",
        filtered["id"]: "filter",
    }
    assert found[wants["id"]]["name"] == "All"
    assert found[filtered["id"]]["reason"]["message"] == "data has no key age."
    assert reason(world, event=EVENT, endpoint_id=off["id"]) == "inactive"
    problem_of(world.call("POST", PATH, {"event": EVENT, "endpoint_id": "ep_x"}), 404, "not_found")


def test_tracked_sets_are_looked_into(world: ApiWorld) -> None:
    world.store.put_tracked_set(tracked_set("vip"), 10)
    world.store.add_members(TENANT, "vip", ["c_1"], NOW, 10)
    for member, code in (("c_1", None), ("c_2", "tracked_set")):
        sent = {**EVENT, "subject": {"type": "contact", "id": member}}
        assert reason(world, tracked_set="vip", event=sent) == code


def test_events_that_are_stored(world: ApiWorld) -> None:
    world.accept([event(f"evt_{n}", data=json.dumps({"n": n}).encode()) for n in range(30)])
    answer = world.post("/rules/try", {"filter": "data.n % 2 == 0", "last": 20})
    assert [one["event"]["id"] for one in answer["tried"]] == [f"evt_{n}" for n in range(29, 9, -1)]
    assert [one["rules"][0]["matches"] for one in answer["tried"]] == [n % 2 == 0 for n in range(29, 9, -1)]
    assert reason(world, filter="data.n == 7", event_id="evt_7") is None
    problem_of(world.call("POST", PATH, {"filter": "true", "event_id": "evt_x"}), 404, "not_found")
    other = f"/v1/tenants/{OTHER_TENANT}/rules/try"
    problem_of(world.call("POST", other, {"filter": "true", "event_id": "evt_7"}, key="other_tenant"), 404, "not_found")


def test_nothing_is_stored_or_sent(world: ApiWorld) -> None:
    world.endpoint()
    tried(world, event=EVENT)
    tried(world, trigger=TRIGGER, record={"type": "contact", "data": {"score": 90}})
    assert (world.kicked, world.store.list_events(EventQuery(TENANT))) == (0, [])
    assert world.get("/triggers")["items"] == []


# ── triggers ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_trigger_on_a_pair_of_states(world: ApiWorld) -> None:
    body = {
        "trigger": TRIGGER,
        "record": {"type": "contact", "id": "c_1", "previous": {"score": 1}, "data": {"score": 80.50}},
    }
    response = world.call("POST", PATH, body, key="tenant")
    assert b'"data":{"score":80.5}' in response.content.replace(b" ", b"")
    (one,) = response.json()["tried"]
    assert one["event"]["type"] == "contact.updated"
    subject = {"type": "contact", "id": "c_1"}
    assert one["rules"] == [
        {
            "rule_id": None,
            "name": "Hot",
            "matches": True,
            "reason": None,
            "failed": False,
            "emits": {"type": "lead.hot", "subject": subject, "data": {"score": 80.5}},
        }
    ]


@pytest.mark.parametrize(
    ("previous", "data", "code"),
    [
        (None, {"score": 80}, None),
        ({"score": 80}, {"score": 81}, "when"),
        ({"score": 81}, {"score": 81.0}, "unchanged"),
        ({"score": 81}, None, "when"),
        (None, {}, "when"),
    ],
)
def test_why_a_trigger_does_not_fire(world: ApiWorld, previous: Any, data: Any, code: str | None) -> None:
    assert reason(world, trigger=TRIGGER, record={"type": "contact", "previous": previous, "data": data}) == code


def test_a_trigger_that_fails_says_why(world: ApiWorld) -> None:
    record = {"type": "contact", "previous": None, "data": {"score": 80}}
    (answer,) = tried(world, trigger={**TRIGGER, "when": "previous.score < data.score"}, record=record)
    assert (answer["failed"], answer["reason"]["message"]) == (True, "previous is null and has no key score.")


def test_what_is_changed_is_seen(world: ApiWorld) -> None:
    record = {"type": "contact", "previous": {"a": 1, "b": {"c": 2}}, "data": {"a": 1, "b": {"c": 3}}}
    assert reason(world, trigger={**TRIGGER, "when": 'event.changed == ["/b/c"]'}, record=record) is None


def test_a_stored_trigger_and_a_template(world: ApiWorld) -> None:
    stored = world.post("/triggers", TRIGGER)
    record = {"type": "contact", "previous": None, "data": {"score": 80}}
    (answer,) = tried(world, trigger_id=stored["id"], record=record)
    assert (answer["rule_id"], answer["matches"]) == (stored["id"], True)
    template = {"template": "contact.became"}
    (answer,) = tried(world, trigger=template, record={"type": "contact", "data": {"kind": "contact"}})
    assert answer["emits"]["data"]["contact"]["id"] == "1"
    problem_of(world.call("POST", PATH, {"trigger_id": "trg_x", "record": record}), 404, "not_found")


def changes(scores: list[int | None], record_id: str = "c_1") -> list[Any]:
    """The events of a record's changes, as `ingest` makes them; None: it is deleted."""
    made, before = [], None
    for place, score in enumerate(scores):
        after = None if score is None else json.dumps({"score": score}).encode()
        kind = "created" if before is None else "deleted" if after is None else "updated"
        made.append(
            event(
                f"evt_{record_id}_{place:02d}",
                type=f"contact.{kind}",
                change=kind,
                data=after or before or b"",
                previous=before,
                subject_type="contact",
                subject_id=record_id,
                changed='["/score"]',
                origin=RECORD,
                accepted_at=NOW + place * 1_000,
            )
        )
        before = after
    return made


def fired(world: ApiWorld, **body: Any) -> list[str]:
    answer = world.post("/rules/try", body)
    return [one["event"]["id"] for one in answer["tried"] if one["rules"][0]["matches"]][::-1]


def test_the_last_changes_are_played_through(world: ApiWorld) -> None:
    world.accept(changes([10, 85, 75, 85, 60, 85, None, 90]))
    world.accept(changes([85], "c_2"))
    world.accept([event("evt_posted", type="contact.updated", data=b'{"score": 99}')])
    names = [f"evt_c_1_{place:02d}" for place in (1, 3, 5, 7)]
    assert fired(world, trigger=TRIGGER, last=100) == [*names, "evt_c_2_00"]
    hysteresis = {**TRIGGER, "when": 'passed("score", 80, 10)'}
    assert fired(world, trigger=hysteresis, last=100) == [names[0], names[2], names[3], "evt_c_2_00"]
    assert fired(world, trigger={**TRIGGER, "cooldown_s": 4}, last=100) == [names[0], names[2], names[3], "evt_c_2_00"]
    assert fired(world, trigger=TRIGGER, last=3) == ["evt_c_1_07", "evt_c_2_00"]
    assert fired(world, trigger=TRIGGER, event_id="evt_c_1_01") == ["evt_c_1_01"]
    assert fields_of(world.call("POST", PATH, {"trigger": TRIGGER, "event_id": "evt_posted"})) == ["event_id"]


# ── refused, and bounded ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["event"]),
        ({"event": EVENT, "last": 5}, ["last"]),
        ({"filter": "true", "trigger": TRIGGER, "last": 5}, ["trigger"]),
        ({"trigger": TRIGGER, "trigger_id": "trg_1", "last": 5}, ["trigger_id"]),
        ({"endpoint_id": "ep_1", "filter": "true", "last": 5}, ["endpoint_id"]),
        ({"filter": "nothing == 1", "last": 5}, ["filter"]),
        ({"filter": "true", "channels": [], "last": 5}, ["channels"]),
        ({"filter": "true", "event_types": ["no type"], "last": 5}, ["event_types[0]"]),
        ({"filter": "true", "tracked_set": "no set!", "last": 5}, ["tracked_set"]),
        ({"filter": "true", "last": 0}, ["last"]),
        ({"filter": "true", "last": 101}, ["last"]),
        ({"filter": "true", "record": {"type": "contact", "data": {}}}, ["record"]),
        ({"trigger": TRIGGER, "event": EVENT}, ["event"]),
        ({"trigger": {**TRIGGER, "when": "x"}, "last": 5}, ["when"]),
        ({"trigger": TRIGGER, "record": {"type": "contact"}}, ["record.data"]),
        ({"trigger": TRIGGER, "record": {"type": "no type", "id": "", "data": {}}}, ["record.type", "record.id"]),
        ({"trigger": TRIGGER, "record": {"type": "contact", "data": [1]}}, ["record.data"]),
        ({"filter": "true", "event": {"type": "no type", "data": 1}}, ["event.type"]),
        ({"filter": "true", "event": {"type": "a"}}, ["event.data"]),
        ({"filter": "true", "event": {**EVENT, "subject": {"type": "", "id": "x"}}}, ["event.subject.type"]),
        ({"filter": "true", "event": {**EVENT, "subject": {"type": "x", "id": "\n"}}}, ["event.subject.id"]),
        ({"filter": "true", "event": {**EVENT, "change": "moved"}}, ["event.change"]),
    ],
)  # fmt: skip
def test_refused(world: ApiWorld, body: dict[str, Any], fields: list[str]) -> None:
    assert fields_of(world.call("POST", PATH, body)) == fields


def test_who_may_not_try(world: ApiWorld) -> None:
    problem_of(world.call("POST", PATH, {"event": EVENT}, key="ingest"), 403, "forbidden")
    problem_of(world.call("POST", PATH, {"event": EVENT}, key="other_tenant"), 404, "not_found")


def test_too_many_endpoints_at_once(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ANSWERS_MAX", 6)
    made = [world.endpoint() for _ in range(3)]
    world.accept([event("evt_1")])
    assert len(tried(world, last=2)) == 3
    assert fields_of(world.call("POST", PATH, {"last": 3})) == ["endpoint_id"]
    assert len(tried(world, last=3, endpoint_id=made[0]["id"])) == 1


def test_a_try_that_takes_long_ends_early(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.accept(changes([1, 2, 3, 4, 5]))
    tries = ({"filter": "data.score > 1"}, {"trigger": {**TRIGGER, "when": "data.score > 1"}})
    for limit, lowest in (("WORK_MAX", 10), ("PAGE_BYTES_MAX", 20)):
        with monkeypatch.context() as patched:
            patched.setattr(rules, limit, lowest)
            for body in tries:
                answer = world.post("/rules/try", {**body, "last": 5})
                assert answer["complete"] is False
                assert 0 < len(answer["tried"]) < 5
    assert [world.post("/rules/try", {**body, "last": 5})["complete"] for body in tries] == [True, True]
