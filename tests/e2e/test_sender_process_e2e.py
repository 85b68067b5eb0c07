"""The server and its sender process: one doesn't outlive the other, and nothing that was accepted is lost by it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from support.children import alive, end, sender_of, wait_gone
from support.inbox import Inbox, Reply
from support.process import ADMIN_KEY, Server, wait_until
from support.tenant import TestTenant


class ServerOfItsOwnGroup(Server):
    """A server as a terminal starts it: Ctrl-C goes to its group, which is not that of the tests."""

    def start(self, wait: bool = True) -> "Server":
        command = [sys.executable, "-m", "ringback.cli.main", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--data", str(self.data), *self._flags],
                env={**os.environ, "RINGBACK_ADMIN_KEY": ADMIN_KEY},
                stdout=log,
                stderr=log,
                process_group=0,
            )
        if wait:
            self.wait_ready()
        return self


def exit_code(server: Server) -> int:
    """The server's exit code, once it has ended by itself."""
    assert server._process is not None
    return server._process.wait(30)


@pytest.fixture(scope="module")
def once_started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ServerOfItsOwnGroup(tmp_path_factory.mktemp("server") / "data", "--allow-private") as server:
        yield server


@pytest.fixture
def server(once_started: Server) -> Server:
    """Each test leaves it dead or alive; here it is alive."""
    if not alive(once_started.pid):
        once_started.start()
    return once_started


@pytest.fixture
def held(inbox: Inbox) -> Iterator[threading.Event]:
    """Until this is set, every request is under way and stays so."""
    released = threading.Event()
    inbox.reply = lambda received: Reply() if released.wait(30) else Reply(500)
    yield released
    released.set()


def test_ctrl_c_lets_requests_in_flight_end_and_records_them(
    server: Server, tenant: TestTenant, inbox: Inbox, held: threading.Event
) -> None:
    tenant.endpoint(inbox.url())
    event_id = tenant.send()
    inbox.wait_for(1)
    sender = sender_of(server.pid)

    os.killpg(server.pid, signal.SIGINT)
    os.kill(sender, signal.SIGTERM)  # some supervisors signal every process; it isn't for this one to end
    wait_until(lambda: "stopping" in server.log.read_text(), 15, "the server is stopping")
    assert alive(sender), "it goes on with the request"
    held.set()

    assert exit_code(server) == 0
    assert not alive(sender)
    assert "part_failed" not in server.log.read_text()
    server.start()
    assert tenant.state(event_id) == "delivered"
    assert len(inbox.received) == 1


def test_the_server_ends_when_its_sender_is_killed_and_all_that_was_accepted_arrives(
    server: Server, tenant: TestTenant, inbox: Inbox, held: threading.Event
) -> None:
    tenant.endpoint(inbox.url(), max_in_flight=4)
    accepted = [tenant.send() for _ in range(20)]
    inbox.wait_for(4)

    os.kill(sender_of(server.pid), signal.SIGKILL)

    assert exit_code(server) == 70
    held.set()
    log = server.log.read_text()
    (line,) = [line for line in log.splitlines() if "part_failed" in line]
    assert " error part_failed part=dispatcher " in line
    assert "The sender process ended with status -9." in line
    assert "Traceback" not in log

    server.start()
    for event_id in accepted:
        tenant.wait_state(event_id, "delivered", within_s=30)
    assert {one.event_id for one in inbox.received} == set(accepted)


def test_the_sender_ends_when_the_server_is_killed(
    server: Server, tenant: TestTenant, inbox: Inbox, held: threading.Event
) -> None:
    tenant.endpoint(inbox.url())
    tenant.send()
    inbox.wait_for(1)
    sender = sender_of(server.pid)
    try:
        server.kill()
        wait_gone(sender, "the sender process")
    finally:
        end(sender)
