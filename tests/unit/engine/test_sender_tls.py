"""TLS: always verified, 1.2 or newer, sessions and connections used again; certificates of every wrong kind."""

import ssl
import warnings
from pathlib import Path

import certifi
import pytest

from ringback.engine.certificates import trusted_certificates
from support.authority import Authority
from support.nameserver import NameServer, Reply
from support.receivers import OK, Connection, Receiver, answers
from support.sending import Sending


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_a_certificate_of_a_trusted_authority_for_the_right_address(authority: Authority) -> None:
    context = authority.server("127.0.0.1")
    with Receiver(answers(OK), tls=context) as receiver, Sending(ca_file=authority.ca_file) as sending:
        response = sending.send(receiver.url)
        assert response.status == 200
        assert response.timings.tls is not None
        again = sending.send(receiver.url)
        assert again.status == 200
        assert again.timings.tls is None
        assert receiver.connections == 1


def test_a_kept_tls_connection_that_the_receiver_has_closed_is_not_used(authority: Authority) -> None:
    context = authority.server("127.0.0.1")
    with Receiver(answers(OK, then_close=True), tls=context) as receiver, Sending(ca_file=authority.ca_file) as sending:
        for _ in range(3):
            assert sending.send(receiver.url).status == 200
            sending.until(lambda: receiver.open_connections == 0)
        assert len(receiver.requests) == 3


def test_a_certificate_for_the_right_name(authority: Authority) -> None:
    with Receiver(answers(OK), tls=authority.server("good.example")) as receiver, NameServer() as names:
        names.say("good.example", Reply(["127.0.0.1"]))
        names.say("other.example", Reply(["127.0.0.1"]))
        with Sending(ca_file=authority.ca_file, names=names) as sending:
            assert sending.send(f"https://good.example:{receiver.port}/").status == 200
            response = sending.send(f"https://other.example:{receiver.port}/")
            assert (response.status, response.error_code) == (None, "tls_failed")
            assert response.error_message == "The receiver's certificate is for another host name."
    assert [request.header("Host") for request in receiver.requests] == [f"good.example:{receiver.port}"]


def tls_message(authority: Authority, context: ssl.SSLContext, ca_file: str | None = None) -> str:
    with Receiver(answers(OK), tls=context) as receiver, Sending(ca_file=ca_file or authority.ca_file) as sending:
        response = sending.send(receiver.url)
        assert (response.status, response.error_code) == (None, "tls_failed")
        assert receiver.requests == []
        return response.error_message or ""


def test_an_expired_certificate(authority: Authority) -> None:
    context = authority.server("127.0.0.1", valid_from_days=-10, valid_to_days=-1)
    assert tls_message(authority, context) == "The receiver's certificate has expired."


def test_a_certificate_of_tomorrow(authority: Authority) -> None:
    context = authority.server("127.0.0.1", valid_from_days=1, valid_to_days=10)
    assert tls_message(authority, context) == "The receiver's certificate is not valid yet."


def test_a_self_signed_certificate(authority: Authority) -> None:
    message = tls_message(authority, authority.self_signed("127.0.0.1"))
    assert message == "The receiver's certificate is self-signed; it must come from a public authority."


def test_a_certificate_of_an_unknown_authority(authority: Authority, tmp_path: Path) -> None:
    message = tls_message(authority, Authority(tmp_path, "Another").server("127.0.0.1"))
    assert "unknown authority" in message


def test_an_authority_for_tests_is_not_trusted_by_default(authority: Authority) -> None:
    assert "unknown authority" in tls_message(authority, authority.server("127.0.0.1"), trusted_certificates())


def test_tls_1_1_is_refused(authority: Authority) -> None:
    context = authority.server("127.0.0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    assert tls_message(authority, context) == "The TLS handshake failed. The receiver must offer TLS 1.2 or newer."


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(authority: Authority, version: ssl.TLSVersion) -> None:
    context = authority.server("127.0.0.1")
    context.minimum_version = context.maximum_version = version
    with Receiver(answers(OK), tls=context) as receiver, Sending(ca_file=authority.ca_file) as sending:
        assert sending.send(receiver.url).status == 200


def test_https_to_a_receiver_that_speaks_plain_http(authority: Authority) -> None:
    with Receiver(answers(OK)) as receiver, Sending(ca_file=authority.ca_file) as sending:
        response = sending.send(receiver.url.replace("http:", "https:"), deadline_s=0.8)
        assert (response.status, response.error_code) in ((None, "tls_failed"), (None, "timeout"))
        assert receiver.requests == []


def test_a_connection_that_breaks_in_the_handshake(authority: Authority) -> None:
    def script(connection: Connection) -> None:
        connection.sock.recv(10)
        connection.reset()

    with Receiver(script) as receiver, Sending(ca_file=authority.ca_file) as sending:
        response = sending.send(receiver.url.replace("http:", "https:"))
        assert response.status is None
        assert response.error_code in ("tls_failed", "connect_failed")


def test_only_http_1_1_is_offered(authority: Authority) -> None:
    context = authority.server("127.0.0.1")
    context.set_alpn_protocols(["h2", "http/1.1"])
    chosen = []

    def script(connection: Connection) -> None:
        chosen.append(connection.sock.selected_alpn_protocol())  # type: ignore[attr-defined]
        answers(OK)(connection)

    with Receiver(script, tls=context) as receiver, Sending(ca_file=authority.ca_file) as sending:
        assert sending.send(receiver.url).http_version == "1.1"
    assert chosen[0] in (None, "http/1.1")


def test_a_file_of_authorities_that_is_missing_is_said_to_be(tmp_path: Path, authority: Authority) -> None:
    missing = str(tmp_path / "missing.pem")
    assert "file of trusted certificates" in tls_message(authority, authority.server("127.0.0.1"), missing)


def test_the_systems_authorities_come_first_and_certifis_last(tmp_path: Path) -> None:
    missing, empty, good = tmp_path / "missing", tmp_path / "empty", tmp_path / "good"
    empty.write_text("")
    good.write_text("x")
    assert trusted_certificates((str(missing), str(empty), str(good))) == str(good)
    assert trusted_certificates((str(missing), str(empty))) == certifi.where()
    assert Path(trusted_certificates()).stat().st_size > 10_000
