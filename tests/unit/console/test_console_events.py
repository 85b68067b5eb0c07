"""Events in the console: finding one, to whom it went and to whom not, why not, and sending it again."""

import re
from typing import Any

import pytest

from conformance.backend import accept, settle
from ringback.console.rendering import time_text
from ringback.model.event import RECORD, Event
from support.console_world import ConsoleWorld, text_of
from support.rows import NOW, TENANT, attempt, event, failed, new_delivery

EVENTS = "/console/t/acme/events"
SCRIPT = "</pre></td></textarea>'\"><script>alert(1)</script>"


@pytest.fixture
def world() -> ConsoleWorld:
    return ConsoleWorld()


def accepted(world: ConsoleWorld, one: Event, *endpoint_ids: str, missed: str | None = None) -> None:
    with world.store.intake() as transaction:
        counted = one._replace(deliveries=len(endpoint_ids))
        rows = [new_delivery(counted, endpoint_id) for endpoint_id in endpoint_ids]
        transaction.insert([counted], rows, {} if missed is None else {0: missed})
        transaction.commit()


class TestTheList:
    def test_shows_what_was_accepted_newest_first(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        accepted(world, event("evt_1", channel="eu", subject_type="contact", subject_id="c_7", change="created"), hook)
        accepted(world, event("evt_2", type="order.paid"))
        text = world.shown(EVENTS, "viewer")
        assert "contact.created evt_1 eu contact c_7 created 1" in text
        assert re.search(r"order\.paid evt_2 \S+ \S+ \S+ none", text)
        assert text.index("evt_2") < text.index("evt_1")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("type=order.paid", ["evt_2"]),
            ("channel=eu", ["evt_1"]),
            ("endpoint_id=HOOK", ["evt_1"]),
            ("since=2026-11-21T10:00", []),
            ("until=2000-01-01", []),
            ("since=2000-01-01&until=2100-01-01", ["evt_2", "evt_1"]),
        ],
    )
    def test_filters(self, world: ConsoleWorld, query: str, found: list[str]) -> None:
        hook = world.endpoint()["id"]
        accepted(world, event("evt_1", channel="eu", accepted_at=1_000_000_000_000), hook)
        accepted(world, event("evt_2", type="order.paid", accepted_at=1_000_000_000_001))
        page = world.browse(f"{EVENTS}?{query.replace('HOOK', hook)}").text
        assert re.findall(r"/events/(evt_\d)\"", page) == found

    def test_pages(self, world: ConsoleWorld) -> None:
        for place in range(60):
            accepted(world, event(f"evt_{place:02d}"))
        page = world.browse(EVENTS).text
        assert (page.count('"clickable"'), "every 5s" in page) == (50, True)
        (older,) = re.findall(r'href="([^"]*)" rel="next"', page)
        page = world.browse(older.replace("&amp;", "&")).text
        assert (page.count('"clickable"'), 'rel="next"' in page, "every 5s" in page) == (10, False, False)
        assert 'rel="first"' in page

    def test_what_is_rare_is_looked_for_in_pieces(self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ringback.control.events.ROWS_LOOKED_AT_MAX", 10)
        for place in range(35):
            accepted(world, event(f"evt_{place:02d}", type="rare" if place % 20 == 3 else "common"))
        path, found, pieces = f"{EVENTS}?type=rare", [], 0
        while path:
            page = world.browse(path).text
            found += re.findall(r"/events/(evt_\d\d)\"", page)
            (path, *_) = [*re.findall(r'href="([^"]*)" rel="next"', page), ""]
            path = path.replace("&amp;", "&")
            assert ("looks further back" in page) is bool(path)
            pieces += 1
        assert (found, pieces) == (["evt_23", "evt_03"], 4)

    def test_a_span_is_found_wherever_it_is(self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not by walking through all that came after it, nor through all that was before."""
        monkeypatch.setattr("ringback.control.events.ROWS_LOOKED_AT_MAX", 10)
        hour_ms, began = 3_600_000, 1_000_000_000_000
        for place in range(100):
            accepted(world, event(f"evt_{place:02d}", accepted_at=began + place * hour_ms))
        since, until = (time_text(began + place * hour_ms).replace(" ", "T") for place in (40, 43))
        page = world.browse(f"{EVENTS}?since={since}&until={until}").text
        assert re.findall(r"/events/(evt_\d\d)\"", page) == ["evt_42", "evt_41", "evt_40"]
        assert 'rel="next"' not in page

    def test_an_id_leads_straight_on(self, world: ConsoleWorld) -> None:
        accepted(world, event("evt_1"))
        answer = world.browse(f"{EVENTS}?id=%20evt_1")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{EVENTS}/evt_1")
        answer = world.browse(f"{EVENTS}?id=evt_none")
        assert answer.status_code == 422
        assert "is no event that is kept" in text_of(answer)

    def test_what_was_typed_wrongly_stands_at_its_field(self, world: ConsoleWorld) -> None:
        answer = world.browse(f"{EVENTS}?since=soon")
        assert answer.status_code == 422
        assert 'id="since-error"' in answer.text
        assert 'value="soon"' in answer.text


class TestOne:
    def shown(self, world: ConsoleWorld, role: str = "administrator", **fields: Any) -> str:
        accepted(world, event("evt_1", **fields))
        return world.shown(f"{EVENTS}/evt_1", role)

    def test_says_what_it_is(self, world: ConsoleWorld) -> None:
        text = self.shown(
            world, data=b'{"b":1.50,"a":"x"}', previous=b'{"b":2}', subject_type="contact", subject_id="c_7",
            change="updated", changed='["/b","/a"]', origin=RECORD, channel="eu",
        )  # fmt: skip
        assert "Channel eu Subject contact c_7 Change updated Changed /b /a Made by a record's change" in text
        assert '"b": 1.5,' in text
        assert '{"b":1.50,"a":"x"}' in text
        assert "What it was before, laid out" in text

    def test_names_the_trigger_that_made_it(self, world: ConsoleWorld) -> None:
        made = world.post("/triggers", {"name": "Hot", "record_type": "contact", "when": "true", "emits": "lead.hot"})
        accepted(world, event("evt_1", origin=made["id"]))
        accepted(world, event("evt_2", origin="trg_gone"))
        assert "Made by the trigger Hot" in world.shown(f"{EVENTS}/evt_1")
        assert "Made by a trigger that was deleted" in world.shown(f"{EVENTS}/evt_2")

    def test_says_where_it_stands_at_each_webhook(self, world: ConsoleWorld) -> None:
        good, bad = world.endpoint(label="Good")["id"], world.endpoint(label="Bad")["id"]
        seqs = accept(world.store, event("evt_1"), good, bad)
        settle(world.store, seqs[0], attempt(1, 1, endpoint_id=good), None, 1)
        settle(world.store, seqs[1], failed(2, 1, endpoint_id=bad), NOW + 60_000, 1)
        page = world.browse(f"{EVENTS}/evt_1")
        text = text_of(page)
        assert "Good delivered 1 200 – latest run" in text
        assert re.search(r"Bad pending 1 500 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d latest run", text)
        assert "every 5s" in page.text

    def test_says_whom_it_missed_and_why(self, world: ConsoleWorld) -> None:
        hook = world.endpoint(label="Gets it")["id"]
        kept = world.endpoint(label="Orders", event_types=["order.*"])["id"]
        accepted(world, event("evt_1"), hook, missed=f'[["{kept}","type",null]]')
        text = world.shown(f"{EVENTS}/evt_1")
        assert "Orders contact.created was none of the endpoint's event_types. Send it there" in text
        assert "as of now" not in text

    def test_says_so_where_the_reason_is_of_now(self, world: ConsoleWorld) -> None:
        world.endpoint(label="Orders", event_types=["order.*"])
        accepted(world, event("evt_1", accepted_at=NOW + 1), missed='"many"')
        text = world.shown(f"{EVENTS}/evt_1", "viewer")
        assert "contact.created is none of the endpoint's event_types. as of now" in text
        assert "To no webhook: none matched" in text
        assert "Send it there" not in text

    def test_what_came_from_outside_does_nothing(self, world: ConsoleWorld) -> None:
        page = self.shown(
            world, data=b'{"a":"' + SCRIPT.encode().replace(b'"', b'\\"') + b"\\u202e" + b'"}', channel=SCRIPT
        )
        assert "⟨U+202E⟩" in page
        assert "<script>alert" not in world.browse(f"{EVENTS}/evt_1").text
        assert "<script>alert" not in world.browse(EVENTS).text

    def test_one_that_was_redacted_shows_nothing_and_cannot_be_sent(self, world: ConsoleWorld) -> None:
        hook = world.endpoint()["id"]
        accepted(world, event("evt_1"))
        world.call("DELETE", f"/v1/tenants/{TENANT}/events/evt_1/payload")
        assert "Its payload was removed for privacy" in world.shown(f"{EVENTS}/evt_1")
        answer = world.send(f"{EVENTS}/evt_1/resend", {"endpoint_id": hook})
        assert (answer.status_code, "payload was removed" in text_of(answer)) == (409, True)

    def test_one_that_is_not_there(self, world: ConsoleWorld) -> None:
        assert world.browse(f"{EVENTS}/evt_none").status_code == 404


class TestSendingAgain:
    def test_to_all_that_it_was_meant_for(self, world: ConsoleWorld) -> None:
        hooks = [world.endpoint()["id"] for _ in range(2)]
        seqs = accept(world.store, event("evt_1"), *hooks)
        for place, hook in enumerate(hooks):
            settle(world.store, seqs[place], attempt(place + 1, 1, endpoint_id=hook), None, 1)
        answer = world.send(f"{EVENTS}/evt_1/resend")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{EVENTS}/evt_1")
        assert "queued%20again%20for%202%20webhooks" in answer.headers["set-cookie"]
        assert world.done[-1][1:] == ("console.resend_event", "acme", "event evt_1")
        assert [one.pending is not None for one in world.store.progress(TENANT, "evt_1")] == [True, True]

    def test_to_one_that_did_not_get_it(self, world: ConsoleWorld) -> None:
        hook = world.endpoint(event_types=["order.*"])["id"]
        accepted(world, event("evt_1"))
        assert world.send(f"{EVENTS}/evt_1/resend", {"endpoint_id": hook}).status_code == 303
        assert [one.endpoint_id for one in world.store.progress(TENANT, "evt_1")] == [hook]

    def test_not_to_a_webhook_of_another_tenant(self, world: ConsoleWorld) -> None:
        accepted(world, event("evt_1"))
        assert world.send(f"{EVENTS}/evt_1/resend", {"endpoint_id": "ep_none"}).status_code == 404


def test_a_viewer_who_may_not_see_bodies_sees_none(world: ConsoleWorld) -> None:
    accepted(world, event("evt_1", data=b'{"secret":"plum"}', previous=b'{"secret":"pear"}'))
    assert "plum" in world.shown(f"{EVENTS}/evt_1", "viewer")
    world.call("PATCH", f"/v1/tenants/{TENANT}", {"viewers_see_bodies": False})
    text = world.shown(f"{EVENTS}/evt_1", "viewer")
    assert "isn't shown to viewers" in text
    assert "plum" not in text
    assert "pear" not in text
    assert "plum" in world.shown(f"{EVENTS}/evt_1")
