"""Traces from the caller over Ringback to the receiver, through a real server and the real OTLP exporter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringback.model.trace import span_of_attempt
from support.collector import Collector
from support.inbox import Inbox, Reply
from support.process import Answer, Server, wait_until
from support.tenant import TestTenant

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{CALLER_SPAN}-01"
NOT_SAMPLED = "00-1bf7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {
        "RINGBACK_OTLP_URL": collector.url.removesuffix("/v1/traces"),
        "RINGBACK_PROPAGATE_TRACE": "yes",
        "RINGBACK_TRACE_SHARE": "0",
        "RINGBACK_LOG_FORMAT": "json",
        "RINGBACK_LOG_ATTEMPTS": "yes",
    }
    folder = tmp_path_factory.mktemp("traced")
    with Server(folder / "data", "--allow-private", environment=environment) as running:
        yield running


def post(tenant: TestTenant, traceparent: str, **fields: object) -> Answer:
    body = {"type": "thing.happened", "data": 1, **fields}
    headers = {"traceparent": traceparent, "tracestate": "vendor=1"}
    return tenant.server.ask("POST", f"{tenant.path}/events", body, headers=headers)


def test_one_trace_from_the_caller_to_the_receiver(tenant: TestTenant, inbox: Inbox, collector: Collector) -> None:
    inbox.reply = lambda received: Reply(500 if len(inbox.received) == 1 else 200)
    endpoint = tenant.endpoint(inbox.url("/secret-path?token=x"), retry={"delays_s": [0.1]})

    event_id = post(tenant, TRACEPARENT).json["id"]

    (accept,) = collector.wait_for(1, "ringback.accept", TRACE_ID)
    assert (accept.kind, accept.parent_id, accept.state, accept.failed) == ("server", CALLER_SPAN, "vendor=1", False)
    assert accept.attributes == {
        "ringback.tenant.id": tenant.id,
        "ringback.outcome": "accepted",
        "ringback.event.count": 1,
        "ringback.delivery.count": 1,
        "ringback.event.id": event_id,
    }
    assert accept.resource["service.name"] == "ringback"
    attempts = collector.wait_for(2, "ringback.attempt", TRACE_ID)
    logged = tenant.attempts(endpoint["id"])
    assert [span.span_id for span in attempts] == [span_of_attempt(attempt["id"]) for attempt in logged]
    for span, received, number, failed in zip(attempts, inbox.received, (1, 2), (True, False), strict=True):
        assert (span.kind, span.parent_id, span.failed) == ("client", accept.span_id, failed)
        assert received.header("traceparent") == f"00-{TRACE_ID}-{span.span_id}-01"
        assert received.header("tracestate") is None
        said = span.attributes
        assert (said["ringback.event.id"], said["ringback.attempt.number"]) == (event_id, number)
        assert (said["http.request.method"], said["http.response.status_code"]) == ("POST", 500 if failed else 200)
        assert (said["server.address"], said["server.port"]) == ("127.0.0.1", inbox.port)
        assert ("error.type" in said) is failed
        assert "secret-path" not in repr(said)
        attempt = tenant.attempt(said["ringback.attempt.id"])
        assert ["traceparent", received.header("traceparent")] in attempt["request"]["headers"]
        assert span.started_ns % 1_000_000 == 0
        assert abs((span.ended_ns - span.started_ns) / 1e6 - attempt["duration_ms"]) < 0.01
    assert attempts[1].started_ns > attempts[0].ended_ns
    lines = [line for line in tenant.server.log.read_text().splitlines() if event_id in line]
    assert len([line for line in lines if f'"trace_id":"{TRACE_ID}"' in line]) == 2


def test_every_event_of_a_batch_has_the_same_parent(tenant: TestTenant, inbox: Inbox, collector: Collector) -> None:
    tenant.endpoint(inbox.url())
    trace_id = "2" * 32
    body = {"events": [{"type": "thing.happened", "data": n} for n in range(3)]}

    answer = tenant.server.ask(
        "POST", f"{tenant.path}/events/batch", body, headers={"traceparent": f"00-{trace_id}-{CALLER_SPAN}-01"}
    )

    assert answer.status == 202
    (accept,) = collector.wait_for(1, "ringback.accept", trace_id)
    assert accept.attributes["ringback.event.count"] == 3
    assert "ringback.event.id" not in accept.attributes
    attempts = collector.wait_for(3, "ringback.attempt", trace_id)
    assert {span.parent_id for span in attempts} == {accept.span_id}
    assert len({span.span_id for span in attempts}) == 3


def test_a_refused_request_is_a_failed_span(tenant: TestTenant, collector: Collector) -> None:
    trace_id = "3" * 32

    assert post(tenant, f"00-{trace_id}-{CALLER_SPAN}-01", type="no type!").status == 422

    (accept,) = collector.wait_for(1, "ringback.accept", trace_id)
    assert accept.failed
    assert (accept.attributes["error.type"], accept.attributes["ringback.outcome"]) == ("invalid", "invalid")


def test_what_the_caller_does_not_sample_is_passed_on_and_not_recorded(
    tenant: TestTenant, inbox: Inbox, collector: Collector
) -> None:
    tenant.endpoint(inbox.url())
    post(tenant, NOT_SAMPLED)
    post(tenant, "00-" + "4" * 32 + f"-{CALLER_SPAN}-01")

    collector.wait_for(1, "ringback.attempt", "4" * 32)

    sent = {(received.header("traceparent") or "")[:36]: received for received in inbox.wait_for(2)}
    assert (sent[NOT_SAMPLED[:36]].header("traceparent") or "").endswith("-00")
    assert NOT_SAMPLED[3:35] not in {span.trace_id for span in collector.spans}


@pytest.mark.parametrize("header", ["nonsense", "00-" + "0" * 32 + f"-{CALLER_SPAN}-01", None])
def test_without_a_valid_parent_and_with_a_share_of_0_there_is_no_trace(
    tenant: TestTenant, inbox: Inbox, header: str | None
) -> None:
    tenant.endpoint(inbox.url())

    headers = {} if header is None else {"traceparent": header}
    body = {"type": "thing.happened", "data": 1}
    assert tenant.server.ask("POST", f"{tenant.path}/events", body, headers=headers).status == 202

    (received,) = inbox.wait_for(1)
    assert received.header("traceparent") is None


def test_an_endpoints_own_traceparent_wins(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), headers={"Traceparent": "its-own"})

    post(tenant, TRACEPARENT)

    (received,) = inbox.wait_for(1)
    assert [value for name, value in received.headers if name.lower() == "traceparent"] == ["its-own"]


def test_a_collector_that_hangs_and_then_is_gone_harms_nothing(tmp_path: Path, inbox: Inbox) -> None:
    with Collector() as collector:
        collector.answering.clear()
        server = Server(tmp_path / "data", "--allow-private", environment={"RINGBACK_OTLP_URL": collector.url})
        with server:
            tenant = TestTenant(server, "t")
            tenant.endpoint(inbox.url())
            tenant.send()
            assert collector.asked.wait(15)

            delivers(tenant, 20)
            collector.stop()
            delivers(tenant, 20)

            wait_until(lambda: dropped_spans(server) > 0, 30, "spans are dropped and counted")
            assert server.ask("GET", "/readyz").status == 200
            assert server.stop() == 0
        assert "spans_dropped" in server.log.read_text()
        assert all(received.header("traceparent") is None for received in inbox.received)


def delivers(tenant: TestTenant, count: int) -> None:
    """Events are accepted and delivered as if nothing were wrong."""
    for event_id in [tenant.send() for _ in range(count)]:
        tenant.wait_state(event_id, "delivered")


def dropped_spans(server: Server) -> float:
    lines = server.ask("GET", "/metrics").body.decode().splitlines()
    return float(next(line for line in lines if line.startswith("ringback_spans_dropped_total")).split()[1])
