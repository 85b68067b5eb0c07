"""To whom an event went, to whom not, and why not: through the API, with events that the writer accepted."""

from dataclasses import replace
from typing import Any

import pytest

from ringback.ingest.index import MatchIndex
from ringback.ingest.submission import NoEngine, Submission
from ringback.ingest.writer import Writer
from ringback.model.endpoint import EndpointStatus
from ringback.model.event import OPERATIONS, Event
from ringback.policy import missed as missed_module
from ringback.workers import ThreadMailbox
from support.api_world import ApiWorld, problem_of
from support.rows import NOW, TENANT, event


class Reaching(ApiWorld):
    """With a writer that accepts events."""

    def post_events(self, *events: Event) -> None:
        inbox: ThreadMailbox[Submission] = ThreadMailbox()
        writer = Writer(
            store=self.store, index=MatchIndex(), clock=self.clock, inbox=inbox, engine=NoEngine(),
            on_done=lambda _: None, pause=lambda _: None,
        )  # fmt: skip
        submission = Submission(list(events), [None] * len(events), None)
        writer.submit(submission)
        writer.step()
        assert isinstance(submission.outcome, list)

    def reach(self, event_id: str = "evt_1", **query: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.get(f"/events/{event_id}/reach", params=query)["items"]
        return items

    def reasons(self, event_id: str = "evt_1") -> dict[str, tuple[str | None, str | None]]:
        """Label → the kind of its reason, and of when that is."""
        found = self.reach(event_id)
        return {one["label"]: (one["reason"] and one["reason"]["kind"], one["as_of"]) for one in found}

    def set_status(self, endpoint_id: str, **changes: Any) -> None:
        stored = self.store.get_endpoint(TENANT, endpoint_id)
        assert self.store.update_endpoint(replace(stored, revision=stored.revision + 1, **changes), NOW)


@pytest.fixture
def world() -> Reaching:
    made = Reaching()
    made.call("PUT", f"/v1/tenants/{TENANT}/tracked-sets/vips", {})
    made.endpoint(label="gets it")
    off = made.endpoint(label="off")
    unproven = made.endpoint(label="unproven")
    made.endpoint(label="orders", event_types=["order.*"])
    made.endpoint(label="asia", channels=["asia"])
    made.endpoint(label="old people", filter="data.age > 60")
    made.endpoint(label="failing filter", filter="data.none > 60")
    made.endpoint(label="vips", tracked_set="vips")
    made.set_status(off["id"], status=EndpointStatus.INACTIVE)
    made.set_status(unproven["id"], status=EndpointStatus.DISABLED, unverified_since=NOW)
    return made


PEOPLE = {"data": b'{"age": 40}', "subject_type": "contact", "subject_id": "c_1"}
EXPECTED = {
    "gets it": None, "off": "inactive", "unproven": "disabled_unverified", "orders": "type", "asia": "channel",
    "old people": "filter", "failing filter": "filter", "vips": "tracked_set",
}  # fmt: skip


def as_of(when: str) -> dict[str, tuple[str | None, str | None]]:
    return {label: (kind, when if kind else None) for label, kind in EXPECTED.items()}


def test_each_reason_is_told_as_it_was_when_the_event_was_accepted(world: Reaching) -> None:
    world.post_events(event(**PEOPLE))
    assert world.reasons() == as_of("accepted")
    for one in world.reach():
        if one["reason"] is not None:
            world.patch(f"/endpoints/{one['endpoint_id']}", {"event_types": ["other"], "filter": None})
            world.set_status(one["endpoint_id"], status=EndpointStatus.ACTIVE, unverified_since=None)
    assert world.reasons() == as_of("accepted")
    said = {one["label"]: one["reason"] and one["reason"]["message"] for one in world.reach()}
    assert said["off"] == "The endpoint was switched off."
    assert said["failing filter"] == "data has no key none."
    assert said["vips"] == "c_1 was not in the tracked set vips."
    assert said["orders"] == "contact.created was none of the endpoint's event_types."
    assert {one["label"]: one["state"] for one in world.reach()} == {
        label: None if kind else "pending" for label, kind in EXPECTED.items()
    }


def test_where_too_many_missed_it_the_reason_is_of_now_and_says_so(
    world: Reaching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed_module, "MISSED_KEPT_MAX", 7)
    world.post_events(event(**PEOPLE))
    assert world.reasons() == as_of("now")
    (orders,) = (one["endpoint_id"] for one in world.reach() if one["label"] == "orders")
    world.patch(f"/endpoints/{orders}", {"event_types": ["*"]})
    assert world.reasons()["orders"] == ("changed_since", "now")


def test_an_event_of_an_earlier_version_is_judged_as_of_now(world: Reaching) -> None:
    (wanting,) = (one["id"] for one in world.get("/endpoints")["items"] if one["label"] == "gets it")
    world.accept([event(deliveries=1, **PEOPLE)], [wanting])
    assert world.reasons() == as_of("now")


def test_who_came_later_and_who_is_gone(world: Reaching) -> None:
    world.post_events(event(**PEOPLE))
    found = {one["label"]: one["endpoint_id"] for one in world.reach()}
    world.clock.pass_s(60)
    world.endpoint(label="new")
    for label in ("gets it", "off"):
        assert world.call("DELETE", f"/v1/tenants/{TENANT}/endpoints/{found[label]}").status_code == 204
    reach = world.reach()
    assert world.reasons()["new"] == ("registered_later", "accepted")
    (gone,) = (one for one in reach if one["label"] is None)
    assert (gone["endpoint_id"], gone["reason"]) == (found["gets it"], None)
    assert found["off"] not in {one["endpoint_id"] for one in reach}


def test_a_test_is_for_one_endpoint_alone(world: Reaching) -> None:
    (wanting,) = (one["id"] for one in world.get("/endpoints")["items"] if one["label"] == "gets it")
    sent = world.post(f"/endpoints/{wanting}/test")["event_id"]
    reasons = world.reasons(sent)
    assert reasons.pop("gets it") == (None, None)
    assert set(reasons.values()) == {("made_for_one", "accepted")}


def test_what_ringback_tells_of_itself_has_reasons_too(world: Reaching) -> None:
    world.post_events(event(type="endpoint.failing", origin=OPERATIONS, subject_type="endpoint", subject_id="ep_x"))
    found = {one["label"]: one["reason"] for one in world.reach()}
    assert found["gets it"]["kind"] == "type"
    assert "Ringback's own events" in found["gets it"]["message"]


def test_what_is_redacted_keeps_its_reasons(world: Reaching) -> None:
    world.post_events(event(**PEOPLE))
    assert world.call("DELETE", f"/v1/tenants/{TENANT}/events/evt_1/payload").status_code == 204
    assert {label: kind for label, (kind, _) in world.reasons().items()} == EXPECTED


def test_pages(world: Reaching) -> None:
    world.post_events(event(**PEOPLE))
    whole, found, cursor = world.reach(), [], None
    for _ in range(10):
        query = {"limit": 3} if cursor is None else {"limit": 3, "cursor": cursor}
        page = world.get("/events/evt_1/reach", params=query)
        found += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert found == whole
    assert len(whole) == len(EXPECTED)


def test_an_event_of_another_tenant_has_none(world: Reaching) -> None:
    world.post_events(event(**PEOPLE))
    problem_of(world.call("GET", "/v1/tenants/globex/events/evt_1/reach"), 404, "not_found")
    problem_of(world.call("GET", f"/v1/tenants/{TENANT}/events/evt_none/reach"), 404, "not_found")
