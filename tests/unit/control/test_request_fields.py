"""Headers, credentials and schedules: what is written into requests has to be clean, and refusals name the field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.control.findings import Findings
from ringback.control.request_fields import check_auth, check_headers, check_retry, is_reserved
from ringback.model.endpoint import Auth, AuthType, RetryRule
from ringback.model.errors import Invalid


def fields(findings: Findings) -> list[str]:
    try:
        findings.raise_if_any()
    except Invalid as refused:
        return [error.field for error in refused.errors]
    return []


def refused_headers(headers: dict[str, str]) -> list[str]:
    findings = Findings()
    check_headers(findings, "headers", headers)
    return fields(findings)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Team": "red"},
        {"x-odd!#$%&'*+.^_`|~-9": "v"},
        {"X-Spaces": "a b  c"},
        {"User-Agent": "Acme/1.0 (hooks)"},
        {"X-Long": "v" * 4_096},
        {f"X-{number}": "v" for number in range(32)},
    ],
)
def test_ordinary_headers_pass_in_order_and_case(headers: dict[str, str]) -> None:
    findings = Findings()
    assert check_headers(findings, "headers", headers) == tuple(headers.items())
    assert fields(findings) == []


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "host",
        "HOST",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "Upgrade",
        "Expect",
        "TE",
        "te",
        "Trailer",
        "Date",
        "Proxy-Foo",
        "proxy-authorization",
        "Content-Type",
        "content-encoding",
        "Accept-Encoding",
        "webhook-id",
        "Webhook-Signature",
        "Ringback-Hops",
        "RINGBACK-x",
    ],
)
def test_reserved_headers_are_refused_in_any_case(name: str) -> None:
    assert refused_headers({name: "v"}) == [f"headers.{name}"]


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "ä", "a\r\nX: y", "a\n", "a\x00", "(x)", "x" * 257])
def test_what_is_no_token_is_no_header_name(name: str) -> None:
    assert refused_headers({name: "v"}) == [f"headers.{name[:256]}"]


@pytest.mark.parametrize(
    "value", ["", " ", " a", "a ", "a\r\nX: y", "a\nb", "a\tb", "é", "a\x00", "a\x7f", "v" * 4_097]
)
def test_values_are_visible_ascii(value: str) -> None:
    assert refused_headers({"X-Team": value}) == ["headers.X-Team"]


def test_the_same_name_in_another_case_is_a_duplicate() -> None:
    assert refused_headers({"X-Team": "a", "x-team": "b"}) == ["headers.x-team"]


def test_33_headers_are_too_many() -> None:
    assert refused_headers({f"X-{number}": "v" for number in range(33)}) == ["headers"]


@given(st.text(max_size=20), st.text(max_size=20))
def test_nothing_that_passes_can_break_a_line(name: str, value: str) -> None:
    if not refused_headers({name: value}):
        line = f"{name}: {value}"
        assert line.isascii()
        assert line.isprintable()
        assert line.partition(": ")[::2] == (name, value)
        assert not is_reserved(name)


def checked_auth(given_auth: Any) -> tuple[Auth, list[str]]:
    findings = Findings()
    auth = check_auth(findings, "auth", given_auth)
    return auth, fields(findings)


def test_each_type_of_credentials() -> None:
    assert checked_auth({"type": "none"}) == (Auth(), [])
    basic = {"type": "basic", "username": "ada", "password": "p:w ä"}
    assert checked_auth(basic) == (Auth(AuthType.BASIC, username="ada", password="p:w ä"), [])
    assert checked_auth({"type": "raw", "value": "Token x"}) == (Auth(AuthType.RAW, value="Token x"), [])
    header = {"type": "header", "headers": {"X-Api-Key": "k", "Authorization": "Custom k"}}
    assert checked_auth(header) == (
        Auth(AuthType.HEADER, headers=(("X-Api-Key", "k"), ("Authorization", "Custom k"))),
        [],
    )


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ({"type": "basic"}, ["auth.username", "auth.password"]),
        ({"type": "basic", "username": "a"}, ["auth.password"]),
        ({"type": "basic", "username": "a:b", "password": "p"}, ["auth.username"]),
        ({"type": "basic", "username": "a\n", "password": "p"}, ["auth.username"]),
        ({"type": "basic", "username": "a", "password": "p\r\n"}, ["auth.password"]),
        ({"type": "basic", "username": "a", "password": "x" * 1_025}, ["auth.password"]),
        ({"type": "basic", "username": "a", "password": "***"}, ["auth.password"]),
        ({"type": "basic", "username": "a", "password": "p", "value": "v"}, ["auth.value"]),
        ({"type": "none", "value": "v"}, ["auth.value"]),
        ({"type": "raw"}, ["auth.value"]),
        ({"type": "raw", "value": ""}, ["auth.value"]),
        ({"type": "raw", "value": "a\r\nX: y"}, ["auth.value"]),
        ({"type": "raw", "value": "***"}, ["auth.value"]),
        ({"type": "header", "headers": {}}, ["auth.headers"]),
        ({"type": "header", "headers": {"Host": "x"}}, ["auth.headers.Host"]),
        ({"type": "header", "headers": {"X-Key": "***"}}, ["auth.headers.X-Key"]),
    ],
)
def test_credentials_that_are_refused(auth: Any, expected: list[str]) -> None:
    assert checked_auth(auth)[1] == expected


def test_a_refusal_never_shows_the_credential() -> None:
    for auth in (
        {"type": "basic", "username": "a", "password": "pass\nword-in-clear"},
        {"type": "raw", "value": "pass\nword-in-clear"},
        {"type": "header", "headers": {"X-Key": "pass\nword-in-clear"}},
    ):
        findings = Findings()
        check_auth(findings, "auth", auth)  # type: ignore[arg-type]
        with pytest.raises(Invalid) as refused:
            findings.raise_if_any()
        assert "word-in-clear" not in f"{refused.value.detail}{refused.value.errors}"


def checked_retry(given_rule: Any) -> tuple[RetryRule, list[str]]:
    findings = Findings()
    rule = check_retry(findings, "retry", given_rule)
    return rule, fields(findings)


def test_both_forms_of_a_schedule() -> None:
    assert checked_retry({"delays_s": []}) == (RetryRule(delays_s=()), [])
    assert checked_retry({"delays_s": [0, 0.5, 604_800]}) == (RetryRule(delays_s=(0.0, 0.5, 604_800.0)), [])
    exponential = {"base_s": 1, "factor": 1.5, "max_delay_s": 60, "max_attempts": 5}
    assert checked_retry(exponential) == (RetryRule(None, 1, 1.5, 60, 5), [])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"delays_s": [-0.1]}, ["retry.delays_s[0]"]),
        ({"delays_s": [1, 604_801, -1]}, ["retry.delays_s[1]", "retry.delays_s[2]"]),
        ({"delays_s": [float("nan")]}, ["retry.delays_s[0]"]),
        ({"delays_s": [float("inf")]}, ["retry.delays_s[0]"]),
        ({"delays_s": [1] * 101}, ["retry.delays_s"]),
        ({"delays_s": [1], "base_s": 1}, ["retry.base_s"]),
        ({}, ["retry.base_s", "retry.factor", "retry.max_delay_s", "retry.max_attempts"]),
        ({"base_s": 1, "factor": 2, "max_delay_s": 1}, ["retry.max_attempts"]),
        ({"base_s": -1, "factor": 2, "max_delay_s": 1, "max_attempts": 1}, ["retry.base_s"]),
        ({"base_s": 1, "factor": 101, "max_delay_s": 1, "max_attempts": 1}, ["retry.factor"]),
        ({"base_s": 1, "factor": -1, "max_delay_s": 1, "max_attempts": 1}, ["retry.factor"]),
        ({"base_s": 1, "factor": 2, "max_delay_s": 604_801, "max_attempts": 1}, ["retry.max_delay_s"]),
        ({"base_s": 1, "factor": 2, "max_delay_s": 1, "max_attempts": 0}, ["retry.max_attempts"]),
        ({"base_s": 1, "factor": 2, "max_delay_s": 1, "max_attempts": 102}, ["retry.max_attempts"]),
    ],
)
def test_schedules_that_are_refused(rule: Any, expected: list[str]) -> None:
    assert checked_retry(rule)[1] == expected
