"""A payload that was removed never leaves again, wherever it waited: a real server, a real receiver, its real files."""

import threading
from pathlib import Path
from typing import Any

import pytest

from support.inbox import Inbox, Received, Reply
from support.process import Server, wait_until
from support.tenant import TestTenant

MARKER = "the-secret-of-ada"


def redact(tenant: TestTenant, event_id: str) -> None:
    assert tenant.server.ask("DELETE", f"{tenant.path}/events/{event_id}/payload").status == 204


class Gate:
    """A receiver that answers nothing until it is opened."""

    def __init__(self, inbox: Inbox) -> None:
        self._open = threading.Event()
        inbox.reply = self._reply

    def _reply(self, received: Received) -> Reply:
        self._open.wait(15)
        return Reply(body=b"echo " + received.body)

    def open(self) -> None:
        self._open.set()


@pytest.mark.parametrize("ordering", ["none", "strict"])
def test_what_waits_in_memory_behind_a_slow_endpoint_is_never_sent(
    tenant: TestTenant, inbox: Inbox, ordering: str
) -> None:
    gate = Gate(inbox)
    tenant.endpoint(inbox.url(), max_in_flight=1, ordering=ordering)
    first = tenant.send(data=0)
    inbox.wait_for(1)
    waiting = [tenant.send(data=f"{MARKER} {n}", subject={"type": "contact", "id": "ada"}) for n in range(6)]
    last = tenant.send(data="somebody else")

    redact(tenant, waiting[0])
    answer = tenant.server.ask("DELETE", f"{tenant.path}/subjects/payload?type=contact&id=ada")
    assert answer.json == {"redacted": 5, "record": None}
    gate.open()

    tenant.wait_state(last, "delivered")
    tenant.wait_state(first, "delivered")
    assert {tenant.state(event_id) for event_id in waiting} == {"cancelled"}
    assert [received.event_id for received in inbox.received] == [first, last]
    assert not any(MARKER.encode() in received.body for received in inbox.received)


def test_what_is_in_flight_is_broken_off_and_brings_nothing_back_into_the_log(tenant: TestTenant, inbox: Inbox) -> None:
    gate = Gate(inbox)
    tenant.endpoint(inbox.url())
    event_id = tenant.send(data={"note": MARKER})
    inbox.wait_for(1)

    redact(tenant, event_id)

    def recorded() -> list[dict[str, Any]]:
        return [attempt for attempt in tenant.attempts() if (attempt["error"] or {}).get("code") != "cancelled"]

    (listed,) = wait_until(recorded, 10, "the request is in the log")  # and the receiver has not answered
    gate.open()
    assert listed["error"]["code"] == "aborted"
    shown = tenant.attempt(listed["id"])
    assert (shown["superseded"], shown["redacted"]) == (True, True)
    assert shown["request"]["body"] is None
    assert MARKER not in str(shown)
    assert tenant.state(event_id) == "cancelled"
    assert len(inbox.received) == 1


def test_a_retry_is_not_made_and_a_repeat_of_the_callers_id_is_still_known(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(500)
    tenant.endpoint(inbox.url(), retry={"delays_s": [0.5] * 20})
    body = {"type": "a.b", "id": "mine", "data": {"note": MARKER}}
    tenant.server.make(f"{tenant.path}/events", body)
    wait_until(tenant.attempts, 15, "an attempt is in the log")

    redact(tenant, "mine")
    count = len(inbox.received)
    again = tenant.server.ask("POST", f"{tenant.path}/events", body)
    other = tenant.send(data="later")

    assert (again.status, again.json["id"]) == (200, "mine")
    inbox.wait_for(count + 1)
    wait_until(lambda: len([r for r in inbox.received if r.event_id == other]) > 2, 15, "others go on being tried")
    assert len([received for received in inbox.received if received.event_id == "mine"]) == count
    resent = tenant.server.ask("POST", f"{tenant.path}/events/mine/resend", {})
    assert (resent.status, resent.json["code"]) == (409, "payload_redacted")


def test_nothing_of_it_is_left_in_the_files(tmp_path: Path, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(body=b"echo " + received.body)
    with Server(tmp_path / "data", "--allow-private") as server:
        tenant = TestTenant(server, "t")
        tenant.endpoint(inbox.url())
        redacted = tenant.send(data={"note": MARKER})
        kept = tenant.send(data={"note": "somebody else's"})
        for event_id in (redacted, kept):
            tenant.wait_state(event_id, "delivered")

        def found(text: str) -> list[str]:
            return [file.name for file in server.data.iterdir() if text.encode() in file.read_bytes()]

        assert found(MARKER)
        redact(tenant, redacted)

        wait_until(lambda: not found(MARKER), 25, "the payload is gone from every file")
        assert found("somebody else's")
        assert tenant.server.get(f"{tenant.path}/events/{redacted}")["redacted"] is True
    assert '"payload_redacted"' not in server.log.read_text()
    assert f"payload_redacted tenant_id=t event_id={redacted} actor=operator" in server.log.read_text()
    assert MARKER not in server.log.read_text()
