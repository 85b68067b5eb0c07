"""What an event's life looks like from outside: a real server, a real receiver."""

import threading
import time
from collections import Counter

import pytest

from support.inbox import Inbox, Received, Reply
from support.process import Server, wait_until
from support.tenant import TestTenant

QUICK = {"delays_s": [0.2, 0.4]}


def test_an_event_arrives_signed_and_is_recorded(tenant: TestTenant, inbox: Inbox) -> None:
    endpoint = tenant.endpoint(inbox.url())

    event_id = tenant.send("contact.created", {"name": "Ada"})

    (received,) = inbox.wait_for(1)
    assert received.event_id == event_id
    tenant.wait_state(event_id, "delivered")
    (attempt,) = tenant.attempts(endpoint["id"])
    assert (attempt["outcome"], attempt["status_code"]) == ("succeeded", 200)
    assert (attempt["number"], attempt["final"]) == (1, True)
    assert attempt["remote_address"] == f"127.0.0.1:{inbox.port}"


def test_a_failed_delivery_is_retried_on_schedule_with_the_same_id_and_given_up_at_the_end(
    tenant: TestTenant, inbox: Inbox
) -> None:
    inbox.reply = lambda received: Reply(500)
    tenant.endpoint(inbox.url(), retry=QUICK)

    event_id = tenant.send()

    tenant.wait_state(event_id, "failed")
    first, second, third = inbox.received
    assert {one.event_id for one in inbox.received} == {event_id}
    assert second.at_s - first.at_s >= 0.2
    assert third.at_s - second.at_s >= 0.4
    assert [(a["number"], a["final"]) for a in tenant.attempts()] == [(1, False), (2, False), (3, True)]
    (delivery,) = tenant.deliveries(event_id)
    assert (delivery["attempts"], delivery["last_status_code"], delivery["next_attempt_at"]) == (3, 500, None)


def test_each_attempt_has_a_fresh_timestamp_and_verifies(tenant: TestTenant, inbox: Inbox) -> None:
    answers = iter([Reply(503), Reply(200)])
    inbox.reply = lambda received: next(answers)
    tenant.endpoint(inbox.url(), retry={"delays_s": [1.2]})

    tenant.send()

    first, second = inbox.wait_for(2)
    assert first.header("webhook-timestamp") != second.header("webhook-timestamp")
    assert first.header("webhook-signature") != second.header("webhook-signature")
    assert first.body == second.body


def test_retry_after_pauses_the_whole_endpoint(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(429, (("Retry-After", "1"),)) if len(inbox.received) == 1 else Reply()
    tenant.endpoint(inbox.url(), max_in_flight=1, retry=QUICK)

    events = [tenant.send() for _ in range(5)]

    for event_id in events:
        tenant.wait_state(event_id, "delivered")
    first, second, *_ = inbox.received
    assert second.at_s - first.at_s >= 1.0
    assert [a["number"] for a in tenant.attempts() if a["status_code"] == 429] == [1]


def test_410_disables_the_endpoint_and_activation_sends_what_waited(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(410) if len(inbox.received) == 1 else Reply()
    endpoint = tenant.endpoint(inbox.url())
    path = f"{tenant.path}/endpoints/{endpoint['id']}"

    event_id = tenant.send()
    wait_until(lambda: tenant.server.get(path)["status"] == "disabled", 10, "the endpoint is disabled")
    shown = tenant.server.get(path)
    waiting = tenant.send()

    assert shown["disable_reason"]["code"] == "gone"
    assert tenant.state(waiting) == "pending"
    tenant.server.make(f"{path}/activate", {})
    tenant.wait_state(event_id, "delivered")
    tenant.wait_state(waiting, "delivered")


def test_deactivation_stops_at_once_keeps_the_queue_and_matches_nothing_new(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    endpoint = tenant.endpoint(inbox.url(), retry={"delays_s": [0.3] * 20})
    path = f"{tenant.path}/endpoints/{endpoint['id']}"
    waiting = tenant.send()
    inbox.wait_for(2)

    tenant.server.make(f"{path}/deactivate", {})
    stopped_s = time.monotonic()
    missed = tenant.server.make(f"{tenant.path}/events", {"type": "thing.happened", "data": 1})
    time.sleep(1.0)  # nothing may come: there is no condition to poll

    assert missed["deliveries"] == 0
    assert all(one.at_s <= stopped_s for one in inbox.received)
    inbox.reply = lambda received: Reply()
    tenant.server.make(f"{path}/activate", {})
    tenant.wait_state(waiting, "delivered")


def test_deleting_an_endpoint_cancels_its_queue_and_the_log_says_so(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    endpoint = tenant.endpoint(inbox.url(), retry={"delays_s": [600]})
    event_id = tenant.send()
    inbox.wait_for(1)
    wait_until(tenant.attempts, 5, "the attempt is recorded")

    answer = tenant.server.ask("DELETE", f"{tenant.path}/endpoints/{endpoint['id']}")

    assert answer.status == 204
    tenant.wait_state(event_id, "cancelled")
    assert tenant.server.ask("GET", f"{tenant.path}/endpoints/{endpoint['id']}").status == 404


@pytest.mark.parametrize(("status", "state"), [(500, "cancelled"), (200, "delivered")])
def test_a_request_under_way_when_its_endpoint_is_deleted_is_counted(
    tenant: TestTenant, inbox: Inbox, status: int, state: str
) -> None:
    deleted = threading.Event()
    inbox.reply = lambda received: Reply(status) if deleted.wait(15) else Reply(599)
    endpoint = tenant.endpoint(inbox.url(), retry={"delays_s": [600]})
    event_id = tenant.send()
    inbox.wait_for(1)

    assert tenant.server.ask("DELETE", f"{tenant.path}/endpoints/{endpoint['id']}").status == 204
    tenant.wait_state(event_id, "cancelled")
    (before,) = tenant.deliveries(event_id)
    deleted.set()
    wait_until(lambda: len(tenant.attempts()) == 2, 10, "the request is in the log")

    (after,) = tenant.deliveries(event_id)
    assert (before["attempts"], before["last_status_code"]) == (0, None)
    assert (after["state"], after["attempts"], after["last_status_code"]) == (state, 1, status)
    assert len(inbox.received) == 1


def test_events_of_one_subject_arrive_in_order_and_a_failing_head_blocks_only_its_own_key(
    tenant: TestTenant, inbox: Inbox
) -> None:
    blocked = threading.Event()

    def reply(received: Received) -> Reply:
        return Reply(500) if b'"key": "a"' in received.body and not blocked.is_set() else Reply()

    inbox.reply = reply
    tenant.endpoint(inbox.url(), ordering="subject", retry={"delays_s": [0.2] * 50})
    sent: dict[str, list[str]] = {"a": [], "b": []}
    for n in range(10):
        for key in ("a", "b"):
            sent[key].append(tenant.send(data={"key": key, "n": n}, subject={"type": "s", "id": key}))

    for event_id in sent["b"]:
        tenant.wait_state(event_id, "delivered")
    assert {tenant.state(event_id) for event_id in sent["a"]} == {"pending"}
    assert {one.event_id for one in inbox.received if b'"key": "a"' in one.body} == {sent["a"][0]}
    blocked.set()
    for event_id in sent["a"]:
        tenant.wait_state(event_id, "delivered")
    for key in ("a", "b"):
        arrived = [one.event_id for one in inbox.received if f'"key": "{key}"'.encode() in one.body]
        assert list(dict.fromkeys(arrived)) == sent[key]


def test_strict_order_holds_for_the_whole_endpoint(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), ordering="strict")
    events = [tenant.send(subject={"type": "s", "id": str(n)}) for n in range(20)]

    inbox.wait_for(20)

    assert [one.event_id for one in inbox.received] == events


def test_an_endpoints_rate_is_kept(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url(), rate_per_second=10)
    body = {"events": [{"type": "thing.happened", "data": n} for n in range(15)]}
    tenant.server.make(f"{tenant.path}/events/batch", body)

    received = inbox.wait_for(15)

    assert received[-1].at_s - received[0].at_s >= 1.3


def test_deliver_at_is_waited_for(tenant: TestTenant, inbox: Inbox) -> None:
    tenant.endpoint(inbox.url())
    at = time.time() + 1.5
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03d}Z"
    event_id = tenant.send(deliver_at=text)

    assert tenant.state(event_id) == "pending"
    inbox.wait_for(1)
    assert time.time() >= at - 0.01
    tenant.wait_state(event_id, "delivered")


def test_fan_out_by_type_wildcard_channel_and_filter(tenant: TestTenant, inbox: Inbox) -> None:
    wants = {
        "/exact": {"event_types": ["contact.created"]},
        "/wild": {"event_types": ["contact.*"]},
        "/all": {},
        "/channel": {"channels": ["eu"]},
        "/filter": {"filter": "data.score > 80"},
        "/other": {"event_types": ["invoice.paid"]},
    }
    for path, fields in wants.items():
        tenant.endpoint(inbox.url(path), **fields)

    accepted = tenant.server.make(
        f"{tenant.path}/events", {"type": "contact.created", "data": {"score": 90}, "channel": "eu"}
    )
    tenant.send("contact.address.changed", {"score": 1})

    inbox.wait_for(5 + 2)
    assert accepted["deliveries"] == 5
    assert Counter(one.path for one in inbox.received) == {
        "/exact": 1, "/wild": 2, "/all": 2, "/channel": 1, "/filter": 1,
    }  # fmt: skip


def test_resend_sends_again_under_the_same_id_and_counts_on(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    endpoint = tenant.endpoint(inbox.url(), retry={"delays_s": []})
    event_id = tenant.send()
    tenant.wait_state(event_id, "failed")
    inbox.reply = lambda received: Reply()

    tenant.server.make(f"{tenant.path}/events/{event_id}/resend", {"endpoint_id": endpoint["id"]})

    tenant.wait_state(event_id, "delivered")
    assert [one.event_id for one in inbox.received] == [event_id, event_id]
    assert [attempt["number"] for attempt in tenant.attempts()] == [1, 2]


def test_a_parked_endpoint_is_probed_by_single_requests(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    tenant.endpoint(inbox.url(), retry={"delays_s": [600]})
    body = {"events": [{"type": "thing.happened", "data": n} for n in range(300)]}
    tenant.server.make(f"{tenant.path}/events/batch", body)

    inbox.wait_for(30)
    seen = -1

    def quiet() -> bool:
        nonlocal seen
        before, seen = seen, len(inbox.received)
        return before == seen

    wait_until(quiet, 10, "the endpoint is parked")
    assert len(inbox.received) < 150


def test_stats_count_what_was_attempted(tenant: TestTenant, inbox: Inbox) -> None:
    answers = iter([Reply(500), Reply(), Reply()])
    inbox.reply = lambda received: next(answers)
    endpoint = tenant.endpoint(inbox.url(), retry={"delays_s": [0.1]})
    events = [tenant.send(), tenant.send()]
    for event_id in events:
        tenant.wait_state(event_id, "delivered")

    stats = tenant.server.get(f"{tenant.path}/endpoints/{endpoint['id']}/stats?days=14")

    assert (stats["succeeded"], stats["failed"]) == (2, 1)
    assert len(stats["days"]) == 14


def test_a_slow_endpoint_does_not_delay_another(tenant: TestTenant, inbox: Inbox, server: Server) -> None:
    inbox.reply = lambda received: Reply(delay_s=8.0) if received.path == "/slow" else Reply()
    tenant.endpoint(inbox.url("/slow"), event_types=["slow"])
    tenant.endpoint(inbox.url("/quick"), event_types=["quick"])
    body = {"events": [{"type": "slow", "data": n} for n in range(100)]}
    server.make(f"{tenant.path}/events/batch", body)
    inbox.wait_for(2, "/slow")

    started_s = time.monotonic()
    for _ in range(20):
        tenant.send("quick")
    received = inbox.wait_for(20, "/quick")

    assert received[-1].at_s - started_s < 4.0
