"""A database as version 0.1.0 left it: migration 0001 alone, its secrets in clear, and a file that can't shrink."""

import json
import time
from pathlib import Path
from typing import Final

import apsw

from ringback.store.migrate import load_migrations
from ringback.store.sqlite.file import SqliteLedger

SECRET: Final = "whsec_" + "c2VjcmV0LW9mLWFuLW9sZC1zdG9yZS0x"
TENANTS_SECRET: Final = "tenants-own-secret-in-clear"
PASSWORD: Final = "old-passw0rd-in-clear"
IN_CLEAR: Final = (SECRET.removeprefix("whsec_"), TENANTS_SECRET, PASSWORD)


def make_old_store(path: Path, endpoint_url: str = "https://old.example/hook", *, pending: int = 3) -> None:
    """A tenant `old` with an endpoint `ep_old` that wants a password, and `pending` events on their way to it."""
    connection = apsw.Connection(str(path))
    SqliteLedger(connection, path).apply(load_migrations("sqlite")[:1])
    connection.pragma("journal_mode", "wal")
    config = {
        "id": "ep_old", "tenant_id": "old", "label": "Old", "url": endpoint_url, "query": "", "event_types": ["*"],
        "channels": None, "filter": None, "profile": "standard", "signature": "v1", "status": "active",
        "disable_code": None, "disable_message": None,
        "auth": {"type": "basic", "username": "ada", "password": PASSWORD, "value": "", "headers": []},
        "headers": [], "rate_per_second": None, "max_in_flight": None, "ordering": "none", "retry": None,
        "timeout_s": 20.0, "created_at": 1, "updated_at": 1, "revision": 1,
    }  # fmt: skip
    with connection:
        connection.execute("INSERT INTO tenant VALUES ('old', 'Old', 'standard', 1, 30, 1, 1, 1, NULL)")
        connection.execute(
            "INSERT INTO endpoint VALUES ('ep_old', 'old', 'Old', ?, 'active', 'none', 1, NULL, ?)",
            (endpoint_url, json.dumps(config).encode()),
        )
        connection.execute("INSERT INTO secret VALUES ('sec_t', 'old', NULL, ?, 1, NULL)", (TENANTS_SECRET,))
        connection.execute("INSERT INTO secret VALUES ('sec_e', 'old', 'ep_old', ?, 1, NULL)", (SECRET,))
        # What was once there and is removed stays in the file until it is written anew.
        connection.execute("INSERT INTO secret VALUES ('sec_x', 'old', 'ep_old', ?, 1, 2)", (SECRET,))
        connection.execute("DELETE FROM secret WHERE id = 'sec_x'")
        connection.execute("INSERT INTO lane VALUES ('ep_old', 'old', 1, 0, NULL, x'', 0)")
        now_ms = time.time_ns() // 1_000_000  # what is older than its retention would go
        for number in range(pending):
            connection.execute(
                "INSERT INTO event (tenant_id, id, type, accepted_at, hops, deliveries, data) "
                "VALUES ('old', ?, 'thing.happened', ?, 0, 1, ?)",
                (f"evt_{number}", now_ms, b'{"n":%d}' % number),
            )
            connection.execute(
                "INSERT INTO delivery (tenant_id, endpoint_id, event_id, due_at, deferred) "
                "VALUES ('old', 'ep_old', ?, ?, 0)",
                (f"evt_{number}", now_ms),
            )
    connection.close()
