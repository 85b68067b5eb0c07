"""`ringback doctor --audit` on PostgreSQL: the same answers as on SQLite, over events of several days."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from ringback.cli.exits import ExitCode
from ringback.cli.main import main
from ringback.model.ids import time_part
from ringback.setting import VARIABLE_PREFIX
from ringback.store.migrate import load_migrations
from ringback.store.postgres.address import Address
from ringback.store.postgres.database import prepare
from ringback.store.postgres.days import Days
from ringback.store.postgres.session import Session
from ringback.times import DAY_MS

COUNT: Final = 2_500
FIRST_DAY: Final = 20_000
START: Final = FIRST_DAY * DAY_MS
STEP_MS: Final = 2 * DAY_MS // COUNT

Run = Callable[..., tuple[int, list[dict[str, Any]]]]


def fill(url: str) -> None:
    """A tenant with so many events over two days, each delivered to one endpoint at the second try."""
    prepare(Address(url), load_migrations("postgres"), migrate=False)
    with Address(url).connect() as connection:
        session = Session(connection)
        for table in ("event", "attempt"):
            Days().make(session, table, [FIRST_DAY, FIRST_DAY + 1])
        session.change(
            "INSERT INTO tenant (id, name, profile, webhooks_enabled, retention_days, created_at, updated_at, revision)"
            " VALUES ('acme', 'Acme', 'standard', true, 30, 1, 1, 1)"
        )
        session.change(
            "INSERT INTO event (tenant_id, id, accepted_at, seq, type, hops, deliveries, data) SELECT 'acme', "
            "'evt_' || n, %(start)s + n * %(step)s, n, 'a', 0, 1, '{}' FROM generate_series(0, %(count)s - 1) AS n",
            {"start": START, "step": STEP_MS, "count": COUNT},
        )
        rows = [
            (f"att_{time_part(START + n * STEP_MS)}{n:08}{number}", f"evt_{n}", START + n * STEP_MS, outcome, number)
            for n in range(COUNT)
            for number, outcome in ((1, "failed"), (2, "succeeded"))
        ]
        ids, events, times, outcomes, numbers = (list(column) for column in zip(*rows, strict=True))
        session.change(
            "INSERT INTO attempt (tenant_id, id, endpoint_id, event_id, number, at, duration_ms, outcome, final, "
            "superseded, method, url, request_headers, body_head, body_tail, response_truncated, profile, "
            "maybe_repeated) SELECT 'acme', id, 'ep_1', event_id, number, at, 1, outcome, outcome = 'succeeded', "
            "false, 'POST', 'https://example.com', '', '', '', false, 'standard', false "
            "FROM unnest(%(ids)s::text[], %(events)s::text[], %(times)s::bigint[], %(outcomes)s::text[], "
            "%(numbers)s::bigint[]) AS t (id, event_id, at, outcome, number)",
            {"ids": ids, "events": events, "times": times, "outcomes": outcomes, "numbers": numbers},
        )


@pytest.fixture
def run(
    empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    fill(empty_database)
    for name in [name for name in os.environ if name.startswith(VARIABLE_PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RINGBACK_STORE", empty_database)

    def audit(ids: list[str], *flags: str, tenant: str = "acme") -> tuple[int, list[dict[str, Any]]]:
        (tmp_path / "ids").write_text("\n".join(ids))
        code = main(["doctor", "--audit", "ids", "--tenant", tenant, "--json", *flags])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return audit


def counts(ids: int, unknown: int = 0, missing: int = 0, unrecorded: int = 0) -> dict[str, Any]:
    return {"event": "audited", "ids": ids, "unknown": unknown, "missing": missing, "unrecorded": unrecorded}


def test_lost_missing_and_unrecorded_events_are_named(run: Run) -> None:
    ids = [f"evt_{n}" for n in range(COUNT)]
    assert run(ids) == (ExitCode.OK, [counts(COUNT)])
    assert run([*ids, "evt_lost"]) == (
        ExitCode.UNEXPECTED,
        [{"event": "unknown", "id": "evt_lost"}, counts(COUNT + 1, unknown=1)],
    )
    assert run(ids[::-1], "--received", "--endpoint", "ep_1") == (ExitCode.OK, [counts(COUNT)])
    assert run(ids[:-1], "--received") == (
        ExitCode.UNEXPECTED,
        [{"event": "missing", "id": ids[-1], "endpoint_id": "ep_1"}, counts(COUNT - 1, missing=1)],
    )
    assert run(ids[:1], "--received", "--endpoint", "ep_2") == (
        ExitCode.OK,
        [{"event": "unrecorded", "id": "evt_0"}, counts(1, unrecorded=1)],
    )


def test_only_its_span_is_looked_at_and_only_a_tenant_that_is_there(run: Run) -> None:
    second_day = "2024-10-05T00:00:00Z"
    ids = [f"evt_{n}" for n in range(COUNT // 2)]
    assert run(ids, "--received", "--until", second_day) == (ExitCode.OK, [counts(len(ids))])
    code, printed = run([], "--received", "--since", second_day)
    assert (code, printed[-1]) == (ExitCode.UNEXPECTED, counts(0, missing=COUNT // 2))
    assert run(ids, tenant="nobody") == (ExitCode.BAD_SETTING, [])


def test_a_database_without_the_schema_has_nothing_to_compare_with(
    empty_database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ids").write_text("evt_1")
    flags = ["--audit", str(tmp_path / "ids"), "--tenant", "acme", "--store", empty_database]
    assert main(["doctor", *flags]) == ExitCode.STORE_CORRUPT
    assert "is empty" in capsys.readouterr().err
    prepare(Address(empty_database), load_migrations("postgres")[:-1], migrate=False)
    assert main(["doctor", *flags]) == ExitCode.STORE_OLDER
