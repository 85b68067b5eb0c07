"""Makes a stopped Ringback's database large: endpoints and tenants by the thousand, deliveries by the million.

Rows are made after one that the API made, with plain SQL, since a million requests would take longer than what is to be
measured. Configuration, waiting work and events past their time are made, no log; secrets are as an older version left
them, not sealed: the next start seals them, see `size.settle_in`. The server must not be running.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

SECRET = "whsec_" + "QUJD" * 8
DATA = b'{"note":"' + b"y" * 100 + b'"}'
# What the large ones of waiting events carry, in turn: 2 kB on average.
LARGE = [b'{"note":"' + b"y" * length + b'"}' for length in (500, 1_000, 2_000, 4_500)]
PREFIX = "evt_seed_"
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
    """Tenants, each with its own secret and an ingest key (`key_of` its name)."""
    now = _now_ms()
    connection.executemany(
        "INSERT INTO tenant (id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision) "
        "VALUES (?, ?, 'standard', 1, 30, ?, ?, 1)",
        [(name, name, now, now) for name in names],
    )
    connection.executemany(
        "INSERT INTO secret (id, tenant_id, endpoint_id, value, created_at) VALUES (?, ?, NULL, ?, ?)",
        [(f"sec_of_{name}", name, SECRET, now) for name in names],
    )
    connection.executemany(
        "INSERT INTO api_key (id, scope, tenant_id, label, hash, created_at) VALUES (?, 'ingest', ?, 'seeded', ?, ?)",
        [(f"key_{name}", name, hashlib.sha256(key_of(name).encode()).digest(), now) for name in names],
    )


def key_of(tenant: str) -> str:
    """The ingest key of a tenant that was seeded."""
    return f"rb_ingest_seeded_{tenant}"


def copy_endpoint(
    connection: apsw.Connection,
    endpoint_id: str,
    copies: Sequence[tuple[str, str]],
    **changes: Any,
) -> None:
    """Copies of an endpoint, (tenant, id) each, with some fields changed, and with a secret and a lane of their own.

    `{}` in a text becomes the copy's id.
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
        connection.execute(
            "INSERT INTO secret (id, tenant_id, endpoint_id, value, created_at) VALUES (?, ?, ?, ?, ?)",
            (f"sec_{name}", tenant, name, SECRET, now),
        )


def _forget_changes(connection: apsw.Connection) -> None:
    """Leave the log of changes as its trimming would, with its latest line: whoever follows loads everything."""
    connection.execute("INSERT INTO change (kind, tenant_id, id) VALUES ('tenant', '', '')")
    connection.execute("DELETE FROM change WHERE version < (SELECT max(version) FROM change)")


def add_waiting(
    connection: apsw.Connection, tenant: str, endpoint_ids: Sequence[str], events: int, large: int = 0
) -> None:
    """So many events, each waiting for all of these endpoints, their bells ringing. The first `large` are `LARGE`."""
    now = _now_ms()
    for start in range(0, events, ROWS_AT_A_TIME):
        numbers = range(start, min(start + ROWS_AT_A_TIME, events))
        data = [LARGE[number % len(LARGE)] if number < large else DATA for number in numbers]
        _add_events(connection, tenant, "seeded.waiting", numbers, now, len(endpoint_ids), data)
        connection.executemany(
            "INSERT INTO delivery (tenant_id, endpoint_id, event_id, due_at, deferred) VALUES (?, ?, ?, ?, 0)",
            [(tenant, endpoint, _event_id(number), now) for number in numbers for endpoint in endpoint_ids],
        )
    connection.executemany("UPDATE lane SET due_at = ? WHERE endpoint_id = ?", [(now, name) for name in endpoint_ids])


def add_old(connection: apsw.Connection, tenant: str, events: int, days: int) -> None:
    """So many events of 1 kB that were accepted so many days ago, for nobody."""
    then = _now_ms() - days * 86_400_000
    for start in range(0, events, ROWS_AT_A_TIME):
        numbers = range(start, min(start + ROWS_AT_A_TIME, events))
        _add_events(connection, tenant, "seeded.old", numbers, then, 0, [LARGE[1]] * len(numbers))


def _add_events(
    connection: apsw.Connection, tenant: str, kind: str, numbers: range, at: int, deliveries: int, data: list[bytes]
) -> None:
    connection.executemany(
        "INSERT INTO event (tenant_id, id, type, accepted_at, hops, deliveries, data) VALUES (?, ?, ?, ?, 0, ?, ?)",
        [(tenant, _event_id(n), kind, at, deliveries, one) for n, one in zip(numbers, data, strict=True)],
    )


def seeded_number(event_id: str) -> int | None:
    """Which one of the seeded events this is, counted from 0; None if it is none of them."""
    return int(event_id.removeprefix(PREFIX)) if event_id.startswith(PREFIX) else None


def _event_id(number: int) -> str:
    return f"{PREFIX}{number}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
