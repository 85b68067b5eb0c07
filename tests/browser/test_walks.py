"""What a person does at the console, in a real browser, with real receivers: register, fail, read why, mend, resend."""

import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from ringback import VerificationFailed, verify
from support.browser import Visitor, press
from support.inbox import Inbox, Received, Reply
from support.process import Server, wait_until
from support.tenant import TestTenant

CODE = "X-InsideViewAPI-ValidationCode"


def register(page: Page, tenant: TestTenant, label: str, url: str, **more: str) -> None:
    """Fill in the form for a new webhook of every event, and send it."""
    page.goto(f"/console/t/{tenant.id}/webhooks/new")
    if profile := more.get("profile"):
        page.get_by_label("Profile").select_option(profile)
        expect(page.get_by_label("Profile")).to_have_value(profile)
    page.get_by_label("Label").fill(label)
    page.get_by_label("Every event").check()
    page.get_by_label("Send data to URL").fill(url)
    press(page, "Create this hook")


def test_a_handshake_that_fails_is_understood_and_mended(
    administrator: Visitor, tenant: TestTenant, inbox: Inbox
) -> None:
    page = administrator.page
    inbox.reply = lambda _: Reply(404)
    register(page, tenant, "Alerts", inbox.url("/hook"), profile="insideview")
    page.goto(f"/console/t/{tenant.id}")
    page.get_by_role("link", name="Alerts", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("disabled", timeout=20_000)
    # The buttons follow what is so now.
    expect(page.get_by_role("button", name="Activate", exact=True)).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Deactivate", exact=True)).not_to_be_visible()
    # Why: on the page, and in the run.
    page.get_by_role("table").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Proof of ownership")
    expect(page.get_by_role("main")).to_contain_text("404")
    # The receiver is mended, and asked again.
    inbox.reply = lambda received: Reply(200, ((CODE, received.header(CODE) or ""),))
    page.go_back()
    press(page, "Ask it to prove itself again")
    expect(page.locator(".badge.active").first).to_be_visible(timeout=20_000)


def test_loading_the_answer_with_a_secret_anew_does_nothing_twice(
    administrator: Visitor, tenant: TestTenant, inbox: Inbox, server: Server
) -> None:
    page = administrator.page
    register(page, tenant, "Once", inbox.url("/hook"))
    expect(page.get_by_role("main")).to_contain_text("Its secret")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Once")
    (made,) = server.get(f"{tenant.path}/endpoints")["items"]
    assert urlsplit(page.url).path == f"/console/t/{tenant.id}/webhooks/{made['id']}"
    press(page, "Reveal the secret")
    expect(page.locator("#revealed")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Once")
    expect(page.locator("#revealed")).not_to_be_visible()
    page.goto(f"/console/t/{tenant.id}/keys")
    keys = len(server.get(f"{tenant.path}/keys")["items"])
    press(page, "Make a key")
    expect(page.locator("#made")).to_be_visible()
    page.reload()
    expect(page.locator("#made")).not_to_be_visible()
    assert len(server.get(f"{tenant.path}/keys")["items"]) == keys + 1


def test_a_menu_is_closed_with_escape(administrator: Visitor, tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url("/hook"), label="Billing")
    page = administrator.open(f"/console/t/{tenant.id}")
    menu = page.locator("details.menu").first
    menu.locator("summary").click()
    expect(menu).to_have_attribute("open", "")
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()


def test_what_is_typed_while_the_form_of_another_profile_comes_is_kept(
    administrator: Visitor, tenant: TestTenant
) -> None:
    page = administrator.open(f"/console/t/{tenant.id}/webhooks/new")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/webhooks/new", hold)
    page.get_by_label("Label").fill("Before")
    page.get_by_label("Profile").select_option("sitefinity-insight")
    page.get_by_label("Label").fill("Meanwhile")
    page.get_by_label("Every event").check()
    page.get_by_label("Send data to URL").fill("https://a.example/hook")
    wait_until(lambda: held or page.wait_for_timeout(10), 15, "the form of the other profile is asked for")
    held.pop().continue_()
    expect(page.get_by_label("Data center")).to_be_visible()
    expect(page.get_by_label("Send data to URL")).to_have_value("https://a.example/hook")
    expect(page.get_by_label("Label")).to_have_value("Meanwhile")
    expect(page.get_by_label("Every event")).to_be_checked()
    expect(page.get_by_label("Profile")).to_have_value("sitefinity-insight")


def test_a_failing_run_is_found_understood_and_sent_again(
    administrator: Visitor, tenant: TestTenant, inbox: Inbox
) -> None:
    page = administrator.page
    inbox.reply = lambda _: Reply(500, (("Content-Type", "text/plain"),), b"the table \x1b[31mleads\x1b[0m is locked")
    endpoint = tenant.endpoint(inbox.url("/crm"), label="CRM", retry={"delays_s": []})
    event_id = tenant.send("contact.updated", {"id": 7})
    tenant.wait_state(event_id, "failed")
    page.goto(f"/console/t/{tenant.id}")
    row = page.get_by_role("row").filter(has_text="CRM")
    row.get_by_role("link", name="1", exact=True).click()  # the failed ones of the last 14 days
    page.get_by_role("table").first.get_by_role("link").first.click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("500")
    expect(main).to_contain_text("the table ␛[31mleads␛[0m is locked")
    expect(main).to_contain_text("There is no next try.")
    inbox.reply = lambda _: Reply()
    press(page, "Send it again")
    tenant.wait_state(event_id, "delivered")
    assert {received.path for received in inbox.received} == {urlsplit(endpoint["url"]).path}
    page.goto(f"/console/t/{tenant.id}/events/{event_id}")
    expect(page.get_by_role("main")).to_contain_text("delivered")


def test_what_waits_for_its_next_try_is_tried_when_the_receiver_is_mended(
    administrator: Visitor, tenant: TestTenant, inbox: Inbox
) -> None:
    inbox.reply = lambda _: Reply(503)
    tenant.endpoint(inbox.url("/hook"), label="Billing", retry={"delays_s": [3_600]})
    events = [tenant.send() for _ in range(3)]
    tenant.wait_until_attempts(3)
    inbox.reply = lambda _: Reply()
    page = administrator.open(f"/console/t/{tenant.id}/runs")
    page.get_by_role("link", name="Billing").first.click()
    page.get_by_role("link", name="Send failed ones again").click()
    press(page, "Try it now")
    expect(page.get_by_role("main")).to_contain_text("3 deliveries are tried again now.")
    for event_id in events:
        tenant.wait_state(event_id, "delivered")


class Traffic:
    """Events that keep coming while a test goes on."""

    def __init__(self, tenant: TestTenant) -> None:
        self._tenant = tenant
        self._done = threading.Event()
        self.sent: list[str] = []
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _send(self) -> None:
        while not self._done.wait(0.02):
            self.sent.append(self._tenant.send())


def test_a_rotation_under_traffic_fails_no_verification(
    administrator: Visitor, tenant: TestTenant, inbox: Inbox
) -> None:
    page = administrator.page
    register(page, tenant, "Signed", inbox.url("/hook"))
    old = page.locator("#revealed code").first.inner_text()
    page.get_by_role("link", name="On to the webhook").click()
    with Traffic(tenant) as traffic:
        wait_until(lambda: len(inbox.received) > 20, 15, "events come before the rotation")
        page.get_by_text("Rotate the secret").click()
        page.get_by_label("Grace").wait_for()
        press(page, "Rotate")
        press(page, "Reveal the secret")
        new = page.locator("#revealed code").first.inner_text()
        before = len(inbox.received)
        wait_until(lambda: len(inbox.received) > before + 20, 15, "events come after the rotation")
    assert old != new
    wait_until(lambda: len({one.event_id for one in inbox.received}) >= len(traffic.sent), 15, "all have come")
    for received in inbox.received:
        verify("standard", received.headers, received.body, old)
    assert sum(_verifies(received, new) for received in inbox.received) >= 20


def _verifies(received: Received, secret: str) -> bool:
    try:
        verify("standard", received.headers, received.body, secret)
    except VerificationFailed:
        return False
    return True


def test_another_tenants_pages_are_not_there(administrator: Visitor, server: Server, tenant: TestTenant) -> None:
    other = TestTenant(server, f"other-{tenant.id}")
    endpoint = other.endpoint("https://other.example/hook", label="Not yours")
    event_id = other.send()
    for path in ("", f"/webhooks/{endpoint['id']}", f"/events/{event_id}", "/runs", "/keys"):
        answer = administrator.page.goto(f"/console/t/{other.id}{path}")
        assert answer is not None
        assert answer.status == 404
        expect(administrator.page.get_by_role("main")).to_contain_text("There is nothing at this address.")
        assert "Not yours" not in administrator.page.content()
    # Nor by one's own tenant's address.
    for path in (f"/webhooks/{endpoint['id']}", f"/events/{event_id}"):
        answer = administrator.page.goto(f"/console/t/{tenant.id}{path}")
        assert answer is not None
        assert answer.status == 404


class TestWithoutJavaScript:
    @pytest.fixture
    def plain(self, meet: Callable[..., Visitor], server: Server, tenant: TestTenant) -> Visitor:
        visitor = meet(java_script_enabled=False)
        visitor.enter(server.make(f"{tenant.path}/console-links", {})["url"])
        return visitor

    def test_a_webhook_is_made_tried_and_deleted(self, plain: Visitor, tenant: TestTenant, inbox: Inbox) -> None:
        page = plain.page
        register(page, tenant, "Plain", "not a url")
        expect(page.locator("#url-error")).to_be_visible()
        page.get_by_label("Send data to URL").fill(inbox.url("/hook"))
        page.get_by_role("button", name="Preview", exact=True).click()
        expect(page.locator("#preview")).to_contain_text("webhook-signature")
        press(page, "Create this hook")
        page.get_by_role("link", name="On to the webhook").click()
        press(page, "Send a test")
        wait_until(lambda: inbox.received, 15, "the test has come")
        press(page, "Delete")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Delete the webhook Plain?")
        press(page, "Delete it")
        expect(page.get_by_role("main")).to_contain_text("There is no webhook")

    def test_runs_are_filtered(self, plain: Visitor, tenant: TestTenant, inbox: Inbox) -> None:
        tenant.endpoint(inbox.url("/hook"), label="Plain")
        tenant.wait_state(tenant.send(), "delivered")
        page = plain.open(f"/console/t/{tenant.id}/runs")
        expect(page.get_by_role("table").first).to_contain_text("successful")
        page.get_by_label("Outcome").select_option("failed")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("main")).to_contain_text("There are no such runs.")
