"""What is signed, with which key, and how it is written: a profile's `[signature]`, compiled.

One object signs and verifies, from the same parts: what the headers carry, the body, the secret. Holds no state but
prepared keys; comparison is in constant time. Fails with BadSecret, which is the fault of whoever gave the secret.
"""

import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Final, NamedTuple

from ringback.wire.signature import (
    ED25519,
    HMAC_SHA256,
    BadSecret,
    algorithm_of,
    check_secret,
    generate_secret,
    generate_text_secret,
    prepared_hmac,
    signer_for,
    verifier_for,
)

# Prepared keys kept by each profile: about 1 kB each. A miss costs 3 µs (HMAC) or 60 (ed25519).
PREPARED_KEYS_MAX: Final = 8_192
TEXT_SECRET_CHARS_MAX: Final = 256

_STANDARD: Final = "standard"

_HASHES: Final = {"hmac-sha1": "sha1", HMAC_SHA256: "sha256", "hmac-sha512": "sha512"}

SIGNATURE_BYTES: Final = {"hmac-sha1": 20, HMAC_SHA256: 32, "hmac-sha512": 64, "sha256": 32, ED25519: 64}
"""How long a signature is before it is written."""

SECRET: Final = "{secret}"  # noqa: S105 - the slot's name
"""In what is signed: the secret itself. No header has such a name."""

Carried = Mapping[str, str]
"""Header values by their name in lower case."""


class Content(NamedTuple):
    """What is signed: `before`, the body, `behind`. Both are texts with %s for the values of `before_of` and
    `behind_of`: names of headers in lower case, or SECRET."""

    before: str
    before_of: tuple[str, ...]
    behind: str
    behind_of: tuple[str, ...]

    @property
    def headers(self) -> tuple[str, ...]:
        """The headers, in lower case, whose values are signed."""
        return tuple(name for name in self.before_of + self.behind_of if name != SECRET)


class Variant(NamedTuple):
    """One way the signature can be made, chosen by the endpoint. `exchanged`: the content is the key and the secret
    what is signed with it."""

    name: str
    algorithm: str
    encoding: str
    prefix: str
    exchanged: bool


class Signing:
    """`separator` None: the header holds one signature, and the oldest secret signs while a rotation's grace lasts."""

    def __init__(
        self,
        secret_form: str,
        content: Content,
        variants: Mapping[str, Variant],
        separator: str | None,
    ) -> None:
        self.variants: Final = variants
        self.separator: Final = separator
        self._secret_form: Final = secret_form
        self.described: Final = content
        self.headers: Final = content.headers
        self._before: Final = _filled(content.before, content.before_of)
        self._behind: Final = _filled(content.behind, content.behind_of)
        self._has_secret: Final = SECRET in content.before_of + content.behind_of
        self._prepared: Final = lru_cache(PREPARED_KEYS_MAX)(self._prepare)

    def sign(self, carried: Carried, body: bytes, secrets: Sequence[str], variant: str) -> str:
        """The value of the signature's header; `secrets` newest first. A secret of another kind, left from before the
        endpoint changed, signs in its own variant. Raises BadSecret, also for none."""
        if not secrets:
            raise BadSecret("there is no secret to sign with")
        if self.separator is None or len(secrets) == 1:
            return self._signed(carried, body, secrets[-1], variant)
        return self.separator.join([self._signed(carried, body, secret, variant) for secret in secrets])

    def fitting(self, carried: Carried, body: bytes, secret: str, signatures: Sequence[str]) -> str | None:
        """The variant of the first signature that this secret made, None if it made none. Raises BadSecret."""
        content = self.content(carried, body, secret)
        for variant in self.variants.values():
            fits = self._verifier(secret, variant)
            if fits is None:
                continue
            for signature in signatures:
                if signature.startswith(variant.prefix) and fits(content, signature[len(variant.prefix) :]):
                    return variant.name
        return None

    def content(self, carried: Carried, body: bytes, secret: str) -> bytes:
        """The bytes that are signed."""
        if self._has_secret:
            carried = {**carried, SECRET: secret}
        return b"".join((self._before(carried), body, self._behind(carried)))

    def check_secret(self, secret: str, variant: str) -> None:
        """Raise BadSecret unless it can sign in this variant."""
        if self._secret_form == _STANDARD:
            check_secret(secret, self.variants[variant].algorithm)
        else:
            _check_text(secret)

    def check_verifying_secret(self, secret: str) -> None:
        """Raise BadSecret unless a receiver can verify with it: a public key will do."""
        if self._secret_form == _STANDARD:
            verifier_for(secret)
        else:
            _check_text(secret)

    def new_secret(self, random: bytes, variant: str) -> str:
        """A secret made of 32 unpredictable bytes."""
        if self._secret_form == _STANDARD:
            return generate_secret(self.variants[variant].algorithm, random)
        return generate_text_secret(random)

    def _signed(self, carried: Carried, body: bytes, secret: str, variant: str) -> str:
        return self._prepared(secret, variant)(self.content(carried, body, secret))

    def _prepare(self, secret: str, variant: str) -> Callable[[bytes], str]:
        if variant not in self.variants:
            raise ValueError(f"signature {variant!r} is not known; allowed: {', '.join(self.variants)}")
        chosen = self.variants[variant]
        if self._secret_form != _STANDARD:
            return _text_signer(secret, chosen)
        algorithm = algorithm_of(secret)
        for one in (chosen, *self.variants.values()):
            if one.algorithm == algorithm:
                return signer_for(secret, one.prefix)
        raise BadSecret("the profile has no signature for this kind of secret")

    def _verifier(self, secret: str, variant: Variant) -> Callable[[bytes, str], bool] | None:
        if self._secret_form == _STANDARD:
            return verifier_for(secret) if algorithm_of(secret) == variant.algorithm else None
        sign = _text_signer(secret, variant._replace(prefix=""))
        if variant.exchanged:
            # A key of HMAC is filled up with NUL bytes (RFC 2104, section 2), so with some at its end it is the same.
            return lambda content, given: not content.endswith(b"\0") and _equal(sign(content), given)
        return lambda content, given: _equal(sign(content), given)


def _filled(text: str, names: tuple[str, ...]) -> Callable[[Carried], bytes]:
    """A function that puts the values of `names` into a text."""
    if not names:
        constant = (text % ()).encode()
        return lambda _: constant
    values = itemgetter(*names)
    return lambda carried: (text % values(carried)).encode()


def _equal(made: str, given: str) -> bool:
    """Whether two signatures are the same, in constant time."""
    return hmac.compare_digest(made.encode(), given.encode(errors="replace"))


def _check_text(secret: str) -> None:
    if not 1 <= len(secret) <= TEXT_SECRET_CHARS_MAX or not secret.isprintable():
        raise BadSecret(f"a secret has 1 to {TEXT_SECRET_CHARS_MAX} printable characters")


def _text_signer(secret: str, variant: Variant) -> Callable[[bytes], str]:
    digest, prefix = _digest(secret, variant), variant.prefix
    if variant.encoding == "hex":
        return lambda content: prefix + digest(content).hex()
    return lambda content: prefix + binascii.b2a_base64(digest(content), newline=False).decode()


def _digest(secret: str, variant: Variant) -> Callable[[bytes], bytes]:
    key = secret.encode()
    if variant.algorithm == "sha256":
        return lambda content: hashlib.sha256(content).digest()
    name = _HASHES[variant.algorithm]
    if variant.exchanged:
        return lambda content: hmac.digest(content, key, name)
    return prepared_hmac(key, name)
