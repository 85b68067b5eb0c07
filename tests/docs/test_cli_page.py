"""The examples of docs/cli.md, run for real: the very commands, against a server with something in it."""

import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

from support.inbox import Inbox
from support.pages import Page
from support.process import ADMIN_KEY, Server, free_port, wait_until
from support.tenant import TestTenant

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_pages_commands(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "admin.key").write_text(ADMIN_KEY)
    port = free_port()
    said = {"listen --json": f"listen --json --port {port}", "whsec_…": SECRET}
    page = Page("docs/cli.md", tmp_path, said)
    with Inbox() as inbox, Server(tmp_path / "server", "--allow-private") as server:
        tenant = TestTenant(server, "demo")
        endpoint = tenant.endpoint(inbox.url(), label="CRM")["id"]
        event = tenant.send("contact.created", {"name": "Ada"})
        tenant.wait_state(event, "delivered")
        page.said |= {"http://127.0.0.1:8080": server.url, "EVENT": event, "ENDPOINT": endpoint}

        assert page.run() == ""
        printed = page.run()
        assert printed.count(event) == 2, "in the list and on its page"
        assert re.search(
            rf"It was meant for 1 endpoint:\n  {endpoint}  CRM\n    delivered at .* after 1 try\.", printed
        )

        assert json.loads(page.run())["id"] == event

        with ThreadPoolExecutor(1) as beside:
            running = beside.submit(page.run)
            wait_until(lambda: running.done() or _post(port), 30, "the receiver listens")
            assert running.result().startswith("✓ valid\n  Event evt_1, sent ")

        assert "done: 0 of 0 events queued" in page.run(), "nothing failed"

        page.said["--data data --tenant acme"] = "--data server --tenant demo"
        (tmp_path / "accepted.txt").write_text(f"{event}\nevt_lost\n")
        assert page.run(codes=(1,)).splitlines() == [
            "evt_lost  the store doesn't know it",
            "2 ids read: 1 the store doesn't know.",
        ]
    page.end()


def _post(port: int) -> bool:
    """Send what the receiver waits for, signed by the reference implementation."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        now = datetime.now(UTC)
        signature = Webhook(SECRET).sign("evt_1", now, "{}")
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        connection.request("POST", "/", b"{}", headers)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
