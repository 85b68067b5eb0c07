"""InsideView's API on the memory store: what a subscription is under /v1 and the other way round, and what it sees."""

from typing import Any

import httpx
import pytest

from ringback.control import alerts as alerts_module
from ringback.control.secrets import GivenSecret
from ringback.model.endpoint import EndpointMove
from ringback.model.errors import Invalid
from ringback.model.event import Event
from ringback.model.handshake import HandshakeEnd
from ringback.wire.profile import load_profile
from support.api_world import ApiWorld, problem_of
from support.rows import NOW, OTHER_TENANT, TENANT, attempt, event

BASE = "/compat/insideview/api/v1"
URL = "https://a.example/hook"
_numbers = iter(range(1, 10_000))


@pytest.fixture
def world() -> ApiWorld:
    return ApiWorld()


def ask(world: ApiWorld, method: str, path: str, body: Any = None, status: int = 200, key: str = "tenant") -> Any:
    response: httpx.Response = world.call(method, BASE + path, body, key=key)
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def subscribe(world: ApiWorld, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = ask(world, "POST", "/subscriptions", {"subscriptionType": "company", **fields}, 201)
    return made


def path_of(subscription: dict[str, Any]) -> str:
    return f"/subscriptions/{subscription['subscriptionId']}"


def endpoint_of(world: ApiWorld, subscription: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = world.get(f"/endpoints/{subscription['subscriptionId']}")
    return shown


def end(world: ApiWorld, subscription: dict[str, Any], by: EndpointMove, *reason: str) -> None:
    """The handshake of a subscription ends so."""
    stored = world.store.get_endpoint(TENANT, subscription["subscriptionId"])
    assert world.store.end_handshake(HandshakeEnd(TENANT, stored.id, stored.unverified_since, None, by, *reason), NOW)


def happen(world: ApiWorld, event_type: str = "company.updated", **fields: Any) -> Event:
    """An event with a number, as ingest stores it for such a tenant."""
    number = next(_numbers)
    made = event(f"evt_{number}", type=event_type, **{"number": number, **fields})
    world.accept([made])
    return made


def seen(world: ApiWorld, subscription: dict[str, Any], **query: Any) -> list[str]:
    parameters = "".join(f"&{name}={value}" for name, value in query.items())
    found = ask(world, "GET", f"/alerts?subscriptionId={subscription['subscriptionId']}{parameters}")
    return [alert["eventId"] for alert in found["alerts"]]


# ── subscriptions and endpoints ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", load_profile("insideview").handshake.errors.values())
def test_why_a_webhook_was_refused_stands_in_it_and_at_the_top(world: ApiWorld, reason: tuple[str, str]) -> None:
    made = subscribe(world, webhook={"url": URL})
    end(world, made, EndpointMove.REFUSED, *reason)
    shown = ask(world, "GET", path_of(made))
    told = {"disableReasonErrorCode": reason[0], "disableReasonMessage": reason[1]}
    webhook = {"url": URL, "status": "DISABLED", **told}
    assert shown["webhook"] == webhook
    assert webhook.items() <= shown.items()


def test_what_was_made_under_v1_is_a_subscription_too(world: ApiWorld) -> None:
    asked_for = (["*"], ["contact.created", "contact.merged.*"], ["a.b", "c.d"])
    for types in asked_for:
        world.endpoint(profile="insideview", label=types[0], event_types=types)
        world.clock.pass_s(1)
    world.endpoint()
    listed = ask(world, "GET", "/subscriptions")["subscriptions"]
    assert [one["subscriptionType"] for one in listed] == ["any", "contact", "any"]
    assert [one["name"] for one in listed] == [types[0] for types in asked_for]
    assert ask(world, "PUT", path_of(listed[0]), {"subscriptionType": "any", "name": "x"})["name"] == "x"
    assert ask(world, "GET", "/subscriptions", key="other_tenant") == {"subscriptions": []}


def test_one_without_a_webhook_is_an_endpoint_that_is_sent_nothing(world: ApiWorld) -> None:
    made = subscribe(world)
    shown = endpoint_of(world, made)
    assert (shown["url"], shown["status"], shown["active"]) == ("", "inactive", False)
    assert (shown["event_types"], shown["profile"]) == (["company", "company.*"], "insideview")
    path = f"/v1/tenants/{TENANT}/endpoints/{made['subscriptionId']}"
    for method, way, body in (
        ("POST", "/activate", None),
        ("POST", "/verify", None),
        ("POST", "/test", None),
        ("GET", "/preview", None),
        ("PATCH", "", {"active": True}),
    ):
        problem_of(world.call(method, path + way, body), 409, "no_url")
    assert world.call("PATCH", path, {"label": "Named", "query": "a=1"}).is_success
    assert world.call("POST", path + "/deactivate").is_success
    for bad in ({"url": ""}, {"url": None}):
        assert world.call("PATCH", path, bad).status_code == 422
    patched = world.call("PATCH", path, {"url": URL}).json()
    assert (patched["url"], patched["status"]) == (URL, "inactive")
    assert world.call("POST", path + "/activate").json()["status"] == "verification_pending"


def test_taking_the_webhook_away_drops_its_credentials_and_what_it_waited_for(world: ApiWorld) -> None:
    made = subscribe(world, webhook={"url": URL})
    path = f"/v1/tenants/{TENANT}/endpoints/{made['subscriptionId']}"
    assert world.call("PATCH", path, {"auth": {"type": "raw", "value": "Token"}}).is_success
    assert ask(world, "PUT", path_of(made), {"webhook": None})["webhook"] is None
    shown = endpoint_of(world, made)
    assert (shown["url"], shown["status"], shown["auth"]) == ("", "inactive", {"type": "none"})
    again = ask(world, "PUT", path_of(made), {"webhook": {"url": URL}})
    assert again["webhook"] == {"url": URL, "status": "VERIFICATION_PENDING"}


def test_a_secret_signs_alone_from_the_moment_it_is_given(world: ApiWorld) -> None:
    made = subscribe(world, webhook={"url": URL}, signingSecret="first")

    def signing() -> list[str]:
        now = world.clock.now_ms()
        known = world.store.list_secrets(TENANT, made["subscriptionId"])
        return [one.value for one in known if one.expires_at is None or one.expires_at > now]

    assert signing() == ["first"]
    world.post(f"/endpoints/{made['subscriptionId']}/secret/rotate", {"secret": "second"})
    assert signing() == ["second", "first"]
    world.audited.clear()
    for secret in ("second", "second", None, None, "third"):
        ask(world, "PUT", path_of(made), {"signingSecret": secret})
        assert signing() == ([] if secret is None else [secret])
    assert [name for name, _ in world.audited] == ["secret_rotated", "secret_removed", "secret_rotated"]
    assert {facts["endpoint_id"] for _, facts in world.audited} == {made["subscriptionId"]}


def test_a_contract_that_signs_every_request_keeps_its_secret(world: ApiWorld) -> None:
    made = world.endpoint()
    stored = world.store.get_endpoint(TENANT, made["id"])
    with pytest.raises(Invalid, match="signs every request"):
        world.parts.secrets.replace(stored, load_profile("standard"), GivenSecret(None), "somebody")


# ── alerts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_channels_and_filters_of_v1_hold_for_what_is_fetched(world: ApiWorld) -> None:
    made = subscribe(world)
    happen(world, "company.updated", channel="eu", data=b'{"size":1}')
    large = happen(world, "company.updated", channel="eu", data=b'{"size":9}')
    happen(world, "company.updated", channel="us", data=b'{"size":9}')
    happen(world, "company.updated", channel="eu", data=b"")
    assert len(seen(world, made)) == 4
    world.patch(f"/endpoints/{made['subscriptionId']}", {"channels": ["eu"], "filter": "data.size > 5"})
    assert seen(world, made) == [large.id]
    assert ask(world, "GET", f"/alerts/{large.number}")["eventId"] == large.id
    ask(world, "GET", f"/alerts/{large.number - 1}", status=404)


def test_what_came_before_and_what_has_no_number_is_no_alert(world: ApiWorld) -> None:
    old = happen(world, accepted_at=NOW - 1)
    made = subscribe(world)
    happen(world, number=None)
    new = happen(world, accepted_at=NOW)
    assert seen(world, made) == [new.id]
    ask(world, "GET", f"/alerts/{old.number}", status=404)


def test_what_was_sent_can_be_fetched_whatever_it_was(world: ApiWorld) -> None:
    made = subscribe(world, webhook={"url": URL})
    older, pending = happen(world, accepted_at=NOW - 1), event("evt_p", type="other", number=next(_numbers))
    world.accept([pending], [made["subscriptionId"]])
    assert ask(world, "GET", f"/alerts/{pending.number}")["eventType"] == "other"
    ask(world, "GET", f"/alerts/{older.number}", status=404)
    with world.store._tables as tables:
        tables.keep_attempt(attempt(1, 1, older.id, endpoint_id=made["subscriptionId"]))
    assert ask(world, "GET", f"/alerts/{older.number}")["subscriptionId"] == made["subscriptionId"]


def test_the_first_subscription_that_sees_an_alert_is_its(world: ApiWorld) -> None:
    made_one_by_one = []
    for kind in ("contact", "company", "company"):
        made_one_by_one.append(subscribe(world, subscriptionType=kind))
        world.clock.pass_s(1)
    contacts, companies, more = made_one_by_one
    made = happen(world, accepted_at=world.clock.now_ms())
    assert ask(world, "GET", f"/alerts/{made.number}")["subscriptionId"] == companies["subscriptionId"]
    assert (seen(world, contacts), seen(world, companies), seen(world, more)) == ([], [made.id], [made.id])
    ask(world, "DELETE", path_of(companies), status=204)
    assert ask(world, "GET", f"/alerts/{made.number}")["subscriptionId"] == more["subscriptionId"]
    ask(world, "GET", f"/alerts/{made.number}", status=404, key="other_tenant")


def test_a_page_that_a_filter_empties_ends_and_goes_on(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_module, "LOOKED_AT_MAX", 20)
    made = subscribe(world)
    world.patch(f"/endpoints/{made['subscriptionId']}", {"filter": "data.wanted"})
    for _ in range(50):
        happen(world, data=b'{"wanted":false}')
    last = happen(world, data=b'{"wanted":true}')
    found: list[str] = []
    pages, cursor = 0, ""
    while True:
        page = ask(world, "GET", f"/alerts?subscriptionId={made['subscriptionId']}{cursor}")
        if page["nextCursor"] is None:
            break
        pages += 1
        found += [alert["eventId"] for alert in page["alerts"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert found == [last.id]
    assert pages == 2


def test_large_alerts_come_in_short_pages(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_module, "PAGE_BYTES_MAX", 1_000)
    made = subscribe(world)
    events = [happen(world, data=b'"%b"' % (b"x" * 600)) for _ in range(3)]
    assert seen(world, made) == [events[0].id, events[1].id]


def test_two_tenants_may_have_alerts_of_one_number(world: ApiWorld) -> None:
    made = subscribe(world)
    theirs = ask(world, "POST", "/subscriptions", {"subscriptionType": "company"}, 201, key="other_tenant")
    mine = happen(world)
    world.accept([event("evt_theirs", OTHER_TENANT, type="company.updated", number=mine.number)])
    assert ask(world, "GET", f"/alerts/{mine.number}")["eventId"] == mine.id
    found = ask(world, "GET", f"/alerts/{mine.number}", key="other_tenant")
    assert (found["eventId"], found["subscriptionId"]) == ("evt_theirs", theirs["subscriptionId"])
    ask(world, "GET", f"/alerts?subscriptionId={made['subscriptionId']}", status=404, key="other_tenant")


# ── subscribed entities ───────────────────────────────────────────────────────────────────────────────────────────


def track(world: ApiWorld, name: str, *ids: str) -> None:
    assert world.call("PUT", f"/v1/tenants/{TENANT}/tracked-sets/{name}").is_success
    world.post(f"/tracked-sets/{name}/members", {"ids": list(ids)})


def about(subject_id: str | None) -> dict[str, Any]:
    return {"subject_type": None if subject_id is None else "company", "subject_id": subject_id}


def test_a_subscription_sees_alerts_about_its_entities_as_they_are_now(world: ApiWorld) -> None:
    all_of_them, some = subscribe(world), subscribe(world, trackedSet="my-companies")
    assert "trackedSet" not in all_of_them
    assert some["trackedSet"] == "my-companies"
    events = {name: happen(world, **about(name)) for name in ("co_1", "co_2", None, "co_3")}
    assert seen(world, some) == [], "there is no such set"
    track(world, "my-companies", "co_1", "co_3", "co_9")
    assert seen(world, some) == [events["co_1"].id, events["co_3"].id]
    assert seen(world, all_of_them) == [one.id for one in events.values()]
    world.post("/tracked-sets/my-companies/members/remove", {"ids": ["co_1"]})
    assert seen(world, some) == [events["co_3"].id]


def test_an_alert_is_fetched_by_who_follows_what_it_is_about(world: ApiWorld) -> None:
    first, second = subscribe(world, trackedSet="a"), subscribe(world, trackedSet="b")
    track(world, "a", "co_1")
    track(world, "b", "co_2")
    for subscription, subject in ((first, "co_1"), (second, "co_2")):
        alert = happen(world, **about(subject))
        found = ask(world, "GET", f"/alerts/{alert.number}")
        assert (found["subscriptionId"], found["entityId"]) == (subscription["subscriptionId"], subject)
    for subject in ("co_3", None):
        ask(world, "GET", f"/alerts/{happen(world, **about(subject)).number}", status=404)


def test_pages_go_on_behind_what_is_not_tracked(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts_module, "LOOKED_AT_MAX", 4)
    made = subscribe(world, trackedSet="a")
    track(world, "a", "co_1")
    expected = [happen(world, **about("co_1" if place % 5 == 4 else "co_2")) for place in range(20)][4::5]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        path = "".join(f"&{name}={value}" for name, value in query.items())
        page = ask(world, "GET", f"/alerts?subscriptionId={made['subscriptionId']}{path}")
        found += [alert["eventId"] for alert in page["alerts"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert found == [one.id for one in expected]


def test_the_set_is_given_changed_and_taken_away(world: ApiWorld) -> None:
    made = subscribe(world)
    path = path_of(made)
    assert ask(world, "PUT", path, {"trackedSet": "a"})["trackedSet"] == "a"
    assert ask(world, "PUT", path, {"name": "New"})["trackedSet"] == "a"
    assert endpoint_of(world, made)["tracked_set"] == "a"
    world.patch(f"/endpoints/{made['subscriptionId']}", {"tracked_set": "b"})
    assert ask(world, "GET", path)["trackedSet"] == "b"
    assert "trackedSet" not in ask(world, "PUT", path, {"trackedSet": None})
    assert endpoint_of(world, made)["tracked_set"] is None
    for wrong in ("a b", "", 5):
        told = ask(world, "PUT", path, {"trackedSet": wrong}, 400)
        assert [error["field"] for error in told["errors"]] == ["trackedSet"]
