"""What an operator sees of a real server: counts that add up, why deliveries waited, whether it is ready."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ringback.observe.families import FAMILIES, HISTOGRAM, PROCESS, SENDER_PREFIX
from support.exposition import Metrics, scrape
from support.inbox import Inbox, Reply
from support.process import Answer, Server, wait_until
from support.tenant import TestTenant

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With few slots, so that they run out; without a collector, passing on the traces of callers."""
    environment = {
        "RINGBACK_IN_FLIGHT_MAX": "2",
        "RINGBACK_LOG_FORMAT": "json",
        "RINGBACK_LOG_ATTEMPTS": "yes",
        "RINGBACK_PROPAGATE_TRACE": "yes",
    }
    folder: Path = tmp_path_factory.mktemp("watched")
    with Server(folder / "data", "--allow-private", environment=environment) as running:
        yield running


def grown(before: Metrics, after: Metrics, name: str, **labels: str) -> float:
    return after(name, **labels) - before(name, **labels)


def lines_of(server: Server, event_ids: list[str]) -> list[dict[str, Any]]:
    """The wide records of these events."""
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "attempt" and line["event_id"] in event_ids]


def test_counts_follow_events_from_the_request_to_the_end(tenant: TestTenant, inbox: Inbox, server: Server) -> None:
    answers = iter([500, 500, 500])
    inbox.reply = lambda received: Reply(next(answers, 200) if received.path == "/failing" else 200)
    tenant.endpoint(inbox.url("/failing"), event_types=["fails"], retry={"delays_s": [0.05, 0.05]})
    tenant.endpoint(inbox.url("/well"), event_types=["fails", "works"])
    events = f"{tenant.path}/events"
    before = scrape(server)

    failed = tenant.send("fails", id="e-1")
    tenant.send("fails", id="e-1")
    batch = {"events": [{"type": "works", "data": n} for n in range(3)]}
    server.make(f"{events}/batch", batch)
    lines = b'{"type":"works","data":1}\n{"type":"works","data":2}\n'
    headers = {"Content-Type": "application/x-ndjson"}
    server.ask("POST", f"{events}/batch", lines, headers=headers)
    assert server.ask("POST", events, b"{").status == 400
    assert server.ask("POST", events, {"type": "works", "data": 1}, key="x" * 30).status == 401
    wait_until(
        lambda: {delivery["state"] for delivery in tenant.deliveries(failed)} == {"failed", "delivered"},
        15,
        "all ended",
    )
    inbox.wait_for(6, "/well")
    wait_until(lambda: len(tenant.attempts()) == 9, 10, "all attempts are recorded")

    after = wait_until(
        lambda: (now := scrape(server)) and grown(before, now, "ringback_commit_rows_sum", part="settle") == 9 and now,
        10,
        "all are counted",
    )
    for form, count in (("single", 1), ("array", 3), ("ndjson", 2)):
        assert grown(before, after, "ringback_events_accepted_total", form=form) == count
    assert grown(before, after, "ringback_events_repeated_total") == 1
    assert grown(before, after, "ringback_deliveries_created_total") == 7
    assert grown(before, after, "ringback_event_requests_refused_total", code="malformed") == 1
    assert grown(before, after, "ringback_event_requests_refused_total", code="no_key") == 1
    assert grown(before, after, "ringback_event_request_seconds_count", outcome="accepted") == 4
    assert grown(before, after, "ringback_event_request_seconds_count", outcome="refused") == 2
    assert grown(before, after, "ringback_commit_rows_sum", part="ingest") == 6
    bad = {"outcome": "failed", "status": "5xx", "error": "bad_status"}
    assert grown(before, after, "ringback_attempts_total", **bad) == 3
    assert grown(before, after, "ringback_attempts_total", outcome="succeeded", status="2xx", error="none") == 6
    assert grown(before, after, "ringback_deliveries_ended_total", state="failed") == 1
    assert grown(before, after, "ringback_deliveries_ended_total", state="delivered") == 6
    assert grown(before, after, "ringback_deliveries_retried_total") == 2
    assert grown(before, after, "ringback_attempt_seconds_count", outcome="failed") == 3
    lag = sum(grown(before, after, "ringback_delivery_lag_seconds_count", held_by=reason) for reason in reasons(after))
    assert lag == 9


def first_tries(server: Server, event_ids: list[str]) -> list[dict[str, Any]]:
    """Without what is tried again: that is due later, and waits for other things."""
    return [line for line in lines_of(server, event_ids) if line["number"] == 1]


def reasons(metrics: Metrics) -> set[str]:
    name = "ringback_delivery_lag_seconds_count{held_by="
    return {key.removeprefix(name).removesuffix("}") for key in metrics.samples if key.startswith(name)}


@pytest.mark.parametrize(
    ("reason", "fields", "reply"),
    [
        ("window", {"max_in_flight": 1}, Reply(delay_s=0.1)),
        ("slots", {"max_in_flight": 50}, Reply(delay_s=0.1)),
        ("rate", {"rate_per_second": 10}, Reply()),
        ("order", {"ordering": "strict"}, Reply(delay_s=0.1)),
        ("paused", {"max_in_flight": 1}, Reply(429, (("Retry-After", "1"),))),
    ],
)
def test_what_a_delivery_waited_for(
    tenant: TestTenant, inbox: Inbox, server: Server, reason: str, fields: dict[str, Any], reply: Reply
) -> None:
    tenant.endpoint(inbox.url(), **fields)
    tenant.wait_state(tenant.send(), "delivered")  # the first request of all goes alone
    inbox.received.clear()
    inbox.reply = lambda received: reply if reply.status == 200 or len(inbox.received) == 1 else Reply()
    body = {"events": [{"type": "thing.happened", "data": n} for n in range(8)]}

    accepted = server.make(f"{tenant.path}/events/batch", body)["accepted"]

    inbox.wait_for(8)
    ids = [event["id"] for event in accepted]
    lines = wait_until(lambda: len(found := first_tries(server, ids)) >= 8 and found, 10, "all are in the log")
    lines.sort(key=lambda line: line["lag_ms"])
    assert [line["held_by"] for line in lines[-3:]] == [reason] * 3
    assert {line["held_by"] for line in lines} <= {reason, "none", "unclaimed"}  # the first may wait for its lane
    assert scrape(server)("ringback_delivery_lag_seconds_count", held_by=reason) >= 3


def test_a_callers_trace_is_passed_on_and_logged_without_a_collector(
    tenant: TestTenant, inbox: Inbox, server: Server
) -> None:
    tenant.endpoint(inbox.url())
    headers = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
    body = {"type": "thing.happened", "data": 1}
    answer = server.ask("POST", f"{tenant.path}/events", body, headers=headers)

    (received,) = inbox.wait_for(1)

    (line,) = wait_until(lambda: lines_of(server, [answer.json["id"]]), 10, "it is in the log")
    assert line["trace_id"] == TRACE_ID
    assert (received.header("traceparent") or "").startswith(f"00-{TRACE_ID}-")


def test_an_endpoint_that_is_given_up_is_counted(tenant: TestTenant, inbox: Inbox, server: Server) -> None:
    before = scrape(server)("ringback_endpoints_disabled_total", code="gone")
    inbox.reply = lambda received: Reply(410)
    tenant.endpoint(inbox.url())

    tenant.send()

    wait_until(
        lambda: scrape(server)("ringback_endpoints_disabled_total", code="gone") == before + 1, 10, "it is counted"
    )


def test_every_family_is_there_with_its_labels_and_no_other(server: Server) -> None:
    found = scrape(server)
    ours = {family.name: family for family in FAMILIES}
    process = {name for name, _, _ in PROCESS}
    assert found.kinds.keys() == ours.keys() | process | {f"{SENDER_PREFIX}_{name}" for name in process}
    for name, family in ours.items():
        assert found.kinds[name] == family.kind
        assert found.labels[name] <= set(family.label_names), name
        if family.kind == HISTOGRAM:
            assert any(key.startswith(f"{name}_bucket{{") and "le=+Inf" in key for key in found.samples), name
    assert found("ringback_in_flight_max") == 2
    assert found("ringback_disk_free_bytes") > found("ringback_disk_free_bytes_min") > 0
    assert found("ringback_store_bytes") > 0
    assert found("ringback_info", version="0.1.0", role="all") == 1


def test_another_format_is_given_to_who_asks_for_it(server: Server) -> None:
    answer = server.ask("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.body.endswith(b"# EOF\n")


def test_a_process_that_only_sends_is_not_ready_and_says_why(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--role", "engine").start(wait=False)
    try:
        answer = wait_until(lambda: answered(server), 30, "it answers")
        assert (answer.status, answer.json["code"]) == (503, "not_accepting")
        assert answer.json["obstacles"] == ["This process only sends (role engine)."]
        assert server.ask("GET", "/healthz").status == 200
        assert scrape(server)("ringback_info", version="0.1.0", role="engine") == 1
    finally:
        server.stop()


def answered(server: Server) -> Answer | None:
    try:
        return server.ask("GET", "/readyz")
    except OSError:
        return None
