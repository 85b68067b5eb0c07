"""Secrets: making, checking, and signing with them."""

import base64
import hmac
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringback.wire.signature import (
    BadSecret,
    check_secret,
    generate_secret,
    public_part,
    signer_for,
    verifier_for,
)

RANDOM = bytes(range(32))


def whsec(raw: bytes) -> str:
    return "whsec_" + base64.b64encode(raw).decode()


def whsk(raw: bytes) -> str:
    return "whsk_" + base64.b64encode(raw).decode()


def test_generated_secrets_hold_the_random_bytes_and_pass_the_check() -> None:
    assert generate_secret("hmac-sha256", RANDOM) == whsec(RANDOM)
    assert generate_secret("ed25519", RANDOM) == whsk(RANDOM)
    for algorithm in ("hmac-sha256", "ed25519"):
        check_secret(generate_secret(algorithm, RANDOM), algorithm)


@pytest.mark.parametrize("random", [b"", b"x" * 31, b"x" * 33])
def test_a_secret_is_not_made_of_too_little(random: bytes) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        generate_secret("hmac-sha256", random)


@pytest.mark.parametrize("size", [24, 32, 64])
def test_own_secrets_of_every_allowed_size(size: int) -> None:
    check_secret(whsec(b"k" * size), "hmac-sha256")


BAD_V1 = {
    "too short": (whsec(b"k" * 23), "24 to 64 bytes"),
    "too long": (whsec(b"k" * 65), "24 to 64 bytes"),
    "empty": ("whsec_", "24 to 64 bytes"),
    "no prefix": (base64.b64encode(b"k" * 32).decode(), "begin with whsec_"),
    "nothing": ("", "begin with whsec_"),
    "another prefix": (whsk(b"k" * 32), "begin with whsec_"),
    "upper case": (whsec(b"k" * 32).replace("whsec", "WHSEC"), "begin with whsec_"),
    "unpadded": (whsec(b"k" * 32).rstrip("="), "padded"),
    "URL-safe": ("whsec_" + "-_" * 21 + "8=", "must be base64"),
    "white space": (whsec(b"k" * 32) + "\n", "must be base64"),
    "a blank inside": ("whsec_" + "A B" + "A" * 41, "must be base64"),
    "not ASCII": ("whsec_" + "é" * 44, "must be base64"),
    "endless": ("whsec_" + "A" * 100_000, "longer than 128"),
}

BAD_V1A = {
    "31 bytes": (whsk(b"k" * 31), "32 bytes"),
    "48 bytes": (whsk(b"k" * 48), "32 bytes"),
    "not its own public half": (whsk(b"k" * 64), "public key"),
    "a public key": ("whpk_" + base64.b64encode(b"k" * 32).decode(), "begin with whsk_"),
    "symmetric": (whsec(b"k" * 32), "begin with whsk_"),
    "not base64": ("whsk_!", "must be base64"),
}


@pytest.mark.parametrize(
    ("secret", "message", "algorithm"),
    [(*bad, "hmac-sha256") for bad in BAD_V1.values()] + [(*bad, "ed25519") for bad in BAD_V1A.values()],
    ids=[*BAD_V1, *BAD_V1A],
)
def test_bad_secrets_are_explained_and_not_shown(secret: str, message: str, algorithm: str) -> None:
    with pytest.raises(BadSecret, match=message) as caught:
        check_secret(secret, algorithm)
    assert len(secret) < 12 or secret[6:26] not in str(caught.value)


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=5_000))
def test_prepared_hmac_is_hmac(key: bytes, content: bytes) -> None:
    expected = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    sign = signer_for(whsec(key), "v1,")
    assert sign(content) == sign(content) == "v1," + expected
    assert verifier_for(whsec(key))(content, expected)
    assert not verifier_for(whsec(key))(content + b"x", expected)


def test_seed_and_seed_with_public_key_are_the_same_secret() -> None:
    public = base64.b64decode(public_part(whsk(RANDOM)).removeprefix("whpk_"))
    both = whsk(RANDOM + public)
    check_secret(both, "ed25519")
    assert public_part(both) == public_part(whsk(RANDOM))
    assert signer_for(both, "v1a,")(b"content") == signer_for(whsk(RANDOM), "v1a,")(b"content")


def test_only_a_private_key_has_a_public_part() -> None:
    with pytest.raises(BadSecret):
        public_part(whsec(RANDOM))


def test_a_public_key_can_not_sign() -> None:
    with pytest.raises(BadSecret):
        signer_for(public_part(whsk(RANDOM)), "v1a,")


@pytest.mark.parametrize("given", ["", "x", "é", "=", "A" * 44, "\udcff"])
@pytest.mark.parametrize("secret", [whsec(RANDOM), whsk(RANDOM)])
def test_nonsense_fits_nothing(secret: str, given: str) -> None:
    assert verifier_for(secret)(b"content", given) is False


def test_hmac_needs_no_cryptography() -> None:
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from ringback.wire.signature import check_secret, generate_secret, signer_for\n"
        "secret = generate_secret('hmac-sha256', bytes(32))\n"
        "check_secret(secret, 'hmac-sha256')\n"
        "print(signer_for(secret, 'v1,')(b'x'))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.startswith("v1,")
