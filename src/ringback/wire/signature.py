"""Secrets and signatures of Standard Webhooks: HMAC-SHA256 (`whsec_`) and ed25519 (`whsk_`, `whpk_`).

Makes and checks secrets, signs, and verifies in constant time. Randomness comes in by argument. A secret never
appears in an error. ed25519 is in `wire.ed25519` and is loaded when it is first needed; without the `cryptography`
package only that part fails. Fails with `BadSecret`, which is the fault of whoever gave the secret.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

HMAC_SHA256: Final = "hmac-sha256"
ED25519: Final = "ed25519"

SYMMETRIC_PREFIX: Final = "whsec_"
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"

# The specification, "Signature scheme": at least 24 bytes (192 bits), 512 bits at most.
SYMMETRIC_BYTES_MIN: Final = 24
SYMMETRIC_BYTES_MAX: Final = 64
SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
SECRET_RANDOM_BYTES: Final = 32
_SECRET_CHARS_MAX: Final = 128

_BLOCK_BYTES: Final = {"sha1": 64, "sha256": 64, "sha512": 128}
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))

Signer = Callable[[bytes], str]
Verifier = Callable[[bytes, str], bool]


class BadSecret(ValueError):
    """A secret that can't be used. The text says what it must look like and never shows it."""


def algorithm_of(secret: str) -> str:
    """The algorithm a secret is for, by its prefix. Raises BadSecret."""
    if secret.startswith(SYMMETRIC_PREFIX):
        return HMAC_SHA256
    if secret.startswith((PRIVATE_PREFIX, PUBLIC_PREFIX)):
        return ED25519
    raise BadSecret("a secret begins with whsec_, or with whsk_ or whpk_ for ed25519")


def generate_secret(algorithm: str, random: bytes) -> str:
    """A new secret for `hmac-sha256` or `ed25519` made of `random`, which must be 32 unpredictable bytes."""
    if len(random) != SECRET_RANDOM_BYTES:
        raise ValueError(f"a secret is made of {SECRET_RANDOM_BYTES} random bytes, not {len(random)}")
    prefix = PRIVATE_PREFIX if algorithm == ED25519 else SYMMETRIC_PREFIX
    return prefix + base64.b64encode(random).decode()


def generate_text_secret(random: bytes) -> str:
    """A new secret that is text, its bytes the key: base64url of `random` without padding."""
    return base64.urlsafe_b64encode(random).decode().rstrip("=")


def check_secret(text: str, algorithm: str) -> None:
    """Raise BadSecret unless `text` can sign with this algorithm: what a caller who brings a secret must keep to."""
    if algorithm == ED25519:
        private_seed(text)
    else:
        symmetric_key(text)


def public_part(secret: str) -> str:
    """The `whpk_` that belongs to a `whsk_`: what a receiver needs. Raises BadSecret for any other secret."""
    from ringback.wire import ed25519  # noqa: PLC0415 - so that HMAC needs the standard library only

    return PUBLIC_PREFIX + base64.b64encode(ed25519.public_bytes(private_seed(secret))).decode()


def signer_for(secret: str, prefix: str) -> Signer:
    """A function from content to its signature, `prefix` and base64. Preparing it costs more than using it: keep it.

    Raises BadSecret, also for a public key.
    """
    if algorithm_of(secret) == HMAC_SHA256:
        return _hmac_signer(symmetric_key(secret), prefix)
    from ringback.wire import ed25519  # noqa: PLC0415

    sign = ed25519.signer(private_seed(secret))
    return lambda content: prefix + base64.b64encode(sign(content)).decode()


def verifier_for(secret: str) -> Verifier:
    """A function that tells whether a signature (base64, without its prefix) fits the content. Raises BadSecret.

    For ed25519 the public key is enough; a private one is taken too.
    """
    if algorithm_of(secret) == HMAC_SHA256:
        sign = _hmac_signer(symmetric_key(secret), "")
        return lambda content, given: hmac.compare_digest(sign(content).encode(), given.encode(errors="replace"))
    from ringback.wire import ed25519  # noqa: PLC0415

    fits = ed25519.verifier(_public_bytes(secret))
    return lambda content, given: fits(content, _decoded_or_empty(given))


def symmetric_key(secret: str) -> bytes:
    """The key bytes of a `whsec_` secret. Raises BadSecret."""
    key = _decoded(secret, SYMMETRIC_PREFIX)
    if not SYMMETRIC_BYTES_MIN <= len(key) <= SYMMETRIC_BYTES_MAX:
        raise BadSecret(
            f"the part after whsec_ must be base64 of {SYMMETRIC_BYTES_MIN} to {SYMMETRIC_BYTES_MAX} bytes; "
            f"here it is {len(key)}"
        )
    return key


def private_seed(secret: str) -> bytes:
    """The 32 byte seed of a `whsk_` secret: the seed alone, as the reference library has it, or seed and public key
    in 64 bytes, as libsodium has it. Raises BadSecret."""
    key = _decoded(secret, PRIVATE_PREFIX)
    if len(key) == SEED_BYTES:
        return key
    if len(key) != SEED_BYTES + PUBLIC_BYTES:
        raise BadSecret(
            f"the part after whsk_ must be base64 of 32 bytes (the seed) or 64 (seed and public key); here {len(key)}"
        )
    from ringback.wire import ed25519  # noqa: PLC0415

    if ed25519.public_bytes(key[:SEED_BYTES]) != key[SEED_BYTES:]:
        raise BadSecret("the second half of the 64 bytes after whsk_ is not the public key of the first")
    return key[:SEED_BYTES]


def _public_bytes(secret: str) -> bytes:
    from ringback.wire import ed25519  # noqa: PLC0415

    if secret.startswith(PRIVATE_PREFIX):
        return ed25519.public_bytes(private_seed(secret))
    key = _decoded(secret, PUBLIC_PREFIX)
    if len(key) != PUBLIC_BYTES:
        raise BadSecret(f"the part after whpk_ must be base64 of 32 bytes; here it is {len(key)}")
    return key


def prepared_hmac(key: bytes, name: str = "sha256") -> Callable[[bytes], bytes]:
    """HMAC (RFC 2104, section 4) by one of the hashes sha1, sha256, sha512: both key blocks are hashed once and copied
    for each content, which takes half the time of `hmac.digest`."""
    size = _BLOCK_BYTES[name]
    block = (key if len(key) <= size else hashlib.new(name, key).digest()).ljust(size, b"\0")
    inner, outer = hashlib.new(name, block.translate(_INNER_PAD)), hashlib.new(name, block.translate(_OUTER_PAD))

    def digest(content: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(content)
        second.update(first.digest())
        return second.digest()

    return digest


def _hmac_signer(key: bytes, prefix: str) -> Signer:
    digest, encode = prepared_hmac(key), binascii.b2a_base64
    return lambda content: prefix + encode(digest(content), newline=False).decode()


def _decoded(secret: str, prefix: str) -> bytes:
    if not secret.startswith(prefix):
        raise BadSecret(f"the secret must begin with {prefix}")
    if len(secret) > _SECRET_CHARS_MAX:
        raise BadSecret(f"the secret is longer than {_SECRET_CHARS_MAX} characters")
    try:
        return base64.b64decode(secret[len(prefix) :], validate=True)
    except ValueError:
        raise BadSecret(f"the part after {prefix} must be base64 (A-Z a-z 0-9 + /), padded with =") from None


def _decoded_or_empty(text: str) -> bytes:
    """The bytes of base64 in its one canonical form: else the last character could be another and mean the same."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return b""
    return decoded if base64.b64encode(decoded).decode() == text else b""
