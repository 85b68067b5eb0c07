"""The log is the truth: every attempt in it can be repeated with curl from what it shows, and verifies."""

import base64
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook

from support.inbox import Inbox, Reply
from support.process import wait_until
from support.tenant import TestTenant

DATA = [
    {"name": "Ada", "note": "grün 日本 \u0007 \\u0041"},
    "text",
    None,
    [1.0, 1e21, {"deep": {"er": []}}],
    {"type": "thing.happened", "timestamp": "2026-01-01T00:00:00Z", "data": {"exact": True}},
]


def repeat_with_curl(attempt: dict, folder: Path, secret_headers: dict[str, str]) -> None:
    """Run curl on what the log shows of a request, and on nothing else but the redacted credentials."""
    request = attempt["request"]
    body = folder / "body"
    body.write_bytes(request["body"].encode())
    command = ["curl", "--silent", "--show-error", "--output", "/dev/null", "--request", request["method"]]
    command += ["--data-binary", f"@{body}"]
    for name, value in request["headers"]:
        shown = secret_headers[name] if value == "***" else value
        command += ["--header", f"{name}: {shown}"]
    subprocess.run([*command, request["url"]], check=True, timeout=20)


@pytest.mark.parametrize("data", DATA)
def test_an_attempt_can_be_repeated_from_the_log_and_verifies(
    tenant: TestTenant, inbox: Inbox, tmp_path: Path, data: object
) -> None:
    answers = iter([Reply(503), Reply(200), Reply(200), Reply(200)])
    inbox.reply = lambda received: next(answers)
    endpoint = tenant.endpoint(
        inbox.url("/hook?a=1"),
        query="b=2",
        headers={"X-Team": "blue"},
        auth={"type": "basic", "username": "ada", "password": "s3cret"},
        retry={"delays_s": [0.1]},
    )
    tenant.send(data=data)
    wait_until(lambda: len(tenant.attempts()) == 2, 15, "two attempts are in the log")
    sent = list(inbox.received)
    authorization = "Basic " + base64.b64encode(b"ada:s3cret").decode()

    for attempt in tenant.attempts(endpoint["id"]):
        repeat_with_curl(tenant.attempt(attempt["id"]), tmp_path, {"Authorization": authorization})

    for original, attempt in zip(sent, tenant.attempts(endpoint["id"]), strict=True):
        logged = tenant.attempt(attempt["id"])["request"]["headers"]
        assert [name for name, _ in logged] == [name for name, _ in original.headers]
        assert dict(logged) == dict(original.headers) | {"Authorization": "***"}
    for original, repeated in zip(sent, inbox.received[2:], strict=True):
        assert repeated.path == original.path
        assert repeated.body == original.body
        assert sorted(repeated.headers) == sorted(original.headers)
        Webhook(endpoint["secret"]).verify(repeated.body, {k.lower(): v for k, v in repeated.headers})


def test_what_came_back_is_in_the_log(tenant: TestTenant, inbox: Inbox) -> None:
    inbox.reply = lambda received: Reply(418, (("X-Answer", "Teapot"),), b"short and stout")
    tenant.endpoint(inbox.url(), retry={"delays_s": []})
    tenant.send()
    (listed,) = wait_until(tenant.attempts, 15, "the attempt is in the log")

    response = tenant.attempt(listed["id"])["response"]

    assert ["X-Answer", "Teapot"] in response["headers"]
    assert response["body"] == "short and stout"
    assert response["truncated"] is False


def test_no_list_no_detail_and_no_error_shows_a_secret(tenant: TestTenant, inbox: Inbox) -> None:
    endpoint = tenant.endpoint(inbox.url(), auth={"type": "raw", "value": "Token s3cret-token"})
    tenant.send()
    (listed,) = wait_until(tenant.attempts, 15, "the attempt is in the log")
    paths = ["/endpoints", f"/endpoints/{endpoint['id']}", "/attempts", f"/attempts/{listed['id']}", "/events"]

    for path in paths:
        body = tenant.server.ask("GET", tenant.path + path).body.decode()
        assert "s3cret-token" not in body
        assert endpoint["secret"] not in body
    assert inbox.received[0].header("Authorization") == "Token s3cret-token"


def test_both_secrets_sign_during_a_rotation(tenant: TestTenant, inbox: Inbox) -> None:
    endpoint = tenant.endpoint(inbox.url())
    path = f"{tenant.path}/endpoints/{endpoint['id']}/secret"
    new = tenant.server.make(f"{path}/rotate", {"grace_seconds": 3600})["secret"]

    tenant.send()

    (received,) = inbox.wait_for(1)
    headers = {key.lower(): value for key, value in received.headers}
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (endpoint["secret"], new):
        Webhook(secret).verify(received.body, headers)


def test_ed25519_signs_and_the_public_key_verifies(tenant: TestTenant, inbox: Inbox) -> None:
    endpoint = tenant.endpoint(inbox.url(), signature="v1a")
    tenant.send()

    (received,) = inbox.wait_for(1)
    version, _, signature = (received.header("webhook-signature") or "").partition(",")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(endpoint["public_key"].removeprefix("whpk_")))
    signed = f"{received.event_id}.{received.header('webhook-timestamp')}.".encode() + received.body
    public.verify(base64.b64decode(signature), signed)
    assert version == "v1a"
