"""What changes while somebody looks: figures, runs, what comes to a bin; and what a viewer doesn't see."""

from collections.abc import Callable

from playwright.sync_api import expect

from support.browser import Visitor, press
from support.inbox import Inbox
from support.process import Server
from support.tenant import TestTenant

SOON_MS = 20_000


def test_figures_and_runs_come_by_themselves(administrator: Visitor, tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), label="Watched")
    page = administrator.open(f"/console/t/{tenant.id}")
    row = page.get_by_role("row").filter(has_text="Watched")
    expect(row.locator("[data-label=Successful]")).to_have_text("0")
    tenant.wait_state(tenant.send(), "delivered")
    expect(row.locator("[data-label=Successful]")).to_have_text("1", timeout=SOON_MS)
    administrator.open(f"/console/t/{tenant.id}/runs")
    rows = page.locator("#runs table").first.locator("tbody tr")
    expect(rows).to_have_count(1)
    tenant.wait_state(tenant.send(), "delivered")
    expect(rows).to_have_count(2, timeout=SOON_MS)


def test_a_bin_shows_what_comes_and_whether_its_signature_fits(administrator: Visitor, tenant: TestTenant) -> None:
    page = administrator.open("/console/bins")
    page.get_by_label("Label").fill("Trying it out")
    press(page, "Make a bin")
    address = page.locator("code").first.inner_text()
    secret = tenant.endpoint(address, label="To the bin")["secret"]
    page.get_by_label("Profile").select_option("standard")
    page.get_by_label("Secret", exact=True).fill(secret)
    press(page, "Save")
    tenant.send("contact.updated", {"name": "Ada"})
    expect(page.locator("#requests")).to_contain_text("signature fits", timeout=SOON_MS)
    page.locator("#requests").get_by_role("link").first.click()
    expect(page.get_by_role("main")).to_contain_text("webhook-signature")
    expect(page.get_by_role("main")).to_contain_text("Ada")


def test_a_viewer_looks_and_changes_nothing(
    meet: Callable[..., Visitor], server: Server, tenant: TestTenant, inbox: Inbox
) -> None:
    endpoint = tenant.endpoint(inbox.url(), label="Seen")
    tenant.wait_state(tenant.send("contact.updated", {"name": "Ada"}), "delivered")
    viewer = meet()
    viewer.enter(server.make(f"{tenant.path}/console-links", {"role": "viewer"})["url"])
    page = viewer.open(f"/console/t/{tenant.id}")
    expect(page.get_by_role("link", name="Create a webhook")).to_have_count(0)
    viewer.open(f"/console/t/{tenant.id}/webhooks/{endpoint['id']}")
    assert endpoint["secret"] not in page.content()
    for button in ("Deactivate", "Delete", "Send a test", "Reveal the secret", "Rotate"):
        expect(page.get_by_role("button", name=button)).to_have_count(0)
    run = tenant.attempts()[0]["id"]
    viewer.open(f"/console/t/{tenant.id}/runs/{run}")
    expect(page.get_by_role("main")).to_contain_text("Ada")
    assert server.ask("PATCH", tenant.path, {"viewers_see_bodies": False}).status == 200
    viewer.open(f"/console/t/{tenant.id}/runs/{run}")
    expect(page.get_by_role("main")).not_to_contain_text("Ada")
    expect(page.get_by_role("main")).to_contain_text("aren't shown to viewers")
