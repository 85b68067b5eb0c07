"""SECURITY: accepting a URL, on save and again on send, at a real server with nothing opened.

The last tests start the same data directory first with more allowed, then with less.
"""

import csv
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest

from ringback.cli.main import main
from support.inbox import Inbox
from support.process import ADMIN_KEY, Server, wait_until
from support.receivers import OK, Receiver, answers
from support.tenant import TestTenant

REFUSED = {
    "http": "http://example.com/",
    "ftp": "ftp://example.com/",
    "gopher": "gopher://example.com:70/_x",
    "file": "file:///etc/passwd",
    "dict": "dict://example.com:11211/stat",
    "unix": "unix:///var/run/docker.sock",
    "javascript": "javascript:alert(1)",
    "no scheme": "//example.com/",
    "user": "https://user@example.com/",
    "password": "https://user:hunter2@example.com/",
    "an at sign before the real host": "https://example.com@10.0.0.1/",
    "fragment": "https://example.com/#top",
    "line break": "https://example.com/\r\nX-Injected: 1",
    "tab": "https://exam\tple.com/",
    "NUL": "https://example.com/\0",
    "soft hyphen": "https://exam\u00adple.com/",
    "backslash": "https://example.com\\@10.0.0.1/",
    "white space": "https://example.com/a b",
    "space before": " https://example.com/",
    "no-break space": "https://example.com/\u00a0",
    "empty host": "https:///path",
    "only a port": "https://:443/",
    "zone id": "https://[fe80::1%25eth0]/",
    "loopback": "https://127.0.0.1/",
    "loopback, another": "https://127.255.255.254/",
    "loopback as one number": "https://2130706433/",
    "loopback in hexadecimal": "https://0x7f.1/",
    "loopback, all hexadecimal": "https://0x7f000001/",
    "loopback in octal": "https://0177.0.0.1/",
    "loopback, shortened": "https://127.1/",
    "loopback in full width digits": "https://\uff11\uff12\uff17.0.0.1/",
    "loopback in Arabic digits": "https://\u0661\u0662\u0667.0.0.1/",
    "loopback with ideographic full stops": "https://127\u30020\u30020\u30021/",
    "loopback in IPv6": "https://[::1]/",
    "IPv6 not in normal form": "https://[0:0:0:0:0:0:0:1]/",
    "mapped": "https://[::ffff:127.0.0.1]/",
    "mapped, normal form": "https://[::ffff:7f00:1]/",
    "compatible": "https://[::7f00:1]/",
    "NAT64": "https://[64:ff9b::a9fe:a9fe]/",
    "NAT64, local": "https://[64:ff9b:1::a9fe:a9fe]/",
    "6to4": "https://[2002:7f00:1::1]/",
    "Teredo": "https://[2001:0:7f00:1::]/",
    "ISATAP": "https://[2a00:1450::5efe:7f00:1]/",
    "site local": "https://[fec0::1]/",
    "unique local": "https://[fd00:ec2::254]/",
    "link local": "https://[fe80::1]/",
    "multicast": "https://[ff02::1]/",
    "not assigned": "https://[4000::1]/",
    "metadata": "https://169.254.169.254/",
    "another metadata": "https://192.0.0.192/",
    "Azure's host": "https://168.63.129.16/",
    "private": "https://10.0.0.1/",
    "carrier's": "https://100.64.0.1/",
    "this network": "https://0.0.0.0/",
    "multicast in IPv4": "https://224.0.0.1/",
    "broadcast": "https://255.255.255.255/",
    "localhost": "https://localhost/",
    "below localhost": "https://a.localhost/",
    "a name without a dot": "https://intranet/",
    "port 22": "https://example.com:22/",
    "port 80 with TLS": "https://example.com:80/",
    "port of a database": "https://example.com:5432/",
    "port of a cache": "https://example.com:6379/",
    "port 0": "https://example.com:0/",
    "port too large": "https://example.com:65536/",
    "port with a zero before": "https://example.com:0443/",
    "port in other digits": "https://example.com:\u0664\u0664\u0663/",
    "a percent sign without digits": "https://example.com/%zz",
    "empty": "",
    "too long": "https://example.com/" + "a" * 2_048,
}

NORMAL_FORMS = {
    "HTTPS://EXAMPLE.com": "https://example.com/",
    "https://example.com:443/a": "https://example.com/a",
    "https://b\u00fccher.example/": "https://xn--bcher-kva.example/",
    "https://B\u00dcCHER.example/": "https://xn--bcher-kva.example/",
    "https://example.com/gr\u00fcn?q=\u2713": "https://example.com/gr%C3%BCn?q=%E2%9C%93",
    "https://example.com/%c3": "https://example.com/%C3",
    "https://example.com/a/../b": "https://example.com/a/../b",
    "https://8.8.8.8:8443/": "https://8.8.8.8:8443/",
    "https://[2606:4700::1111]/": "https://[2606:4700::1111]/",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestTenant]:
    with Server(tmp_path_factory.mktemp("strict") / "data") as server:
        yield TestTenant(server, "strict")


@pytest.fixture(scope="module")
def endpoint_path(strict: TestTenant) -> str:
    return f"{strict.path}/endpoints/{strict.endpoint('https://example.com/kept')['id']}"


@pytest.mark.parametrize("kind", REFUSED)
def test_a_url_that_leads_elsewhere_is_refused_when_it_is_saved(strict: TestTenant, kind: str) -> None:
    answer = strict.server.ask("POST", f"{strict.path}/endpoints", {"url": REFUSED[kind]})
    assert (answer.status, answer.json["code"]) == (422, "invalid")
    assert [error["field"] for error in answer.json["errors"]] == ["url"]
    assert "hunter2" not in answer.body.decode()


@pytest.mark.parametrize("kind", REFUSED)
def test_a_url_that_leads_elsewhere_is_refused_when_it_is_changed(
    strict: TestTenant, endpoint_path: str, kind: str
) -> None:
    assert strict.server.ask("PATCH", endpoint_path, {"url": REFUSED[kind]}).status == 422
    assert strict.server.get(endpoint_path)["url"] == "https://example.com/kept"


OPENS_ONE = "--allow CIDR:PORT"
OPENS_ALL = "--allow-private"
OPENS_HTTP = "--allow-http"
# What a newcomer tries first: the words that help, and those that would not.
REMEDIES = {
    "http://localhost:3000/": (["https", OPENS_ONE, OPENS_ALL], [OPENS_HTTP]),
    "http://127.0.0.1:3000/": (["https", OPENS_ONE, OPENS_ALL], [OPENS_HTTP]),
    "https://10.0.0.5/": (["a public address", OPENS_ONE, OPENS_ALL], [OPENS_HTTP]),
    "https://intranet/": (["a public address", OPENS_ONE, OPENS_ALL], [OPENS_HTTP]),
    "http://example.com/": (["https", OPENS_HTTP, OPENS_ONE, OPENS_ALL], []),
    "https://example.com:5432/": ([OPENS_ONE], [OPENS_ALL, OPENS_HTTP]),
    "https://169.254.169.254/": (["a public address"], [OPENS_ONE, OPENS_ALL, OPENS_HTTP]),
    "ftp://example.com/": (["https"], [OPENS_ONE, OPENS_ALL, OPENS_HTTP]),
}


@pytest.mark.parametrize("url", REMEDIES)
def test_a_refusal_says_what_to_do_in_the_api_and_on_the_command_line(
    strict: TestTenant, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    helpful, misleading = REMEDIES[url]
    answer = strict.server.ask("POST", f"{strict.path}/endpoints", {"url": url})
    ended = main(
        ["endpoints", "create", url, "--url", strict.server.url, "--key", ADMIN_KEY, "--tenant", strict.id],
    )
    printed = capsys.readouterr().err
    assert (answer.status, ended) == (422, 9)
    for text in (answer.json["detail"], answer.json["errors"][0]["message"], printed):
        assert all(word in text for word in helpful), text
        assert not any(word in text for word in misleading), text
    assert answer.json["detail"].endswith(".")
    assert ".." not in answer.json["detail"]


REGISTRIES = Path(__file__).parents[2] / "scripts" / "iana"
PUBLIC = ("1.1.1.1", "8.8.8.8", "93.184.215.14", "192.0.3.1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1")


def special_addresses() -> Iterator[IPv4Address | IPv6Address]:
    """The first and the last of every range that IANA's registries say isn't reachable from everywhere."""
    for version in (4, 6):
        with (REGISTRIES / f"iana-ipv{version}-special-registry-1.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["Globally Reachable"].startswith("False"):
                    for text in row["Address Block"].split(","):
                        network = ip_network(text.partition("[")[0].strip())
                        yield from (network[0], network[-1])


def test_an_address_of_any_special_range_is_refused_as_such_and_a_public_one_is_not(strict: TestTenant) -> None:
    addresses = [*special_addresses()]
    assert len(addresses) > 60
    for address in addresses:
        shown = f"[{address}]" if address.version == 6 else str(address)
        answer = strict.server.ask("POST", f"{strict.path}/endpoints", {"url": f"https://{shown}/"})
        assert answer.status == 422, address
        assert f"{address} is not a public address" in answer.json["detail"], address
    for public in PUBLIC:
        assert strict.endpoint(f"https://[{public}]/" if ":" in public else f"https://{public}/")["id"]


@pytest.mark.parametrize("query", ["a b", "x#y", "a\r\nX: 1", "\u00fc", "%zz"])
def test_a_query_that_breaks_the_url_is_refused(strict: TestTenant, query: str) -> None:
    body = {"url": "https://example.com/", "query": query}
    assert strict.server.ask("POST", f"{strict.path}/endpoints", body).status == 422


@pytest.mark.parametrize("text", NORMAL_FORMS)
def test_what_is_accepted_is_stored_in_its_one_normal_form(strict: TestTenant, text: str) -> None:
    made = strict.endpoint(text)
    assert made["url"] == NORMAL_FORMS[text]
    assert strict.endpoint(made["url"])["url"] == made["url"]


def test_what_was_accepted_when_more_was_allowed_is_not_sent_any_more(tmp_path: Path) -> None:
    with Receiver(answers(OK)) as receiver, Inbox() as inbox:
        with Server(tmp_path / "data", "--allow-private") as opened:
            tenant = TestTenant(opened, "t")
            urls = [f"http://{host}:{receiver.port}/hook" for host in ("127.0.0.1", "localhost")]
            refused = [tenant.endpoint(url, retry={"delays_s": []})["id"] for url in urls]
            kept = tenant.endpoint(inbox.url(), retry={"delays_s": []})["id"]
        with Server(tmp_path / "data", "--allow", f"127.0.0.1:{inbox.port}") as server:
            tenant.server = server
            event_id = tenant.send()
            wait_until(lambda: len(tenant.attempts()) == 3, 15, "all were tried")

            for endpoint_id in refused:
                (attempt,) = tenant.attempts(endpoint_id)
                assert attempt["error"]["code"] == "blocked_address"
                assert (attempt["remote_address"], attempt["status_code"]) == (None, None)
            assert [one.event_id for one in inbox.received] == [event_id]
            assert [a["status_code"] for a in tenant.attempts(kept)] == [200]
        assert receiver.connections == 0
