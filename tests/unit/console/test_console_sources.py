"""Sources in the console: triggers, tracked sets, records, event types."""

import re
from typing import Any

import pytest

from ringback.control import tracked_sets as tracked_sets_module
from ringback.model.event import RECORD
from ringback.model.record import Record
from ringback.policy.trigger_templates import TEMPLATES
from support.console_world import ConsoleWorld, text_of
from support.rows import NOW, TENANT, event

SOURCES = "/console/t/acme/sources"
NEW = f"{SOURCES}/triggers/new"
RULE = {
    "name": "Hot", "record_type": "contact", "when": "data.score > 50", "emits": "lead.hot", "data": "",
    "cooldown_s": "60", "active": "yes",
}  # fmt: skip
SCRIPT = "'\"><script>alert(1)</script>"


@pytest.fixture
def world() -> ConsoleWorld:
    return ConsoleWorld()


def made(world: ConsoleWorld, **fields: Any) -> str:
    body = {"name": "Hot", "record_type": "contact", "when": "data.score > 50", "emits": "lead.hot", **fields}
    found: str = world.post("/triggers", body)["id"]
    return found


def changed_record(world: ConsoleWorld, number: int, score: int, before: int) -> None:
    told = event(
        f"evt_{number}", type="contact.updated", data=b'{"score":%d}' % score, previous=b'{"score":%d}' % before,
        subject_type="contact", subject_id="c_1", change="updated", changed='["/score"]', origin=RECORD,
    )  # fmt: skip
    world.accept([told])


class TestTriggers:
    def test_the_list_says_what_they_make_and_for_whom(self, world: ConsoleWorld) -> None:
        made(world)
        made(world, name="Cold", emits="lead.cold", active=False)
        world.endpoint(label="Sales", event_types=["lead.hot"])
        text = world.shown(SOURCES, "viewer")
        assert "Hot active contact lead.hot Sales" in text
        assert "Cold off contact lead.cold no webhook" in text
        assert "New trigger" not in text

    def test_one_is_made_and_shown_again(self, world: ConsoleWorld) -> None:
        answer = world.send(NEW, {**RULE, "data": "/score\n/email"})
        assert answer.status_code == 303
        (one,) = world.get("/triggers")["items"]
        assert answer.headers["location"] == f"{SOURCES}/triggers/{one['id']}"
        assert (one["name"], one["data"], one["cooldown_s"], one["active"]) == ("Hot", ["/score", "/email"], 60, True)
        page = world.browse(answer.headers["location"]).text
        assert "/score\n/email</textarea>" in page
        assert "data.score &gt; 50" in page
        assert world.done[-1][1:] == ("console.create_trigger", "acme", "")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("record_type", "no type"),
            ("when", "data.score >"),
            ("emits", "a b"),
            ("data", "data.("),
            ("cooldown_s", "often"),
            ("cooldown_s", "-1"),
            ("cooldown_s", "inf"),
        ],
    )
    def test_errors_stand_at_their_fields(self, world: ConsoleWorld, field: str, value: str) -> None:
        answer = world.send(NEW, {**RULE, field: value})
        assert answer.status_code == 422
        assert re.findall(r'id="([a-z_]+)-error"', answer.text) == [field]
        assert "Hot" in answer.text or field == "name"
        assert world.get("/triggers")["items"] == []

    def test_a_template_asks_for_its_parameters(self, world: ConsoleWorld) -> None:
        address = f"{NEW}?template=persona_scoring.threshold_passed"
        names = re.findall(r'name="parameters\.([a-z_]+)"', world.browse(address).text)
        assert "threshold" in names
        form = {"template": "persona_scoring.threshold_passed", "active": "yes"}
        answer = world.send(NEW, {**form, "parameters.threshold": "many"})
        assert answer.status_code == 422
        assert 'id="parameters.threshold-error"' in answer.text
        known = {one.name: one for one in TEMPLATES["persona_scoring.threshold_passed"].parameters}
        needed = [one for one in known.values() if one.required]
        given = {f"parameters.{one.name}": "50" if one.kind == "number" else "Buyer" for one in needed}
        answer = world.send(NEW, {**form, **given})
        assert answer.status_code == 303, text_of(answer)
        (one,) = world.get("/triggers")["items"]
        assert one["template"] == "persona_scoring.threshold_passed"
        page = world.browse(f"{SOURCES}/triggers/{one['id']}").text
        assert 'value="50"' in page
        by_hand = world.browse(f"{SOURCES}/triggers/{one['id']}?by_hand=1").text
        assert 'name="when"' in by_hand

    def test_one_is_tried_on_the_last_changes_and_not_stored(self, world: ConsoleWorld) -> None:
        changed_record(world, 1, 60, 40)
        changed_record(world, 2, 30, 60)
        answer = world.send(NEW, {**RULE, "do": "try"})
        assert answer.status_code == 200
        text = text_of(answer)
        assert "It would have fired on 1 of the last 2 changes." in text
        assert "fires lead.hot" in text
        assert "doesn't fire" in text
        assert world.get("/triggers")["items"] == []
        assert "nothing to try it on" in text_of(world.send(NEW, {**RULE, "record_type": "order", "do": "try"}))

    def test_one_is_changed_and_deleted(self, world: ConsoleWorld) -> None:
        address = f"{SOURCES}/triggers/{made(world)}"
        assert world.send(address, {**RULE, "name": "Hotter", "active": ""}).status_code == 303
        (one,) = world.get("/triggers")["items"]
        assert (one["name"], one["active"]) == ("Hotter", False)
        answer = world.send(address, {**RULE, "when": "nonsense("})
        assert (answer.status_code, 'id="when-error"' in answer.text) == (422, True)
        assert "Delete the trigger Hotter?" in text_of(world.send(f"{address}/delete"))
        assert world.send(f"{address}/delete", {"sure": "yes"}).headers["location"] == SOURCES
        assert world.get("/triggers")["items"] == []

    def test_viewers_see_and_change_nothing(self, world: ConsoleWorld) -> None:
        address = f"{SOURCES}/triggers/{made(world)}"
        page = world.browse(address, "viewer").text
        assert "<fieldset disabled>" in page
        assert "Try it" not in page
        assert world.send(address, RULE, "viewer").status_code == 403

    def test_names_do_nothing(self, world: ConsoleWorld) -> None:
        address = f"{SOURCES}/triggers/{made(world, name=SCRIPT)}"
        for page in (SOURCES, address):
            assert "<script>alert" not in world.browse(page).text


class TestTrackedSets:
    SETS = f"{SOURCES}/sets"

    def put(self, world: ConsoleWorld, *members: str) -> None:
        world.call("PUT", f"/v1/tenants/{TENANT}/tracked-sets/vips", {})
        if members:
            world.parts.tracked_sets.add(TENANT, "vips", list(members))

    def test_one_is_made(self, world: ConsoleWorld) -> None:
        answer = world.send(self.SETS, {"name": "vips"})
        assert answer.headers["location"] == f"{self.SETS}/vips"
        assert "vips 0" in world.shown(self.SETS, "viewer")
        answer = world.send(self.SETS, {"name": "no name"})
        assert (answer.status_code, 'id="name-error"' in answer.text) == (422, True)

    def test_ids_are_put_in_and_taken_out(self, world: ConsoleWorld) -> None:
        self.put(world, "c_0")
        address = f"{self.SETS}/vips/members"
        answer = world.send(address, {"ids": " c_1\r\n\r\nc_2\r\nc_0", "do": "add"})
        assert "2%20of%203%20were%20put%20in" in answer.headers["set-cookie"]
        text = world.shown(f"{self.SETS}/vips", "viewer")
        assert "3 ids" in text
        assert "c_0 c_1 c_2" in text
        assert "Put them in" not in text
        world.send(address, {"ids": "c_1\nc_9", "do": "remove"})
        assert "c_0 c_2" in world.shown(f"{self.SETS}/vips")

    def test_what_cannot_be_put_in_stands_at_its_field(
        self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.put(world)
        address = f"{self.SETS}/vips/members"
        answer = world.send(address, {"ids": f"c_1\n{'x' * 300}", "do": "add"})
        assert (answer.status_code, "id 2 of 2" in text_of(answer)) == (422, True)
        assert "x" * 300 in answer.text
        assert 'id="ids-error"' in world.send(address, {"ids": " \n"}).text
        monkeypatch.setattr(tracked_sets_module, "TRACKED_IDS_AT_ONCE_MAX", 2)
        assert 'id="ids-error"' in world.send(address, {"ids": "a\nb\nc"}).text
        world.parts.tracked_sets._members_max = 1
        answer = world.send(address, {"ids": "a\nb"})
        assert (answer.status_code, "at most 1 members" in text_of(answer)) == (422, True)

    def test_an_id_is_looked_for(self, world: ConsoleWorld) -> None:
        self.put(world, "c_1")
        assert "c_1 is in the set" in world.shown(f"{self.SETS}/vips?id=c_1")
        assert "c_2 is not in the set" in world.shown(f"{self.SETS}/vips?id=c_2")

    def test_members_come_in_pages(self, world: ConsoleWorld) -> None:
        self.put(world, *(f"c_{place:03d}" for place in range(130)))
        page = world.browse(f"{self.SETS}/vips").text
        (older,) = re.findall(r'href="([^"]*)" rel="next"', page)
        assert len(re.findall(r">c_\d{3}<", page)) == 100
        assert len(re.findall(r">c_\d{3}<", world.browse(older.replace("&amp;", "&")).text)) == 30

    def test_deleting_asks_first(self, world: ConsoleWorld) -> None:
        self.put(world, "c_1")
        assert "get nothing from then on" in text_of(world.send(f"{self.SETS}/vips/delete"))
        assert world.send(f"{self.SETS}/vips/delete", {"sure": "yes"}).status_code == 303
        assert world.browse(f"{self.SETS}/vips").status_code == 404


class TestRecords:
    RECORDS = f"{SOURCES}/records"

    @pytest.fixture(autouse=True)
    def _records(self, world: ConsoleWorld) -> None:
        world.add_records(
            *(Record(TENANT, "contact", f"c_{n}", 3, None, None, NOW, NOW, None, None, b'{"n":%d}' % n) for n in (1, 2))
        )

    def test_types_are_listed(self, world: ConsoleWorld) -> None:
        assert "No type has an entry" in world.shown(self.RECORDS)
        world.call("PUT", "/v1/record-types/contact", {"fields": ["/n"], "ignored": ["/seen"]})
        assert "contact /n /seen" in world.shown(self.RECORDS, "viewer")

    def test_the_records_of_a_type(self, world: ConsoleWorld) -> None:
        text = world.shown(f"{self.RECORDS}?type=contact")
        assert text.index("c_1") < text.index("c_2")
        assert "no records of this type" in world.shown(f"{self.RECORDS}?type=order")

    def test_one_with_its_state_and_events(self, world: ConsoleWorld) -> None:
        changed_record(world, 1, 60, 40)
        world.accept([event("evt_other", subject_type="contact", subject_id="c_2")])
        page = world.browse(f"{self.RECORDS}?type=contact&id=c_1")
        assert '"n": 1' in text_of(page)
        assert re.findall(r"/events/(evt_\w+)\"", page.text) == ["evt_1"]

    def test_one_that_is_not_there(self, world: ConsoleWorld) -> None:
        text = world.shown(f"{self.RECORDS}?type=contact&id=c_9")
        assert "There is no such record" in text
        assert "None among the latest events" in text

    @pytest.mark.parametrize("query", ["type=a%20b", "id=c_1"])
    def test_what_is_missing_or_wrong_is_said(self, world: ConsoleWorld, query: str) -> None:
        answer = world.browse(f"{self.RECORDS}?{query}")
        assert (answer.status_code, 'id="type-error"' in answer.text) == (422, True)


class TestEventTypes:
    TYPES = f"{SOURCES}/types"

    def test_the_catalogue_is_shown(self, world: ConsoleWorld) -> None:
        assert "The catalogue is empty" in world.shown(self.TYPES, "viewer")
        entry = {"description": "Somebody new " + SCRIPT, "schema": {"type": "object"}, "sample": {"id": "c_1"}}
        world.call("PUT", "/v1/event-types/contact.created", entry)
        text = world.shown(self.TYPES, "viewer")
        assert "contact.created Somebody new" in text
        assert "version 1 yes" in text
        text = world.shown(f"{self.TYPES}/contact.created", "viewer")
        assert '"type": "object"' in text
        assert '"id": "c_1"' in text
        assert "<script>alert" not in world.browse(f"{self.TYPES}/contact.created").text

    def test_earlier_schemas_are_shown(self, world: ConsoleWorld) -> None:
        for schema in ({"type": "object"}, {"type": "object", "properties": {"id": {"type": "string"}}}):
            world.call("PUT", "/v1/event-types/contact.created", {"schema": schema})
        text = world.shown(f"{self.TYPES}/contact.created")
        assert "Version 2, from" in text
        assert "Version 1, from" in text

    def test_one_that_is_not_there(self, world: ConsoleWorld) -> None:
        assert world.browse(f"{self.TYPES}/none.such").status_code == 404
