"""Samples on a real server: for every event type that a contract names, what is shown is what is sent."""

import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from ringback.cli.main import main
from ringback.wire.profile import load_profile, profile_names
from support.handshakes import asks, echo, headers, proves
from support.process import Server, wait_until
from support.profiles import profile_text
from support.receivers import ReceivedRequest, Receiver
from support.tenant import TestTenant

NAMED = [(name, event_type) for name in profile_names() for event_type in load_profile(name).samples]
OWN = """
[[samples]]
event_types = ["order.created"]
subject = { type = "Order", id = "o_1" }
data = '{"id": "o_1", "total": 12.50}'
"""
OURS = {"host", "user-agent", "accept", "accept-encoding", "ringback-hops", "content-length"}
VAINU = (
    r'{"data":{"status":"active","domain":"vainu.com","turn_over":895766,"visiting_address":"Etel\u00e4esplanadi 12",'
    r'"business_id":"25578642","company_name":"Vainu. io Software Oy","visiting_city":"HELSINKI",'
    r'"visiting_postal":"00130","staff_number":12,"region":"FI-18"},"number_of_tries":1,'
    r'"type":"company_change_webhook","unique_id":"%s"}'
)
_numbers = count(1)


def reply(request: ReceivedRequest) -> bytes:
    """As either handshake wants it."""
    return headers("WebHook-Allowed-Origin: *") if request.line.startswith("OPTIONS") else echo(request)


class Scene:
    """A server, a receiver, and for each profile a tenant with an endpoint."""

    def __init__(self, server: Server, receiver: Receiver) -> None:
        self.server = server
        self.receiver = receiver
        self.endpoints: dict[str, tuple[TestTenant, str]] = {}

    def endpoint(self, profile: str) -> tuple[TestTenant, str]:
        """(tenant, path of its endpoint), ready to be sent to."""
        if profile not in self.endpoints:
            tenant = TestTenant(self.server, f"samples{next(_numbers)}")
            made = tenant.endpoint(self.receiver.url, profile=profile, channels=["eu"])
            path = f"{tenant.path}/endpoints/{made['id']}"
            wait_until(lambda: self.server.get(path)["status"] == "active", 10.0, f"{profile} is active")
            self.endpoints[profile] = tenant, path
        return self.endpoints[profile]

    def preview(self, profile: str, event_type: str | None) -> dict[str, Any]:
        query = "" if event_type is None else f"?event_type={event_type}"
        shown: dict[str, Any] = self.server.get(f"{self.endpoint(profile)[1]}/preview{query}")
        return shown

    def sent(self, profile: str, event_type: str | None) -> tuple[ReceivedRequest, dict[str, Any]]:
        """What arrives of a test, and its event."""
        tenant, path = self.endpoint(profile)
        before = len(self.receiver.requests)
        event_id = self.server.make(f"{path}/test", {"event_type": event_type})["event_id"]
        tenant.wait_state(event_id, "delivered")
        (request,) = [one for one in self.receiver.requests[before:] if not asks(one)]
        event: dict[str, Any] = self.server.get(f"{tenant.path}/events/{event_id}")
        return request, event


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("samples")
    with Receiver(proves(reply)) as receiver, Server(folder / "data", "--allow-private") as server:
        assert server.ask("PUT", "/v1/profiles/own", {"toml": profile_text("own") + OWN}).status == 201
        yield Scene(server, receiver)


# Of an event, on whichever server: the command line shows that of an example.
EVENT_URL: Final = re.compile(r"https?://[^/]+/v1/tenants/[^/]+/events/evt_[0-9A-Z]{26}")


def without_what_is_new(body: Any) -> Any:
    """A body without what each event has of its own: its id, its number, its time, its address."""
    if not isinstance(body, dict):
        return EVENT_URL.sub("", body) if isinstance(body, str) else body
    own = ("eventId", "unique_id", "alertId", "date", "id", "time", "timestamp") if "record" not in body else ()
    return {name: without_what_is_new(value) for name, value in body.items() if name not in own}


@pytest.mark.parametrize(("profile", "event_type"), NAMED)
def test_each_sample_is_shown_over_the_api_and_on_the_command_line(
    scene: Scene, capsys: pytest.CaptureFixture[str], profile: str, event_type: str
) -> None:
    shown = scene.preview(profile, event_type)
    body = json.loads(shown["body"])
    assert main(["profile", "show", profile, "--type", event_type, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = json.loads(printed["body"])
    names = [[name for name, _ in one["headers"]] for one in (shown, printed)]
    if profile == "insideview":  # signed if and only if there is a secret: here there is one, there is none there
        body["subscriptionId"] = written["subscriptionId"]
        names[1].remove("X-InsideViewAPI-AlertDataSignature")
    assert names[0] == names[1]
    assert without_what_is_new(body) == without_what_is_new(written)


@pytest.mark.parametrize("profile", [*profile_names(), "own"])
def test_what_is_shown_is_what_is_sent(scene: Scene, profile: str) -> None:
    shown = scene.preview(profile, None)
    request, event = scene.sent(profile, None)
    samples = load_profile(profile).samples if profile != "own" else {"order.created": None}
    assert event["type"] == next(iter(samples), "ringback.test")
    assert event["channel"] == "eu"
    came = {name: value for name, value in request.headers if name.lower() not in OURS}
    before = {name: value for name, value in shown["headers"] if name.lower() not in OURS}
    assert list(came) == list(before)
    length = next(value for name, value in shown["headers"] if name == "Content-Length")
    assert int(length) == len(shown["body"].encode())
    if profile in ("vinsight", "sitefinity-insight", "cloudevents-binary"):
        assert request.body == shown["body"].encode()
    else:
        assert len(request.body) == len(shown["body"].encode())
        sent, seen = json.loads(request.body), json.loads(shown["body"])
        assert without_what_is_new(sent) == without_what_is_new(seen)
        assert list(sent) == list(seen)


def test_vainus_is_the_documents_own_example(scene: Scene) -> None:
    request, event = scene.sent("vainu", "company.updated")
    assert request.body.decode() == VAINU % event["id"]


def test_an_alert_that_is_a_test_has_a_number(scene: Scene) -> None:
    request, _ = scene.sent("insideview", "company.updated")
    assert json.loads(request.body)["alertId"].isdecimal()


def test_the_catalogues_sample_goes_first_and_the_profile_says_what_it_is_about(scene: Scene) -> None:
    sample = {"id": "de_1", "nativeId": "n_1", "connectionId": "c_1", "amount": 5}
    assert scene.server.ask("PUT", "/v1/event-types/deal.updated", {"sample": sample}).status == 201
    try:
        data = json.loads(scene.preview("vessel", "deal.updated")["body"])["data"]
        other = json.loads(scene.preview("own", "deal.updated")["body"])["data"]
    finally:
        assert scene.server.ask("DELETE", "/v1/event-types/deal.updated").status == 204
    assert data == {"objectType": "Deal", "eventType": "UPDATE", "record": sample}
    assert other == sample


def test_without_any_sample_it_says_that_it_is_one(scene: Scene) -> None:
    body = json.loads(scene.preview("vessel", "invoice.created")["body"])
    assert body["data"]["record"] == {"sample": True, "event_type": "invoice.created"}


def test_without_a_type_it_is_the_first_sample_that_the_endpoint_wants(scene: Scene) -> None:
    tenant = TestTenant(scene.server, f"samples{next(_numbers)}")
    for wanted, expected in (
        (["lead_scoring.*"], "lead_scoring.threshold_passed"),
        (["*"], "contact.became"),
        (["order.*", "contact.updated"], "contact.updated"),
        (["order.*"], None),
    ):
        made = tenant.endpoint(scene.receiver.url, profile="sitefinity-insight", channels=["dc"], event_types=wanted)
        shown = scene.server.get(f"{tenant.path}/endpoints/{made['id']}/preview")
        assert json.loads(shown["body"]).get("event") == expected


def test_a_profile_with_a_bad_sample_is_refused_with_its_line(scene: Scene) -> None:
    text = profile_text("bad") + OWN.replace("12.50}", "12.50")
    answer = scene.server.ask("PUT", "/v1/profiles/bad", {"toml": text})
    (error,) = answer.json["errors"]
    assert error["field"] == "samples[0].data"
    assert f"(line {text.count(chr(10))})" in error["message"]
