"""The server and its sender process: one doesn't outlive the other, and nothing that was accepted is lost by it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.children import alive, children_of, end, sender_of, wait_gone
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_breaks_off_what_the_first_waits_for_and_the_log_says_so(
    server: Server, tenant: TestTenant, inbox: Inbox, held: threading.Event, number: signal.Signals
) -> None:
    tenant.endpoint(inbox.url())
    event_id = tenant.send()
    inbox.wait_for(1)
    before = len(server.log.read_text())

    os.kill(server.pid, number)
    wait_until(lambda: "stop_waits" in server.log.read_text()[before:], 15, "it says that it waits")
    os.kill(server.pid, number)

    assert exit_code(server) == 0
    assert not held.is_set(), "nobody has answered"
    log = server.log.read_text()[before:]
    assert "stop_waits in_flight=1 at_most_s=25.0" in log
    assert "stopped in_flight=1" in log
    held.set()
    server.start()
    tenant.wait_state(event_id, "delivered")
    assert [(a["number"], (a["error"] or {}).get("code")) for a in tenant.attempts()] == [(1, "aborted"), (2, None)]


def test_signals_to_end_are_not_for_the_sender_from_its_first_moment(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.start(wait=False)
    try:
        sender = wait_until(lambda: next(iter(children_of(server.pid)), None), 30, "the sender process")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(sender, number)  # it has not begun to run, or loads its modules
        server.wait_ready()
        assert sender_of(server.pid) == sender
    finally:
        assert server.stop() == 0
    assert not alive(sender)


def test_the_server_ends_when_its_sender_is_killed_and_all_that_was_accepted_arrives(
    server: Server, tenant: TestTenant, inbox: Inbox, held: threading.Event
) -> None:
    tenant.endpoint(inbox.url(), max_in_flight=4)
    held.set()
    known = tenant.send()  # the first request of all goes alone
    tenant.wait_state(known, "delivered")
    held.clear()
    accepted = [known, *(tenant.send() for _ in range(20))]
    inbox.wait_for(1 + 4)

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
