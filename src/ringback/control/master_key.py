"""The master key: which one seals, what is still sealed with another, and changing it while everything runs.

A change makes a new key, seals with it from then on, and has what is stored sealed anew in small steps, which go on
after a restart; the old key goes when nothing needs it. Never shows a key, only ids. Each change leaves a line in the
audit log. Keys that come from a variable are the operator's: there a change only seals everything with the first.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from ringback.control.secrets import Audit
from ringback.model.errors import Unavailable
from ringback.store.port import Seals


class Ring(Protocol):
    """The keys of this process (`ringback.vault`)."""

    @property
    def key_id(self) -> str: ...

    @property
    def others(self) -> list[str]: ...

    @property
    def source(self) -> str: ...

    def renew(self) -> bool: ...

    def drop(self, key_ids: Collection[str]) -> bool: ...


class MasterKeyState(NamedTuple):
    """`source` is `file` or `variable`; `others` are keys that are kept or that something is sealed with; `left` is how
    many values are to be sealed anew."""

    key_id: str
    source: str
    others: list[str]
    left: int


class MasterKeyUseCases:
    """`hasten` has the steps begin now."""

    def __init__(self, store: Seals, ring: Ring, hasten: Callable[[], None], audit: Audit) -> None:
        self._store = store
        self._ring = ring
        self._hasten = hasten
        self._audit = audit

    def state(self) -> MasterKeyState:
        """As it is now."""
        left = self._store.count_to_reseal()
        key_id = self._ring.key_id
        others = {*self._ring.others, *self._store.sealing_keys()} - {key_id}
        return MasterKeyState(key_id, self._ring.source, sorted(others), left)

    def rotate(self, actor: str) -> MasterKeyState:
        """Seal with a new key, if the keys are this server's to make, and everything stored with it. While a change
        is under way, this answers how far it is and begins none. Raises Unavailable."""
        if self._ring.renew():
            self._audit("master_key_rotated", {"key_id": self._ring.key_id, "actor": actor})
        self._hasten()
        return self.state()

    def drop_unused(self) -> None:
        """Forget the keys that nothing is sealed with; called when the steps have ended. A file that can't be written
        now is written another time."""
        # In this order: none of these seals any more, so what the store says of them stays true.
        others = self._ring.others
        if not others:
            return
        needed = set(self._store.sealing_keys())
        try:
            if self._ring.drop([key_id for key_id in others if key_id not in needed]):
                self._audit("master_key_dropped", {"key_id": self._ring.key_id})
        except Unavailable as error:
            self._audit("master_key_kept", {"code": error.code})
