"""Makes a stopped Ringback's database large: endpoints and tenants by the thousand, deliveries by the million.

Rows are made after one that the API made, with plain SQL, since a million requests would take longer than what is to be
measured. Only configuration and waiting work are made, no log; secrets are as an older version left them, not sealed.
The server must not be running.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

SECRET = "whsec_" + "QUJD" * 8
DATA = b'{"note":"' + b"y" * 100 + b'"}'
ROWS_AT_A_TIME = 20_000


@contextmanager
def opened(data: Path) -> Iterator[apsw.Connection]:
    """The database of a data directory; what the block writes is committed at its end, all or nothing."""
    connection = apsw.Connection(str(data / "ringback.db"))
    connection.pragma("synchronous", "off")
    try:
        with connection:
            yield connection
            _forget_changes(connection)
        connection.pragma("wal_checkpoint", "truncate")
    finally:
        connection.close()


def add_tenants(connection: apsw.Connection, names: Sequence[str]) -> None:
    """Tenants without anything."""
    now = _now_ms()
    connection.executemany(
        "INSERT INTO tenant (id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision) "
        "VALUES (?, ?, 'standard', 1, 30, ?, ?, 1)",
        [(name, name, now, now) for name in names],
    )


def copy_endpoint(
    connection: apsw.Connection,
    endpoint_id: str,
    copies: Sequence[tuple[str, str]],
    *,
    sent_to: bool = True,
    **changes: Any,
) -> None:
    """Copies of an endpoint, (tenant, id) each, with some fields changed. `{}` in a text becomes the copy's id.

    Those that are never `sent_to` get no secret: a hundred thousand to be sealed would keep the server busy meanwhile.
    """
    ((config,),) = connection.execute("SELECT config FROM endpoint WHERE id = ?", (endpoint_id,)).fetchall()
    text = json.dumps(json.loads(config) | changes)
    now = _now_ms()
    for tenant, name in copies:
        own = json.loads(text.replace("{}", name)) | {"id": name, "tenant_id": tenant}
        connection.execute(
            "INSERT INTO endpoint (id, tenant_id, label, url, status, ordering, revision, config) "
            "VALUES (?, ?, '', ?, 'active', ?, 1, ?)",
            (name, tenant, own["url"], own["ordering"], json.dumps(own).encode()),
        )
        connection.execute(
            "INSERT INTO lane (endpoint_id, tenant_id, not_before, health) VALUES (?, ?, 0, x'')",
            (name, tenant),
        )
        if not sent_to:
            continue
        connection.execute(
            "INSERT INTO secret (id, tenant_id, endpoint_id, value, created_at) VALUES (?, ?, ?, ?, ?)",
            (f"sec_{name}", tenant, name, SECRET, now),
        )


def _forget_changes(connection: apsw.Connection) -> None:
    """Leave the log of changes as its trimming would, with its latest line: whoever follows loads everything."""
    connection.execute("INSERT INTO change (kind, tenant_id, id) VALUES ('tenant', '', '')")
    connection.execute("DELETE FROM change WHERE version < (SELECT max(version) FROM change)")


def add_waiting(connection: apsw.Connection, tenant: str, endpoint_ids: Sequence[str], events: int) -> None:
    """So many events, each waiting for all of these endpoints, their bells ringing."""
    now = _now_ms()
    for start in range(0, events, ROWS_AT_A_TIME):
        ids = [f"evt_seed_{number}" for number in range(start, min(start + ROWS_AT_A_TIME, events))]
        connection.executemany(
            "INSERT INTO event (tenant_id, id, type, accepted_at, hops, deliveries, data) VALUES (?, ?, ?, ?, 0, ?, ?)",
            [(tenant, name, "seeded.waiting", now, len(endpoint_ids), DATA) for name in ids],
        )
        connection.executemany(
            "INSERT INTO delivery (tenant_id, endpoint_id, event_id, due_at, deferred) VALUES (?, ?, ?, ?, 0)",
            [(tenant, endpoint, name, now) for name in ids for endpoint in endpoint_ids],
        )
    connection.executemany("UPDATE lane SET due_at = ? WHERE endpoint_id = ?", [(now, name) for name in endpoint_ids])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
