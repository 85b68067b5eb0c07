"""What is as large as it may be, all on one line: its pages open, keep to the window, and can be used."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from ringback.model.limits import PAYLOAD_BYTES_HARD_MAX, RESPONSE_BODY_READ_BYTES_MAX
from support.browser import Visitor
from support.inbox import Inbox, Reply
from support.process import Server, free_port
from support.tenant import TestTenant

MEGABYTE = 1_000_000
ANSWERS = {
    "one word": b"w" * MEGABYTE,
    "many words": b"to and fro " * (MEGABYTE // 11),
    "terminal escapes": b"\x1b[31m" * (MEGABYTE // 5),
    "right to left": "\u202e\u05d0".encode() * (MEGABYTE // 5),
    "no UTF-8": b"\xff" * MEGABYTE,
    "markup": b"<b><script>alert(1)</script>" * (MEGABYTE // 28),
}
WINDOWS = [(1280, 900), (390, 844)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that takes and keeps as much as can be set."""
    folder, port = tmp_path_factory.mktemp("large"), free_port()
    limits = {
        "RINGBACK_PAYLOAD_BYTES_MAX": str(PAYLOAD_BYTES_HARD_MAX),
        "RINGBACK_RESPONSE_BODY_KEPT_BYTES_MAX": str(RESPONSE_BODY_READ_BYTES_MAX),
    }
    flags = ("--allow-private", "--public-url", f"http://127.0.0.1:{port}")
    with Server(folder / "data", *flags, port=port, environment=limits) as running:
        yield running


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_megabyte_of_an_answer(administrator: Visitor, tenant: TestTenant, inbox: Inbox, answer: bytes) -> None:
    inbox.reply = lambda _: Reply(500, (("Content-Type", "text/plain"),), answer)
    tenant.endpoint(inbox.url(), label="Talks", retry={"delays_s": []})
    tenant.wait_state(tenant.send(), "failed")
    for window in WINDOWS:
        page = opened(administrator, tenant, f"runs/{tenant.attempts()[0]['id']}", window)
        shown = page.get_by_role("region", name="Body of the answer, laid out")
        expect(shown).to_contain_text("more characters")
        expect(page.get_by_label("Answer", exact=True)).to_contain_text("It was longer; no more of it is kept.")
        page.get_by_text("Body of the answer, as it was (64.0 KiB)").click()
        expect(page.get_by_role("region", name="Body of the answer, as it was")).to_be_visible()
        can_be_used(page, "All runs of this webhook", "Runs of Talks")


def test_an_event_as_large_as_is_allowed(administrator: Visitor, tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), label="Takes")
    left = PAYLOAD_BYTES_HARD_MAX - len('{"long": ""}')
    more = {"type": "a", "data": {"long": "w" * (left + 1)}}
    assert tenant.server.ask("POST", f"{tenant.path}/events", more).status == 413
    event_id = tenant.send("a", {"long": "w" * left})
    tenant.wait_state(event_id, "delivered")
    for window in WINDOWS:
        page = opened(administrator, tenant, f"events/{event_id}", window)
        expect(page.get_by_role("region", name="data, laid out")).to_contain_text("more bytes")
        page.get_by_text("Data, as it came (4.0 MiB)").click()
        expect(page.get_by_role("region", name="data, as it came")).to_contain_text("more characters")
        can_be_used(page, "Takes", "Takes")

        page = opened(administrator, tenant, f"runs/{tenant.attempts()[0]['id']}", window)
        expect(page.get_by_role("region", name="Body of the request, laid out")).to_contain_text("more bytes")
        page.get_by_text("Body of the request, as it was (4.0 MiB)").click()
        expect(page.get_by_role("region", name="Body of the request, as it was")).to_contain_text("more characters")
        can_be_used(page, "All runs of this webhook", "Runs of Takes")


def opened(visitor: Visitor, tenant: TestTenant, path: str, window: tuple[int, int]) -> Page:
    """A page of the tenant's, in a window of this size."""
    visitor.page.set_viewport_size({"width": window[0], "height": window[1]})
    return visitor.open(f"/console/t/{tenant.id}/{path}")


def can_be_used(page: Page, link: str, leads_to: str) -> None:
    """Nothing of the page stands beside the window, and a link of it leads on."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{wide} px too wide"
    page.get_by_role("main").get_by_role("link", name=link, exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(leads_to)
