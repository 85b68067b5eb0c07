"""The commands of docs/tracked-sets.md, run for real and in their order."""

from pathlib import Path

from support.inbox import Inbox
from support.pages import Page
from support.process import ADMIN_KEY, Server
from support.tenant import TestTenant


def test_tracked_sets(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "admin.key").write_text(ADMIN_KEY)
    with Inbox() as inbox, Server(tmp_path / "server", "--allow-private") as server:
        tenant = TestTenant(server, "demo")
        said = {"http://127.0.0.1:8080": server.url, "https://example.com/hooks": inbox.url()}
        page = Page("docs/tracked-sets.md", tmp_path, said)

        printed = page.run().splitlines()
        assert printed[:2] == ["customer-data is made. It has no members yet.", "2 added; customer-data has 2 members."]
        assert "tracked set  customer-data, 2 members" in printed
        assert inbox.wait_for(1)[0].event_id == printed[-1]

        assert page.run().splitlines() == [
            "customer-data: 2 ids read, 1 added, 1 removed; it has 2 members.",
            "id",
            "25578642",
            "31415926",
        ]
        for subject, deliveries in (("31415926", 1), ("18762590", 0)):
            event = {"type": "company.updated", "data": {}, "subject": {"type": "company", "id": subject}}
            assert server.make(f"{tenant.path}/events", event)["deliveries"] == deliveries
    page.end()
