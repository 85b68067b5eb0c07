"""The pictures of docs/console.md, taken of a real server with something to see. `make pictures` writes them anew."""

import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from support.browser import Visitor
from support.inbox import Inbox, Received, Reply
from support.process import ADMIN_KEY, Server, free_port
from support.tenant import TestTenant

ROOT = Path(__file__).parents[2]
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
    folder = ROOT / "docs" / "console" if given else tmp_path
    visitor = Visitor(browser, acme.server.url, **HOW)
    visitor.sign_in_with_key(ADMIN_KEY)
    base = "/console/t/acme"
    newest = {one["endpoint_id"]: one for one in acme.attempts()}
    failed = next(one for one in newest.values() if one["outcome"] == "failed")
    missed = next(one for one in acme.attempts() if one["event_type"] == "order.paid")
    taken = {
        "webhooks": _picture(visitor.open(base), folder / "webhooks.png"),
        "webhook-form": _picture(
            visitor.open(f"{base}/webhooks/{failed['endpoint_id']}/edit"), folder / "webhook-form.png"
        ),
        "runs": _picture(visitor.open(f"{base}/runs"), folder / "runs.png"),
        "run": _picture(visitor.open(f"{base}/runs/{failed['id']}"), folder / "run.png"),
        "event": _picture(visitor.open(f"{base}/events/{missed['event_id']}"), folder / "event.png"),
        "overview": _picture(visitor.open("/console/operator"), folder / "overview.png"),
    }
    visitor.close()
    assert set(re.findall(r"\(console/([\w-]+)\.png\)", PAGE.read_text("utf-8"))) == set(taken)
    kept = {path.stem: path.stat().st_size for path in (ROOT / "docs" / "console").glob("*.png")}
    assert set(kept) == set(taken)
    assert max(kept.values()) < BYTES_MAX


def _picture(page: Page, file: Path) -> Path:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)
    return file
