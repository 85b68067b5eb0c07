"""The form of a webhook: what it offers, what it saves, what it says is wrong and where, what stands beside it."""

import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ringback.console.trigger_details import details_of, joined, taken_apart
from support.console_world import ConsoleWorld, text_of
from support.rows import event

LIST = "/console/t/acme"
NEW = f"{LIST}/webhooks/new"
PLAIN = {"label": "CRM", "active": "yes", "event_types": ["contact.created"], "url": "https://a.example/hook"}
GROWING = {"retry.factor": "2", "retry.max_delay_s": "9", "retry.max_attempts": "3"}
INSIGHT = {"profile": "sitefinity-insight", "channels": "london", "url": "https://a.example/hook"}


@pytest.fixture
def world() -> Iterator[ConsoleWorld]:
    world = ConsoleWorld()
    yield world
    world.client.close()


def stored(world: ConsoleWorld) -> dict[str, Any]:
    (one,) = world.get("/endpoints")["items"]
    return dict(one)


def edit_of(endpoint: dict[str, Any]) -> str:
    return f"{LIST}/webhooks/{endpoint['id']}/edit"


def errors_on(answer: httpx.Response) -> dict[str, str]:
    """Field → what the page says at it; each names a field that is there and is marked as wrong."""
    found = re.findall(r'<p class="error" id="([^"]+)-error">(.*?)</p>', answer.text)
    for name, _ in found:
        assert f'name="{name}"' in answer.text
        assert re.search(rf'aria-describedby="[^"]*{re.escape(name)}-error', answer.text), name
    return {name: html.unescape(message) for name, message in found}


def filled(answer: httpx.Response) -> dict[str, Any]:
    """The fields as a browser would send them again."""
    found: dict[str, Any] = {"event_types": []}
    form = answer.text.partition('<form id="webhook-form"')[2]
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = (re.search(rf' {key}="([^"]*)"', tag) for key in ("name", "value"))
        assert name is not None
        if 'type="checkbox"' not in tag:
            found[name[1]] = html.unescape(value[1]) if value else ""
        elif " checked" in tag and name[1] == "event_types":
            found["event_types"].append(value[1] if value else "")
        elif " checked" in tag:
            found[name[1]] = "yes"
    for name, text in re.findall(r'<textarea id="[^"]+" name="([^"]+)".*?>\n(.*?)</textarea>', form, re.DOTALL):
        found[name] = html.unescape(text)
    for name, options in re.findall(r'<select id="[^"]+" name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected>', options) or re.search(
            r'<option value="([^"]*)"', options
        )
        found[name] = chosen[1] if chosen else ""
    return found


class TestMaking:
    def test_the_form_offers_the_catalogue_with_its_words(self, world: ConsoleWorld) -> None:
        world.call("PUT", "/v1/event-types/contact.created", {"description": "A contact <b>is</b> new."})
        answer = world.browse(NEW)
        assert 'name="event_types" value="contact.created"' in answer.text
        assert "A contact &lt;b&gt;is&lt;/b&gt; new." in answer.text

    def test_it_is_for_those_who_may_change_something(self, world: ConsoleWorld) -> None:
        assert world.browse(NEW, "viewer").status_code == 403
        one = world.endpoint()
        assert world.browse(edit_of(one), "viewer").status_code == 403
        for part in ("check-url", "preview", "try"):
            assert world.send(f"{LIST}/webhooks/{part}", PLAIN, "viewer").status_code == 403

    def test_what_is_filled_in_is_what_is_stored(self, world: ConsoleWorld) -> None:
        form = {
            **PLAIN, "event_types": ["contact.created", "deal.won"], "more_types": "a.*\nb.c", "channels": "eu\nus",
            "filter": "data.x == 1", "tracked_set": "vip", "query": "a=1", "profile": "standard", "signature": "v1a",
            "auth.type": "basic", "auth.username": "ada", "auth.password": "hush", "headers": "X-One: 1\nX-Two: a: b",
            "ordering": "subject", "rate_per_second": "2.5", "max_in_flight": "3", "timeout_s": "7.5",
            "retry": "exponential", "retry.base_s": "1", "retry.factor": "2", "retry.max_delay_s": "60",
            "retry.max_attempts": "5",
        }  # fmt: skip
        assert world.send(NEW, form).status_code == 201
        one = stored(world)
        wanted = {
            "label": "CRM", "status": "active", "event_types": ["contact.created", "deal.won", "a.*", "b.c"],
            "channels": ["eu", "us"], "filter": "data.x == 1", "tracked_set": "vip", "query": "a=1",
            "signature": "v1a", "auth": {"type": "basic", "username": "ada", "password": "***"},
            "headers": {"X-One": "1", "X-Two": "a: b"}, "ordering": "subject", "rate_per_second": 2.5,
            "max_in_flight": 3, "timeout_s": 7.5,
            "retry": {"base_s": 1.0, "factor": 2.0, "max_delay_s": 60.0, "max_attempts": 5},
        }  # fmt: skip
        assert {name: one[name] for name in wanted} == wanted

    def test_the_secret_is_shown_once_and_what_was_done_written_down(self, world: ConsoleWorld) -> None:
        answer = world.send(NEW, PLAIN)
        (shown,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]{44}", answer.text))
        one = stored(world)
        assert world.get(f"/endpoints/{one['id']}/secret")["secret"] == shown
        assert ("link key_1", "console.create_webhook", "acme", f"endpoint {one['id']}") in world.done
        assert shown not in str(answer.headers)
        for path in (LIST, f"{LIST}/webhooks/{one['id']}", edit_of(one)):
            assert shown not in world.browse(path).text

    def test_one_without_a_secret_of_its_own_is_gone_on_to(self, world: ConsoleWorld) -> None:
        answer = world.send(NEW, {**PLAIN, "profile": "vinsight"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{LIST}/webhooks/{stored(world)['id']}")

    def test_one_that_is_not_to_be_active_is_off(self, world: ConsoleWorld) -> None:
        world.send(NEW, {name: value for name, value in PLAIN.items() if name != "active"})
        assert stored(world)["status"] == "inactive"

    def test_a_tenant_that_is_switched_off_makes_none(self, world: ConsoleWorld) -> None:
        world.call("PATCH", "/v1/tenants/acme", {"webhooks_enabled": False})
        answer = world.send(NEW, PLAIN)
        assert answer.status_code == 403
        assert "webhooks_enabled is false" in text_of(answer)
        assert world.send(NEW, PLAIN, "operator").status_code == 201

    def test_a_rule_of_the_profile_is_said_above(self, world: ConsoleWorld) -> None:
        assert world.send(NEW, {**PLAIN, "profile": "vessel"}).status_code == 303
        answer = world.send(NEW, {**PLAIN, "profile": "vessel"})
        assert answer.status_code == 409
        assert re.search(r'<p class="problem" role="alert">The profile vessel allows', answer.text)
        assert filled(answer)["label"] == "CRM"


class TestWhatIsWrong:
    @pytest.mark.parametrize(
        ("field", "given", "said"),
        [
            ("label", "x" * 300, "256 bytes"),
            ("url", "", "is required|is refused"),
            ("url", "https://localhost/", "not a public host"),
            ("url", "http://a.example/", "https"),
            ("query", "a b", "visible ASCII"),
            ("channels", "eu\n\x01", "Entry 2 must not contain control characters"),
            ("more_types", "a b.*c", "Entry 3 must be an event type"),
            ("filter", "data.x ==", "Is refused"),
            ("tracked_set", "no set", "letters, digits"),
            ("profile", "none-such", "Must be one of"),
            ("headers", "Host: a.example", "Host is reserved"),
            ("headers", "X-A: 1\nnonsense", "Line 2 must be a name"),
            ("headers", "X-A: 1\nX-A: 2", "Line 2 has a name that stands there already"),
            ("headers", "Authorization: x", "belongs into auth"),
            ("ordering", "odd", "Must be one of"),
            ("rate_per_second", "fast", "Must be a number"),
            ("rate_per_second", "0", "Must be from"),
            ("max_in_flight", "1.5", "whole number"),
            ("max_in_flight", "0", "Must be from"),
            ("timeout_s", "21", "Must be from"),
            ("timeout_s", "nan", "Must be a number"),
        ],
    )
    def test_stands_at_its_field(self, world: ConsoleWorld, field: str, given: str, said: str) -> None:
        answer = world.send(NEW, {**PLAIN, field: given})
        assert answer.status_code == 422
        at = "event_types" if field == "more_types" else field
        assert list(errors_on(answer)) == [at]
        assert re.search(said, errors_on(answer)[at], re.IGNORECASE), errors_on(answer)
        assert 'role="alert"' in answer.text
        assert world.get("/endpoints")["items"] == []
        if field not in ("profile", "ordering", "channels"):
            assert filled(answer)[field] == given

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"auth.type": "basic", "auth.username": "a:b"}, "auth.username"),
            ({"auth.type": "basic", "auth.username": "a", "auth.password": "***"}, "auth.password"),
            ({"auth.type": "raw"}, "auth.value"),
            ({"auth.type": "header"}, "auth.headers"),
            ({"auth.type": "header", "auth.headers": "Host: x"}, "auth.headers"),
            ({"auth.type": "header", "auth.headers": "no colon"}, "auth.headers"),
            ({"auth.type": "odd"}, "auth.type"),
            ({"retry": "delays", "retry.delays_s": "5, soon"}, "retry.delays_s"),
            ({"retry": "delays", "retry.delays_s": "5, -1"}, "retry.delays_s"),
            ({"retry": "exponential", **GROWING}, "retry.base_s"),
            ({**INSIGHT, "channels": ""}, "channels"),
            ({"event_types": []}, "event_types"),
        ],
    )  # fmt: skip
    def test_stands_at_its_part(self, world: ConsoleWorld, more: dict[str, Any], field: str) -> None:
        answer = world.send(NEW, {**PLAIN, **more})
        assert answer.status_code == 422
        assert list(errors_on(answer)) == [field]

    def test_is_said_all_at_once(self, world: ConsoleWorld) -> None:
        answer = world.send(NEW, {**PLAIN, "url": "ftp://x", "timeout_s": "long", "label": "x" * 300})
        assert set(errors_on(answer)) == {"url", "timeout_s", "label"}

    def test_credentials_are_not_put_back(self, world: ConsoleWorld) -> None:
        form = {**PLAIN, "url": "", "auth.type": "basic", "auth.username": "ada", "auth.password": "hush-77"}
        for more in ({}, {"do": "preview"}, {"do": "refresh"}):
            assert "hush-77" not in world.send(NEW, {**form, **more}).text
        raw = {**form, "auth.type": "raw", "auth.value": "Bearer hush-78", "auth.headers": "X: hush-79"}
        assert "hush-7" not in world.send(NEW, raw).text


class TestChanging:
    def test_a_form_that_is_sent_back_as_it_came_changes_nothing(self, world: ConsoleWorld) -> None:
        fields = {
            "label": 'a "label" <b>', "event_types": ["contact.created", "a.*", "*"], "channels": ["eu", "us"],
            "filter": 'data.x == "<&>"', "tracked_set": "vip", "auth": {"type": "raw", "value": "Bearer hush"},
            "headers": {"X-One": "1"}, "rate_per_second": 0.25, "max_in_flight": 3, "ordering": "strict",
            "retry": {"delays_s": [0.5, 5, 86_400]}, "timeout_s": 7.5, "query": "a=1", "signature": "v1",
        }  # fmt: skip
        world.endpoint(**fields)
        before = stored(world)
        page = world.browse(edit_of(before))
        assert "hush" not in page.text
        assert "Leave as it is: raw" in page.text
        assert world.send(edit_of(before), filled(page)).status_code == 303
        assert {**stored(world), "updated_at": ""} == {**before, "updated_at": ""}
        assert world.parts.endpoints.get("acme", before["id"]).auth.value == "Bearer hush"

    def test_what_is_changed_is_stored(self, world: ConsoleWorld) -> None:
        one = world.endpoint(label="old", auth={"type": "raw", "value": "x"})
        form = {**filled(world.browse(edit_of(one))), "label": "new", "auth.type": "none"}
        assert world.send(edit_of(one), form).status_code == 303
        assert (stored(world)["label"], stored(world)["auth"]) == ("new", {"type": "none"})

    def test_another_host_drops_the_credentials_and_says_so(self, world: ConsoleWorld) -> None:
        one = world.endpoint(auth={"type": "raw", "value": "Bearer hush"})
        form = {**filled(world.browse(edit_of(one))), "url": "https://b.example/hook"}
        answer = world.send(edit_of(one), form)
        assert "credentials%20were%20dropped" in answer.headers["set-cookie"]
        assert stored(world)["auth"] == {"type": "none"}

    def test_it_is_switched_off_and_on(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        on = filled(world.browse(edit_of(one)))
        world.send(edit_of(one), {name: value for name, value in on.items() if name != "active"})
        assert stored(world)["status"] == "inactive"
        world.send(edit_of(one), on)
        assert stored(world)["status"] == "active"

    def test_another_kind_of_secret_is_shown_once(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        answer = world.send(edit_of(one), {**filled(world.browse(edit_of(one))), "signature": "v1a"})
        assert answer.status_code == 200
        assert {"whsk_", "whpk_"} <= set(re.findall("whsk_|whpk_", answer.text))
        assert "whsk_" not in world.browse(edit_of(one)).text

    def test_what_is_wrong_stands_at_its_field(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        answer = world.send(edit_of(one), {**filled(world.browse(edit_of(one))), "url": "https://127.1/"})
        assert answer.status_code == 422
        assert list(errors_on(answer)) == ["url"]
        assert stored(world)["url"] == "https://a.example/hook"

    def test_another_tenants_is_not_there(self, world: ConsoleWorld) -> None:
        theirs = world.call("POST", "/v1/tenants/globex/endpoints", {"url": "https://b.example/hook"}).json()
        assert world.browse(edit_of(theirs)).status_code == 404
        assert world.send(edit_of(theirs), PLAIN).status_code == 404
        for part in ("check-url", "preview", "try"):
            assert world.send(f"{LIST}/webhooks/{part}", {**PLAIN, "webhook": theirs["id"]}).status_code == 404


class TestTheUrl:
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("https://a.example/x", "This URL can be used."),
            ("https://10.0.0.1/", "Is refused"),
            ("http://a.example/", "https"),
            ("https://u:p@a.example/", "Is refused"),
        ],
    )
    def test_is_checked_as_saving_would(self, world: ConsoleWorld, url: str, said: str) -> None:
        answer = world.send(f"{LIST}/webhooks/check-url", {**PLAIN, "url": url})
        assert said in text_of(answer)
        saved = world.send(NEW, {**PLAIN, "url": url})
        assert (saved.status_code == 201) is (said == "This URL can be used.")
        for message in errors_on(saved).values():
            assert message in text_of(answer)

    def test_is_checked_by_the_rules_of_the_profile(self, world: ConsoleWorld) -> None:
        assert world.send(f"{LIST}/webhooks/check-url", {}).status_code == 200


class TestBesideIt:
    def test_the_request_is_what_would_be_sent(self, world: ConsoleWorld) -> None:
        form = {**PLAIN, "headers": "X-Own: yes", "auth.type": "raw", "auth.value": "Bearer hush", "query": "a=1"}
        for answer in (world.send(f"{LIST}/webhooks/preview", form), world.send(NEW, {**form, "do": "preview"})):
            assert answer.status_code == 200
            text = text_of(answer)
            for said in ("POST https://a.example/hook?a=1", "webhook-signature: v1,", "X-Own: yes", "contact.created"):
                assert said in text
            assert "Authorization: ***" in text
            assert "hush" not in answer.text
        assert world.get("/endpoints")["items"] == []

    def test_an_unsaved_change_is_signed_by_the_stored_secret(self, world: ConsoleWorld) -> None:
        one = world.endpoint(profile="vinsight", event_types=["contact.created"])
        form = {**filled(world.browse(edit_of(one))), "headers": "X-New: 1"}
        text = text_of(world.send(f"{LIST}/webhooks/preview", form))
        assert "X-New: 1" in text
        signature = re.search(r"x-signature: (\w{64})", text)
        assert signature is not None
        assert signature[1] in world.shown(f"{LIST}/webhooks/{one['id']}/preview")

    def test_before_there_is_a_url_there_is_an_example_of_one(self, world: ConsoleWorld) -> None:
        text = text_of(world.send(f"{LIST}/webhooks/preview", {**PLAIN, "url": ""}))
        assert "The URL is an example until yours can be used." in text
        assert "webhook-signature" in text

    def test_what_is_wrong_is_said_in_its_place(self, world: ConsoleWorld) -> None:
        answer = world.send(f"{LIST}/webhooks/preview", {**PLAIN, "filter": "nope(", "timeout_s": "x"})
        assert answer.status_code == 200
        text = text_of(answer)
        assert "filter" in text
        assert "timeout_s" in text
        assert "webhook-signature" not in text

    def test_recent_events_are_tried(self, world: ConsoleWorld) -> None:
        world.accept(
            [event("evt_1", data=b'{"x": 1}'), event("evt_2", data=b'{"x": 2}'), event("evt_3", type="deal.won")]
        )
        form = {**PLAIN, "filter": "data.x == 1"}
        for answer in (world.send(f"{LIST}/webhooks/try", form), world.send(NEW, {**form, "do": "try"})):
            text = text_of(answer)
            assert "deal.won no deal.won is none of the endpoint's event_types." in text
            assert "contact.created no The filter is false for this event." in text
            assert "contact.created yes" in text
        assert "Is refused" in text_of(world.send(f"{LIST}/webhooks/try", {**form, "filter": "nope("}))

    def test_nothing_to_try_it_on_is_said(self, world: ConsoleWorld) -> None:
        assert "There are no events yet" in text_of(world.send(f"{LIST}/webhooks/try", PLAIN))


class TestDetails:
    def test_are_offered_by_the_profile_that_has_them(self, world: ConsoleWorld) -> None:
        assert "Lead scoring passed threshold" not in world.shown(NEW)
        text = text_of(world.send(NEW, {**INSIGHT, "do": "refresh"}))
        for said in ("Data center", "Persona scoring exited threshold", "Persona", "Stage", "Create this hook"):
            assert said in text

    def test_become_a_filter_and_are_read_back(self, world: ConsoleWorld) -> None:
        form = {
            **INSIGHT, "event_types": ["persona_scoring.threshold_passed", "contact.became"],
            "detail.persona": 'The "buyer"', "filter": "data.score > 80 || true",
        }  # fmt: skip
        assert world.send(NEW, form).status_code == 303
        one = stored(world)
        page = filled(world.browse(edit_of(one)))
        assert (page["detail.persona"], page["filter"]) == ('The "buyer"', "data.score > 80 || true")
        assert world.send(edit_of(one), page).status_code == 303
        assert stored(world)["filter"] == one["filter"]

    def test_keep_back_what_is_of_another_persona_and_nothing_else(self, world: ConsoleWorld) -> None:
        def of(name: str, kind: str, data: bytes) -> Any:
            return event(name, type=kind, data=data, channel="london")

        world.accept(
            [
                of("evt_1", "persona_scoring.threshold_passed", b'{"persona": {"id": "p_1", "name": "Buyer"}}'),
                of("evt_2", "persona_scoring.threshold_passed", b'{"persona": {"id": "p_2", "name": "Cook"}}'),
                of("evt_3", "contact.became", b"{}"),
            ]
        )
        form = {**INSIGHT, "event_types": ["*"], "detail.persona": "Buyer"}
        text = text_of(world.send(f"{LIST}/webhooks/try", form))
        assert re.findall(r"(?:passed|became) (yes|no)", text) == ["yes", "no", "yes"]

    def test_a_filter_of_ones_own_can_not_leave_its_brackets(self, world: ConsoleWorld) -> None:
        answer = world.send(NEW, {**INSIGHT, "event_types": ["*"], "detail.stage": "x", "filter": "true) || (true"})
        assert list(errors_on(answer)) == ["filter"]

    @pytest.mark.parametrize("own", ["", "data.x == 1", "(a) && (b)", "event.type == 'x' // (y)"])
    @pytest.mark.parametrize("values", [{}, {"detail.persona": "a"}, {"detail.persona": 'q"\\', "detail.stage": "ö)"}])
    def test_there_and_back(self, own: str, values: dict[str, str]) -> None:
        details = details_of("sitefinity-insight")
        assert taken_apart(details, joined(details, values, own) or "") == (values, own)
