"""The operator's admin key at a start: the one that was set, the one an earlier start kept, or one made now.

Where the store is one file, the key in the data directory is the operator's own and stands in no database. Where
several machines share the store, such a key would hold in one process of many: there the first start of all makes a
key in the database, which holds everywhere, is listed and can be revoked, and keeps its text in the data directory; a
start that finds an admin key in the database makes none. Fails with DataDirectoryUnusable.
"""

from pathlib import Path
from typing import Final, NamedTuple

from ringback.admin_key import read_admin_key
from ringback.clock import Clock
from ringback.control.keys import keep_key, new_key_text
from ringback.files import make_data_directory
from ringback.model.tenant import Scope
from ringback.store.port import Keys

LABEL: Final = "made by the first start"


class OperatorKey(NamedTuple):
    """`holds` is the operator's own key in this process (None: only keys of the database hold). `made` is the text of a
    key that was made just now, and `key_id` its id where it is in the database."""

    holds: str | None
    made: str | None = None
    key_id: str | None = None


def key_in_force(given: str | None, path: Path, shared: Keys | None, clock: Clock) -> OperatorKey:
    """The one that was set; else the one kept in `path`. `shared`: the store, where several machines share it."""
    if given is not None:
        return OperatorKey(given)
    return key_of_file(path, clock) if shared is None else key_of_store(path, shared, clock)


def key_of_file(path: Path, clock: Clock) -> OperatorKey:
    """The key in `path`, which is made where it is missing."""
    if path.exists():
        return OperatorKey(read_admin_key(path))
    key = _made(path, clock)
    return OperatorKey(key, key)


def key_of_store(path: Path, keys: Keys, clock: Clock) -> OperatorKey:
    """None that is this process's own; where the store has no admin key, it has one afterwards, kept in `path` too."""
    if keys.count_keys(Scope.ADMIN):
        return OperatorKey(None)
    # Written down before it holds: a crash in between leaves a text that the next start lets hold.
    text = read_admin_key(path) if path.exists() else _made(path, clock)
    made = keep_key(keys, clock, text, Scope.ADMIN, LABEL)
    return OperatorKey(None, text, made.key.id)


def _made(path: Path, clock: Clock) -> str:
    key = new_key_text(Scope.ADMIN, clock)
    make_data_directory(path.parent)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(key + "\n", encoding="ascii")
    return key
