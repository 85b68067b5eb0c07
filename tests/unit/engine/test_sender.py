"""The transport's ordinary work: what goes out, what comes back, connections, waking, aborting."""

import socket
import threading
from pathlib import Path

import pycurl
import pytest

from ringback.engine.curl_errors import FAILURES, Stage, failure_of
from ringback.engine.ports import OutboundRequest
from ringback.engine.reading import SenderLimits
from ringback.engine.sender import ENDS_MAX
from ringback.policy.url import accept_url
from support.nameserver import NameServer, Reply
from support.receivers import (
    OK,
    Connection,
    Receiver,
    answers,
    answers_status,
    closes_kept_connections,
    never_answering,
    slow,
)
from support.sending import PRIVATE, WAIT_S_MAX, Sending


def test_what_goes_out_is_what_was_given_and_nothing_else() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        headers = ["X-CaSe-Kept: Yes", "content-type: application/json", "webhook-id: evt_1", "X-Empty: "]
        body = b'{"a": 1}\x00\xff'
        response = sending.send(receiver.url, headers=headers, body=body)
        assert response.status == 200
        [request] = receiver.requests
        assert request.line == "POST /hook HTTP/1.1"
        assert request.headers == [
            ("Host", f"127.0.0.1:{receiver.port}"),
            ("X-CaSe-Kept", "Yes"),
            ("content-type", "application/json"),
            ("webhook-id", "evt_1"),
            ("X-Empty:", ""),
            ("User-Agent", "Ringback"),
            ("Accept-Encoding", "identity"),
            ("Content-Length", "10"),
        ]
        assert request.body == body


def test_the_same_header_may_come_twice_and_accept_is_sent_when_it_is_given() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        sending.send(receiver.url, headers=["X-A: 1", "X-A: 2", "Accept: text/plain", "User-Agent: mine"])
        names = [header for header in receiver.requests[0].headers if header[0] in ("X-A", "Accept", "User-Agent")]
        assert names == [
            ("X-A", "1"),
            ("X-A", "2"),
            ("Accept", "text/plain"),
            ("User-Agent", "mine"),
            ("User-Agent", "Ringback"),
        ]


def test_libcurl_adds_no_header_of_its_own() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        sending.transport.start(OutboundRequest(1, "ten_a", "POST", receiver.url, [], b"{}", 5.0))
        assert sending.finish(1).status == 200
        assert receiver.requests[0].headers == [("Host", f"127.0.0.1:{receiver.port}"), ("Content-Length", "2")]


def test_a_trailer_is_not_a_header() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nRetry-After: 99\r\n\r\n"
    with Receiver(answers(raw)) as receiver, Sending() as sending:
        response = sending.send(receiver.url)
        assert response.headers == [("Transfer-Encoding", "chunked")]
        assert (response.body, response.truncated) == (b"ok", False)


def test_what_comes_back_is_reported_whole() -> None:
    raw = b"HTTP/1.1 207 Multi\r\nX-CaSe: One\r\nx-case:two  \r\nContent-Length: 4\r\n\r\n\x00\xff\xfeZ"
    with Receiver(answers(raw)) as receiver, Sending() as sending:
        response = sending.send(receiver.url)
        assert response.status == 207
        assert response.error_code is None
        assert response.error_message is None
        assert response.headers == [("X-CaSe", "One"), ("x-case", "two"), ("Content-Length", "4")]
        assert response.body == b"\x00\xff\xfeZ"
        assert not response.truncated
        assert response.remote_address == f"127.0.0.1:{receiver.port}"
        assert response.http_version == "1.1"
        assert response.timings.connect is not None
        assert response.timings.first_byte is not None
        assert response.timings.dns is None
        assert response.timings.tls is None
        assert response.timings.total >= response.timings.first_byte


@pytest.mark.parametrize("status", [200, 204, 299, 400, 401, 407, 410, 429, 500, 503, 599])
def test_every_status_is_reported_and_none_is_acted_upon(status: int) -> None:
    headers = [("WWW-Authenticate", "Basic realm=x"), ("Retry-After", "1")]
    with Receiver(answers_status(status, headers)) as receiver, Sending() as sending:
        assert sending.send(receiver.url).status == status
        assert len(receiver.requests) == 1


def test_a_connection_is_used_again() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        first = sending.send(receiver.url)
        for i in range(5):
            again = sending.send(receiver.url, body=b"%d" % i)
            assert again.status == 200
            assert again.timings.connect is None
            assert again.remote_address == first.remote_address
        assert receiver.connections == 1
        assert [request.body for request in receiver.requests[1:]] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_handle_that_is_used_again_carries_nothing_over() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        sending.send(f"{receiver.url}/a", body=b"x" * 10_000, headers=["X-First: 1"])
        sending.send(f"{receiver.url}/b", method="GET", body=b"", headers=[])
        sending.send(f"{receiver.url}/c", method="PUT", body=b"put")
        sending.send(f"{receiver.url}/d", method="PUT", body=b"")
        sending.send(f"{receiver.url}/e", body=b"")
        sending.send(f"{receiver.url}/f", method="OPTIONS", body=b"")
        lines = [(r.line, r.body, r.header("X-First"), r.header("Content-Length")) for r in receiver.requests]
        assert lines == [
            ("POST /hook/a HTTP/1.1", b"x" * 10_000, "1", "10000"),
            ("GET /hook/b HTTP/1.1", b"", None, None),
            ("PUT /hook/c HTTP/1.1", b"put", None, "3"),
            ("PUT /hook/d HTTP/1.1", b"", None, None),
            ("POST /hook/e HTTP/1.1", b"", None, "0"),
            ("OPTIONS /hook/f HTTP/1.1", b"", None, None),
        ]


def test_head_has_headers_and_no_body() -> None:
    raw = b"HTTP/1.1 200 OK\r\nx-ValidationCode: abc\r\nContent-Length: 5\r\n\r\n"
    with Receiver(answers(raw, OK)) as receiver, Sending() as sending:
        response = sending.send(receiver.url, method="HEAD", body=b"", headers=["X-ValidationCode: abc"])
        assert response.status == 200
        assert ("x-ValidationCode", "abc") in response.headers
        assert response.body == b""
        assert sending.send(receiver.url, body=b"after").body == b"ok"
        assert [r.line for r in receiver.requests] == ["HEAD /hook HTTP/1.1", "POST /hook HTTP/1.1"]


def test_the_path_goes_out_as_it_was_accepted() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        every = "/-._~!$&'()*+,;=:@[]azAZ09"
        paths = ["/a/../b/./c//d/..", "//a", f"{every}?{every}?", "/%2E%2E/%00%2F%FF", "/?", "/?%00&&"]
        for path in paths:
            url = receiver.url.removesuffix("/hook") + path
            assert accept_url(url, PRIVATE).url == url
            sending.send(url)
        assert [request.line.split(" ")[1] for request in receiver.requests] == paths


def test_a_query_that_was_appended_goes_out_in_normal_form() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        for _ in range(2):
            assert sending.send(f"{receiver.url}?name=müller&x=%2f").status == 200
        assert {request.line for request in receiver.requests} == {"POST /hook?name=m%C3%BCller&x=%2F HTTP/1.1"}


def test_a_large_body_goes_out_at_once_without_asking() -> None:
    body = b"x" * 3_000_000
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        assert sending.send(receiver.url, body=body).status == 200
        assert receiver.requests[0].body == body
        assert receiver.requests[0].header("Expect") is None


def test_a_receiver_on_ipv6() -> None:
    with Receiver(answers(OK), host="::1") as receiver, Sending() as sending:
        response = sending.send(receiver.url)
        assert response.status == 200
        assert response.remote_address == f"[::1]:{receiver.port}"


def test_a_name_is_resolved_by_our_resolver_and_kept_as_host() -> None:
    with NameServer() as names, Receiver(answers(OK)) as receiver, Sending(names=names) as sending:
        names.say("receiver.example", Reply(["127.0.0.1"]))
        response = sending.send(f"http://receiver.example:{receiver.port}/")
        assert response.status == 200
        assert response.timings.dns is not None
        assert receiver.requests[0].header("Host") == f"receiver.example:{receiver.port}"
        assert sending.send(f"http://receiver.example:{receiver.port}/").timings.dns is None
        assert len(names.asked) == 2


def test_localhost_works_without_any_name_server() -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        assert sending.send(f"http://localhost:{receiver.port}/").status == 200


def test_a_hosts_file_is_honoured(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 receiver.internal\n")
    with Receiver(answers(OK)) as receiver, Sending(hosts_file=path) as sending:
        assert sending.send(f"http://receiver.internal:{receiver.port}/").status == 200


def test_the_next_address_is_tried_when_one_refuses_the_connection() -> None:
    with NameServer() as names, Receiver(answers(OK)) as receiver, Sending(names=names) as sending:
        names.say("receiver.example", Reply(["127.0.0.2", "127.0.0.3", "127.0.0.1"]))
        response = sending.send(f"http://receiver.example:{receiver.port}/")
        assert response.status == 200
        assert response.remote_address == f"127.0.0.1:{receiver.port}"


def test_a_changed_answer_is_used_by_handles_that_knew_the_old_one() -> None:
    with NameServer() as names, Sending(names=names) as sending:
        with Receiver(answers(OK, then_close=True)) as old:
            names.say("receiver.example", Reply(["127.0.0.1"], ttl_s=1), Reply(["127.0.0.9"], ttl_s=1))
            url = f"http://receiver.example:{old.port}/"
            tokens = [sending.start(url) for _ in range(5)]
            assert {sending.finish(token).status for token in tokens} == {200}
        # Now nobody listens at the first address any more; the second one has the same port.
        listener = socket.create_server(("127.0.0.9", old.port))
        listener.close()
        expires_s = sending.clock.boottime_s() + 1.1
        sending.until(lambda: sending.clock.boottime_s() > expires_s)
        tokens = [sending.start(url) for _ in range(5)]
        assert {sending.finish(token).remote_address for token in tokens} == {None}
        assert sending.transport._origins.destination(url).origin.pin.addresses == ("127.0.0.9",)  # type: ignore[union-attr]


def test_a_name_that_does_not_exist() -> None:
    with NameServer() as names, Sending(names=names) as sending:
        response = sending.send("https://nowhere.example/")
        assert (response.status, response.error_code) == (None, "dns_failed")
        assert response.error_message == "There is no such host name."
        assert response.timings.dns is not None


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Sending() as sending:
        response = sending.send(f"http://127.0.0.1:{port}/")
        assert (response.status, response.error_code) == (None, "connect_failed")
        assert "refused the connection" in (response.error_message or "")
        assert response.remote_address is None


def test_a_kept_connection_that_is_closed_unanswered_fails_and_nothing_is_sent_twice() -> None:
    with Receiver(closes_kept_connections) as receiver, Sending() as sending:
        assert sending.send(receiver.url, body=b"1").status == 200
        response = sending.send(receiver.url, body=b"2")
        assert (response.status, response.error_code) == (None, "connection_lost")
        assert [request.body for request in receiver.requests] == [b"1", b"2"]
        # From now on each request to this receiver has a connection of its own, and none is lost.
        assert [sending.send(receiver.url, body=b"%d" % i).status for i in range(3, 6)] == [200, 200, 200]
        assert [request.body for request in receiver.requests] == [b"1", b"2", b"3", b"4", b"5"]


def test_a_kept_connection_is_not_replaced_when_the_receiver_goes_away_for_good() -> None:
    receiver = Receiver(closes_kept_connections)
    with receiver, Sending() as sending:
        assert sending.send(receiver.url, body=b"1").status == 200
        receiver.refuse_more()
        response = sending.send(receiver.url, body=b"2")
        assert (response.status, response.error_code) == (None, "connection_lost")
        assert [request.body for request in receiver.requests] == [b"1", b"2"]
        assert sending.send(receiver.url).error_code == "connect_failed"


def test_an_idle_connection_that_the_receiver_has_closed_is_not_used() -> None:
    with Receiver(answers(OK, then_close=True)) as receiver, Sending() as sending:
        for _ in range(3):
            assert sending.send(receiver.url).status == 200
            sending.until(lambda: receiver.open_connections == 0)
        assert len(receiver.requests) == 3


def test_a_kept_connection_that_is_closed_while_idle_does_not_keep_the_transport_busy() -> None:
    with Receiver(answers(OK, then_close=True)) as receiver, Sending() as sending:
        tokens = [sending.start(receiver.url) for _ in range(20)]
        assert {sending.finish(token).status for token in tokens} == {200}
        sending.until(lambda: receiver.open_connections == 0)
        assert turns_of_a_poll(sending, 0.5) < 40


def test_many_at_once_each_get_their_own_answer() -> None:
    def echo(connection: Connection) -> None:
        while (request := connection.request()) is not None:
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body))

    with Receiver(echo) as receiver, Sending() as sending:
        tokens = {sending.start(receiver.url, body=b"%d" % i): b"%d" % i for i in range(200)}
        sending.until(lambda: len(sending.responses) == 200)
        assert {token: response.body for token, response in sending.responses.items()} == tokens


def test_many_that_end_in_one_moment_are_given_out_a_few_at_a_time() -> None:
    with Receiver(never_answering) as receiver, Sending() as sending:
        for _ in range(50):
            sending.start(receiver.url, deadline_s=0.3)
        sending.transport.poll(0.0)
        over_s = sending.clock.boottime_s() + 0.4
        while sending.clock.boottime_s() < over_s:
            pass  # nobody looks until all of them are over
        ends_s = sending.clock.boottime_s() + WAIT_S_MAX
        polls: list[int] = []
        while sum(polls) < 50:
            assert sending.clock.boottime_s() < ends_s, "what had ended was waited for"
            polls.append(len(sending.transport.poll(WAIT_S_MAX)))
        assert max(polls) <= ENDS_MAX


def test_poll_returns_at_once_when_woken() -> None:
    with Sending() as sending:
        waker = threading.Timer(0.05, sending.transport.wake)
        waker.start()
        started_s = sending.clock.boottime_s()
        assert sending.transport.poll(60.0) == []
        assert sending.clock.boottime_s() - started_s < 30
        waker.join()


def test_a_wake_before_the_poll_is_not_lost() -> None:
    with Sending() as sending:
        sending.transport.wake()
        started_s = sending.clock.boottime_s()
        assert sending.transport.poll(60.0) == []
        assert sending.clock.boottime_s() - started_s < 30
        assert sending.transport.poll(0.0) == []


def test_no_wake_is_ever_missed() -> None:
    with Sending() as sending:
        count = 500
        seen = threading.Semaphore(0)

        def wake_each_time() -> None:
            for _ in range(count):
                sending.transport.wake()
                assert seen.acquire(timeout=30)

        waker = threading.Thread(target=wake_each_time)
        waker.start()
        for _ in range(count):
            started_s = sending.clock.boottime_s()
            sending.transport.poll(60.0)
            assert sending.clock.boottime_s() - started_s < 30
            seen.release()
        waker.join()


def test_poll_comes_back_when_its_time_is_over() -> None:
    with Receiver(never_answering) as receiver, Sending() as sending:
        sending.start(receiver.url)
        assert sending.transport.poll(0.01) == []
        assert sending.transport.poll(0.0) == []


def test_a_request_finishes_when_its_time_is_over_and_not_with_the_poll() -> None:
    with Receiver(never_answering) as receiver, Sending() as sending:
        sending.start(receiver.url, deadline_s=0.1)
        started_s = sending.clock.boottime_s()
        assert [response.error_code for response in sending.transport.poll(20.0)] == ["timeout"]
        assert sending.clock.boottime_s() - started_s < 15


def test_nothing_to_do_means_waiting_and_not_spinning() -> None:
    with NameServer() as names, Receiver(answers(OK)) as receiver, Sending(names=names) as sending:
        names.say("receiver.example", Reply(["127.0.0.1"]))
        names.say("late.example", Reply(["127.0.0.1"], delay_s=0.3))
        late = sending.start(f"http://late.example:{receiver.port}/", deadline_s=0.1)
        assert sending.send(f"http://receiver.example:{receiver.port}/").status == 200
        assert sending.finish(late).error_code == "dns_failed"
        # Longer than any timer that the two names have left behind, and past the late answer.
        assert turns_of_a_poll(sending, 2.5) < 50


def turns_of_a_poll(sending: Sending, timeout_s: float) -> int:
    """How often the transport looks around in a poll in which nothing finishes."""
    turns = 0
    wait = sending.transport._wait

    def counted(end_s: float) -> list[tuple[int, int]]:
        nonlocal turns
        turns += 1
        return wait(end_s)

    sending.transport._wait = counted  # type: ignore[method-assign]
    assert sending.transport.poll(timeout_s) == []
    return turns


def test_an_aborted_request_finishes_once_as_aborted() -> None:
    with Receiver(never_answering) as receiver, Sending() as sending:
        token = sending.start(receiver.url)
        sending.until(lambda: receiver.connections == 1)
        sending.transport.abort(token)
        sending.transport.abort(token)
        response = sending.finish(token)
        assert (response.status, response.error_code) == (None, "aborted")
        sending.transport.abort(token)
        sending.transport.abort(12_345)
        assert sending.transport.poll(0.0) == []


def test_a_request_that_waits_for_its_name_can_be_aborted() -> None:
    with NameServer() as names, Sending(names=names) as sending:
        names.say("slow.example", Reply(silent=True))
        token = sending.start("https://slow.example/")
        sending.transport.abort(token)
        assert sending.finish(token).error_code == "aborted"


def test_close_drops_everything_and_can_be_repeated() -> None:
    with Receiver(never_answering) as receiver, NameServer() as names, Sending(names=names) as sending:
        names.say("slow.example", Reply(silent=True))
        sending.start(receiver.url)
        sending.start("https://slow.example/")
        sending.until(lambda: receiver.connections == 1)
        sending.transport.close()
        sending.transport.close()
        sending.transport.wake()


def test_one_slow_receiver_does_not_hold_up_another() -> None:
    with Receiver(slow(0.5)) as lazy, Receiver(answers(OK)) as quick, Sending() as sending:
        late = sending.start(lazy.url)
        assert sending.send(quick.url).status == 200
        assert late not in sending.responses
        assert sending.finish(late).status == 200


def test_libcurls_numbers_each_have_a_code_and_a_sentence() -> None:
    assert all(message.endswith(".") for _, message in FAILURES.values())
    for number in range(1, 110):
        for stage in Stage:
            failure = failure_of(number, "", stage)
            assert failure.code
            assert "curl" not in failure.message.lower()


def test_libcurl_has_what_the_sender_relies_upon() -> None:
    assert pycurl.version_info()[2] >= 0x075000, "PREREQFUNCTION came with 7.80"


def test_connections_that_are_idle_for_long_are_not_used_again() -> None:
    limits = SenderLimits(idle_s_max=1)
    with Receiver(answers(OK)) as receiver, Sending(limits=limits) as sending:
        assert sending.send(receiver.url).status == 200
        over_s = sending.clock.boottime_s() + 2.5
        sending.until(lambda: sending.clock.boottime_s() > over_s)
        assert sending.send(receiver.url).status == 200
        assert receiver.connections == 2
