"""The pictures of docs/console.md, taken of a real server with something to see. `make pictures` writes them anew.

Beside them, in pages.txt, stands what can be read on each, line by line, without what differs from one time to the
next, and a mark of the style sheet: pages that are otherwise by now need new pictures.
"""

import hashlib
import math
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from support.browser import Visitor
from support.inbox import Inbox, Received, Reply
from support.process import ADMIN_KEY, Server, free_port, wait_until
from support.tenant import TestTenant

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "console"
TEXTS = "pages.txt"
OVERVIEW = "/console/operator"
CHARTED_S = 75
STYLE = ROOT / "src" / "ringback" / "console" / "static" / "console.css"
# Dates, signatures, ids and whatever else has a digit in it.
VARIES = re.compile(r"\b[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} |v1,\S+|[\w:.@-]*\d[\w:.@-]*")
# Rates and charts come with the time that a server has run, and bars are where time went.
DRAWN = "svg, .tiles, .over-time"
PAGE = ROOT / "docs" / "console.md"
BYTES_MAX = 400_000
HOW = {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}}


def answer(received: Received) -> Reply:
    """The CRM's table is locked; everybody else is well."""
    if received.path == "/crm":
        body = b'{"error": "lock timeout", "table": "leads", "hint": "try again later"}'
        return Reply(503, (("Content-Type", "application/json"), ("Server", "crm/4.2")), body)
    return Reply(200, (("Content-Type", "text/plain"),))


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestTenant]:
    """A tenant with four webhooks, a fortnight of figures, and an event that one of them doesn't take."""
    folder = tmp_path_factory.mktemp("pictures")
    port = free_port()
    flags = ("--allow-private", "--bins", "--public-url", f"http://127.0.0.1:{port}")
    with Inbox(answer) as inbox:
        with Server(folder / "data", *flags, port=port) as server:
            tenant = TestTenant(server, "acme")
            for name, about in (("contact.updated", "A contact changed."), ("order.paid", "An order was paid.")):
                server.ask("PUT", f"/v1/event-types/{name}", {"name": name, "description": about})
            never = {"retry": {"delays_s": [600]}}
            made = [
                tenant.endpoint(inbox.url("/crm"), label="CRM", event_types=["contact.*"], **never),
                tenant.endpoint(inbox.url("/newsletter"), label="Newsletter", event_types=["contact.updated"]),
                tenant.endpoint(inbox.url("/warehouse"), label="Data warehouse"),
                tenant.endpoint(inbox.url("/slack"), label="Sales channel", filter="data.total > 1000", active=False),
            ]
        _add_history(folder / "data" / "ringback.db", [one["id"] for one in made])
        with server:
            for number in range(12):
                tenant.send("order.paid", {"order": f"o-{1000 + number}", "total": 40 + 13 * number})
            event_id = tenant.send(
                "contact.updated", {"id": "c-77", "name": "Ada Lovelace", "company": "Analytical Engines"}
            )
            done = {"delivered", "pending"}
            tenant.wait_until_attempts(15)
            assert {one["state"] for one in tenant.deliveries(event_id)} == done
            yield tenant


def _add_history(database: Path, endpoint_ids: list[str]) -> None:
    today = datetime.now(UTC).date()
    rows = [
        ("acme", endpoint_id, str(today - timedelta(days=back)), 180 + back * 7 % 60 * (place + 1), failed)
        for place, endpoint_id in enumerate(endpoint_ids[:3])
        for back in range(1, 14)
        for failed in [0 if place else 12 * (back == 1) + 3 * (back % 5 == 0)]
    ]
    connection = sqlite3.connect(database)
    with connection:
        connection.executemany("INSERT INTO endpoint_day VALUES (?, ?, ?, ?, ?)", rows)
    connection.close()


def test_the_pages_picture_what_is_there(
    browser: Browser, acme: TestTenant, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    given = pytestconfig.getoption("--pictures")
    folder = FOLDER if given else tmp_path
    visitor = Visitor(browser, acme.server.url, **HOW)
    visitor.sign_in_with_key(ADMIN_KEY)
    newest = {one["endpoint_id"]: one for one in acme.attempts()}
    failed = next(one for one in newest.values() if one["outcome"] == "failed")
    missed = next(one for one in acme.attempts() if one["event_type"] == "order.paid")
    pages = {
        "webhooks": "",
        "webhook-form": f"/webhooks/{failed['endpoint_id']}/edit",
        "runs": "/runs",
        "run": f"/runs/{failed['id']}",
        "event": f"/events/{missed['event_id']}",
    }
    addresses = {name: f"/console/t/acme{path}" for name, path in pages.items()} | {"overview": OVERVIEW}
    texts = [f"style {hashlib.sha256(STYLE.read_bytes()).hexdigest()[:16]}"]
    for name, address in addresses.items():
        page = visitor.open(address)
        if name == "overview":
            wait_until(lambda: "CRM" in visitor.open(OVERVIEW).inner_text("main"), 30, "who is in trouble is seen")
        if given and name == "overview":
            _draw_charts(acme)
            visitor.open(address)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}.png", full_page=name == "overview")
        texts += ["", f"# {name}", *_lines(page)]
    visitor.close()
    (folder / TEXTS).write_text("\n".join([*texts, ""]), "utf-8")

    assert set(re.findall(r"\(console/([\w-]+)\.png\)", PAGE.read_text("utf-8"))) == set(addresses)
    kept = {path.stem: path.stat().st_size for path in FOLDER.glob("*.png")}
    assert set(kept) == set(addresses)
    assert max(kept.values()) < BYTES_MAX
    shown, pictured = ((one / TEXTS).read_text("utf-8").splitlines() for one in (folder, FOLDER))
    assert shown == pictured, "the pages are otherwise than in the pictures: `make pictures` takes them anew"


def _draw_charts(acme: TestTenant) -> None:
    """A minute of events, more and less of them, for the charts to have a shape."""
    done, began_s = threading.Event(), time.monotonic()
    while (passed_s := time.monotonic() - began_s) < CHARTED_S:
        acme.send("order.paid", {"order": "o-2000", "total": 99})
        done.wait(0.05 + 0.15 * (1 + math.sin(passed_s / 8)))


def _lines(page: Page) -> list[str]:
    """What can be read on a page, each line once and in the order of the alphabet: rows come in any order."""
    page.evaluate(f"document.querySelectorAll('{DRAWN}').forEach(part => part.remove())")
    text = page.locator("body").inner_text()
    return sorted({VARIES.sub("…", line).strip() for line in text.splitlines() if line.strip()})
