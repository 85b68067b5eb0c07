"""SECURITY: secrets. They leave as signatures and to whom they belong, and are in nothing that is logged or listed.

The server logs everything it can log, as JSON. The last test ends its sender process, to see what an end writes.
"""

import base64
import os
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from support.authority import Authority
from support.children import sender_of
from support.inbox import Inbox, Reply
from support.process import ADMIN_KEY, Server, wait_until
from support.receivers import OK, Receiver, answers
from support.tenant import TestTenant

ONCE: Final = {"delays_s": []}
PASSWORD: Final = "password-of-basic-0001"
RAW: Final = "Token value-of-raw-0002"
HEADER: Final = "value-of-a-header-0003"
BASIC: Final = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
SECRETS: Final = (PASSWORD, BASIC, RAW.removeprefix("Token "), HEADER, "refused-secret-0004", ADMIN_KEY)
EVERYTHING: Final = ("--log-format", "json", "--log-level", "debug", "--log-attempts")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("secrets") / "data", "--allow-private", *EVERYTHING) as running:
        yield running


def auths() -> dict[str, dict[str, Any]]:
    return {
        "basic": {"type": "basic", "username": "ada", "password": PASSWORD},
        "raw": {"type": "raw", "value": RAW},
        "header": {"type": "header", "headers": {"X-Key": HEADER}},
    }


# A changed origin.


class Origins(NamedTuple):
    here: Inbox
    there: Receiver
    secure: Receiver


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origins]:
    tls = Authority(tmp_path_factory.mktemp("authority")).server("127.0.0.1")
    with Inbox() as here, Receiver(answers(OK)) as there, Receiver(answers(OK), tls=tls) as secure:
        yield Origins(here, there, secure)


@pytest.mark.parametrize("kind", ["basic", "raw", "header"])
@pytest.mark.parametrize("change", ["port", "host", "scheme"])
def test_a_changed_origin_takes_the_credentials_along_to_nobody(
    tenant: TestTenant, origins: Origins, kind: str, change: str
) -> None:
    """GitLab CVE-2022-4342, CVE-2023-0838, CVE-2023-2620."""
    made = tenant.endpoint(origins.here.url("/a"), auth=auths()[kind], retry=ONCE)
    url = {
        "port": origins.there.url,
        "host": f"http://localhost:{origins.here.port}/a",
        "scheme": origins.secure.url,
    }[change]
    changed = tenant.patch(made["id"], url=url).json
    assert changed["auth"] == {"type": "none"}

    moved_back = tenant.patch(made["id"], url=origins.here.url("/back")).json
    assert moved_back["auth"] == {"type": "none"}, "they are gone, not hidden"
    tenant.patch(made["id"], url=url)
    tenant.send()
    (attempt,) = wait_until(tenant.attempts, 15, "the attempt")
    headers = dict(tenant.attempt(attempt["id"])["request"]["headers"])
    assert not {"Authorization", "X-Key"} & set(headers)
    if change == "port":
        (request,) = [one for one in origins.there.requests if one.header("webhook-id") == attempt["event_id"]]
        assert (request.header("Authorization"), request.header("X-Key")) == (None, None)


def test_another_path_keeps_them_and_sending_them_again_does_too(tenant: TestTenant, inbox: Inbox) -> None:
    made = tenant.endpoint(inbox.url("/a"), auth=auths()["raw"])
    assert tenant.patch(made["id"], url=inbox.url("/b?c=d")).json["auth"] == {"type": "raw", "value": "***"}
    other = inbox.url("/c").replace("127.0.0.1", "localhost")
    assert tenant.patch(made["id"], url=other, auth=auths()["raw"]).json["auth"] == {"type": "raw", "value": "***"}
    tenant.send()
    (received,) = inbox.wait_for(1)
    assert received.header("Authorization") == RAW


def test_what_is_shown_in_place_of_a_secret_cannot_be_saved_as_one(tenant: TestTenant, inbox: Inbox) -> None:
    made = tenant.endpoint(inbox.url(), auth=auths()["raw"])
    assert tenant.patch(made["id"], auth=made["auth"]).status == 422


# Everything that is written and shown.


def everything_that_can_be_read(tenant: TestTenant) -> str:
    """All lists and details that a tenant has, but for the calls that reveal a secret."""
    server = tenant.server
    paths = [tenant.path + part for part in ("", "/endpoints", "/keys", "/events", "/attempts?limit=250")]
    endpoints = server.get(f"{tenant.path}/endpoints")["items"]
    paths += [f"{tenant.path}/endpoints/{endpoint['id']}" for endpoint in endpoints]
    paths += [f"{tenant.path}/attempts/{attempt['id']}" for attempt in tenant.attempts()]
    return "\n".join(server.ask("GET", path).body.decode() for path in [*paths, "/openapi.json"])


def busy_life(tenant: TestTenant, inbox: Inbox) -> tuple[list[str], list[str]]:
    """Deliveries, failures and refusals of every kind; the secrets there were, and the answers that were errors."""
    server = tenant.server
    inbox.reply = lambda received: Reply(500) if received.path == "/fails" else Reply()
    urls = (inbox.url("/ok"), inbox.url("/fails"), "http://127.0.0.1:9/closed", f"https://127.0.0.1:{inbox.port}/")
    secrets = [
        str(tenant.endpoint(url, auth=auth, retry=ONCE)["secret"]) for auth, url in product(auths().values(), urls)
    ]
    rotated = tenant.endpoint(inbox.url("/rotated"))
    path = f"{tenant.path}/endpoints/{rotated['id']}/secret"
    secrets += [
        rotated["secret"],
        server.make(f"{path}/rotate", {"grace_seconds": 60})["secret"],
        server.get(path)["secret"],
    ]
    secrets += [str(server.make(f"{tenant.path}/keys", {"scope": scope})["key"]) for scope in ("tenant", "ingest")]
    secrets.append(server.get(f"{tenant.path}/secret")["secret"])
    refused = "refused-secret-0004"
    bad: list[tuple[str, str, Any, str | None]] = [
        ("POST", "/endpoints", {"url": "x", "auth": {"type": "raw", "value": f"{refused}\n"}}, ADMIN_KEY),
        ("POST", "/endpoints", {"url": inbox.url(), "secret": f"whsec_{refused}"}, ADMIN_KEY),
        ("POST", "/endpoints", {"url": f"https://ada:{refused}@example.com/"}, ADMIN_KEY),
        ("POST", "/endpoints", {"url": inbox.url(), "auth": {"type": "basic", "pass": refused}}, ADMIN_KEY),
        ("POST", "/endpoints", f'{{"auth": "{refused}'.encode(), ADMIN_KEY),
        ("GET", "/endpoints", None, refused),
        ("POST", "/events", {"type": "a", "data": 1}, refused),
        ("POST", "/events", {"type": "a", "data": 1}, f"{refused}\u00e9"),
    ]
    errors = []
    for method, part, body, key in bad:
        answer = server.ask(method, tenant.path + part, body, headers={"Authorization": f"Bearer {key}"}, key=None)
        assert answer.status in (400, 401, 422), (part, answer.status)
        errors.append(answer.body.decode())
    tenant.send("thing.happened", {"n": 1})
    wait_until(lambda: len(tenant.attempts()) == 13, 15, "every attempt is recorded")
    return secrets, errors


def test_no_secret_is_in_a_log_line_a_list_an_attempt_or_an_error_even_when_the_server_fails(
    tenant: TestTenant, inbox: Inbox
) -> None:
    server = tenant.server
    secrets, errors = busy_life(tenant, inbox)
    shown = everything_that_can_be_read(tenant)
    sender = sender_of(server.pid)
    visible = [Path(f"/proc/{pid}/cmdline").read_text() for pid in (server.pid, sender)]
    variables = Path(f"/proc/{sender}/environ").read_text()
    os.kill(sender, signal.SIGKILL)
    assert server._process is not None
    assert server._process.wait(30) == 70

    log = server.log.read_text()
    assert '"event": "part_failed"' in log
    assert '"secret_revealed"' in log
    assert log.count('"attempt_id"') >= 13, "every attempt has left its line"
    for secret in (*secrets, *SECRETS):
        bare = secret.removeprefix("whsec_")
        for where, text in {"log": log, "lists": shown, "command": "".join(visible), "variables": variables}.items():
            assert bare not in text, (where, secret[:12])
        assert not any(bare in error for error in errors), secret[:12]
    assert {one.header("Authorization") for one in inbox.at("/ok")} >= {RAW}
