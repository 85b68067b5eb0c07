"""Rendering: the parts of a request, several secrets, and that `verify` believes all of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.wire.message import Message
from ringback.wire.profile import load_profile
from ringback.wire.signature import BadSecret, generate_secret, public_part
from ringback.wire.verify import verify

STANDARD = load_profile("standard")
V1, V1_OLD = generate_secret("hmac-sha256", b"n" * 32), generate_secret("hmac-sha256", b"o" * 32)
V1A, V1A_OLD = generate_secret("ed25519", b"n" * 32), generate_secret("ed25519", b"o" * 32)
AT_S = 1_700_000_000


def message(data: bytes = b'{"a":1}', at_s: int = AT_S) -> Message:
    return Message("evt_1", "contact.created", data, 1_795_255_200_000, at_s * 1000)


@given(st.binary(max_size=3_000), st.sampled_from(["v1", "v1a"]))
def test_any_bytes_are_signed_as_sent(data: bytes, signature: str) -> None:
    secret = V1 if signature == "v1" else V1A
    rendered = STANDARD.render(message(data), [secret], signature)
    assert rendered.body == rendered.head + data + rendered.tail
    assert not rendered.whole
    assert verify(rendered.headers, rendered.body, secret, AT_S) == ("evt_1", AT_S, signature)


def test_exact_data_have_no_head_and_no_tail() -> None:
    data = b'{"type":"contact.created","timestamp":"x","data":1}'
    rendered = STANDARD.render(message(data), [V1], "v1")
    assert (rendered.body, rendered.head, rendered.tail) == (data, b"", b"")


@pytest.mark.parametrize(
    ("secrets", "signature", "variants"),
    [
        ([V1], "v1", ["v1"]),
        ([V1, V1_OLD], "v1", ["v1", "v1"]),
        ([V1A], "v1a", ["v1a"]),
        ([V1A, V1A_OLD], "v1a", ["v1a", "v1a"]),
        ([V1A, V1_OLD], "v1a", ["v1a", "v1"]),
        ([V1, V1A_OLD], "v1", ["v1", "v1a"]),
    ],
)
def test_every_secret_signs_in_its_own_way_and_in_order(
    secrets: list[str], signature: str, variants: list[str]
) -> None:
    rendered = STANDARD.render(message(), secrets, signature)
    signatures = dict(rendered.headers)["webhook-signature"].split(" ")
    assert [one.split(",")[0] for one in signatures] == variants
    for secret, variant in zip(secrets, variants, strict=True):
        key = public_part(secret) if variant == "v1a" else secret
        assert verify(rendered.headers, rendered.body, key, AT_S).signature == variant


def test_each_attempt_has_its_own_time_and_signature() -> None:
    first, second = (dict(STANDARD.render(message(at_s=AT_S + n), [V1], "v1").headers) for n in (0, 5))
    assert (first["webhook-timestamp"], second["webhook-timestamp"]) == ("1700000000", "1700000005")
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("secrets", [[], [""], ["nonsense"], ["whsec_AAAA"], [V1, "whsec_AAAA"], [public_part(V1A)]])
def test_without_a_usable_secret_nothing_is_rendered(secrets: list[str]) -> None:
    with pytest.raises(BadSecret):
        STANDARD.render(message(), secrets, "v1")


def test_an_unknown_signature_is_refused() -> None:
    with pytest.raises(ValueError, match="'v2' is not known; allowed: v1, v1a"):
        STANDARD.render(message(), [V1], "v2")
