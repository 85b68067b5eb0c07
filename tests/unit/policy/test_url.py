"""Which URLs are accepted, in which form they are stored, and that nothing reads anything else out of them."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.policy.url import AcceptedUrl, UrlRefused, UrlRules, accept_url, append_query
from support.sending import opened

PUBLIC = UrlRules()
PRIVATE = UrlRules(allow_private=True)
HTTP = UrlRules(allow_http=True)


def refused(text: str, rules: UrlRules = PUBLIC) -> str:
    with pytest.raises(UrlRefused) as caught:
        accept_url(text, rules)
    assert caught.value.message.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.com/Path", "https://example.com/Path"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com?x=1", "https://example.com/?x=1"),
        ("https://example.com/a/../b//c", "https://example.com/a/../b//c"),
        ("https://example.com/a?b=c&d[]=e&f=g/h:i@j", "https://example.com/a?b=c&d[]=e&f=g/h:i@j"),
        ("https://example.com/a%2fb?%c3%A4", "https://example.com/a%2Fb?%C3%A4"),
        ("https://bücher.example/weiß", "https://xn--bcher-kva.example/wei%C3%9F"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://XN--BCHER-KVA.example/", "https://xn--bcher-kva.example/"),
        ("https://my_service.example.com/", "https://my_service.example.com/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700::1111]:8443/", "https://[2606:4700::1111]:8443/"),
    ],
)
def test_the_normal_form(text: str, normal: str) -> None:
    accepted = accept_url(text, PUBLIC)
    assert accepted.url == normal
    assert accept_url(normal, PUBLIC) == accepted


def test_the_parts() -> None:
    assert accept_url("https://Example.com:8443/a?b", PUBLIC) == AcceptedUrl(
        "https://example.com:8443/a?b", "https", "example.com", 8443, "https://example.com:8443", None
    )
    assert accept_url("http://[::1]/a", PRIVATE) == AcceptedUrl(
        "http://[::1]/a", "http", "::1", 80, "http://[::1]", "::1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "", "example.com", "//example.com/", "https:/example.com/", "https:example.com", "https//example.com",
        "https://user@example.com/", "https://user:pw@example.com/", "https://example.com@127.0.0.1/", "https://@example.com/",
        "https://example.com/#top", "https://example.com#", "https://example.com/a b", " https://example.com/",
        "https://example.com/\n", "https://exa\tmple.com/", "https://example.com/\r\nX: y", "https://example.com/\x00",
        "https://example.com/\x7f", "https://example.com/a\u00a0b", "https://example.com/\u200b", "https://example.com/\ud800",
        "https://example.com\\@127.0.0.1/", "https://example.com/\\a", "https://example.com/%", "https://example.com/%zz",
        'https://example.com/"', "https://example.com/<a>", "https://example.com/{a}", "https://example.com/a|b",
        "https://[::1/", "https://::1/", "https://[::1]x/", "https://a:b:c/", "https://exam[ple.com/",
    ],
)  # fmt: skip
def test_what_can_not_be_read_in_one_way_only_is_malformed(text: str) -> None:
    assert refused(text, PRIVATE) == "url_malformed"


@pytest.mark.parametrize(
    "host",
    [
        "", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "127.0.0.01", "127.0.0.1.", "0x7f000001",
        "0x7f.0.0.1", "017700000001", "256.1.1.1", "1.2.3.4.5", "foo.127", "foo.0x7f", "127。0。0。1",
        "１２７.０.０.１", "①②⑦.0.0.1", "١٢٧.0.0.1",
        "[fe80::1%25eth0]", "[::1%lo]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[1.2.3.4]", "[v1.a]",
        "a..b", ".example.com", "example.com.", "-a.example", "a-.example", "a" * 64 + ".example", "xn--.example",
        "xn--a.example", "exa%6dple.com", "exam!ple.com", "ex\u00adample.com", "ℯxample.com", ".".join(["a" * 60] * 5),
    ],
)  # fmt: skip
def test_a_host_that_is_no_name_and_no_canonical_address_is_refused(host: str) -> None:
    assert refused(f"https://{host}/", PRIVATE) in ("host_not_allowed", "url_malformed")


@pytest.mark.parametrize("port", ["", "0", "00443", "65536", "-1", "+443", "4x", "４４３", "443 ", "99999999999"])
def test_a_port_that_is_no_number_is_refused(port: str) -> None:
    assert refused(f"https://example.com:{port}/", PRIVATE) in ("port_not_allowed", "url_malformed")


@pytest.mark.parametrize("scheme", ["file", "gopher", "dict", "ftp", "ws", "unix", "javascript", "httpss"])
def test_other_protocols_are_refused_whatever_is_allowed(scheme: str) -> None:
    assert refused(f"{scheme}://example.com/", PRIVATE) == "scheme_not_allowed"


def test_http_needs_the_operator() -> None:
    assert refused("http://example.com/") == "scheme_not_allowed"
    assert refused("http://8.8.8.8/") == "scheme_not_allowed"
    assert accept_url("http://example.com/", HTTP).port == 80
    assert accept_url("http://example.com/", PRIVATE).port == 80
    assert refused("http://10.0.0.1/", HTTP) == "address_not_allowed"


@pytest.mark.parametrize("port", [1, 22, 25, 80, 445, 1023, 3306, 5432, 6379, 9200, 11211, 27017])
def test_ports_that_are_not_for_webhooks_are_refused(port: int) -> None:
    assert refused(f"https://example.com:{port}/") == "port_not_allowed"
    assert refused(f"https://8.8.8.8:{port}/") == "port_not_allowed"
    assert accept_url(f"https://example.com:{port}/", PRIVATE).port == port


@pytest.mark.parametrize("port", [443, 1024, 4433, 8080, 8443, 65535])
def test_the_other_ports_are_open(port: int) -> None:
    assert accept_url(f"https://example.com:{port}/", PUBLIC).port == port


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[fd00::1]", "[64:ff9b::a9fe:a9fe]"]
)
def test_an_address_that_must_not_be_dialled_is_refused_on_save(host: str) -> None:
    assert refused(f"https://{host}/") == "address_not_allowed"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "a.localhost", "localhost.localdomain", "intranet"])
def test_local_names_need_the_operator(host: str) -> None:
    assert refused(f"https://{host}/") == "host_not_allowed"
    assert accept_url(f"http://{host}:9000/", PRIVATE).host == host.lower()


def test_an_allowed_network_opens_its_port_and_nothing_else() -> None:
    rules = opened("127.0.0.0/8:9000")
    assert accept_url("http://127.0.0.1:9000/", rules).address == "127.0.0.1"
    assert accept_url("http://localhost:9000/", rules).host == "localhost"
    assert accept_url("http://internal.example:9000/", rules).port == 9000
    assert refused("http://127.0.0.1:9001/", rules) == "address_not_allowed"
    assert refused("https://127.0.0.1:9001/", rules) == "address_not_allowed"
    assert refused("https://10.0.0.1:9000/", rules) == "address_not_allowed"
    assert refused("http://8.8.8.8:9000/", rules) == "scheme_not_allowed"
    assert refused("http://internal.example:9001/", rules) == "scheme_not_allowed"
    assert refused("https://localhost/", rules) == "host_not_allowed"
    assert refused("https://example.com:22/", rules) == "port_not_allowed"


def test_a_url_has_a_limit() -> None:
    stem = "https://example.com/"
    accept_url(stem + "a" * (2048 - len(stem)), PUBLIC)
    assert refused(stem + "a" * (2049 - len(stem))) == "url_too_long"


def test_the_message_never_repeats_credentials() -> None:
    with pytest.raises(UrlRefused) as caught:
        accept_url("https://user:hunter2@example.com/", PUBLIC)
    assert "hunter2" not in caught.value.message


@given(st.text(alphabet=st.sampled_from("htps:/.@#?%\\[]()0127xfa-_=&;,~ \tüß。１é\u200b"), max_size=40))
def test_whatever_is_accepted_has_one_reading(text: str) -> None:
    try:
        accepted = accept_url(f"https://{text}", PRIVATE)
    except UrlRefused:
        return
    assert accepted.url.isascii()
    assert accepted.url.isprintable()
    assert accept_url(accepted.url, PRIVATE) == accepted
    split = urlsplit(accepted.url)
    assert split.scheme == accepted.scheme
    assert split.hostname == accepted.host
    assert (split.port or 443) == accepted.port
    assert split.username is None
    assert not split.fragment


@pytest.mark.parametrize(
    ("url", "query", "result"),
    [
        ("https://a.example/", "", "https://a.example/"),
        ("https://a.example/", "x=1", "https://a.example/?x=1"),
        ("https://a.example/", "?x=1", "https://a.example/?x=1"),
        ("https://a.example/?y=2", "x=1", "https://a.example/?y=2&x=1"),
        ("https://a.example/?y=2&", "&x=1", "https://a.example/?y=2&x=1"),
        ("https://a.example/?", "x=1", "https://a.example/?x=1"),
    ],
)
def test_the_endpoints_query_is_appended(url: str, query: str, result: str) -> None:
    assert append_query(url, query) == result
