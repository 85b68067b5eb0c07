"""The master key is changed on a real server that delivers and is killed meanwhile: nothing is lost, all is signed."""

import itertools
import threading
import time
from pathlib import Path

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ringback.clock import SystemClock
from ringback.store.sqlite import SqliteStore
from ringback.vault.ring import open_ring
from support.inbox import Inbox, Received
from support.process import Server, wait_until
from support.tenant import TestTenant

ROWS = 4_000
COLUMNS = "id, tenant_id, endpoint_id, value, created_at, expires_at, key_id"
AUTHORIZATION = "Token of-the-receiver"


def add_secrets(data: Path) -> None:
    """Many sealed secrets of nobody, so that sealing them anew takes its time."""

    def sealer_for(needed: list[str]) -> object:
        return open_ring(None, data, needed, SystemClock().token_bytes).vault

    store = SqliteStore.open(data / "ringback.db", sealer_for=sealer_for)  # type: ignore[arg-type]
    seal = store._sealed.sealed_secret
    rows = []
    for number in range(ROWS):
        key_id, value = seal(f"sec_many_{number}", "nobody", None, f"whsec_{number}")
        rows.append((f"sec_many_{number}", "nobody", None, value, 0, None, key_id))
    with store._writer.transaction() as connection:
        connection.executemany(f"INSERT INTO secret ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    store.close()


def many(data: Path) -> set[str]:
    """Those secrets as a server with the present keys reads them."""
    ring = open_ring(None, data, [], SystemClock().token_bytes)
    store = SqliteStore.open(data / "ringback.db", sealer_for=lambda needed: ring.vault)
    found = {one.value for one in store.list_secrets("nobody", None)}
    store.close()
    return found


class Traffic:
    """Posts one event after another, and holds every request that arrives against the endpoint's secret."""

    def __init__(self, server: Server, tenant: TestTenant) -> None:
        self.secret = ""
        self.wrong: list[Received] = []
        self.accepted: list[str] = []
        self._server, self._tenant = server, tenant
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._post, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(30)

    def check(self, received: Received) -> None:
        try:
            Webhook(self.secret).verify(received.body, {name.lower(): value for name, value in received.headers})
        except WebhookVerificationError:
            self.wrong.append(received)
        if received.header("Authorization") != AUTHORIZATION:
            self.wrong.append(received)

    def _post(self) -> None:
        for number in itertools.count():
            if self._stopping.is_set():
                return
            body = {"type": "thing.happened", "id": f"e{number}", "data": {"n": number}}
            try:
                answer = self._server.ask("POST", f"{self._tenant.path}/events", body)
            except OSError:
                time.sleep(0.01)  # killed just now
                continue
            if answer.status == 202:
                self.accepted.append(f"e{number}")


def test_nothing_is_lost_or_signed_wrongly_whenever_the_server_is_killed(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--allow-private")
    server.data.mkdir()
    add_secrets(server.data)
    key_file = server.data / "master.key"
    seen = set()
    with Inbox() as inbox:
        with server:
            tenant = TestTenant(server, "t")
            auth = {"type": "raw", "value": AUTHORIZATION}
            endpoint = tenant.endpoint(inbox.url(), auth=auth, retry={"delays_s": [0.1] * 5})
            traffic = Traffic(server, tenant)
            traffic.secret = endpoint["secret"]
            traffic.start()
            for _ in range(2):
                before = key_file.read_text()
                asking = threading.Thread(target=ask_to_rotate, args=(server,), daemon=True)
                asking.start()
                wait_until(lambda before=before: key_file.read_text() != before, 15, "a new key is in the file")
                server.kill()  # between the file and the last row, wherever that is
                asking.join(10)
                assert before in key_file.read_text()
                assert many(server.data) == {f"whsec_{number}" for number in range(ROWS)}
                server.start()
                wait_until(lambda: not server.get("/v1/master-key")["others"], 20, "the old key is dropped")
                state = server.get("/v1/master-key")
                assert (state["left"], key_file.read_text().count("\n")) == (0, 1)
                seen.add(state["key_id"])
            traffic.stop()
            wait_until(lambda: delivered(server, tenant) >= set(traffic.accepted), 20, "all that was accepted arrives")
            for received in list(inbox.received):
                traffic.check(received)
            assert traffic.wrong == []
            assert server.get(f"{tenant.path}/attempts?outcome=failed")["items"] == []
            assert server.get(f"{tenant.path}/endpoints/{endpoint['id']}")["status"] == "active"
        assert len(seen) == 2
        assert len(traffic.accepted) > 20


def ask_to_rotate(server: Server) -> None:
    try:
        server.ask("POST", "/v1/master-key/rotate", {})
    except OSError:
        return  # killed before it could answer


def delivered(server: Server, tenant: TestTenant) -> set[str]:
    """The ids of events that are recorded as delivered."""
    found: set[str] = set()
    path = f"{tenant.path}/attempts?outcome=succeeded&limit=250"
    cursor = ""
    while True:
        page = server.get(f"{path}&cursor={cursor}" if cursor else path)
        found |= {item["event_id"] for item in page["items"]}
        cursor = page["next_cursor"]
        if not cursor:
            return found
