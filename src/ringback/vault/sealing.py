"""Sealing with AES-256-GCM: the one place where what is stored is encrypted.

What has to be found by its value has a fingerprint beside it: HMAC-SHA256 under a key of its own, derived from the same
master key (HKDF, RFC 5869), so that neither use of a master key tells anything about the other.

What is sealed is text, `r1.KEYID.BASE64`, and the base64 holds a nonce of 96 random bits, then the ciphertext with its
tag. The place it is stored at (table, row, owner) and the key's id are authenticated with it, so that a value that was
moved to another row doesn't open there, and neither does one that was changed. Sealing fails only with a defect;
opening answers None for anything that can't be trusted. Assumes fewer than 2^32 values under one key.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ringback.model.master_key import MasterKey
from ringback.store.port import Sealed

VERSION: Final = "r1"
NONCE_BYTES: Final = 12
_FINDING: Final = b"ringback fingerprints"


class Vault:
    """Keys at work: the first of `keys` seals, all open. For any thread. `token_bytes(n)` gives n random bytes."""

    def __init__(self, keys: Sequence[MasterKey], token_bytes: Callable[[int], bytes]) -> None:
        self._token_bytes = token_bytes
        self._ciphers: dict[str, AESGCM] = {}
        self._finders: dict[str, bytes] = {}
        self.seal_with(keys)

    @property
    def key_id(self) -> str:
        """The id of the key that seals."""
        return self._key_id

    def seal_with(self, keys: Sequence[MasterKey]) -> None:
        """The first of `keys` seals from now on. What could be opened before still can be: it may be on its way."""
        self._finders = self._finders | {key.id: _finder(key) for key in keys}
        self._ciphers = self._ciphers | {key.id: AESGCM(key.key) for key in keys}
        self._key_id = keys[0].id

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys that open."""
        return tuple(self._ciphers)

    def seal(self, plain: str, place: Sequence[str]) -> Sealed:
        """`plain` for the place where it will be stored."""
        key_id = self._key_id
        nonce = self._token_bytes(NONCE_BYTES)
        box = self._ciphers[key_id].encrypt(nonce, plain.encode("utf-8", "surrogatepass"), _bound(key_id, place))
        return Sealed(key_id, f"{VERSION}.{key_id}.{base64.b64encode(nonce + box).decode('ascii')}")

    def fingerprint(self, plain: str, key_id: str) -> bytes:
        """What the value is found by where this key sealed it."""
        return hmac.digest(self._finders[key_id], plain.encode("utf-8", "surrogatepass"), "sha256")

    def open(self, text: str, place: Sequence[str]) -> str | None:
        """What was sealed at this place; None when it was not, was changed, or its key is not here."""
        version, _, rest = text.partition(".")
        key_id, _, encoded = rest.partition(".")
        cipher = self._ciphers.get(key_id)
        if version != VERSION or cipher is None:
            return None
        try:
            box = base64.b64decode(encoded, validate=True)
            plain = cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], _bound(key_id, place))
        except (binascii.Error, ValueError, InvalidTag):
            return None
        return plain.decode("utf-8", "surrogatepass")


def _finder(key: MasterKey) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=_FINDING).derive(key.key)


def _bound(key_id: str, place: Sequence[str]) -> bytes:
    """What is authenticated besides the value. No id has a NUL in it, so two places never read alike."""
    return "\0".join((VERSION, key_id, *place)).encode("utf-8", "surrogatepass")
