"""ed25519 through the `cryptography` package: the only module of `wire` that needs more than the standard library.

It is imported when an ed25519 secret is first met. Keys are raw bytes: a seed of 32, a public key of 32.
"""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def public_bytes(seed: bytes) -> bytes:
    """The 32 bytes of the public key that belongs to a seed."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def signer(seed: bytes) -> Callable[[bytes], bytes]:
    """A function from content to its 64 byte signature."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign


def verifier(public: bytes) -> Callable[[bytes, bytes], bool]:
    """A function that tells whether a signature fits the content."""
    key = Ed25519PublicKey.from_public_bytes(public)

    def fits(content: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    return fits
