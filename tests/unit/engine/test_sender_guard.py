"""Where nothing may be sent and what may not be written: "Dialling" and "Building requests" of SECURITY, end to end."""

import pytest

from ringback.engine.request_headers import FRAMING_HEADERS, BadRequestHeader, HeaderLines
from ringback.policy.address import UrlRules
from support.nameserver import NameServer, Reply
from support.receivers import OK, Receiver, answers
from support.sending import PRIVATE, PUBLIC, Sending, opened

# Dialling.


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:7f00:1]", "[64:ff9b::a9fe:a9fe]", "0.0.0.0"]
)
def test_an_address_that_must_not_be_dialled_is_not(host: str) -> None:
    with Sending(PUBLIC) as sending:
        response = sending.send(f"https://{host}/")
        assert (response.status, response.error_code) == (None, "blocked_address")
        assert response.remote_address is None


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.215.14/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "dict://example.com:11211/", "https://user:pw@example.com/", "https://example.com:22/",
        "https://example.com/\r\nX: y", "https://example.com\\@a.example/", "",
    ],
)  # fmt: skip
def test_a_url_that_is_not_accepted_any_more_is_not_sent_to(url: str) -> None:
    with Sending(PUBLIC) as sending:
        response = sending.send(url)
        assert (response.status, response.error_code) == (None, "blocked_request")
        assert response.error_message


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "https://localhost/", "https://2130706433/", "https://0177.0.0.1/",
        "https://127.1/",
    ],
)  # fmt: skip
def test_a_host_that_is_not_accepted_any_more_is_a_blocked_address(url: str) -> None:
    with Sending(PUBLIC) as sending:
        response = sending.send(url)
        assert (response.status, response.error_code) == (None, "blocked_address")


@pytest.mark.parametrize(
    "private", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1"]
)
def test_one_private_answer_refuses_the_name(private: str) -> None:
    with NameServer() as names, Sending(PUBLIC, names=names) as sending:
        names.say("mixed.example", Reply(["93.184.215.14", "93.184.215.15", private]))
        response = sending.send("https://mixed.example/")
        assert (response.status, response.error_code) == (None, "blocked_address")
        assert "not a public address" in (response.error_message or "")


def test_a_name_that_answers_public_first_and_private_second_is_never_reached() -> None:
    """Plane CVE-2026-104973, which got around the fix of CVE-2026-30242."""
    # The operator opened 127.0.0.1, which stands in for a public address here; 127.0.0.2 is inside.
    with NameServer() as names, Receiver(answers(OK)) as outside, Receiver(answers(OK), host="127.0.0.2") as inside:
        rules = opened(f"127.0.0.1:{outside.port}", f"127.0.0.1:{inside.port}")
        with Sending(rules, names=names) as sending:
            names.say("rebind.example", Reply(["127.0.0.1"], ttl_s=1), Reply(["127.0.0.2"], ttl_s=1))
            url = f"http://rebind.example:{outside.port}/"
            assert sending.send(url).status == 200
            expires_s = sending.clock.boottime_s() + 1.1
            sending.until(lambda: sending.clock.boottime_s() > expires_s)
            response = sending.send(url)
            assert (response.status, response.error_code) == (None, "blocked_address")
            response = sending.send(f"http://rebind.example:{inside.port}/")
            assert (response.status, response.error_code) == (None, "blocked_address")
            assert outside.connections == 1
            assert inside.connections == 0


def test_the_address_really_dialled_is_checked_whoever_resolved_it() -> None:
    """Even if a pin were lost and libcurl looked the name up itself, the socket is refused."""
    with NameServer() as names, Receiver(answers(OK)) as inside:
        rules = opened(f"127.0.0.9:{inside.port}")
        with Sending(rules, names=names) as sending:
            names.say("localhost", Reply(["127.0.0.9"]))
            names.say("pinned.localhost", Reply(["127.0.0.9"]))
            url = f"http://pinned.localhost:{inside.port}/"
            origin = sending.transport._origins.destination(url).origin
            origin.pin_until_s = float("inf")  # known, it believes, and yet without a pin
            response = sending.send(url)
            assert (response.status, response.error_code) == (None, "blocked_address")
            assert inside.connections == 0


def test_a_name_may_take_longer_than_the_default_where_the_operator_allows_it() -> None:
    with Receiver(answers(OK)) as receiver, NameServer() as names, Sending(names=names, resolve_s_max=8.0) as sending:
        names.say("slow.example", Reply(["127.0.0.1"], delay_s=2.3))
        response = sending.send(f"http://slow.example:{receiver.port}/", deadline_s=8.0)
    assert (response.status, response.error_code) == (200, None)
    assert len(names.asked) == 2, "one question for each family was enough"


def test_an_allowed_network_is_reached_and_its_neighbours_are_not() -> None:
    with Receiver(answers(OK)) as receiver, Receiver(answers(OK)) as other, NameServer() as names:
        with Sending(opened(f"127.0.0.0/8:{receiver.port}"), names=names) as sending:
            names.say("internal.example", Reply(["127.0.0.1"]))
            assert sending.send(receiver.url).status == 200
            assert sending.send(f"http://internal.example:{receiver.port}/").status == 200
            assert sending.send(f"http://localhost:{receiver.port}/").error_code == "blocked_address", (
                "::1 was not opened"
            )
            assert sending.send(other.url).error_code == "blocked_address"
            assert sending.send(other.url.replace("http:", "https:")).error_code == "blocked_address"
            assert sending.send(f"https://internal.example:{other.port}/").error_code == "blocked_address"
        assert other.connections == 0


def test_http_to_a_name_that_the_operator_opened_by_port_stays_inside_that_network() -> None:
    with NameServer() as names, Sending(opened("10.0.0.0/8:8080"), names=names) as sending:
        names.say("outside.example", Reply(["93.184.215.14"]))
        response = sending.send("http://outside.example:8080/")
        assert (response.status, response.error_code) == (None, "blocked_address")
        assert "https" in (response.error_message or "")


def test_http_that_is_allowed_leads_to_public_addresses_only() -> None:
    with Receiver(answers(OK)) as inside, NameServer() as names:
        with Sending(UrlRules(allow_http=True), names=names) as sending:
            names.say("inside.example", Reply(["127.0.0.1"]))
            assert sending.send(f"http://inside.example:{inside.port}/").error_code == "blocked_address"
            assert sending.send(inside.url).error_code == "blocked_address"
        assert inside.connections == 0


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(answers(OK)) as proxy, Receiver(answers(OK)) as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with Sending(PRIVATE) as sending:
            assert sending.send(receiver.url).status == 200
        assert proxy.connections == 0


def test_names_that_fail_hold_up_no_other_tenant() -> None:
    with Receiver(answers(OK)) as receiver, NameServer() as names, Sending(names=names) as sending:
        names.say("good.example", Reply(["127.0.0.1"]))
        dead = []
        for i in range(200):
            names.say(f"dead{i}.example", Reply(silent=True))
            dead.append(sending.start(f"https://dead{i}.example/", tenant_id="ten_dead", deadline_s=0.6))
        assert sending.send(f"http://good.example:{receiver.port}/", tenant_id="ten_good").status == 200
        for token in dead:
            assert sending.finish(token).error_code == "dns_failed"


# Building requests.


@pytest.mark.parametrize(
    "line",
    [
        "X-A: b\r\nX-Injected: 1", "X-A: b\nX-Injected: 1", "X-A: b\r", "X-A\r\n: b", "X-A\n: b", "X-A: b\x00",
        "X-A: \x7f",
        "X-A: \t", "X-A: ä", "X-Ä: b", "X A: b", "X-A : b", ": b", "", "X-A", "X-A;", "X-A;: b", "(X): b",
        " X-A: b", "@/etc/passwd",
        "Host: other.example", "host: x", "Content-Length: 0", "TRANSFER-ENCODING: chunked",
        "Connection: close", "Upgrade: h2c", "Expect: 100-continue", "TE: trailers", "Proxy-Authorization: Basic x",
        "proxy-connection: close",
        "Trailer: X", "Keep-Alive: 1",
    ],
)  # fmt: skip
def test_a_header_that_could_change_the_request_never_reaches_the_wire(line: str) -> None:
    """GitLab CVE-2025-6454."""
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        response = sending.send(receiver.url, headers=["X-First: 1", line])
        assert (response.status, response.error_code) == (None, "blocked_request")
        assert receiver.connections == 0
        assert sending.send(receiver.url, headers=["X-First: 1"]).status == 200


@pytest.mark.parametrize("method", ["", "post", "POST /x HTTP/1.1\r\nX: y", "PO ST", "GET\r\n", "POST\x00", "Ä"])
def test_a_method_that_is_none_never_reaches_the_wire(method: str) -> None:
    with Receiver(answers(OK)) as receiver, Sending() as sending:
        assert sending.send(receiver.url, method=method).error_code == "blocked_request"
        assert receiver.connections == 0


def test_a_refused_header_is_not_repeated_in_the_message() -> None:
    with Sending() as sending:
        message = sending.send("https://127.0.0.1/", headers=["Authorization: Bearer s3cret\r\nX: y"]).error_message
        assert "s3cret" not in (message or "")


def test_every_framing_header_is_refused_in_any_case() -> None:
    lines = HeaderLines()
    for name in FRAMING_HEADERS:
        for spelling in (name, name.upper(), name.title()):
            with pytest.raises(BadRequestHeader):
                lines.checked([f"{spelling}: x"])


def test_names_are_remembered_within_limits() -> None:
    lines = HeaderLines()
    for i in range(10_000):
        assert lines.checked([f"X-{i}: a"])[0] == f"X-{i}: a"
    assert len(lines._known) < 5_000
