"""Which profiles there are, and the contract of each: those that come with Ringback, the operator's files, and those
that were put through the API.

Names are looked for in this order; the first two kinds are fixed while the process runs, the third follows the log of
changes (`load`, then `follow`). A name that isn't known is looked for in the store, since another process may just
have put it there. A stored text that doesn't compile any more (an upgrade) is as if it were not there, but is listed
with the reason. Any thread may ask, and several may follow: `engine.directory` does, and whoever keeps the API's
caches. Fails with the store's errors alone.
"""

import threading
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from ringback.model.lane import Change
from ringback.model.profile import PROFILE_CHANGE, StoredProfile
from ringback.store.port import Profiles
from ringback.wire.contract import Contract
from ringback.wire.profile import ProfileError, check_profile, load_profile, profile_names

PAGE_PROFILES: Final = 50


class Origin(StrEnum):
    """Where a profile comes from: the package, a file in the data directory, the API."""

    BUILT_IN = "built_in"
    FILE = "file"
    API = "api"


class Known(NamedTuple):
    """One profile. `contract` is None where the stored text doesn't compile any more, and `error` says why; `stored` is
    set for those of the API."""

    name: str
    origin: Origin
    contract: Contract | None
    stored: StoredProfile | None = None
    error: str | None = None


class Registry:
    """See the module. `files` are the contracts of the operator's files (`profile_files`)."""

    def __init__(self, store: Profiles, files: Iterable[Contract] = ()) -> None:
        self._store = store
        self._fixed: dict[str, Known] = {
            contract.name: Known(contract.name, Origin.FILE, contract) for contract in files
        }
        for name in profile_names():
            self._fixed[name] = Known(name, Origin.BUILT_IN, load_profile(name))
        self._stored: dict[str, Known] = {}
        self._following = threading.Lock()

    def of(self, name: str) -> Contract | None:
        """The contract of a profile; None: there is none."""
        known = self.find(name)
        return None if known is None else known.contract

    def needs_number(self, name: str) -> bool:
        """Whether requests of a profile carry the event's number."""
        contract = self.of(name)
        return contract is not None and contract.needs_number

    def find(self, name: str) -> Known | None:
        """What is known of a profile; None: there is none."""
        known = self._fixed.get(name) or self._stored.get(name)
        if known is None:
            self._read([name])
            known = self._stored.get(name)
        return known

    def is_fixed(self, name: str) -> bool:
        """Whether the name belongs to Ringback or to a file."""
        return name in self._fixed

    def all(self) -> list[Known]:
        """All that there are, by name."""
        there = {**self._stored, **self._fixed}
        return [there[name] for name in sorted(there)]

    def names(self) -> list[str]:
        """The names of those that an endpoint can have."""
        return [known.name for known in self.all() if known.contract is not None]

    def load(self) -> None:
        """Read all that are stored."""
        with self._following:
            stored: dict[str, Known] = {}
            after = None
            while True:
                page = self._store.list_profiles(after, PAGE_PROFILES)
                stored.update((row.name, self._known(row)) for row in page)
                if len(page) < PAGE_PROFILES:
                    break
                after = page[-1].name
            self._stored = stored

    def follow(self, changes: Sequence[Change]) -> None:
        """Read what changed."""
        names = list(dict.fromkeys(change.id for change in changes if change.kind == PROFILE_CHANGE))
        if names:
            self._read(names)

    def _read(self, names: Sequence[str]) -> None:
        # Two that follow at once take turns, so that the older reading never lands on the newer one.
        with self._following:
            found = {row.name: self._known(row) for row in self._store.load_profiles(names)}
            if found or any(name in self._stored for name in names):
                kept = {name: known for name, known in self._stored.items() if name not in names}
                self._stored = kept | found

    def _known(self, row: StoredProfile) -> Known:
        """The row with its contract; the one at hand if it is of the same text."""
        before = self._stored.get(row.name)
        if before is not None and before.stored is not None and before.stored.text == row.text:
            return before._replace(stored=row)
        try:
            return Known(row.name, Origin.API, check_profile(row.text, row.name), row)
        except ProfileError as error:
            return Known(row.name, Origin.API, None, row, f"{error.key} {error.message}")
