"""SECURITY: no secret in what is told of a request or of a defect: traces as they leave for a collector, exceptions.

The server traces everything and logs everything. The last test breaks a row by hand, which ends the server.
"""

import base64
import http.client
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from support.collector import Collector
from support.inbox import Inbox, Reply
from support.process import ADMIN_KEY, Server, wait_until
from support.tenant import TestTenant

PASSWORD: Final = "password-of-basic-0001"
RAW: Final = "value-of-raw-0002"
HEADER: Final = "value-of-a-header-0003"
IN_THE_QUERY: Final = "token-in-the-query-0004"
IN_THE_URL: Final = "token-in-the-url-0005"
IN_THE_PATH: Final = "token-in-the-path-0006"
PAYLOAD: Final = "payload-of-an-event-0007"
PREVIOUS: Final = "payload-before-it-0008"
REFUSED: Final = "payload-that-is-refused-0009"
ANSWER: Final = "answer-of-a-receiver-0010"
IN_A_ROW: Final = "text-of-a-broken-row-0011"
WRONG_KEY: Final = "key-that-is-not-known-0012"
SECRETS: Final = (
    *(PASSWORD, base64.b64encode(f"ada:{PASSWORD}".encode()).decode(), RAW, HEADER, IN_THE_QUERY, IN_THE_URL),
    *(IN_THE_PATH, PAYLOAD, PREVIOUS, REFUSED, ANSWER, ADMIN_KEY, WRONG_KEY),
)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("telling")
    flags = ("--allow-private", "--log-format", "json", "--log-level", "debug", "--log-attempts")
    with Server(folder / "data", *flags, environment={"RINGBACK_OTLP_URL": collector.url}) as running:
        yield running


def endpoints(tenant: TestTenant, inbox: Inbox) -> list[str]:
    """One for each kind of secret, one that fails and one where nobody is; their signing secrets."""
    auths = (
        {"type": "basic", "username": "ada", "password": PASSWORD},
        {"type": "raw", "value": f"Token {RAW}"},
        {"type": "header", "headers": {"X-Key": HEADER}},
    )
    made = [tenant.endpoint(inbox.url("/auth"), auth=auth) for auth in auths]
    made.append(tenant.endpoint(inbox.url(f"/{IN_THE_PATH}?key={IN_THE_URL}"), query=f"token={IN_THE_QUERY}"))
    made.append(tenant.endpoint(inbox.url("/ed25519"), signature="v1a"))
    made.append(tenant.endpoint(inbox.url("/fails"), retry={"delays_s": [0.05]}))
    nobody = f"http://127.0.0.1:9/{IN_THE_PATH}?key={IN_THE_URL}"
    made.append(tenant.endpoint(nobody, query=f"token={IN_THE_QUERY}", retry={"delays_s": []}))
    return [str(one["secret"]).partition("_")[2] for one in made]


def test_no_secret_and_no_payload_is_in_any_span(
    server: Server, tenant: TestTenant, inbox: Inbox, collector: Collector
) -> None:
    inbox.reply = lambda received: Reply(500 if received.path == "/fails" else 200, body=ANSWER.encode())
    signing = endpoints(tenant, inbox)

    event_id = tenant.send(data={"is": PAYLOAD}, previous={"was": PREVIOUS})
    path = f"{tenant.path}/events"
    assert server.ask("POST", path, {"type": "no type!", "data": REFUSED}).status == 422
    assert server.ask("POST", path, {"type": "a.b", "data": REFUSED}, key=WRONG_KEY).status == 401
    attempts = collector.wait_for(8, "ringback.attempt")
    accepts = collector.wait_for(2, "ringback.accept")

    assert {span.attributes["ringback.event.id"] for span in attempts} == {event_id}
    assert [span.failed for span in attempts].count(True) == 3, "two answered 500, and one got no connection"
    assert [span.failed for span in accepts].count(True) >= 1
    everything = b"\n".join(collector.raw)
    assert event_id.encode() in everything, "what was sent is what is looked through"
    assert [secret for secret in (*signing, *SECRETS) if secret.encode() in everything] == []


def test_the_text_of_an_exception_is_in_no_log_line_no_answer_and_no_span(
    server: Server, tenant: TestTenant, inbox: Inbox, collector: Collector
) -> None:
    """The message of what goes wrong here quotes the value that it choked on, which might be a secret."""
    tenant.endpoint(inbox.url())
    path = f"{tenant.path}/endpoints"
    with sqlite3.connect(server.data / "ringback.db", timeout=10) as file:
        before, after = '"ordering":"none"', f'"ordering":"{IN_A_ROW}"'
        file.execute(
            "UPDATE endpoint SET config = CAST(replace(CAST(config AS TEXT), ?, ?) AS BLOB) WHERE tenant_id = ?",
            (before, after, tenant.id),
        )
    file.close()

    answer = server.ask("GET", path)
    with suppress(http.client.HTTPException, OSError):  # whoever loads the row for this ends, and the server with it
        tenant.send()
    assert server._process is not None
    wait_until(lambda: server._process.poll() is not None, 30, "the server has ended")  # type: ignore[union-attr]

    assert server._process.returncode == 70
    assert (answer.status, answer.json["code"]) == (500, "internal")
    log = server.log.read_text()
    assert '"event": "part_failed"' in log
    assert '"error": "ValidationError"' in log, "what went wrong is told by its kind and place"
    for text in (log, answer.body.decode(), b"\n".join(collector.raw).decode("latin-1")):
        assert IN_A_ROW not in text
