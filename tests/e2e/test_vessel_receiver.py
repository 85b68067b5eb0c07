"""Vessel's own receiver, as its document shows it, run by Node with Express: does it believe what Ringback sends?

It signs what it has parsed, written anew, so that only a body that JavaScript would write in the same way is believed.
Express comes from npm, once: a test that can't have it fails, and says so.
"""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.npm import installed
from support.process import Server, wait_until
from support.tenant import TestTenant

HERE: Final = Path(__file__).parent / "vessel_receiver"
TOKEN: Final = "access-token-of-the-connection"
OFTEN: Final = {"delays_s": [0.05] * 20}


def receiver_in(folder: Path) -> Path:
    """A copy of the receiver with Express beside it, outside the repository."""
    folder.mkdir()
    shutil.copy(HERE / "receiver.mjs", folder)
    shutil.copy(HERE / "package.json", folder)
    (folder / "node_modules").symlink_to(installed(HERE / "package.json", "Express"))
    return folder


class Express:
    """The receiver in a process of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.url = f"http://127.0.0.1:{port}/webhook"

    def tell(self, path: str, told: Any) -> None:
        assert self._ask("PUT", path, told)[0] == 204

    def seen(self, connection_id: str) -> list[dict[str, Any]]:
        """What came for a connection, oldest first."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET", f"/seen/{connection_id}", None)[1])
        return found

    def wait_for(self, connection_id: str, count: int) -> list[dict[str, Any]]:
        """Until so many requests have come."""

        def come() -> list[dict[str, Any]] | None:
            found = self.seen(connection_id)
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = wait_until(come, 15, f"{count} requests of {connection_id}")
        return found

    def _ask(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            given = None if body is None else json.dumps(body)
            connection.request(method, path, given, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def express(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Express]:
    folder = receiver_in(tmp_path_factory.mktemp("vessel") / "receiver")
    with (
        (folder / "stderr.log").open("wb") as log,
        subprocess.Popen(
            ["node", "receiver.mjs"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, "NODE_ENV": "test"},
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        port = process.stdout.readline()
        assert port.strip(), (folder / "stderr.log").read_text()
        yield Express(int(port))
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def connection(server: Server, express: Express, tenant: TestTenant) -> TestTenant:
    """A connection with a webhook at the receiver, which has seen its beginning."""
    rotate = f"{tenant.path}/secret/rotate"
    assert server.ask("POST", rotate, {"secret": TOKEN, "grace_seconds": 0}).status == 200
    express.tell(f"/connections/{tenant.id}", {"accessToken": TOKEN})
    tenant.endpoint(express.url, profile="vessel", retry=OFTEN)
    (begun,) = express.wait_for(tenant.id, 1)
    assert (begun["verified"], begun["processed"]) == (True, ["status", "NEW_CONNECTION"])
    return tenant


def event_ids(seen: list[dict[str, Any]]) -> list[str]:
    return [json.loads(one["body"])["eventId"] for one in seen]


def test_changes_of_objects_and_of_the_status_are_believed(express: Express, connection: TestTenant) -> None:
    contact = {"id": "c_1", "nativeId": "n_1", "name": "Bodega Núñez 😀 <b> \u2028 \u007f"}
    subject = {"type": "Contact", "id": "c_1"}
    for change in ("created", "updated", "deleted"):
        connection.send(f"contact.{change}", contact, change=change, subject=subject)
    for status in ("INITIAL_SYNCED", "READY"):
        told = connection.server.make(f"{connection.path}/status", {"status": status})
        assert (told["type"], told["deliveries"]) == ("connection.status_changed", 1)
    seen = express.wait_for(connection.id, 6)
    assert all(one["verified"] for one in seen)
    assert sorted(one["processed"] for one in seen) == sorted(
        [
            ["status", "NEW_CONNECTION"],
            *(["object", "Contact", word] for word in ("CREATE", "UPDATE", "DELETE")),
            ["status", "INITIAL_SYNCED"],
            ["status", "READY"],
        ]
    )
    records = {json.loads(one["body"])["data"].get("eventType"): json.loads(one["body"])["data"] for one in seen}
    assert records["CREATE"]["record"] == records["UPDATE"]["record"] == contact
    assert records["DELETE"]["record"] == {"id": "c_1", "nativeId": "n_1", "connectionId": connection.id}


# What is posted, and what JavaScript makes of it: every one was worked out with node's JSON.stringify(JSON.parse(…)).
RECORDS: Final = {
    "numbers": (
        '{"a":1.0,"b":1e21,"c":1E-7,"d":-0,"e":-0.0,"f":12345678901234567890,"g":1e400,"h":[-1e400],"i":0.1e1,"j":123e-20}',
        '{"a":1,"b":1e+21,"c":1e-7,"d":0,"e":0,"f":12345678901234567000,"g":null,"h":[null],"i":1,"j":1.23e-18}',
    ),
    "names like indices": (
        '{"b":1,"10":2,"2":3,"01":4,"4294967294":5,"4294967295":6,"-1":7,"0":8}',
        '{"0":8,"2":3,"10":2,"4294967294":5,"b":1,"01":4,"4294967295":6,"-1":7}',
    ),
    "names twice": ('{"a":1,"b":2,"a":{"c":3}}', '{"a":{"c":3},"b":2}'),
    "names of JavaScript": (
        '{"__proto__":{"x":1},"constructor":2,"toString":null,"hasOwnProperty":[]}',
        '{"__proto__":{"x":1},"constructor":2,"toString":null,"hasOwnProperty":[]}',
    ),
    "text": (
        '{ "t" : "\\u00e9\\ud83d\\ude00\\/\\u2028\\u007f\\u0001\\b\\"\\\\" , "\\u0061" : "" }',
        '{"t":"é😀/\u2028\u007f\\u0001\\b\\"\\\\","a":""}',
    ),
    "no object": ("1.50", "1.5"),
}


@pytest.mark.parametrize(("posted", "written"), RECORDS.values(), ids=RECORDS.keys())
def test_any_record_is_believed(express: Express, connection: TestTenant, posted: str, written: str) -> None:
    event = f'{{"type":"deal.updated","subject":{{"type":"Deal","id":"d"}},"data":{posted}}}'
    assert connection.server.ask("POST", f"{connection.path}/events", event.encode()).status == 202
    _, received = express.wait_for(connection.id, 2)
    assert received["verified"]
    assert received["processed"] == ["object", "Deal", "UPDATE"]
    assert received["body"].endswith(f'"data":{{"objectType":"Deal","eventType":"UPDATE","record":{written}}}}}')


def test_an_answer_that_is_no_success_is_retried_under_the_same_id(express: Express, connection: TestTenant) -> None:
    express.tell("/failures", {"count": 2})
    event_id = connection.send("note.created", {"id": 1})
    seen = express.wait_for(connection.id, 4)[1:]
    connection.wait_state(event_id, "delivered")
    assert event_ids(seen) == [event_id] * 3
    assert all(one["verified"] for one in seen)
    assert len({one["body"] for one in seen}) == 1


def test_with_another_token_nothing_is_believed_until_the_receiver_has_it(
    express: Express, connection: TestTenant
) -> None:
    rotate = f"{connection.path}/secret/rotate"
    new = {"secret": "another-access-token-0001", "grace_seconds": 0}
    assert connection.server.ask("POST", rotate, new).status == 200
    event_id = connection.send("note.created", {"id": 1})
    refused = express.wait_for(connection.id, 2)[1]
    assert (refused["verified"], event_ids([refused])) == (False, [event_id])
    express.tell(f"/connections/{connection.id}", {"accessToken": new["secret"]})
    connection.wait_state(event_id, "delivered")
    last = express.seen(connection.id)[-1]
    assert (last["verified"], event_ids([last])) == (True, [event_id])
