"""What is stored of an operator's password: argon2id (RFC 9106), by argon2-cffi. The only place that hashes passwords.

A hash takes 64 MiB and about a tenth of a second of one core, so that guessing costs as much; one is made at a time,
whoever asks. The text of a hash says how it was made: one that was made otherwise than today still fits, and
is said to be stale. Never keeps or logs a password. A text that is no hash fits nothing.
"""

import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from ringback.model.password import Fit

# The second recommendation of RFC 9106 (section 4), with one lane: requests share the machine with the sending.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1, type=Type.ID)
# Of 32 random bytes that nobody has kept. A test sees to it that it is made as hashes are today.
_NOBODYS: Final = "$argon2id$v=19$m=65536,t=3,p=1$KVcWtzDRA8k5HRo5qVMimA$gFzYOLwt/uxXagTQbjavA1+mXDfwiWKJNjchKa3TE8o"


class Argon2Passwords:
    """`control.passwords.Passwords`."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()

    def hash(self, password: str) -> str:
        """The text to store."""
        with self._one_at_a_time:
            return _HASHER.hash(_bytes_of(password))

    def fits(self, password: str, hashed: str | None) -> Fit:
        """Whether it is the password of this hash. None: of nobody's, which takes as long and is never so."""
        try:
            with self._one_at_a_time:
                _HASHER.verify(_NOBODYS if hashed is None else hashed, _bytes_of(password))
        except (VerificationError, InvalidHashError):
            return Fit(fits=False, stale=False)
        return Fit(fits=hashed is not None, stale=hashed is not None and _HASHER.check_needs_rehash(hashed))


def _bytes_of(password: str) -> bytes:
    """The same for the same letters, however a keyboard has put them together."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
