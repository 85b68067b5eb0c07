"""A megabyte on one line, from a receiver and from a caller: the pages open, keep their width and stay in use."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ringback.model.limits import PAYLOAD_BYTES_MAX
from support.inbox import Inbox, Reply
from support.process import Server
from support.tenant import TestTenant

MEGABYTE = 1 << 20
HOW: list[dict[str, Any]] = [{"viewport": {"width": 1280, "height": 900}}, {"viewport": {"width": 390, "height": 844}}]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    line = b"<b>" + b"x" * (MEGABYTE - 7) + b"</b>"
    with Inbox(lambda _: Reply(500, (("Content-Type", "text/html"),), line)) as opened:
        yield opened


def assert_in_use(page: Page) -> None:
    """As wide as the window, and a click leads on."""
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.get_by_role("link", name="Keys", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("keys", ignore_case=True)


@pytest.mark.parametrize("how", HOW, ids=["wide", "phone"])
def test_pages_with_a_megabyte_on_one_line_are_like_others(
    meet: Any, server: Server, tenant: TestTenant, inbox: Inbox, how: dict[str, Any]
) -> None:
    tenant.endpoint(inbox.url(), label="Talkative", retry={"delays_s": []})
    room = PAYLOAD_BYTES_MAX - 1_000
    event_id = tenant.send("contact.updated", {"note": "w" * room})
    tenant.wait_state(event_id, "failed")
    (run,) = tenant.attempts()
    visitor = meet(**how)
    visitor.enter(server.make(f"{tenant.path}/console-links", {})["url"])

    page = visitor.open(f"/console/t/{tenant.id}/runs/{run['id']}")
    main = page.get_by_role("main")
    expect(main).to_contain_text("xxxx")
    expect(main).to_contain_text("more characters")
    expect(main).to_contain_text("It was longer; no more of it is kept.")
    expect(page.locator("main b", has_text="xxxx")).to_have_count(0)
    assert_in_use(page)

    page = visitor.open(f"/console/t/{tenant.id}/events/{event_id}")
    expect(page.get_by_role("main")).to_contain_text("wwww")
    assert_in_use(page)
