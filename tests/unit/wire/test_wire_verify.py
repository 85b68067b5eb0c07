"""Verifying: one exception for everything that is wrong, and nothing believed by mistake."""

import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.wire.message import Message
from ringback.wire.profile import load_profile
from ringback.wire.signature import generate_secret, public_part, signer_for
from ringback.wire.verify import SECRETS_MAX, SIGNATURES_MAX, VerificationFailed, verify

NOW = 1_700_000_000
SECRET, OTHER = generate_secret("hmac-sha256", b"s" * 32), generate_secret("hmac-sha256", b"o" * 32)
PRIVATE = generate_secret("ed25519", b"s" * 32)
PUBLIC = public_part(PRIVATE)
MESSAGE = Message("evt_1", "contact.created", b'{"a":1}', 1_795_255_200_000, NOW * 1000)
GOOD = load_profile("standard").render(MESSAGE, [SECRET], "v1")
GOOD_V1A = load_profile("standard").render(MESSAGE, [PRIVATE], "v1a")
HEADERS = dict(GOOD.headers)
MAC = HEADERS["webhook-signature"].removeprefix("v1,")


def code(headers: Any = HEADERS, body: Any = GOOD.body, secrets: Any = SECRET, now_s: Any = NOW, **more: Any) -> str:
    """How it fails; fails itself when it doesn't, or otherwise."""
    with pytest.raises(VerificationFailed) as caught:
        verify(headers, body, secrets, now_s, **more)
    assert SECRET[6:] not in caught.value.detail
    assert "contact.created" not in caught.value.detail
    return caught.value.code


def changed(**values: object) -> Any:
    return {**HEADERS, **{name.replace("_", "-"): value for name, value in values.items()}}


@pytest.mark.parametrize(
    "headers",
    [
        HEADERS,
        {name.upper(): value for name, value in HEADERS.items()},
        {name.title(): value for name, value in HEADERS.items()},
        GOOD.headers,
        [(name.encode(), value.encode()) for name, value in GOOD.headers],
        {name.encode(): value.encode() for name, value in GOOD.headers},
        [("x-other", "\u00ff"), *GOOD.headers, ("x-other", "again")],
    ],
)
@pytest.mark.parametrize(
    "body", [GOOD.body, bytearray(GOOD.body), memoryview(GOOD.body), GOOD.body.decode()], ids=lambda b: type(b).__name__
)
def test_headers_and_bodies_as_they_come(headers: Any, body: Any) -> None:
    assert verify(headers, body, SECRET, NOW) == ("evt_1", NOW, "v1")


def test_headers_that_can_be_read_once() -> None:
    assert verify(iter(GOOD.headers), GOOD.body, SECRET, NOW) == ("evt_1", NOW, "v1")


def test_any_of_several_secrets_fits() -> None:
    assert verify(HEADERS, GOOD.body, [OTHER, SECRET], NOW).id == "evt_1"
    assert verify(HEADERS, GOOD.body, (PUBLIC, SECRET), NOW).signature == "v1"


@pytest.mark.parametrize("key", [PUBLIC, PRIVATE])
def test_ed25519_with_either_key(key: str) -> None:
    assert verify(GOOD_V1A.headers, GOOD_V1A.body, key, NOW).signature == "v1a"
    assert code(GOOD_V1A.headers, GOOD_V1A.body + b" ", key) == "wrong_signature"


@pytest.mark.parametrize(
    "signatures",
    [
        f"v1,AAAA v1,{MAC}",
        f"v1,{MAC} v1,AAAA",
        f"v9,xyz v1a,AAAA nonsense , v1 v1, v1,{MAC}",
        f"  v1,{MAC}  ",
        " ".join(["v1,AAAA"] * (SIGNATURES_MAX - 1) + [f"v1,{MAC}"]),
    ],
)
def test_one_good_signature_among_others_is_enough(signatures: str) -> None:
    assert verify(changed(webhook_signature=signatures), GOOD.body, SECRET, NOW).id == "evt_1"


WRONG_SIGNATURES = {
    "another version": f"v2,{MAC}",
    "no version": MAC,
    "upper case": f"V1,{MAC}",
    "as ed25519": f"v1a,{MAC}",
    "unpadded": f"v1,{MAC.rstrip('=')}",
    "cut off": f"v1,{MAC[:-4]}",
    "empty": "v1,",
    "longer": f"v1,{MAC}{MAC}",
    "hex": "v1," + base64.b64decode(MAC).hex(),
    "joined by a comma": f"v1,AAAA,v1,{MAC}",
    "not base64": "v1,!!!!",
    "of something else": signer_for(SECRET, "v1,")(b"something else"),
    "the secret itself": f"v1,{SECRET}",
}


@pytest.mark.parametrize("signature", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES.keys())
def test_wrong_signatures(signature: str) -> None:
    assert code(changed(webhook_signature=signature)) == "wrong_signature"


@pytest.mark.parametrize("signature", ["v1a,!!!!", "v1a,", "v1a,AAAA", f"v1a,{MAC}", f"v1,{MAC}"])
def test_wrong_ed25519_signatures(signature: str) -> None:
    assert code(changed(webhook_signature=signature), GOOD.body, PUBLIC) == "wrong_signature"


def test_other_secrets_fit_nothing() -> None:
    assert code(secrets=OTHER) == "wrong_signature"
    assert code(secrets=PUBLIC) == "wrong_signature"
    assert code(GOOD_V1A.headers, GOOD_V1A.body, SECRET) == "wrong_signature"


def test_a_changed_id_or_time_or_body_is_noticed() -> None:
    assert code(changed(webhook_id="evt_2")) == "wrong_signature"
    assert code(changed(webhook_timestamp=str(NOW + 1))) == "wrong_signature"
    assert code(body=GOOD.body + b"\n") == "wrong_signature"
    assert code(body=b"") == "wrong_signature"


def test_the_boundary_between_the_signed_parts_can_not_be_moved() -> None:
    # The bytes evt_1.TIME.{…} read as if the id were longer and the time stood in the body.
    moved = signer_for(SECRET, "v1,")(b"evt_1.1700000000.1700000000.x")
    headers = {"webhook-id": "evt_1.1700000000", "webhook-timestamp": "1700000000", "webhook-signature": moved}
    assert code(headers, b"x") == "bad_header"


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_empty_double_and_strange_headers(name: str) -> None:
    assert code({k: v for k, v in HEADERS.items() if k != name}) == "missing_header"
    assert code({**HEADERS, name: ""}) == "missing_header"
    assert code([*GOOD.headers, (name.upper(), HEADERS[name])]) == "bad_header"
    assert code({**HEADERS, name: HEADERS[name] + "\u00e9"}) == "bad_header"
    assert code({**HEADERS, name: HEADERS[name] + "\r\n"}) == "bad_header"
    assert code({**HEADERS, name: HEADERS[name] + "\0"}) == "bad_header"


@pytest.mark.parametrize(
    "text",
    [
        *("x", "1.7e9", "1700000000.0", "+1700000000", "-1700000000", " 1700000000", "0x65", "1_700_000_000", "nan"),
        *("inf", "١٧٠٠٠٠٠٠٠٠", "²", "9" * 13, "9" * 10_000, "2023-11-14T22:13:20Z"),
    ],
)
def test_timestamps_that_are_none(text: str) -> None:
    assert code(changed(webhook_timestamp=text)) == "bad_header"


@pytest.mark.parametrize(("offset", "result"), [(300, None), (301, "too_old"), (-300, None), (-301, "too_new")])
def test_old_and_new(offset: int, result: str | None) -> None:
    if result is None:
        assert verify(HEADERS, GOOD.body, SECRET, NOW + offset).sent_at_s == NOW
    else:
        assert code(now_s=NOW + offset) == result


def test_another_tolerance() -> None:
    assert code(now_s=NOW + 11, tolerance_s=10) == "too_old"
    assert verify(HEADERS, GOOD.body, SECRET, NOW + 86_400, tolerance_s=math.inf).id == "evt_1"


@pytest.mark.parametrize(
    ("now_s", "tolerance_s"), [(math.nan, 300), (NOW, math.nan), (math.inf, 300), (-math.inf, 300), (NOW, -1)]
)
def test_times_that_are_none_are_never_in_time(now_s: float, tolerance_s: float) -> None:
    assert code(now_s=now_s, tolerance_s=tolerance_s) in ("too_old", "too_new")


def test_too_much_of_anything() -> None:
    assert code(changed(webhook_signature=" ".join(["v1,AAAA"] * (SIGNATURES_MAX + 1)))) == "bad_header"
    assert code(changed(webhook_id="x" * 257)) == "bad_header"
    assert code(secrets=[SECRET] * (SECRETS_MAX + 1)) == "bad_secret"


@pytest.mark.parametrize(
    "secrets",
    [
        *("", [], (), None, 5, b"whsec_", [None], [SECRET.encode()], {"secret": 1}, "whsec_", "whsec_!", "nonsense"),
        *("whsec_AAAA", "whpk_AAAA", "whsk_AAAA", "whpk_!", SECRET[:-1], [SECRET[:-1], SECRET]),
    ],
)
def test_bad_secrets(secrets: object) -> None:
    assert code(secrets=secrets) in ("bad_secret", "bad_argument")


@pytest.mark.parametrize("body", [None, 5, [1], {"a": 1}, object(), "\ud800"])
def test_bodies_that_are_none(body: object) -> None:
    assert code(body=body) == "bad_argument"


@pytest.mark.parametrize(
    "headers",
    [
        *(None, 5, "webhook-id", b"x", [1], [("a",)], [("a", "b", "c")], {1: 2}, {None: None}),
        *(changed(webhook_id=None), changed(webhook_id=5), changed(webhook_timestamp=NOW)),
        changed(webhook_signature=["v1," + MAC]),
    ],
)
def test_headers_that_are_none(headers: object) -> None:
    assert code(headers) in ("bad_argument", "missing_header")


@pytest.mark.parametrize(("now_s", "tolerance_s"), [(None, 300), ("now", 300), (NOW, None), (NOW, "300")])
def test_times_of_another_type(now_s: object, tolerance_s: object) -> None:
    assert code(now_s=now_s, tolerance_s=tolerance_s) == "bad_argument"


def test_a_failing_iterator_is_no_way_out() -> None:
    def headers() -> Any:
        yield from GOOD.headers
        raise RuntimeError("the server broke off")

    assert code(headers()) == "bad_argument"


anything = st.none() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text()) | st.booleans()
maps = st.dictionaries(st.sampled_from(list(HEADERS)) | st.text(), anything)


@given(maps | anything, anything, anything, anything)
def test_arbitrary_input_fails_in_the_one_way(headers: Any, body: Any, secrets: Any, now_s: Any) -> None:
    code(headers, body, secrets, now_s)
    if headers != HEADERS:
        code(headers, GOOD.body, SECRET, NOW)


@given(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text())
def test_any_other_header_text_fails(name: str, text: str) -> None:
    if text.strip(" ") != HEADERS[name]:
        assert code({**HEADERS, name: text}) in ("bad_header", "missing_header", "wrong_signature", "too_old")
