"""Every page, in a real browser: nothing to complain about in light or dark, wide or on a phone; accessible (axe).

Which pages there are is the console's own table; what varies in their addresses is made first.
"""

import time
from typing import Any

import pytest
from playwright.sync_api import Browser

from ringback.console.app import PAGES
from ringback.console.routing import Need, PageRoute
from ringback.times import rfc3339
from support.browser import Visitor, press
from support.inbox import Inbox, Reply
from support.process import ADMIN_KEY, Server
from support.tenant import TestTenant

EVIL = "\x1b[31m\u202e<script>alert(1)</script></pre>" + "w" * 300
HOW: list[dict[str, Any]] = [
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
]
SHOWN = [page for page in PAGES if page.method == "GET" and "{token}" not in page.path]


@pytest.fixture(scope="module")
def places(server: Server) -> dict[str, str]:
    """What varies in addresses → something that is there."""
    tenant = TestTenant(server, "everything")
    with Inbox() as inbox:
        inbox.reply = lambda _: Reply(500, (("X-Evil", "<b>x</b>"),), EVIL.encode() + b"\xff\xfe" + b"z" * 20_000)
        failing = tenant.endpoint(inbox.url("/failing"), label="Fails " + "long" * 20, retry={"delays_s": [0.05]})
        tenant.endpoint(inbox.url("/idle"), label="<b>Switched off</b>", active=False)
        server.make("/v1/tenants/everything/keys", {"scope": "tenant", "label": "For the CRM"})
        event_id = tenant.send("contact.updated", {"note": EVIL, "nested": {"list": [1, 2, 3]}})
        tenant.wait_state(event_id, "failed")
    tenant.track("customers", "c-1", "c-2")
    put = server.ask("PUT", f"{tenant.path}/records/lead/l-1", {"data": {"score": 10}})
    assert put.status in (200, 201), put.body
    made = server.make(
        f"{tenant.path}/triggers", {"name": "Hot", "record_type": "lead", "when": "true", "emits": "lead.hot"}
    )
    kind = server.ask("PUT", "/v1/event-types/contact.updated", {"name": "contact.updated", "description": "Changed."})
    assert kind.status in (200, 201), kind.body
    operator = server.make("/v1/operators", {"name": "ada", "password": "correct horse battery"})
    since = rfc3339(time.time_ns() // 1_000_000 - 3_600_000)
    job = server.make(f"{tenant.path}/endpoints/{failing['id']}/replay", {"since": since, "which": "failed"})
    return {
        "tenant": tenant.id, "endpoint": failing["id"], "run": tenant.attempts()[0]["id"], "event": event_id,
        "job": job["id"], "trigger": made["id"], "set": "customers", "type": "contact.updated",
        "operator": operator["id"], "profile": "standard", "tenant_id": tenant.id, "bin": "",
    }  # fmt: skip


@pytest.mark.parametrize("how", HOW, ids=["light", "dark phone"])
def test_has_nothing_to_complain_about(
    browser: Browser, server: Server, places: dict[str, str], how: dict[str, Any]
) -> None:
    visitor = Visitor(browser, server.url, **how)
    visitor.open("/console")
    visitor.check_accessibility()
    visitor.sign_in_with_key(ADMIN_KEY)
    if not places["bin"]:
        visitor.open("/console/bins")
        visitor.page.get_by_label("Label").fill("Try")
        press(visitor.page, "Make a bin")
        places["bin"] = visitor.page.url.rpartition("/")[2]
    seen = 0
    for page in SHOWN:
        if page.need is Need.NOTHING:
            continue
        visitor.open(_address(page, places))
        visitor.check_accessibility()
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        visitor.complaints += [f"{page.path} is {wide} px too wide"] if wide > 0 else []
        assert visitor.page.evaluate("document.querySelectorAll('h1').length") == 1
        seen += 1
    assert seen > 30
    visitor.close()


def _address(page: PageRoute, places: dict[str, str]) -> str:
    steps = [places[step[1:-1]] if step.startswith("{") else step for step in page.path.split("/")]
    assert all(steps[1:]), (page.path, steps)
    return "/console" + "/".join(steps)
