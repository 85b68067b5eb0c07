"""SECURITY: redirects, protocols, proxies and TLS, at a real server that trusts an authority of the test's own.

The server's environment names a proxy, which must never hear of it.
"""

import http.client
import ssl
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from support.authority import Authority
from support.process import Server, wait_until
from support.receivers import OK, Receiver, Script, answers, answers_status, early_answer
from support.tenant import TestTenant

ONCE: Final = {"delays_s": []}
_numbers = count(1)


class World(NamedTuple):
    tenant: TestTenant
    authority: Authority
    proxy: Receiver


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("wire")
    authority = Authority(folder)
    with Receiver(answers(OK)) as proxy:
        named = f"http://127.0.0.1:{proxy.port}"
        variables = ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
        environment = {"RINGBACK_CA_FILE": authority.ca_file, **dict.fromkeys(variables, named), "NO_PROXY": ""}
        with Server(folder / "data", "--allow-private", environment=environment) as server:
            yield World(TestTenant(server, "wire"), authority, proxy)


def sent(tenant: TestTenant, url: str, **fields: Any) -> dict[str, Any]:
    """Send one event to `url`; the attempt, whole."""
    event_type = f"wire.n{next(_numbers)}"
    endpoint = tenant.endpoint(url, event_types=[event_type], retry=ONCE, **fields)
    tenant.send(event_type)
    (listed,) = wait_until(lambda: tenant.attempts(endpoint["id"]), 15, "the attempt")
    return tenant.attempt(listed["id"])


# Redirects.


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_never_followed(world: World, status: int) -> None:
    with Receiver(answers(OK)) as target:
        redirect = answers_status(status, [("Location", target.url)])
        with Receiver(redirect) as receiver:
            attempt = sent(world.tenant, receiver.url)
            assert (attempt["status_code"], attempt["error"]["code"]) == (status, "redirect")
            assert (receiver.connections, target.connections) == (1, 0)


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "gopher://127.0.0.1:70/_x", "dict://127.0.0.1:11211/", "//127.0.0.1/", "/elsewhere"],
)
def test_a_redirect_to_another_protocol_or_place_is_not_followed_either(world: World, location: str) -> None:
    with Receiver(answers_status(302, [("Location", location)])) as receiver:
        attempt = sent(world.tenant, receiver.url)
        assert attempt["error"]["code"] == "redirect"
        assert len(receiver.requests) == 1


# Protocols and proxies.


@pytest.mark.parametrize("scheme", ["gopher", "file", "dict", "unix", "ftp", "ws", "smb", "ldap", "telnet", "scp"])
def test_no_protocol_but_http_and_https_even_when_everything_is_allowed(world: World, scheme: str) -> None:
    answer = world.tenant.server.ask("POST", f"{world.tenant.path}/endpoints", {"url": f"{scheme}://127.0.0.1:7000/x"})
    assert answer.status == 422


def test_no_proxy_is_taken_from_the_environment(world: World) -> None:
    with Receiver(answers(OK)) as receiver:
        assert sent(world.tenant, receiver.url)["status_code"] == 200
        assert len(receiver.requests) == 1
    tls = world.authority.server("127.0.0.1")
    with Receiver(answers(OK), tls=tls) as receiver:
        assert sent(world.tenant, receiver.url)["status_code"] == 200
    assert world.proxy.connections == 0


# TLS.


def only(version: ssl.TLSVersion, context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, for one version of TLS."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_of_a_trusted_authority_for_the_right_host_is_accepted(
    world: World, version: ssl.TLSVersion
) -> None:
    with Receiver(answers(OK), tls=only(version, world.authority.server("127.0.0.1"))) as receiver:
        attempt = sent(world.tenant, receiver.url)
        assert (attempt["status_code"], attempt["error"]) == (200, None)
        assert attempt["timings_ms"]["tls"] > 0


@pytest.mark.parametrize(
    "kind", ["self-signed", "expired", "not valid yet", "another host", "another authority", "TLS 1.1", "no TLS at all"]
)
def test_whoever_cannot_prove_who_it_is_gets_no_request(world: World, tmp_path: Path, kind: str) -> None:
    authority = world.authority
    tls = {
        "self-signed": lambda: authority.self_signed("127.0.0.1"),
        "expired": lambda: authority.server("127.0.0.1", valid_from_days=-20, valid_to_days=-1),
        "not valid yet": lambda: authority.server("127.0.0.1", valid_from_days=1, valid_to_days=20),
        "another host": lambda: authority.server("127.0.0.2", "localhost"),
        "another authority": lambda: Authority(tmp_path, "Nobody").server("127.0.0.1"),
        "TLS 1.1": lambda: only(ssl.TLSVersion.TLSv1_1, authority.server("127.0.0.1")),
        "no TLS at all": lambda: None,
    }[kind]()
    script: Script = answers(OK) if tls else early_answer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    with Receiver(script, tls=tls) as receiver:
        attempt = sent(world.tenant, receiver.url.replace("http:", "https:"), timeout_s=2)
        assert (attempt["status_code"], attempt["error"]["code"]) == (None, "tls_failed")
        assert receiver.requests == []


def test_the_receiver_that_only_speaks_tls_1_1_is_one_that_others_get_on_with(world: World) -> None:
    client = only(ssl.TLSVersion.TLSv1_1, ssl.create_default_context(cafile=world.authority.ca_file))
    with Receiver(answers(OK), tls=only(ssl.TLSVersion.TLSv1_1, world.authority.server("127.0.0.1"))) as receiver:
        connection = http.client.HTTPSConnection("127.0.0.1", receiver.port, timeout=10, context=client)
        connection.request("POST", "/hook", b"{}")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize("field", ["verify_tls", "insecure", "ssl_verification", "verify"])
def test_there_is_no_switch_that_turns_verification_off(world: World, field: str) -> None:
    server, tenant = world.tenant.server, world.tenant.path
    for answer in (
        server.ask("POST", f"{tenant}/endpoints", {"url": "https://127.0.0.1:7000/", field: False}),
        server.ask("PATCH", tenant, {field: False}),
    ):
        assert answer.status == 422
        assert [error["field"] for error in answer.json["errors"]] == [field]
