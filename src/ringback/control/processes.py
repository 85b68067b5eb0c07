"""The processes that send, as the store knows them: for whoever runs Ringback. Reads only."""

from collections.abc import Sequence
from typing import NamedTuple

from ringback.model.ids import made_at
from ringback.store.port import Nodes


class SendingProcess(NamedTuple):
    """One of them. `since` (wall ms) is when it began, or began anew (None: its id doesn't tell); `beat` grows every
    few seconds while it lives, and one that died goes within 35 s; `endpoints` is how many queues it works on."""

    id: str
    since: int | None
    beat: int
    endpoints: int


class ProcessUseCases:
    """What can be asked of processes."""

    def __init__(self, store: Nodes) -> None:
        self._store = store

    def list(self) -> Sequence[SendingProcess]:
        """All of them, the oldest first."""
        owned = dict(self._store.spread())
        found = [SendingProcess(one.id, made_at(one.id), one.beat, owned.get(one.id, 0)) for one in self._store.nodes()]
        return sorted(found, key=lambda process: process.id)
