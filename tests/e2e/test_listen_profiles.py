"""A real `ringback serve` and real `ringback listen --profile`: the handshake, then an event that verifies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.handshakes import CODE_HEADER, keep_profiles
from support.listening import Listening
from support.process import Server, wait_until
from support.tenant import TestTenant

STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# The secret of each profile's form; the last two are files of one's own.
SECRETS = {
    "insideview": "any text will do",
    "cloudevents": STANDARD_SECRET,
    "test-post": STANDARD_SECRET,
    "test-get": STANDARD_SECRET,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("listening")
    keep_profiles(folder / "data")
    with Server(folder / "data", "--allow-private", "--public-url", "https://hooks.example") as running:
        yield running


@pytest.fixture(scope="module")
def receivers(server: Server) -> Iterator[dict[str, Listening]]:
    """One for each profile, all started at once."""
    started: dict[str, Listening] = {}
    try:
        for name, secret in SECRETS.items():
            file = server.data / "profiles" / f"{name}.toml"
            started[name] = Listening("--profile", str(file) if file.exists() else name, "--secret", secret)
        yield started
    finally:
        for one in started.values():
            one.stop()


def header(line: dict[str, Any], name: str) -> str | None:
    return next((value for known, value in line["headers"] if known == name), None)


@pytest.mark.parametrize("profile", SECRETS)
def test_the_endpoint_becomes_active_and_the_event_verifies(
    server: Server, receivers: dict[str, Listening], profile: str
) -> None:
    tenant, receiver = TestTenant(server, profile), receivers[profile]
    made = tenant.endpoint(receiver.url, profile=profile, secret=SECRETS[profile], rate_per_second=5.0, query="own=1")
    path = f"{tenant.path}/endpoints/{made['id']}"
    wait_until(lambda: server.get(path)["status"] == "active", 15, f"{profile} is active")
    event_id = tenant.send("order.paid", {"total": 12.5, "to": "N\u00fa\u00f1ez"})
    tenant.wait_state(event_id, "delivered")

    asked, delivered = receiver.wait_for(2)
    assert set(asked) == set(delivered) == {"at", "method", "path", "headers", "body", "verified"}
    assert asked["verified"] is None
    assert (delivered["method"], delivered["path"], delivered["verified"]) == ("POST", "/hook?own=1", True)
    shown = tenant.attempt(tenant.attempts(made["id"])[-1]["id"])
    assert delivered["body"] == shown["request"]["body"]

    handshake = (asked["method"], asked["path"].startswith("/hook?own=1&hub.challenge="), asked["body"])
    if profile == "insideview":
        assert handshake == ("HEAD", False, "")
        assert len(header(asked, CODE_HEADER) or "") == 32
    elif profile == "cloudevents":
        assert handshake == ("OPTIONS", False, "")
        assert header(asked, "WebHook-Request-Origin") == "hooks.example"
        assert header(asked, "WebHook-Request-Rate") == "300"
    elif profile == "test-post":
        assert handshake[:2] == ("POST", False)
        assert asked["body"].startswith('{"challenge":"')
    else:
        assert handshake == ("GET", True, "")
    answered = tenant.attempt(tenant.attempts(made["id"])[0]["id"])
    if profile == "cloudevents":
        granted = dict(answered["response"]["headers"])
        assert (granted["WebHook-Allowed-Origin"], granted["WebHook-Allowed-Rate"]) == ("hooks.example", "300")
        assert granted["Allow"] == "POST"


def test_another_secret_is_shown_as_not_verified(server: Server, receivers: dict[str, Listening]) -> None:
    tenant, receiver = TestTenant(server, "other"), receivers["insideview"]
    before = len(receiver.lines)
    made = tenant.endpoint(receiver.url, profile="insideview", secret="another text")
    path = f"{tenant.path}/endpoints/{made['id']}"
    wait_until(lambda: server.get(path)["status"] == "active", 15, "it is active")
    tenant.wait_state(tenant.send(), "delivered")
    assert [line["verified"] for line in receiver.wait_for(before + 2)[before:]] == [None, False]
