"""The list of a tenant's webhooks, one webhook, and what can be done with it at the console."""

import re
from collections.abc import Iterator

import pytest

from ringback.control.sending import Sending, SendingState
from ringback.model.attempt import Outcome
from ringback.store.port import Settlement
from ringback.times import DAY_MS
from support.console_world import ConsoleWorld, text_of
from support.rows import NOW, attempt

LIST = "/console/t/acme"


@pytest.fixture
def world() -> Iterator[ConsoleWorld]:
    world = ConsoleWorld()
    yield world
    world.client.close()


def page_of(endpoint: dict[str, str]) -> str:
    return f"{LIST}/webhooks/{endpoint['id']}"


def ran(world: ConsoleWorld, endpoint: dict[str, str], number: int, *, good: bool, at: int = NOW) -> None:
    outcome = Outcome.SUCCEEDED if good else Outcome.FAILED
    one = attempt(number, 1, endpoint_id=endpoint["id"], outcome=outcome, at=at)
    world.store.settle([Settlement(0, one, None, 1)])


def row(world: ConsoleWorld, endpoint: dict[str, str], role: str = "administrator", query: str = "") -> str:
    """The row of a webhook, as it is read."""
    html = world.browse(LIST + query, role).text
    (found,) = re.findall(rf'<tr id="{endpoint["id"]}">.*?</tr>', html, re.DOTALL)
    return " ".join(re.sub(r"<title>.*?</title>|<[^>]*>", " ", found).split())


def order(world: ConsoleWorld, query: str) -> list[str]:
    return re.findall(r'<tr id="(ep_\w+)">', world.browse(LIST + query).text)


class TestTheList:
    def test_a_tenant_without_webhooks_is_told_so(self, world: ConsoleWorld) -> None:
        text = world.shown(LIST)
        assert "There is no webhook yet." in text
        assert "Create a webhook" in text
        assert "Create a webhook" not in world.shown(LIST, "viewer")

    def test_a_row_says_what_the_webhook_is_and_how_it_fares(self, world: ConsoleWorld) -> None:
        types = ["contact.created", "deal.*", "a.b", "c.d"]
        one = world.endpoint(label="CRM", channels=["eu", "us"], event_types=types, filter="data.x == 1")
        ran(world, one, 1, good=True)
        ran(world, one, 2, good=True, at=NOW - DAY_MS)
        ran(world, one, 3, good=False)
        ran(world, one, 4, good=False, at=NOW - 14 * DAY_MS)
        text = row(world, one)
        for said in ("CRM", "https://a.example/hook", "eu, us", "deal.*", "and 1 more", "with a filter", "active"):
            assert said in text
        assert "Preview 2 1 Actions" in text
        assert "3 successful" not in world.browse(LIST).text
        assert "2 successful and 1 failed in 14 days" in world.browse(LIST).text

    def test_another_tenants_webhooks_are_not_in_it(self, world: ConsoleWorld) -> None:
        world.call("POST", "/v1/tenants/globex/endpoints", {"url": "https://theirs.example/hook"})
        assert "theirs.example" not in world.browse(LIST).text

    def test_a_viewer_has_no_actions(self, world: ConsoleWorld) -> None:
        one = world.endpoint(label="CRM")
        assert "Deactivate" in row(world, one)
        assert "Deactivate" not in row(world, one, "viewer")
        assert "/delete" not in world.browse(LIST, "viewer").text

    def test_labels_are_text_whatever_they_are(self, world: ConsoleWorld) -> None:
        world.endpoint(label="<script>alert(1)</script>\u202etxt")
        for page in (LIST, LIST + "?sort=failed"):
            html = world.browse(page).text
            assert "<script>alert" not in html
            assert "&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩txt" in html

    @pytest.mark.parametrize(
        ("asked", "found"),
        [("crm", ["CRM"]), ("B.EXAMPLE", ["Shop"]), ("deal", ["Shop"]), ("eu crm", ["CRM"]), ("zz", [])],
    )
    def test_it_is_searched_by_label_url_type_and_channel(
        self, world: ConsoleWorld, asked: str, found: list[str]
    ) -> None:
        ids = {
            world.endpoint(label="CRM", channels=["eu"], event_types=["contact.created"])["id"]: "CRM",
            world.endpoint(label="Shop", url="https://b.example/hook", event_types=["deal.*"])["id"]: "Shop",
        }
        assert [ids[one] for one in order(world, f"?q={asked}")] == found

    def test_it_can_be_kept_to_a_status(self, world: ConsoleWorld) -> None:
        world.endpoint(label="on")
        off = world.endpoint(label="off", active=False)
        assert order(world, "?status=inactive") == [off["id"]]
        assert "None of the webhooks is like that" in world.shown(LIST + "?status=disabled")

    def test_it_is_sorted_over_all_and_by_pages(self, world: ConsoleWorld) -> None:
        made = [world.endpoint(label=f"hook {number:02}") for number in range(60)]
        ran(world, made[59], 1, good=False)
        ids = [one["id"] for one in made]
        assert order(world, "") == ids[:50]
        assert order(world, "?page=2") == ids[50:]
        assert order(world, "?order=desc") == ids[:9:-1]
        assert order(world, "?sort=failed&order=desc")[0] == ids[59]
        assert order(world, "?page=77") == ids[50:]
        text = world.shown(LIST + "?page=2&q=hook")
        assert "60 webhooks, page 2 of 2" in text
        assert 'href="/console/t/acme?q=hook" rel="prev"' in world.browse(LIST + "?page=2&q=hook").text

    def test_figures_of_a_page_are_one_read(self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(3):
            world.endpoint()
        asked: list[int] = []
        read = world.store.day_counts_of
        monkeypatch.setattr(world.store, "day_counts_of", lambda *given: (asked.append(len(given[1])), read(*given))[1])
        world.browse(LIST)
        world.browse(LIST + "?sort=succeeded")
        assert asked == [3, 3]

    @pytest.mark.parametrize("query", ["?page=0", "?page=x", "?page=99999999999", "?sort=secret", "?status=odd"])
    def test_what_makes_no_sense_is_passed_over(self, world: ConsoleWorld, query: str) -> None:
        one = world.endpoint()
        assert order(world, query) == [one["id"]]

    def test_what_holds_one_up_is_said(self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        one = world.endpoint()
        states = {
            SendingState.PARKED: "only single requests go out until one succeeds; the next at",
            SendingState.PAUSED: "Nothing is sent until",
        }
        for state, said in states.items():
            told = {one["id"]: Sending(state, NOW + 5_000)}
            monkeypatch.setattr(type(world.parts.endpoints), "sending", lambda self, endpoints, told=told: told)
            assert said in row(world, one)
            assert said in world.shown(page_of(one))

    def test_the_words_are_those_of_the_tenants_document(self, world: ConsoleWorld) -> None:
        world.call("PATCH", "/v1/tenants/acme", {"profile": "sitefinity-insight"})
        world.endpoint(label="CRM", channels=["london"])
        assert "Data center" in world.shown(LIST)

    def test_a_tenant_that_is_switched_off_is_told_why(self, world: ConsoleWorld) -> None:
        world.call("PATCH", "/v1/tenants/acme", {"webhooks_enabled": False})
        assert "webhooks_enabled is false" in world.shown(LIST)


class TestOneWebhook:
    def test_says_what_it_is_and_what_happened(self, world: ConsoleWorld) -> None:
        one = world.endpoint(label="CRM", event_types=["contact.created"])
        ran(world, one, 1, good=False)
        text = world.shown(page_of(one))
        for said in ("CRM", "https://a.example/hook", "contact.created", "not specified", "failed", "All runs"):
            assert said in text

    def test_another_tenants_is_not_there(self, world: ConsoleWorld) -> None:
        theirs = world.call("POST", "/v1/tenants/globex/endpoints", {"url": "https://b.example/hook"}).json()
        for path in ("", "/preview"):
            assert world.browse(page_of(theirs) + path).status_code == 404
        for path in ("/activate", "/deactivate", "/verify", "/test", "/delete", "/reveal", "/rotate"):
            assert world.send(page_of(theirs) + path, {"sure": "yes"}).status_code == 404
        assert world.call("GET", f"/v1/tenants/globex/endpoints/{theirs['id']}").json()["status"] == "active"

    def test_is_switched_off_and_on(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        answer = world.send(page_of(one) + "/deactivate")
        assert (answer.status_code, answer.headers["location"]) == (303, page_of(one))
        assert world.get(f"/endpoints/{one['id']}")["status"] == "inactive"
        assert world.send(page_of(one) + "/activate").status_code == 303
        assert world.get(f"/endpoints/{one['id']}")["status"] == "active"
        assert [entry[1] for entry in world.done] == ["console.deactivate", "console.activate"]
        assert world.done[0][3] == f"endpoint {one['id']}"

    def test_one_that_has_to_prove_itself_says_so_and_is_asked_again(self, world: ConsoleWorld) -> None:
        one = world.endpoint(profile="insideview")
        text = world.shown(page_of(one))
        assert "waits for its proof" in text
        assert "Ask it to prove itself again" in text
        assert world.send(page_of(one) + "/verify").status_code == 303
        refused = world.send(page_of(one) + "/activate")
        assert refused.status_code == 409
        assert 'role="alert"' in refused.text

    def test_a_test_is_sent(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        assert world.send(page_of(one) + "/test").status_code == 303
        assert world.kicked == 1
        world.send(page_of(one) + "/deactivate")
        refused = world.send(page_of(one) + "/test")
        assert refused.status_code == 409
        assert "activate it first" in text_of(refused)

    def test_is_deleted_once_somebody_is_sure(self, world: ConsoleWorld) -> None:
        one = world.endpoint(label="CRM & co")
        asked = world.send(page_of(one) + "/delete")
        assert asked.status_code == 200
        assert "Delete the webhook CRM &amp; co?" in text_of(asked)
        assert world.get(f"/endpoints/{one['id']}")["id"] == one["id"]
        assert world.done == []
        answer = world.send(page_of(one) + "/delete", {"sure": "yes"})
        assert (answer.status_code, answer.headers["location"]) == (303, LIST)
        assert world.browse(page_of(one)).status_code == 404


class TestPreview:
    def test_is_the_exact_request(self, world: ConsoleWorld) -> None:
        one = world.endpoint(headers={"X-Own": "yes"}, auth={"type": "raw", "value": "Bearer hush"})
        answer = world.browse(page_of(one) + "/preview?event_type=contact.created")
        text = text_of(answer)
        for said in ("POST", "https://a.example/hook", "webhook-signature: v1,", "X-Own: yes", "Authorization: ***"):
            assert said in text
        assert "contact.created" in text
        assert "hush" not in answer.text

    def test_a_viewer_sees_no_signature(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        text = world.shown(page_of(one) + "/preview", "viewer")
        assert "webhook-signature: ***" in text
        assert "v1," not in text

    def test_a_viewer_sees_no_value_that_the_owner_put_in(self, world: ConsoleWorld) -> None:
        one = world.endpoint(headers={"X-Api-Token": "TOPSECRET"}, query="key=HIDDEN")
        for path in ("", "/preview"):
            for role, seen in (("viewer", False), ("administrator", True)):
                page = world.browse(page_of(one) + path, role).text
                assert ("HIDDEN" in page) is seen, (path, role)
        assert "TOPSECRET" not in world.browse(page_of(one) + "/preview", "viewer").text
        assert "X-Api-Token: ***" in world.shown(page_of(one) + "/preview", "viewer")

    def test_what_can_not_be_is_said_at_the_field(self, world: ConsoleWorld) -> None:
        one = world.endpoint()
        answer = world.browse(page_of(one) + "/preview?event_type=no+type")
        assert answer.status_code == 422
        assert 'id="event_type-error"' in answer.text
