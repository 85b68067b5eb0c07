"""Secrets at rest: what a store is given to seal with. What of it a store has to offer is in `control` and `engine`."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Sealed(NamedTuple):
    """A value as it is stored: under which key it was sealed, and the sealed text."""

    key_id: str
    text: str


class Sealer(Protocol):
    """What a store that keeps its rows on a disk is given, so that no secret is readable there (`ringback.vault`).

    `place` says where the value is stored (table, row, owner): a sealed value opens only there.
    """

    @property
    def key_id(self) -> str:
        """The id of the key that seals now; eight hexadecimal characters."""

    def seal(self, plain: str, place: Sequence[str]) -> Sealed: ...

    @property
    def key_ids(self) -> Sequence[str]:
        """The ids of all keys that are here."""

    def fingerprint(self, plain: str, key_id: str) -> bytes:
        """A keyed hash by which a value can be found: the same for the same value, and without the key it tells nothing
        of it, nor can guesses be tried."""

    def open(self, text: str, place: Sequence[str]) -> str | None:
        """The value; None when it was changed, moved here from elsewhere, or sealed with a key that is not there."""
