"""An endpoint prepared for sending: credentials go out, and are never shown."""

import base64
from dataclasses import replace

import pytest

from ringback.model.endpoint import Auth, AuthType, Endpoint, EndpointStatus, Ordering, Secret
from ringback.model.limits import WINDOW_MAX
from ringback.outgoing import REDACTED
from support.targets import prepare

SECRET = Secret("sec_1", "t", "ep_1", "whsec_" + base64.b64encode(b"k" * 32).decode(), 0, None)


def endpoint(**fields: object) -> Endpoint:
    return Endpoint(**{"id": "ep_1", "tenant_id": "t", "label": "", "url": "https://example.org/hook", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        (Auth(AuthType.BASIC, username="ada", password="pä:ss"), "Authorization: Basic YWRhOnDDpDpzcw=="),
        (Auth(AuthType.RAW, value="Token abc"), "Authorization: Token abc"),
        (Auth(AuthType.HEADER, headers=(("X-Api-Key", "s3cret"),)), "X-Api-Key: s3cret"),
    ],
)
def test_credentials_are_sent_and_shown_redacted(auth: Auth, line: str) -> None:
    target = prepare(endpoint(auth=auth), [SECRET])

    name, _, value = line.partition(": ")
    assert line in target.sent_headers
    assert (name, REDACTED) in target.shown_headers
    assert value not in str(target.shown_headers)


def test_extra_headers_keep_their_case_and_order() -> None:
    target = prepare(endpoint(headers=(("X-bEta", "2"), ("x-Alpha", "1"))), [SECRET])

    assert target.sent_headers[-2:] == ["X-bEta: 2", "x-Alpha: 1"]


def test_an_endpoints_own_header_replaces_a_fixed_one() -> None:
    target = prepare(endpoint(headers=(("user-agent", "Shop/2"),)), [SECRET])

    assert [line for line in target.sent_headers if line.lower().startswith("user-agent")] == ["user-agent: Shop/2"]


def test_the_query_is_appended_to_the_url() -> None:
    assert (
        prepare(endpoint(url="https://example.org/hook?a=1", query="b=2"), []).url == "https://example.org/hook?a=1&b=2"
    )


def test_only_active_endpoints_are_sent_to() -> None:
    assert prepare(endpoint(), []).sendable
    for status in set(EndpointStatus) - {EndpointStatus.ACTIVE}:
        assert not prepare(endpoint(status=status), []).sendable


def test_the_cap_is_the_endpoints_own_or_the_default() -> None:
    assert prepare(endpoint(max_in_flight=3), []).cap == 3
    assert prepare(endpoint(), []).cap == WINDOW_MAX


def test_an_order_of_any_kind_makes_the_lane_ordered() -> None:
    assert not prepare(endpoint(), []).ordered
    assert prepare(endpoint(ordering=Ordering.SUBJECT), []).ordered
    assert prepare(endpoint(ordering=Ordering.STRICT), []).ordered


def test_both_secrets_sign_until_the_old_one_expires() -> None:
    old = Secret("sec_0", "t", "ep_1", "whsec_old", 0, 5_000)
    target = prepare(endpoint(), [SECRET, old])

    assert target.signing_secrets(4_999) == [SECRET.value, "whsec_old"]
    assert target.signing_secrets(5_000) == [SECRET.value]


def test_a_newest_secret_or_credentials_that_cannot_be_read_make_it_unreadable() -> None:
    broken = replace(SECRET, value="", unreadable=True)
    lost = Auth(AuthType.RAW, unreadable=True)

    assert not prepare(endpoint(), [SECRET]).unreadable
    assert prepare(endpoint(), [broken, SECRET]).unreadable
    assert prepare(endpoint(auth=lost), [SECRET]).unreadable


def test_an_older_secret_that_cannot_be_read_signs_no_more() -> None:
    broken = Secret("sec_0", "t", "ep_1", "", 0, 5_000, unreadable=True)
    target = prepare(endpoint(), [SECRET, broken])

    assert not target.unreadable
    assert target.signing_secrets(0) == [SECRET.value]
