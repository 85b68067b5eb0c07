"""The sender process: a request and its response come through it unchanged, and it never outlives or hangs us."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ringback.clock import SystemClock
from ringback.engine import remote
from ringback.engine.orders import BEAT_S, Setup
from ringback.engine.ports import InboundResponse
from ringback.engine.reading import SenderLimits
from ringback.engine.remote import SILENT_S_MAX, SenderFailed, SenderProcess
from ringback.testing.clock import ManualClock
from support.authority import Authority
from support.children import alive, end, halted, wait_gone
from support.nameserver import NameServer, Reply
from support.process import wait_until
from support.receivers import OK, Connection, Receiver, answers, never_answering
from support.sending import PRIVATE, PUBLIC, Sending, opened

ANSWER = (
    b"HTTP/1.1 207 M\xfclti\r\nX-CaSe: One\r\nx-case:two  \r\nX-\xe4: \xc3\x28\xff\r\nX-Empty:\r\n"
    b"Content-Length: 512\r\n\r\n" + bytes(range(256)) * 2
)


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture(scope="module")
def apart(names: NameServer) -> Iterator[Sending]:
    """One process for all the tests that ask nothing special of it, and leave it as it was."""
    with Sending(names=names, apart=True) as sending:
        yield sending


def echo(connection: Connection) -> None:
    while (request := connection.request()) is not None:
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))


def shown(response: InboundResponse) -> tuple[object, ...]:
    """All of a response but its token, and of an answer's times which of them there are."""
    times = tuple(part is not None for part in response.timings) if response.status is not None else ()
    return (*response[1:7], times, *response[8:])


# The same as in this process.


@pytest.mark.parametrize(
    "raw",
    [
        ANSWER,
        b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"\x00\xff" * 20_000,
        b"HTTP/1.0 500 No\r\n\r\nuntil the end",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nRetry-After: 99\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"",
    ],
    ids=["latin-1", "truncated", "1.0", "no body", "chunked", "broken", "too short", "nothing"],
)
def test_a_request_and_its_response_are_those_of_the_transport_in_this_process(apart: Sending, raw: bytes) -> None:
    headers = ["X-CaSe-Kept: Yes", "content-type: application/json", "X-Same: 1", "X-Same: 2", "X-Empty: "]
    body = b'{"a": 1}\x00\xff'
    with Receiver(answers(raw, then_close=True)) as receiver, Sending() as here:
        expected = here.send(receiver.url, headers=headers, body=body)
        response = apart.send(receiver.url, headers=headers, body=body)
        assert shown(response) == shown(expected)
        first, second = receiver.requests
        assert second == first
        assert (second.line, second.body) == ("POST /hook HTTP/1.1", body)
        assert response.timings.total > 0.0


def test_what_comes_back_is_reported_whole(apart: Sending) -> None:
    with Receiver(answers(ANSWER)) as receiver:
        response = apart.send(receiver.url)
        assert (response.status, response.error_code, response.truncated) == (207, None, False)
        assert response.headers == [
            ("X-CaSe", "One"), ("x-case", "two"), ("X-ä", "\xc3(\xff"), ("X-Empty", ""), ("Content-Length", "512"),
        ]  # fmt: skip
        assert response.body == bytes(range(256)) * 2
        assert (response.remote_address, response.http_version) == (f"127.0.0.1:{receiver.port}", "1.1")
        assert None not in (response.timings.connect, response.timings.first_byte)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "https://nowhere.invalid/", ""])
def test_what_fails_fails_alike(apart: Sending, names: NameServer, url: str) -> None:
    with Sending(names=names) as here:
        assert shown(apart.send(url)) == shown(here.send(url))


@pytest.mark.parametrize("line", ["X-A: b\r\nX-Injected: 1", "Host: other.example", "X-A: ä", "no colon"])
def test_a_header_that_could_change_the_request_never_reaches_the_wire(apart: Sending, line: str) -> None:
    with Receiver(answers(OK)) as receiver:
        assert apart.send(receiver.url, headers=[line]).error_code == "blocked_request"
        assert receiver.connections == 0


def test_a_connection_is_used_again(apart: Sending) -> None:
    with Receiver(answers(OK)) as receiver:
        assert [apart.send(receiver.url).status for _ in range(5)] == [200] * 5
        assert receiver.connections == 1


def test_many_at_once_each_get_their_own_answer(apart: Sending) -> None:
    with Receiver(echo) as receiver:
        tokens = {apart.start(receiver.url, body=b"%d" % i): b"%d" % i for i in range(200)}
        apart.until(lambda: len(apart.responses) == 200)
        assert {token: apart.finish(token).body for token in tokens} == tokens


def test_large_bodies_arrive_byte_for_byte(apart: Sending) -> None:
    # Together more than any socket holds, so that the rest of one has to wait for the other side to read.
    bodies = [os.urandom(1_000_000) for _ in range(8)]
    with Receiver(answers(OK)) as receiver:
        tokens = [apart.start(receiver.url, body=body, deadline_s=20.0) for body in bodies]
        assert {apart.finish(token).status for token in tokens} == {200}
        assert sorted(request.body for request in receiver.requests) == sorted(bodies)


# What it was set up with.


def test_a_name_is_asked_of_the_name_server_that_was_given(apart: Sending, names: NameServer) -> None:
    names.say("receiver.example", Reply(["127.0.0.1"]))
    with Receiver(answers(OK)) as receiver:
        url = f"http://receiver.example:{receiver.port}/"
        response = apart.send(url)
        assert response.status == 200
        assert response.timings.dns is not None
        assert receiver.requests[0].header("Host") == f"receiver.example:{receiver.port}"
        assert apart.send(url).timings.dns is None
    assert sorted(kind for name, kind in names.asked if name == "receiver.example") == ["A", "AAAA"]
    missing = apart.send("https://nowhere.example/")
    assert (missing.error_code, missing.error_message) == ("dns_failed", "There is no such host name.")


def test_an_address_that_must_not_be_dialled_is_not(names: NameServer) -> None:
    with Receiver(answers(OK)) as inside, Sending(PUBLIC, names=names, apart=True) as sending:
        names.say("inside.example", Reply(["127.0.0.1"]))
        names.say("mixed.example", Reply(["93.184.215.14", "10.0.0.1"]))
        for host in ("127.0.0.1", "[::1]", "inside.example"):
            response = sending.send(f"https://{host}:{inside.port}/")
            assert (response.status, response.error_code) == (None, "blocked_address"), host
            assert response.remote_address is None
        response = sending.send("https://mixed.example/")
        assert response.error_code == "blocked_address"
        assert "not a public address" in (response.error_message or "")
        assert inside.connections == 0


def test_what_the_operator_opened_is_reached_and_its_neighbours_are_not() -> None:
    with (
        Receiver(answers(OK)) as four,
        Receiver(answers(OK), host="127.0.0.2") as neighbour,
        Receiver(answers(OK), host="::1") as six,
        Receiver(answers(OK), host="::1") as other_six,
    ):
        with Sending(opened("127.0.0.1", f"[::1]:{six.port}"), apart=True) as sending:
            assert sending.send(four.url).status == 200
            assert sending.send(six.url).status == 200
            for receiver in (neighbour, other_six):
                assert sending.send(receiver.url.replace("http:", "https:")).error_code == "blocked_address"
        with Sending(opened(f"127.0.0.0/8:{neighbour.port}", "::1/128"), apart=True) as sending:
            assert sending.send(neighbour.url).status == 200
            assert sending.send(other_six.url).status == 200
            assert sending.send(four.url.replace("http:", "https:")).error_code == "blocked_address"
        assert (four.connections, neighbour.connections, six.connections, other_six.connections) == (1, 1, 1, 1)


def test_a_file_of_authorities_is_the_one_that_counts(apart: Sending, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Receiver(answers(OK), tls=authority.server("127.0.0.1")) as receiver:
        with Sending(ca_file=authority.ca_file, apart=True) as sending:
            response = sending.send(receiver.url)
            assert response.status == 200
            assert response.timings.tls is not None
        response = apart.send(receiver.url)
        assert response.error_code == "tls_failed"
        assert "unknown authority" in (response.error_message or "")
        assert len(receiver.requests) == 1


def test_it_works_in_a_process_with_many_descriptors() -> None:
    """`select` takes no descriptor from 1,024 on, and the child's end of the socket has the number that it has here."""
    with descriptors_taken(1_100), Receiver(answers(OK)) as receiver, Sending(apart=True) as sending:
        assert sending.send(receiver.url).status == 200


@contextmanager
def descriptors_taken(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard >= count + 200, f"this test opens {count} files: raise the limit (ulimit -Hn)"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 200), hard))
    fillers = [os.open("/dev/null", os.O_RDONLY) for _ in range(count)]
    try:
        yield
    finally:
        for filler in fillers:
            os.close(filler)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Breaking off, and coming too late.


def test_an_aborted_request_finishes_once_as_aborted(apart: Sending) -> None:
    with Receiver(never_answering) as receiver:
        token = apart.start(receiver.url)
        apart.until(lambda: receiver.connections == 1)
        apart.transport.abort(token)
        apart.transport.abort(token)
        apart.transport.abort(12_345_678)
        response = apart.finish(token)
        assert (response.status, response.error_code) == (None, "aborted")
    # Orders are carried out one after the other: had the others finished anything, it would be here by now.
    apart.transport.abort(token)
    with Receiver(answers(OK)) as receiver:
        assert apart.send(receiver.url).status == 200
    assert apart.responses == {}


def test_a_request_that_waits_for_its_name_can_be_aborted(apart: Sending, names: NameServer) -> None:
    names.say("slow.example", Reply(silent=True))
    token = apart.start("https://slow.example/")
    apart.until(lambda: ("slow.example", "A") in names.asked)
    apart.transport.abort(token)
    assert apart.finish(token).error_code == "aborted"


def test_a_request_that_is_broken_off_before_it_was_posted_finishes_as_aborted(apart: Sending) -> None:
    with Receiver(never_answering) as receiver:
        token = apart.start(receiver.url)
        apart.transport.abort(token)
        assert apart.finish(token).error_code == "aborted"


def test_what_is_read_after_its_deadline_is_not_sent(apart: Sending) -> None:
    with Receiver(answers(OK)) as receiver:
        assert apart.send(receiver.url).status == 200
        with halted(apart.transport.pid):
            late = apart.start(receiver.url, body=b"late", deadline_s=0.2)
            over_s = apart.clock.boottime_s() + 0.3
            apart.until(lambda: apart.clock.boottime_s() > over_s)
        response = apart.finish(late)
        assert (response.status, response.error_code) == (None, "aborted")
        assert apart.send(receiver.url, body=b"after").status == 200
        assert [request.body for request in receiver.requests[1:]] == [b"after"]
        assert receiver.connections == 1


class Behind(SystemClock):
    """A clock that is `late_s` behind the machine's, as if orders had been on their way for so long."""

    def __init__(self, late_s: float) -> None:
        super().__init__()
        self._late_s = late_s

    def boottime_s(self) -> float:
        return super().boottime_s() - self._late_s


def test_what_is_read_late_has_less_time_left(apart: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart.transport, "_clock", Behind(59.0))
    with Receiver(never_answering) as receiver:
        response = apart.send(receiver.url, deadline_s=60.0)
        assert (response.status, response.error_code) == (None, "timeout")
        assert receiver.connections == 1
        assert response.timings.total < 30_000


# Waking.


@pytest.fixture
def silent(apart: Sending) -> Iterator[SenderProcess]:
    """One that gives no sign of life, so that nothing but a wake ends a poll."""
    process = apart.transport
    apart.send("")  # it is up
    with halted(process.pid):
        process.poll(0.0)
        yield process


def test_poll_returns_when_it_is_woken_from_another_thread(silent: SenderProcess) -> None:
    def wake_when_it_waits() -> None:
        wait_until(lambda: silent._polling, 30, "it waits")
        silent.wake()

    waker = threading.Thread(target=wake_when_it_waits)
    waker.start()
    assert polled_within_s(silent) < 30
    waker.join()


def test_a_wake_before_the_poll_is_not_lost(silent: SenderProcess) -> None:
    silent.wake()
    assert polled_within_s(silent) < 30
    assert silent.poll(0.0) == []


def test_no_wake_is_ever_missed(silent: SenderProcess) -> None:
    count = 500
    seen = threading.Semaphore(0)

    def wake_each_time() -> None:
        for _ in range(count):
            silent.wake()
            assert seen.acquire(timeout=30)

    waker = threading.Thread(target=wake_each_time)
    waker.start()
    for _ in range(count):
        assert polled_within_s(silent) < 30
        seen.release()
    waker.join()


def polled_within_s(process: SenderProcess) -> float:
    clock = SystemClock()
    started_s = clock.boottime_s()
    assert process.poll(60.0) == []
    return clock.boottime_s() - started_s


# Its life and its end.


@contextmanager
def started(clock: SystemClock | ManualClock) -> Iterator[SenderProcess]:
    process = SenderProcess(Setup.of(PRIVATE, SenderLimits()), clock)
    try:
        yield process
    finally:
        end(process.pid)
        process.close()


def test_it_does_not_get_the_admin_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_ADMIN_KEY", "a-key-that-is-only-ours")
    with started(SystemClock()) as process:
        place = Path(f"/proc/{process.pid}/environ")
        # It is empty while the process becomes another program.
        environment = wait_until(place.read_bytes, 10, "it has variables")
        assert b"PATH=" in environment
        assert b"RINGBACK_" not in environment


def test_signals_to_end_are_not_its_business(apart: Sending) -> None:
    pid = apart.transport.pid
    with Receiver(answers(OK)) as receiver:
        assert apart.send(receiver.url).status == 200
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
            assert apart.send(receiver.url).status == 200
    assert os.getpgid(pid) != os.getpgid(0), "and a terminal's don't even reach it"


def test_a_process_that_was_killed_fails_the_poll_with_its_status() -> None:
    with Receiver(never_answering) as receiver, Sending(apart=True) as sending:
        sending.start(receiver.url)
        sending.until(lambda: receiver.connections == 1)
        os.kill(sending.transport.pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(SenderFailed, match=r"^The sender process ended with status -9\.$"):
                sending.until(lambda: False)
        assert sending.responses == {}


def test_a_process_that_was_killed_at_its_start_fails_the_poll() -> None:
    with started(SystemClock()) as process:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(SenderFailed, match="status -9"):
            process.poll(60.0)


def test_a_process_that_was_killed_fails_even_when_there_is_something_to_post() -> None:
    with Receiver(answers(OK)) as receiver, Sending(apart=True) as sending:
        assert sending.send(receiver.url).status == 200
        os.kill(sending.transport.pid, signal.SIGKILL)
        wait_gone(sending.transport.pid, "the sender process")
        sending.start(receiver.url)
        with pytest.raises(SenderFailed, match="status -9"):
            sending.transport.poll(0.0)
        assert len(receiver.requests) == 1


def test_a_process_that_ended_with_an_error_fails_the_poll_with_its_status(capfd: pytest.CaptureFixture[str]) -> None:
    with Sending(apart=True) as sending:
        sending.transport._frames.put(b"no orders")
        with pytest.raises(SenderFailed, match="status 1"):
            sending.until(lambda: False)
    assert "The sender process failed: ValidationError at " in capfd.readouterr().err


def test_a_process_that_hangs_fails_the_poll() -> None:
    clock = ManualClock()
    with started(clock) as process, halted(process.pid):
        for _ in range(int(SILENT_S_MAX / BEAT_S)):
            clock.pass_s(BEAT_S)
            assert process.poll(0.0) == []
        clock.pass_s(BEAT_S)
        with pytest.raises(SenderFailed, match=rf"^The sender process {process.pid} has been silent for 16 s\.$"):
            process.poll(0.0)


def test_that_this_process_was_halted_is_no_silence_of_the_other() -> None:
    clock = ManualClock()
    with started(clock) as process, halted(process.pid):
        for _ in range(int(SILENT_S_MAX / BEAT_S)):
            clock.pass_s(3_600.0)  # however long it was, it counts as one beat
            assert process.poll(0.0) == []
        clock.pass_s(3_600.0)
        with pytest.raises(SenderFailed, match="silent for 16 s"):
            process.poll(0.0)


def test_a_sign_of_life_ends_the_silence() -> None:
    clock = ManualClock()

    def nearly_too_silent() -> None:
        with halted(process.pid):
            process.poll(0.0)  # takes what it may have said before
            for _ in range(int(SILENT_S_MAX / BEAT_S) - 1):
                clock.pass_s(BEAT_S)
                assert process.poll(0.0) == []

    with started(clock) as process:
        nearly_too_silent()
        assert process.poll(60.0) == []  # ends with the sign of life
        nearly_too_silent()


def test_close_ends_the_process_with_its_requests_and_can_be_repeated(apart: Sending) -> None:
    closed = threading.Event()

    def script(connection: Connection) -> None:
        connection.request()
        connection.request()  # until the other side closes
        closed.set()

    with Receiver(script) as receiver, Sending(apart=True) as sending:
        sending.start(receiver.url, deadline_s=60.0)
        sending.until(lambda: len(receiver.requests) == 1)
        pid = sending.transport.pid
        sending.transport.close()
        assert not Path(f"/proc/{pid}").exists()
        assert closed.wait(15)
        sending.transport.close()
        sending.transport.wake()
        assert alive(apart.transport.pid), "another one is left alone"


def test_close_ends_even_a_process_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "END_WITHIN_S", 0.1)
    with started(SystemClock()) as process, halted(process.pid):
        process.close()
        assert not Path(f"/proc/{process.pid}").exists()


PARENT = """
import sys
from ringback.clock import SystemClock
from ringback.engine.orders import Setup
from ringback.engine.ports import OutboundRequest
from ringback.engine.reading import SenderLimits
from ringback.engine.remote import SenderProcess
from ringback.policy.address import UrlRules

process = SenderProcess(Setup.of(UrlRules(allow_private=True), SenderLimits()), SystemClock())
for url in sys.argv[1:]:
    process.start(OutboundRequest(1, "ten_a", "POST", url, [], b"", 60.0))
print(process.pid, flush=True)
while True:
    process.poll(60.0)
"""


@pytest.mark.parametrize("busy", [False, True], ids=["at its start", "with a request under way"])
def test_it_ends_when_its_parent_is_killed(apart: Sending, busy: bool) -> None:
    with Receiver(never_answering) as receiver:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, *([receiver.url] if busy else [])],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        )
        with parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            try:
                apart.until(lambda: receiver.connections == int(busy))
                assert alive(pid)
                parent.kill()
                parent.wait(15)
                wait_gone(pid, "the sender process")
            finally:
                parent.kill()
                end(pid)
